"""Changes within changes: a part of a transaction fails by itself, unless SQLite has given up the whole.

When the disk is full, or reading or writing fails, SQLite may roll back all of a transaction, not the statement alone, and
the next statement begins another one. Whoever catches the error and goes on must not save the rest as if it were all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from replica.errors import DiskError


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's connection beneath one of SQLAlchemy's."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def check_not_given_up(connection: Connection) -> None:
    """Refuse (`DiskError`) to go on in a transaction that is none any more."""
    if not driver_of(connection).in_transaction:
        raise DiskError("nothing of this batch was saved: the disk was full or failed", hint="Do all of it again.")


@contextmanager
def part_of(connection: Connection) -> Iterator[None]:
    """A part of the connection's transaction: undone by itself if it raises."""
    check_not_given_up(connection)
    part = connection.begin_nested()
    try:
        yield
    except BaseException:
        if driver_of(connection).in_transaction:  # else there is nothing left to undo
            part.rollback()
        raise
    part.commit()
