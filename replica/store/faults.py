"""What SQLite and the file system complain about, in this library's own errors. The one place that reads their codes."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from replica.errors import Corrupt, DiskError, Locked, NotADatabase, ReadOnly, ReplicaError

_KINDS: dict[int, type[ReplicaError]] = {
    sqlite3.SQLITE_BUSY: Locked,
    sqlite3.SQLITE_LOCKED: Locked,
    sqlite3.SQLITE_READONLY: ReadOnly,
    sqlite3.SQLITE_PERM: ReadOnly,
    sqlite3.SQLITE_CORRUPT: Corrupt,
    sqlite3.SQLITE_NOTADB: NotADatabase,
    sqlite3.SQLITE_FULL: DiskError,
    sqlite3.SQLITE_IOERR: DiskError,
    sqlite3.SQLITE_CANTOPEN: DiskError,
}
_NO_TEXT = "decode to UTF-8"  # the driver's complaint
_TABLE = re.compile(r"\bFROM (?!foreign_revision)(?:main\.|source\.)?(\w+)")  # that one is read as bytes wherever it is
_OTHER_DAMAGE = (  # what has no code of its own, as tables that are not ours
    _NO_TEXT,
    "malformed JSON",
    "no such table",
    "no such column",
    "already exists",
)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise SQLite's errors about the file `path` as ours. An error while committing does not mean "not committed"."""
    try:
        yield
    except DBAPIError as error:
        raise _unreadable(error, path) or _ours(error.orig, path) or error from error
    except sqlite3.Error as error:
        raise _ours(error, path) or error from error


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Raise the file system's errors about `path` as ours."""
    try:
        yield
    except PermissionError as error:
        raise ReadOnly(f"{path} cannot be written") from error
    except OSError as error:
        raise DiskError(f"{path}: {error.strerror}") from error


def _unreadable(error: DBAPIError, path: str) -> Corrupt | None:
    """The driver names a column; a person looks for the table."""
    if _NO_TEXT not in str(error.orig):
        return None
    table = _TABLE.search(error.statement or "")
    return Corrupt(f"{path}: {f'the table {table[1]}' if table else 'a table'} holds bytes that are no text")


def _ours(error: BaseException | None, path: str) -> ReplicaError | None:
    kind = _KINDS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if kind is None and any(words in str(error) for words in _OTHER_DAMAGE):
        kind = Corrupt
    if kind is DiskError and not _can_write_beside(path):
        kind = ReadOnly
    elif kind is ReadOnly and _can_write(path):  # it could not be opened for writing, and was for reading
        kind = DiskError
    if kind is ReadOnly and not _can_write_beside(path):
        return ReadOnly(f"{path}: the folder cannot be written, where SQLite makes files also to read it")
    return kind(f"{path}: {error}") if kind else None


def _can_write_beside(path: str) -> bool:
    folder = os.path.dirname(path) or "."
    return not os.path.isdir(folder) or os.access(folder, os.W_OK)


def _can_write(path: str) -> bool:
    there = [name for name in (path, f"{path}-wal", f"{path}-shm") if os.path.exists(name)]
    return _can_write_beside(path) and all(os.access(name, os.W_OK) for name in there)
