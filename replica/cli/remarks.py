"""What the library remarks while it works, for people: the records of its loggers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from replica.cli.progress import Bar
from replica.cli.terminal import Terminal


@contextmanager
def told(out: Terminal, bar: Bar) -> Iterator[None]:
    """Tell of them on standard error, while the block runs."""
    handler = _Teller(out, bar)
    logger = logging.getLogger("replica")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Teller(logging.Handler):
    def __init__(self, out: Terminal, bar: Bar) -> None:
        super().__init__(logging.WARNING)
        self._out = out
        self._bar = bar

    def emit(self, record: logging.LogRecord) -> None:
        """Say one."""
        self._bar.clear()
        self._out.warn(record.getMessage())
