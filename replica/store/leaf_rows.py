"""Leaves read as rows, to be moved on as they are, inside somebody's transaction. By the driver: these are the hot ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from replica.revision import Revision
from replica.rows import Rows
from replica.store.leaves import marks_of, update_sequence
from replica.store.nesting import driver_of

_ROW = """unid, number, coalesce((SELECT text FROM foreign_revision f WHERE f.packed = leaf.packed), lower(hex(packed))),
    deleted, verified, line, side, parents, CAST(marks AS BLOB), hash, CAST(body AS BLOB)"""
_OF_MANY = f"SELECT {_ROW} FROM leaf WHERE unid IN (SELECT value FROM json_each(?)) ORDER BY seq"
_SEVERAL = "EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.winner = 0)"
_LATER = "EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.seq > leaf.seq)"
_SIZE = "{0}.size + length({0}.line) + length({0}.side)"
_SINCE = f"""
    SELECT seq, {_SEVERAL}, CASE WHEN {_SEVERAL}
        THEN (SELECT sum({_SIZE.format("o")}) FROM leaf o WHERE o.unid = leaf.unid) ELSE {_SIZE.format("leaf")} END, {_ROW}
    FROM leaf WHERE seq > ? AND NOT ({_SEVERAL} AND {_LATER}) ORDER BY seq LIMIT ?"""
_OTHERS = f"SELECT {_ROW} FROM leaf WHERE unid IN (SELECT value FROM json_each(?)) AND {_LATER} ORDER BY seq"


class Stretch(NamedTuple):
    """A part of the feed with all leaves of its documents. `read`: how many documents; `position`: the update sequence to
    ask from next; `last`: nothing came after it when it was read.
    """

    rows: Rows
    read: int
    position: int
    last: bool


def rows_of_many(connection: Connection, wanted: Iterable[tuple[str, Revision]]) -> Rows:
    """These leaves as rows, as far as they still are leaves."""
    asked = {(unid, *revision) for unid, revision in wanted}
    unids = json.dumps(list({unid for unid, _, _ in asked}))
    found = driver_of(connection).execute(_OF_MANY, (unids,))
    return _rows(row for row in found if row[:3] in asked)


def rows_since(connection: Connection, since: int, limit: int, size: int) -> Stretch:
    """The documents that changed after `since`: at most `limit`, and `size` bytes of bodies and ancestries, or a single one."""
    found = driver_of(connection).execute(_SINCE, (since, limit))
    taken: list[tuple[Any, ...]] = []
    several: list[str] = []
    position, last = since, True
    for seq, is_one_of_several, weight, *row in found:
        size -= weight
        if taken and size < 0:
            last = False
            break
        position = seq
        taken.append(tuple(row))
        if is_one_of_several:
            several.append(row[0])
    found.close()
    read = len(taken)
    last = last and read < limit
    if several:
        taken += driver_of(connection).execute(_OTHERS, (json.dumps(several),)).fetchall()
    return Stretch(_rows(taken), read, max(since, update_sequence(connection)) if last else position, last)


def _rows(found: Iterable[tuple[Any, ...]]) -> Rows:
    rows, bodies = [], []
    for row in found:
        body = row[10]
        rows.append((*row[:8], marks_of(row[8]), row[9], len(body)))
        bodies.append(body)
    return Rows(rows, bodies)
