"""A database file that came from elsewhere, before anything else is done with it: is it what a file of ours is?"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from replica.errors import Corrupt, NotADatabase
from replica.store.callbacks import looked_at
from replica.store.faults import translated
from replica.store.intact import damaged_rows
from replica.store.leaves import update_sequence
from replica.store.opening import unfinished_engine
from replica.store.schema import check_schema, create_schema
from replica.store.sqlite import MEMORY, SQLiteFile

_NAMES = "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite%'"
_OTHERS = "SELECT name FROM sqlite_schema WHERE type NOT IN ('table', 'index')"
_NOT_ONE_WINNER = "SELECT unid FROM leaf GROUP BY unid HAVING sum(winner) <> 1 LIMIT 1"

Shape = dict[str, list[Any]]


def check_received(
    path: str, look: Callable[[], object], is_canonical: Callable[[bytes], bool]
) -> tuple[int, list[int]]:
    """Refuse what this version would not have made: `NotADatabase`, `TooNew`, `TooOld`; `Corrupt` if its parts disagree.

    Up to which update sequence its rows were looked at, and which of them are damaged, as those whose bodies are not
    canonical. `look` is called now and then.
    """
    with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = ("application_id", "user_version")
        check_schema(path, *(int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names))
        found = _shape(connection)
        if connection.execute(_OTHERS).fetchone() or any(found.get(name) != its for name, its in _ours().items()):
            raise NotADatabase(f"{path} has not the tables that a file of ours has")
        with ThreadPoolExecutor(1, "checking") as thread, looked_at(connection, look):
            looking = thread.submit(_damaged, path, is_canonical)
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            undecided = connection.execute(_NOT_ONE_WINNER).fetchone()
        if said != "ok" or undecided:
            raise Corrupt(f"{path}: {said if said != 'ok' else 'a document does not have one winner'}")
        return looking.result()


def _damaged(path: str, is_canonical: Callable[[bytes], bool]) -> tuple[int, list[int]]:
    with translated(path), unfinished_engine(path).connect() as connection:
        until = update_sequence(connection)
        return until, damaged_rows(connection, 0, until, is_canonical=is_canonical)


@functools.cache
def _ours() -> Shape:
    file = SQLiteFile(MEMORY, 0)
    try:
        with file.write() as transaction:
            create_schema(transaction)
        with file.bare() as connection:
            return _shape(connection)
    finally:
        file.close()


def _shape(connection: sqlite3.Connection) -> Shape:
    """Tables and their columns, indexes and theirs."""
    shape: Shape = {}
    for kind, pragma in (("table", "table_xinfo"), ("index", "index_xinfo")):
        for (name,) in connection.execute(_NAMES, (kind,)).fetchall():
            shape[name] = connection.execute(f"SELECT * FROM pragma_{pragma}(?)", (name,)).fetchall()
    return shape
