"""A workload of nothing but SQLite, whose guarantees are known: the harness is tried on it before it is believed.

Each token is one transaction over two tables; half of one is torn. `parts` gives `prepare`, `work`, `check`, `recover`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

TRANSACTIONS = 6
PAD = "x" * 3000  # a transaction is more than one page, a page more than one sector


def parts(journal: str, synchronous: str) -> tuple[Callable[..., None], ...]:
    """The functions of a workload in one journal mode and one synchronous setting."""

    def connect(folder: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(folder / "store.db", isolation_level=None)
        connection.execute(f"PRAGMA journal_mode = {journal}")  # of these only WAL is remembered in the file
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 12")
        return connection

    def prepare(folder: Path) -> None:
        with closing(connect(folder)) as connection:
            connection.execute("CREATE TABLE one (n INTEGER PRIMARY KEY, pad TEXT)")
            connection.execute("CREATE TABLE two (n INTEGER PRIMARY KEY, pad TEXT)")

    def work(folder: Path, attempt: Any, first: int = 0) -> None:
        with closing(connect(folder)) as connection:
            for n in range(first, first + TRANSACTIONS):
                with attempt(n):
                    insert(connection, n)

    def recover(folder: Path, attempt: Any) -> None:
        work(folder, attempt, first=100)

    def check(folder: Path, acknowledged: list[int], unknown: list[int]) -> None:
        with closing(connect(folder)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "corrupt"
            there = {n for (n,) in connection.execute("SELECT n FROM one")}
            assert there == {n for (n,) in connection.execute("SELECT n FROM two")}, "torn"
            assert set(acknowledged) <= there, "lost"
            assert there <= set(acknowledged) | set(unknown), "from nowhere"
            insert(connection, 1000)

    return prepare, work, check, recover


def insert(connection: sqlite3.Connection, n: int) -> None:
    """One transaction; after an error the connection is as before, or as after."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO one VALUES (?, ?)", (n, PAD))
        connection.execute("INSERT INTO two VALUES (?, ?)", (n, PAD))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
