"""One SQLite file and its transactions. The only place that says BEGIN.

Durability: WAL with ``synchronous=FULL``, so that what was acknowledged survives a power cut. SQLAlchemy's and the
driver's own transactions are switched off: with them, updates of several processes are lost silently.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.pool import Pool, QueuePool, StaticPool

from replica.errors import Mistake, ReadOnly, Replaced
from replica.store.faults import translated
from replica.store.lock import WriterLock
from replica.store.nesting import check_not_given_up, driver_of, part_of

MEMORY = ":memory:"
POOL_SIZE = 8  # connections kept; more threads than that open and close extra ones

_Identity = tuple[int, int]  # of a file: device and inode


class SQLiteFile:
    """An open file of ours. `read` and `write` give transactions; threads may share it, forked processes not."""

    def __init__(self, path: str, busy_timeout: float) -> None:
        self.path = path
        self.read_only = path != MEMORY and not _may_write(path)
        self._busy_timeout = busy_timeout
        self._pid = os.getpid()
        self._closed = False
        self._local = threading.local()
        self._memory_lock = threading.RLock()
        self._identity = None if path == MEMORY else _identity(path)
        self._lock = WriterLock(None if path == MEMORY else path, busy_timeout)
        self._engine = make_engine(self.connect, StaticPool if path == MEMORY else QueuePool)

    @property
    def sight_id(self) -> str:
        """Whose eyes it is read through; empty: whoever sees everything."""
        return ""

    def connect(self, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
        """A new connection of that kind, without a transaction."""
        self._check_identity()
        how: Any = {"isolation_level": None, "check_same_thread": False, "factory": kind}
        if self.path == MEMORY:
            connection: sqlite3.Connection = sqlite3.connect(MEMORY, **how)
        else:
            uri = self._uri("ro" if self.read_only else "rw")
            connection = sqlite3.connect(uri, uri=True, timeout=self._busy_timeout, **how)
        try:
            if self.path != MEMORY:
                connection.execute("PRAGMA synchronous = EXTRA")  # FULL for a log; without one, if refused, as safe
                connection.execute("PRAGMA cache_size = -16384")
            connection.execute("PRAGMA case_sensitive_like = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _uri(self, mode: str) -> str:
        """On a medium that nobody can write, SQLite has to be told so: else it wants to make files beside a WAL database."""
        frozen = self.read_only and os.statvfs(self.path).f_flag & os.ST_RDONLY
        return f"file:{quote(os.fsencode(self.path))}?mode={mode}{'&immutable=1' if frozen else ''}"

    def attach_to(self, connection: sqlite3.Connection) -> None:
        """Make this file readable, and not writable, in another one's connection, as the schema `source`."""
        self._check_identity()
        connection.execute("ATTACH ? AS source", (self._uri("ro"),))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, or the thread's own write transaction if it is in one."""
        current: Connection | None = getattr(self._local, "connection", None)
        if current is not None:
            check_not_given_up(current)
            yield current
            return
        with self.reading(self._engine) as connection:
            yield connection

    @contextmanager
    def reading(self, engine: Engine) -> Iterator[Connection]:
        """A transaction that reads, over a connection of this engine."""
        self._check_usable()
        with self._turn(), translated(self.path):
            self._check_identity()
            with engine.connect() as connection, connection.begin():
                yield connection

    @property
    def is_writing(self) -> bool:
        """Whether this thread is in a write transaction."""
        return getattr(self._local, "connection", None) is not None

    @contextmanager
    def write(self, beside: SQLiteFile | None = None) -> Iterator[Connection]:
        """A transaction that is durable when the block has ended; within another one of the same thread, a part of it.

        `beside`: another file to read in the same statements, as the schema `source`.
        """
        current: Connection | None = getattr(self._local, "connection", None)
        if current is not None:
            with translated(self.path), part_of(current):
                yield current
            return
        self._check_usable()
        if self.read_only:
            raise ReadOnly(f"{self.path} cannot be written")
        with self._turn(), translated(self.path), self._lock.held():
            self._check_identity()
            engine = self._engine.execution_options(write=True)
            with engine.connect() as connection, _attached(connection, beside), connection.begin():
                self._local.connection = connection
                try:
                    yield connection
                    check_not_given_up(connection)
                    self._check_identity()
                finally:
                    self._local.connection = None

    def check_outside(self, what: str) -> None:
        """Refuse (`Mistake`) what would be part of this thread's `batch` and cannot be."""
        if self.is_writing:
            raise Mistake(f"{what} cannot be done inside batch()", hint="End the batch first.")

    @contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """A connection outside transactions, for VACUUM and the like."""
        self._check_usable()
        if self.path == MEMORY:
            with self._memory_lock, translated(self.path):
                yield self._engine.raw_connection().driver_connection  # type: ignore[misc]
            return
        with translated(self.path):
            connection = self.connect()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other writers of ours away, without a transaction."""
        with self._lock.held():
            yield

    def _turn(self) -> AbstractContextManager[object]:
        """A database in memory has one connection; its threads take turns."""
        return self._memory_lock if self.path == MEMORY else nullcontext()

    def close(self) -> None:
        """Close all connections; the last one of all processes folds the WAL into the file."""
        self._closed = True
        with translated(self.path):
            self._engine.dispose(close=os.getpid() == self._pid)
        self._lock.close()

    @property
    def is_current(self) -> bool:
        """Whether the file that was opened is still the one at its path."""
        return self._identity is None or _identity(self.path) == self._identity

    def _check_identity(self) -> None:
        if not self.is_current:
            raise Replaced(f"{self.path} was replaced by another file while it was open")

    def _check_usable(self) -> None:
        if self._closed:
            raise Mistake("the replica is closed", hint="Open it again.")
        if os.getpid() != self._pid:
            raise RuntimeError("a Replica cannot be used across fork(); open it again in the new process")


@contextmanager
def _attached(connection: Connection, beside: SQLiteFile | None) -> Iterator[None]:
    if beside is None:
        yield
        return
    driver = driver_of(connection)
    beside.attach_to(driver)
    try:
        yield
    finally:
        driver.execute("DETACH source")


def make_engine(connect: Callable[[], sqlite3.Connection], pool: type[Pool]) -> Engine:
    """SQLAlchemy's engine over `connect`, whose connections must leave transactions to us (`isolation_level=None`)."""
    sizes = {"pool_size": POOL_SIZE, "max_overflow": -1} if pool is QueuePool else {}
    engine = create_engine("sqlite://", creator=connect, poolclass=pool, **sizes)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        word = "BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN"
        driver_of(connection).execute(word)  # SQLAlchemy's way there costs as much as a whole read

    @event.listens_for(engine, "handle_error")
    def tell_statement(context: ExceptionContext) -> None:
        error, about = context.sqlalchemy_exception, context.execution_context
        if (
            error is not None and about is not None
        ):  # of rows that cannot be read SQLAlchemy does not say whose they are
            error.statement = about.statement

    return engine


def _may_write(path: str) -> bool:
    return os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)


def _identity(path: str) -> _Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)
