"""How much is read at once: rows are many and small, or few and large, and memory is bounded either way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, text

ENOUGH = 4 * 2**20  # bytes of bodies that are read together; a larger one comes alone

_SIZES = text(
    "SELECT unid, total(size) AS size FROM leaf WHERE unid IN (SELECT value FROM json_each(:unids)) GROUP BY unid"
)


def until_enough(found: CursorResult[Any]) -> tuple[list[Any], bool]:
    """The first rows of a `leaf_query`, until their bodies are `ENOUGH`, and whether these are all."""
    rows: list[Any] = []
    size = 0
    for row in found:
        size += len(row.body)
        if rows and size > ENOUGH:
            found.close()
            return rows, False
        rows.append(row)
    return rows, True


def few_enough(connection: Connection, unids: Sequence[Any]) -> int:
    """Of how many of these documents, from the first one on, the leaves are to be read at once; what is no UNID costs nothing.

    Their bodies are not more than `ENOUGH` then, or it is one document. One that is named twice counts twice.
    """
    named = [unid for unid in unids if isinstance(unid, str)]
    sizes = {row.unid: row.size for row in connection.execute(_SIZES, {"unids": json.dumps(named)})}
    size = 0
    for count, unid in enumerate(unids):
        size += sizes.get(unid, 0) if isinstance(unid, str) else 0
        if count and size > ENOUGH:
            return count
    return len(unids)
