"""Opening, making and upgrading files, and what is refused there without touching it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import NullPool

from replica.errors import Corrupt, DiskError, HardLinked, NotADatabase, NotFound, ReadOnly, TooOld
from replica.store.faults import translated
from replica.store.publish import forget_logs, forget_unfinished, new_file, real_path
from replica.store.schema import check_schema, create_schema, upgrade_schema
from replica.store.sqlite import MEMORY, SQLiteFile, make_engine
from replica.store.tables import APPLICATION_ID, BACKUP_ID


def unfinished_engine(path: str) -> Engine:
    """For filling a file that has not been published yet: until then a crash may cost all of it, so nothing is synced."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    return make_engine(connect, NullPool)


def prepare_log(path: str) -> None:
    """Let a file that has not been published yet have a write-ahead log, which `open_file` could only do with syncs."""
    with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):  # it says so, and raises nothing
            raise DiskError(f"{path} could not be written: the disk is full or failed")


def open_file(path: str, busy_timeout: float) -> SQLiteFile:
    """The file of ours at `path`, which must be there; it is not changed when it is refused."""
    path = real_path(path)
    _check_path(path)
    if os.stat(path).st_nlink > 1:
        forget_unfinished(path)
        _check_names(path)
    file = SQLiteFile(path, busy_timeout)
    try:
        with translated(path):
            if not file.read_only:
                _settle_backup(file)
            with file.bare() as connection:
                _check_content(path, connection)
                if not file.read_only and connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                    with file.alone():
                        connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        file.close()
        raise
    return file


def create_file(path: str, busy_timeout: float, fill: Callable[[Connection], None]) -> SQLiteFile:
    """A new file with tables, and with what `fill` writes there before anyone can see it; `Exists` if the name is taken."""
    if path == MEMORY:
        file = SQLiteFile(MEMORY, busy_timeout)
        with file.write() as transaction:
            create_schema(transaction)
            fill(transaction)
        return file
    path = real_path(path)
    with new_file(path) as unfinished, translated(path), unfinished_engine(unfinished).begin() as transaction:
        create_schema(transaction)
        fill(transaction)
    return open_file(path, busy_timeout)


def upgrade_file(path: str, busy_timeout: float) -> bool:
    """Bring an older file of ours up to date, all or nothing; whether there was anything to do."""
    try:
        open_file(path, busy_timeout).close()
    except TooOld:
        file = SQLiteFile(real_path(path), busy_timeout)
        try:
            with file.write() as transaction:
                upgrade_schema(transaction)
        finally:
            file.close()
        return True
    return False


def _settle_backup(file: SQLiteFile) -> None:
    """Make a restored backup an ordinary file.

    It may lie beside the write-ahead log of the file whose place it took, which SQLite would replay into it. Once the log
    is gone, and before there is a new one, the file loses the mark of a backup; so no log of its own is ever removed.
    """
    if _main_application_id(file.path) != BACKUP_ID:
        return
    with file.alone():
        if _main_application_id(file.path) == BACKUP_ID:
            forget_logs(file.path)
            with file.bare() as connection:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _main_application_id(path: str) -> int:
    """What the file itself says, without its log; SQLite reads it, as opening and closing it here would drop its locks."""
    connection = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1", uri=True)
    try:
        connection.execute("PRAGMA writable_schema = ON")  # forgive that mid-checkpoint it is shorter than it says
        return int(connection.execute("PRAGMA application_id").fetchone()[0])
    finally:
        connection.close()


def _check_path(path: str) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", hint=f"`replicate create {path}` makes a new database.") from None
    except OSError as error:
        raise NotADatabase(f"{path}: {error.strerror}") from error
    if not os.path.isfile(path) or status.st_size == 0:
        raise NotADatabase(f"{path} is {'empty' if os.path.isfile(path) else 'not a file'}")
    if not os.access(path, os.R_OK):
        raise ReadOnly(f"{path} cannot be read", hint="Ask the owner of the file for permission.")


def _check_names(path: str) -> None:
    names = os.stat(path).st_nlink
    if names > 1:
        raise HardLinked(f"{path} has {names} names (hard links)")


def _check_content(path: str, connection: sqlite3.Connection) -> None:
    names = ("application_id", "user_version", "page_size")
    application_id, user_version, page_size = (connection.execute(f"PRAGMA {n}").fetchone()[0] for n in names)
    check_schema(path, application_id, user_version)
    if os.path.getsize(path) % page_size and not _has_log(path):  # SQLite takes what is missing for zeros
        raise Corrupt(f"{path} was cut off: its last page is not whole")


def _has_log(path: str) -> bool:
    try:
        return os.path.getsize(f"{path}-wal") > 0
    except OSError:
        return False
