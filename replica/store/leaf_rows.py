"""Leaves read as rows, to be moved on as they are, inside somebody's transaction. By the driver: these are the hot ones."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import Connection

from replica.errors import TooLarge
from replica.revision import Revision
from replica.rows import Rows
from replica.store.leaves import update_sequence
from replica.store.nesting import driver_of
from replica.store.texts import REVISION_TEXT, marks_of, revision_of, stored_unid, told_apart, unid_of

_ROW = f"""seq, {stored_unid("leaf.unid")}, number, packed, {REVISION_TEXT},
    deleted, verified, line, side, parents, CAST(marks AS BLOB), hash, CAST(body AS BLOB)"""
_OF_MANY = f"SELECT {_ROW} FROM leaf WHERE unid IN (SELECT value FROM json_each(?)) ORDER BY seq"
_IN_ROWS = f"SELECT {_ROW} FROM leaf WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"
_SEVERAL = "EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.winner = 0)"
_LATER = "EXISTS (SELECT 1 FROM leaf o WHERE o.unid = leaf.unid AND o.seq > leaf.seq)"
_SIZE = "{0}.size + length({0}.line) + length({0}.side) + length({0}.parents) + coalesce(length(CAST({0}.marks AS BLOB)), 0)"
_SINCE = f"""
    SELECT {_SEVERAL}, CASE WHEN {_SEVERAL}
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


def rows_of_many(connection: Connection, wanted: Iterable[tuple[str, Revision]], most: int | None = None) -> Rows:
    """These leaves as rows, as far as they still are leaves.

    `TooLarge` if they are of several documents and have more than `most` bytes of bodies and ancestries.
    """
    asked = {(unid, *revision) for unid, revision in wanted}
    names = {unid for unid, _, _ in asked}
    unids, numbers = told_apart(names)
    ways = [(_OF_MANY, unids), (_IN_ROWS, numbers)] if numbers else [(_OF_MANY, unids)]
    found = chain.from_iterable(driver_of(connection).execute(query, (json.dumps(keys),)) for query, keys in ways)
    return _rows(found, asked, most if len(names) > 1 else None)


def rows_since(connection: Connection, since: int, limit: int, size: int) -> Stretch:
    """The documents that changed after `since`: at most `limit`, and `size` bytes of bodies and ancestries, or a single one."""
    found = driver_of(connection).execute(_SINCE, (since, limit))
    taken: list[tuple[Any, ...]] = []
    several: list[str] = []
    position, last = since, True
    for is_one_of_several, weight, *row in found:
        size -= weight
        if taken and size < 0:
            last = False
            break
        position = row[0]
        taken.append(tuple(row))
        if is_one_of_several:
            several.append(unid_of(row[1], position))
    found.close()
    read = len(taken)
    last = last and read < limit
    if several:
        taken += driver_of(connection).execute(_OTHERS, (json.dumps(several),)).fetchall()
    return Stretch(_rows(taken), read, max(since, update_sequence(connection)) if last else position, last)


def _rows(
    found: Iterable[tuple[Any, ...]], asked: Container[tuple[str, int, str]] | None = None, most: int | None = None
) -> Rows:
    """What was found, as rows; of it only what was asked for, if that is said. `TooLarge` beyond `most` bytes."""
    rows, bodies, size = [], [], 0
    for seq, unid, number, packed, foreign, deleted, verified, line, side, parents, marks, digest, body in found:
        head = (unid_of(unid, seq), *revision_of(number, packed, foreign))
        if asked is None or head in asked:
            rows.append((*head, deleted, verified, line, side, parents, marks_of(marks), digest, len(body)))
            bodies.append(body)
            size += len(body) + len(line) + len(side) + len(parents) + len(marks or b"")
            if most is not None and size > most:
                raise TooLarge(
                    f"these documents have more than {most:,} bytes together", hint="Ask for fewer at a time."
                )
    return Rows(rows, bodies)
