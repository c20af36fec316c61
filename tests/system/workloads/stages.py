"""Acknowledging what a long call has done so far, as it tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def stages(attempt: Any, tokens: Iterable[str | int]) -> Iterator[Callable[[object], None]]:
    """One attempt after the other: calling what this gives ends one, which is acknowledged, and begins the next."""
    waiting = iter(tokens)
    with ExitStack() as present:

        def begin() -> None:
            for token in waiting:
                present.enter_context(attempt(token))
                return

        def done(_: object) -> None:
            present.close()
            begin()

        begin()
        yield done
