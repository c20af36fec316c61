"""SQLite's own copy of a store, as the limit of what a first copy can be; prints one line of JSON.

    python sqlite_limit.py A B    copy every table of the database file A into the new file B

B gets A's tables and indexes, then one `INSERT INTO … SELECT * FROM …` for each table, all in one transaction: the fastest
form SQLite has (it moves rows and index entries as they are). WAL, `synchronous=FULL` and the cache as in our stores, so the
copy is as durable as ours. No digest is checked, no identity is given and nothing is merged: what ours lacks to the limit
is the price of those.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import time
from typing import Any
from urllib.parse import quote

CACHE_KIB = 16384  # as our stores have it


def schema_of(db: sqlite3.Connection, kind: str) -> list[tuple[str, str]]:
    """Name and CREATE statement of each table or index of the attached source that someone wrote."""
    query = "SELECT name, sql FROM source.sqlite_master WHERE type = ? AND sql IS NOT NULL"
    return [(str(name), str(sql)) for name, sql in db.execute(query, (kind,)) if not name.startswith("sqlite_")]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def connect(source: str, target: str) -> sqlite3.Connection:
    """A connection to the new file `target`, with the source attached for reading."""
    db = sqlite3.connect(f"file:{quote(target)}?mode=rwc", uri=True, isolation_level=None)
    db.execute("ATTACH ? AS source", (f"file:{quote(source)}?mode=ro",))
    (page_size,) = db.execute("PRAGMA source.page_size").fetchone()
    db.execute(f"PRAGMA main.page_size = {page_size}")
    db.execute("PRAGMA main.journal_mode = WAL")
    db.execute("PRAGMA main.synchronous = FULL")
    db.execute(f"PRAGMA main.cache_size = -{CACHE_KIB}")
    return db


def copy(source: str, target: str) -> dict[str, Any]:
    db = connect(source, target)
    tables = [name for name, _ in schema_of(db, "table")]
    for kind in ("table", "index"):
        for _, sql in schema_of(db, kind):
            db.execute(sql)
    start = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    rows = [
        db.execute(f"INSERT INTO main.{quoted(name)} SELECT * FROM source.{quoted(name)}").rowcount for name in tables
    ]
    db.execute("COMMIT")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    db.close()
    return {
        "seconds": seconds,
        "documents": max(rows),
        "peak_bytes": peak_bytes,
    }  # the largest table: a row for each document


if __name__ == "__main__":
    print(json.dumps(copy(*sys.argv[1:])))
