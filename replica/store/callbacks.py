"""Functions that SQLite calls while it works.

SQLite reports whatever they raise as an error of its own. Here it arrives as it was raised: an interrupt above all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

STEPS = 10_000  # of SQLite's machine between two looks at the progress: about a millisecond

Progress = Callable[[int, int], object]  # is told how much is done, of how much; of 0: nobody knows

_FAILED = ("user-defined function raised exception", "interrupted")  # how SQLite says it


@contextmanager
def callbacks() -> Iterator[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Gives what makes a function one for SQLite to call within the block."""
    raised: list[BaseException] = []

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except BaseException as error:
                raised.append(error)
                raise

        return call

    try:
        yield guarded
    except (DBAPIError, sqlite3.Error) as error:
        if not any(words in str(error) for words in _FAILED):
            raise
        # What was raised before the first line of `call` can only be the work of a signal, and is lost.
        raise (raised[0] if raised else KeyboardInterrupt()) from None


@contextmanager
def looked_at(connection: sqlite3.Connection, look: Callable[[], object]) -> Iterator[None]:
    """While this connection works within the block, `look` is called every now and then; what it raises ends the work."""

    def handler() -> int:
        look()
        return 0  # anything else would be the end

    with callbacks() as guarded:
        connection.set_progress_handler(guarded(handler), STEPS)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)


def nobody(done: int, total: int) -> None:
    """Is told the progress where nobody asked for it."""
