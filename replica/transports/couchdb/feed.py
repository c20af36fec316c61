"""CouchDB's feed as ours: `_changes`, where a position has a name that only the server understands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from replica.changes import Entry, Offer, Page
from replica.errors import BadDocument
from replica.revision import Revision
from replica.store.sessions import Position
from replica.transports.couchdb.words import ask, seq_number, seq_text
from replica.transports.web import Web

UNKNOWN = b"\xff" * 32  # the hash of bytes that were not seen: no copy is exchanged for them
ASKED_FOR = 500  # documents by name in one question
LIVE = {"feed": "longpoll", "heartbeat": "10000"}  # a sign of life every ten seconds, while there is nothing to tell
SILENCE_S = 60.0  # without any sign of life, after which a server counts as gone
LOOKED_BACK = 32  # changes


class Leaf(msgspec.Struct):
    """One leaf in a row."""

    rev: str


class Row(msgspec.Struct):
    """One document in the feed."""

    id: str
    seq: Any
    changes: list[Leaf]
    deleted: bool = False


class Answer(msgspec.Struct):
    """A part of the feed."""

    results: list[Row]
    last_seq: Any = None


class Feed:
    """`_changes` of one database. With `looks_back`, tokens also hold the name of a place some changes earlier."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self.looks_back = False

    def since(self, since: Position, limit: int, wait: bool = False) -> Page:
        """What changed after `since`; `wait` waits until there is something. The numbers grow, whatever the server's do."""
        seq, earlier = _names(since)
        answer = self._ask(
            {"since": seq, "limit": str(limit)} | (LIVE if wait else {}), timeout=SILENCE_S if wait else None
        )
        entries = []
        number, names = since.number, [earlier, seq]
        for row in answer.results:
            number = max(number + 1, seq_number(row.seq))
            names.append(seq_text(row.seq))
            entries.append(Entry(number, row.id, list(_offers(row)), self._token(names)))
        position = entries[-1].position if entries else since
        if entries and answer.last_seq is not None:
            position = Position(number, self._token([*names[:-1], seq_text(answer.last_seq)]))
        return Page(entries, position, last=len(entries) < limit)

    def up_to(self, position: Position, limit: int) -> list[Entry]:
        """What is left of the last changes up to `position`, by the server's own numbers: of those since a fixed place."""
        _, earlier = _names(position)
        rows = self._ask({"since": earlier, "limit": str(2 * LOOKED_BACK + limit)}).results
        entries = [Entry(seq_number(row.seq), row.id, list(_offers(row))) for row in rows]
        return [entry for entry in entries if entry.sequence <= position.number]

    def of(self, unids: list[str]) -> Iterator[Entry]:
        """The present state of these documents."""
        for at in range(0, len(unids), ASKED_FOR):
            asked = {"doc_ids": unids[at : at + ASKED_FOR]}
            for row in self._ask({"filter": "_doc_ids"}, asked).results:
                yield Entry(seq_number(row.seq), row.id, list(_offers(row)))

    def _ask(self, params: dict[str, str], value: Any = None, timeout: float | None = None) -> Answer:
        return ask(self._web, "_changes", Answer, value, params={"style": "all_docs", **params}, timeout=timeout)

    def _token(self, names: list[str]) -> str:
        """The last of these names; where asked for with an earlier one, from which the last changes can be read again."""
        if not self.looks_back:
            return names[-1]
        earlier, since = names[:2]
        if len(names) > LOOKED_BACK + 1:
            return f"{names[-1]} {names[-1 - LOOKED_BACK]}"
        near = seq_number(names[-1]) - seq_number(earlier) <= 2 * LOOKED_BACK
        return f"{names[-1]} {earlier if near else since}"


def _names(position: Position) -> tuple[str, str]:
    """The name of a position, and that of an earlier one if its token holds one."""
    seq, _, earlier = position.token.partition(" ")
    return seq or "0", earlier or "0"


def _offers(row: Row) -> Iterator[Offer]:
    """The leaves of a row. Nothing is known of their bytes and ancestries before they are fetched."""
    for at, leaf in enumerate(row.changes):
        yield Offer(row.id, offered(leaf.rev), row.deleted and at == 0, False, at == 0, UNKNOWN, 0, 0)


def offered(text: str) -> Revision:
    """A revision as a server names it. One that could be none is refused when its document is read, and by name."""
    try:
        return Revision.parse(text)
    except BadDocument:
        number, _, rest = text.partition("-")
        return Revision(int(number) if number.isdecimal() and len(number) < 18 else 0, rest or text)


def by_unid(pairs: Iterable[tuple[str, Revision]]) -> dict[str, list[str]]:
    """Revisions by UNID, as CouchDB asks for them."""
    found: dict[str, list[str]] = {}
    for unid, revision in pairs:
        found.setdefault(unid, []).append(str(revision))
    return found
