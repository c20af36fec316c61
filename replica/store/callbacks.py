"""Functions that SQLite calls while it works.

SQLite reports whatever they raise as an error of its own. Here it arrives as it was raised: an interrupt above all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

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
