"""Which documents some people could read before a change, and others can after it: what has to be told to those who could."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from replica.canonical import Json
from replica.leaf import Leaf
from replica.rights import Sight, said_in

_NOTE = "INSERT INTO withdrawn VALUES (?, ?, ?)"
_SINCE = text("SELECT seq, unid, readers FROM withdrawn WHERE seq > :since ORDER BY seq LIMIT :limit")

Lists = list[list[Json]]
"""What the leaves that count say in `$Readers` and `$Authors`; empty: all may read."""


class Withdrawal(NamedTuple):
    """A change, by its update sequence, after which others may read a document: `before` it those whom these lists let."""

    sequence: int
    unid: str
    before: Lists


def lists_of(leaves: Iterable[Leaf]) -> Lists:
    """What the live leaves of a document say of its readers; where it is deleted, what its stubs say."""
    known = list(leaves)
    said = (said_in(leaf) for leaf in [leaf for leaf in known if not leaf.deleted] or known)
    return [list(each) for each in said if each is not None]


def withdrawal(before: Sequence[Leaf], after: Sequence[Leaf], sequence: int) -> Withdrawal | None:
    """What to note of a change of a document; None if it is still for the same."""
    if not before:
        return None
    new = lists_of(after)
    old = lists_of(before) if new else []
    return Withdrawal(sequence, after[0].unid, old) if new and new != old else None


def note_withdrawals(connection: Connection, found: Iterable[Withdrawal]) -> None:
    """Keep them."""
    rows = [(each.sequence, each.unid, json.dumps(each.before)) for each in found]
    if rows:
        connection.exec_driver_sql(_NOTE, rows)


def withdrawals_since(connection: Connection, since: int, limit: int) -> list[Withdrawal]:
    """At most `limit` of those after the update sequence `since`, in order."""
    rows = connection.execute(_SINCE, {"since": since, "limit": limit})
    return [Withdrawal(row.seq, row.unid, json.loads(row.readers)) for row in rows]


def seen_before(found: Iterable[Withdrawal], sight: Sight) -> Iterator[Withdrawal]:
    """Those of documents that could be seen before."""
    return (each for each in found if all(sight.may_read((said[0], said[1])) for said in each.before))
