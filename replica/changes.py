"""What is new since an update sequence, in order: one entry per document, at its latest change."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from replica.revision import Revision
from replica.store.leaves import REVISION_TEXT, revision_of, update_sequence
from replica.store.sessions import Position

_OFFER = (
    "leaf.unid, leaf.number, leaf.packed, leaf.deleted, leaf.verified, leaf.winner, leaf.hash, leaf.size, "
    f"length(leaf.line) / 16 + length(leaf.side) / 24 AS ancestors, {REVISION_TEXT}"
)
_SEVERAL = "EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.seq <> leaf.seq) AS several"
_LATEST = "NOT EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.seq > leaf.seq)"
_UNIDS = "(SELECT value FROM json_each(:unids))"
_SINCE = text(
    f"SELECT leaf.seq, {_OFFER}, {_SEVERAL} FROM leaf WHERE seq > :since AND {_LATEST} ORDER BY seq LIMIT :limit"
)
_OF = text(f"SELECT leaf.seq, {_OFFER}, {_SEVERAL} FROM leaf WHERE unid IN {_UNIDS} AND {_LATEST} ORDER BY seq")
_ALL_LEAVES = text(f"SELECT {_OFFER} FROM leaf WHERE unid IN {_UNIDS}")


class Offer(NamedTuple):
    """A leaf as the feed names it: what a receiver needs to know to decide whether it wants it."""

    unid: str
    revision: Revision
    deleted: bool
    verified: bool
    winner: bool
    hash: bytes
    size: int  # of the body, in bytes
    ancestors: int  # how many are known


class Entry(NamedTuple):
    """One document in the feed: where, and its leaves, the winner first."""

    sequence: int
    unid: str
    offers: list[Offer]
    token: str = ""  # as in `Position`

    @property
    def position(self) -> Position:
        """What to ask from to see what comes after this."""
        return Position(self.sequence, self.token)


class Page(NamedTuple):
    """A part of the feed. `position`: what to ask from next; `last`: nothing came after it when it was read."""

    entries: list[Entry]
    position: Position
    last: bool


def changes_since(connection: Connection, since: int, limit: int) -> Page:
    """At most `limit` documents that changed after `since`."""
    rows = connection.execute(_SINCE, {"since": since, "limit": limit}).all()
    last = len(rows) < limit
    position = max(since, update_sequence(connection)) if last else rows[-1].seq
    return Page(_entries(connection, rows), Position(position), last)


def changes_of(connection: Connection, unids: list[str]) -> list[Entry]:
    """The entries of these documents; those that are not here are left out."""
    return _entries(connection, connection.execute(_OF, {"unids": json.dumps(unids)}).all())


def _entries(connection: Connection, rows: Any) -> list[Entry]:
    several = json.dumps([row.unid for row in rows if row.several])
    leaves: dict[str, list[Offer]] = {}
    for row in connection.execute(_ALL_LEAVES, {"unids": several}) if several != "[]" else ():
        leaves.setdefault(row.unid, []).append(_offer(row))
    for found in leaves.values():
        found.sort(key=lambda offer: (offer.winner, not offer.deleted, offer.revision), reverse=True)
    return [Entry(row.seq, row.unid, leaves.get(row.unid) or [_offer(row[1:-1])]) for row in rows]


def _offer(row: Any) -> Offer:
    unid, number, packed, deleted, verified, winner, digest, size, ancestors, foreign = row
    revision = revision_of(number, packed, foreign)
    return Offer(unid, revision, bool(deleted), bool(verified), bool(winner), digest, size, ancestors)
