"""What is new since an update sequence, in order: one entry per document, at its latest change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from replica.revision import Revision
from replica.store.leaves import update_sequence
from replica.store.sessions import Position
from replica.store.texts import REVISION_TEXT, is_readable, revision_of, stored_unid, told_apart, unid_of

_OFFER = (
    f"leaf.seq, {stored_unid('leaf.unid')} AS unid, leaf.number, leaf.packed, leaf.deleted, leaf.verified, leaf.winner, "
    "leaf.hash, leaf.size + coalesce(length(CAST(leaf.marks AS BLOB)), 0) + length(leaf.parents) AS size, "
    f"length(leaf.line) / 16 + length(leaf.side) / 24 AS ancestors, {REVISION_TEXT}"
)
_SEVERAL = "EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.seq <> leaf.seq) AS several"
_LATEST = "NOT EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.seq > leaf.seq)"
_UNIDS = "(SELECT value FROM json_each(:unids))"
_SINCE = text(f"SELECT {_OFFER}, {_SEVERAL} FROM leaf WHERE seq > :since AND {_LATEST} ORDER BY seq LIMIT :limit")
_BEFORE = text(
    f"SELECT {_OFFER}, {_SEVERAL} FROM leaf WHERE seq < :before AND {_LATEST} ORDER BY seq DESC LIMIT :limit"
)
_OF = text(f"SELECT {_OFFER}, {_SEVERAL} FROM leaf WHERE unid IN {_UNIDS} AND {_LATEST} ORDER BY seq")
_IN = text(f"SELECT {_OFFER}, {_SEVERAL} FROM leaf WHERE seq IN (SELECT value FROM json_each(:rows))")
_PENDING = "SELECT count(DISTINCT unid) FROM leaf WHERE {}seq > :since"
_PENDING_NEAR, _PENDING_FAR = text(_PENDING.format("")), text(_PENDING.format("+"))  # by row; by the index of UNIDs
_NEAR = 1000  # beyond, walking the whole index is cheaper than reading that many rows
_STARTING = text(f"SELECT DISTINCT {stored_unid('unid')} FROM leaf WHERE unid >= :prefix AND unid < :behind")
_MERGED = text(f"SELECT DISTINCT unid FROM leaf WHERE unid IN {_UNIDS} AND side <> x''")
_ALL_LEAVES = text(f"SELECT {_OFFER} FROM leaf WHERE unid IN {_UNIDS}")


class Offer(NamedTuple):
    """A leaf as the feed names it: what a receiver needs to know to decide whether it wants it."""

    unid: str
    revision: Revision
    deleted: bool
    verified: bool
    winner: bool
    hash: bytes
    size: int  # of what is fetched beside the ancestors, in bytes: the body, the marks, the parents
    ancestors: int  # how many are known


class Entry(NamedTuple):
    """One document in the feed: where, and its leaves, the winner first."""

    sequence: int
    unid: str
    offers: Sequence[Offer]
    token: str = ""  # as in `Position`

    @property
    def position(self) -> Position:
        """What to ask from to see what comes after this."""
        return Position(self.sequence, self.token)


class Page(NamedTuple):
    """A part of the feed. `position`: what to ask from next; `last`: nothing came after it when it was read."""

    entries: Sequence[Entry]
    position: Position
    last: bool


def changes_since(connection: Connection, since: int, limit: int) -> Page:
    """At most `limit` documents that changed after `since`."""
    rows = connection.execute(_SINCE, {"since": since, "limit": limit}).all()
    last = len(rows) < limit
    position = max(since, update_sequence(connection)) if last else rows[-1].seq
    return Page(_entries(connection, rows), Position(position), last)


def changes_before(connection: Connection, before: int, limit: int) -> Page:
    """At most `limit` documents whose latest change was before the update sequence `before`, the newest first."""
    rows = connection.execute(_BEFORE, {"before": before, "limit": limit}).all()
    position = rows[-1].seq if rows else min(before, update_sequence(connection))
    return Page(_entries(connection, rows), Position(position), len(rows) < limit)


def changes_of(connection: Connection, unids: list[str]) -> list[Entry]:
    """The entries of these documents, and of rows that could not be read; those that are not here are left out."""
    texts, numbers = told_apart(unids)
    rows = list(connection.execute(_OF, {"unids": json.dumps(texts)}))
    if numbers:
        rows = sorted([*rows, *connection.execute(_IN, {"rows": json.dumps(numbers)})], key=lambda row: row.seq)
    return _entries(connection, rows)


def pending_since(connection: Connection, since: int) -> int:
    """How many documents changed after `since`. Where that is long ago, it costs a walk over an index of all documents."""
    near = update_sequence(connection) - since < _NEAR
    return int(connection.execute(_PENDING_NEAR if near else _PENDING_FAR, {"since": since}).scalar_one())


def unids_starting(connection: Connection, prefix: str) -> list[str]:
    """The UNIDs of all documents, deleted or not, whose UNID begins so; the prefix does not end with the last character."""
    behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    found = connection.execute(_STARTING, {"prefix": prefix, "behind": behind}).scalars()
    return [unid for unid in (unid_of(stored, 0) for stored in found) if is_readable(unid)]


def merged_among(connection: Connection, unids: list[str]) -> set[str]:
    """Which of these documents have a leaf that merged or resolved others."""
    return set(connection.execute(_MERGED, {"unids": json.dumps(unids)}).scalars())


def _entries(connection: Connection, rows: Any) -> list[Entry]:
    offers = [(row.seq, _offer(row)) for row in rows]
    several = json.dumps([offer.unid for (_, offer), row in zip(offers, rows, strict=True) if row.several])
    leaves: dict[str, list[Offer]] = {}
    for offer in map(_offer, connection.execute(_ALL_LEAVES, {"unids": several}) if several != "[]" else ()):
        leaves.setdefault(offer.unid, []).append(offer)
    for found in leaves.values():
        found.sort(key=lambda offer: (offer.winner, not offer.deleted, offer.revision), reverse=True)
    return [Entry(seq, offer.unid, leaves.get(offer.unid) or [offer]) for seq, offer in offers]


def _offer(row: Any) -> Offer:
    seq, unid, number, packed, deleted, verified, winner, digest, size, ancestors, foreign = row[:11]
    revision = revision_of(number, packed, foreign)
    return Offer(unid_of(unid, seq), revision, bool(deleted), bool(verified), bool(winner), digest, size, ancestors)
