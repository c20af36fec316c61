"""What is raised in a function that SQLite calls arrives as it was raised."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from replica.store.callbacks import callbacks

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """As with Ctrl-C after this time, wherever the program is then."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        yield opened


def fail() -> None:
    raise ZeroDivisionError


def by_function(connection: sqlite3.Connection, function: Callable[[], object]) -> None:
    connection.create_function("f", 0, function)
    connection.execute(f"{ENDLESS} WHERE f()").fetchone()


def by_progress(connection: sqlite3.Connection, function: Callable[[], object]) -> None:
    connection.set_progress_handler(function, 100)
    connection.execute(ENDLESS).fetchone()


@pytest.mark.parametrize("use", [by_function, by_progress], ids=lambda use: use.__name__)
def test_an_error_arrives_as_it_is(use: Callable[..., None], connection: sqlite3.Connection) -> None:
    with pytest.raises(ZeroDivisionError), callbacks() as guarded:
        use(connection, guarded(fail))


@pytest.mark.parametrize("use", [by_function, by_progress], ids=lambda use: use.__name__)
def test_an_interrupt_arrives_as_one_wherever_it_comes(
    use: Callable[..., None], connection: sqlite3.Connection
) -> None:
    for _ in range(30):
        with pytest.raises(KeyboardInterrupt), interrupted_after(0.003), callbacks() as guarded:
            use(connection, guarded(int))


def test_other_errors_of_sqlite_stay_what_they_are(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), callbacks():
        connection.execute("SELECT * FROM missing")
