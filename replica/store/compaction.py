"""Giving space back: superseded bodies beyond what the settings keep, and free pages."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Connection, text

from replica.clock import MS_MAX
from replica.store.callbacks import Progress, looked_at
from replica.store.settings import read_setting
from replica.store.sqlite import MEMORY, SQLiteFile

_DAY_MS = 86_400_000
_FORGET = text("""
    DELETE FROM superseded WHERE rowid IN (
        SELECT rowid FROM (
            SELECT rowid, at_ms, row_number() OVER (PARTITION BY unid ORDER BY number DESC, packed DESC) AS nth FROM superseded)
        WHERE nth >= :keep AND at_ms < :before)""")


def compact(file: SQLiteFile, now_ms: int, progress: Progress) -> dict[str, Any]:
    """Forget superseded bodies beyond `keep-revisions` and older than `keep-days`, and shrink the file.

    → ``{"forgotten", "bytes_before", "bytes_after"}``. Deletion stubs and everything that replicates stay. How far SQLite
    has come in shrinking it does not say.
    """
    before = file_bytes(file)
    with file.write() as connection:
        forgotten = _forget(connection, now_ms)
    with file.alone(), file.bare() as connection_alone:
        with looked_at(connection_alone, lambda: progress(0, 0)):
            connection_alone.execute("VACUUM")
        connection_alone.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return {"forgotten": forgotten, "bytes_before": before, "bytes_after": file_bytes(file)}


def _forget(connection: Connection, now_ms: int) -> int:
    days = read_setting(connection, "keep-days")
    before = now_ms - days * _DAY_MS if days is not None else 2 * MS_MAX
    keep: int = read_setting(connection, "keep-revisions")
    return connection.execute(_FORGET, {"keep": keep, "before": before}).rowcount


def file_bytes(file: SQLiteFile) -> int:
    """The size of the file and its write-ahead log; of a database in memory, of its pages."""
    if file.path == MEMORY:
        with file.read() as connection:
            pages, size = (connection.exec_driver_sql(f"PRAGMA {n}").scalar() or 0 for n in ("page_count", "page_size"))
        return int(pages * size)
    return sum(os.path.getsize(path) for path in (file.path, f"{file.path}-wal") if os.path.exists(path))
