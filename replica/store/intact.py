"""Whether stored leaves are undamaged, asked by SQL for many rows at once."""

from __future__ import annotations

import hashlib
import sqlite3

from replica.revision import Ancestor, entries, revision_id

IS_INTACT = (
    "is_intact(number, packed, substr(line, 1, 16), parents, deleted, verified, hash, CAST(body AS BLOB))"  # of `leaf`
)


def define_is_intact(connection: sqlite3.Connection) -> None:
    """Let this connection understand `IS_INTACT`."""
    connection.create_function("is_intact", 8, _is_intact, deterministic=True)


def _is_intact(
    number: int, packed: bytes, first: bytes, parents: bytes, deleted: int, verified: int, digest: bytes, body: bytes
) -> bool:
    """What `conflict.check_leaf` checks, for one row."""
    if hashlib.sha256(body).digest() != digest:
        return False
    above = [Ancestor(number - 1, first), *entries(parents)] if first else []
    time_ms = int.from_bytes(packed[:6], "big")
    return not verified or revision_id(number, time_ms, above, bool(deleted), body).packed == packed
