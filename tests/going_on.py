"""Continuous replication while a test does something else: in a thread, with what it waits for at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import replica

LIMIT_S = 15.0  # after which something that should have happened has not; the machine may be busy
_tick = threading.Event()


def holds(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
    """Whether it comes true before the limit."""
    end = monotonic() + limit_s
    while not condition():
        if monotonic() > end:
            return False
        _tick.wait(0.01)
    return True


class Going:
    """A continuous replication. `waits`: what it was told whenever there was nothing to do for the moment."""

    def __init__(self, *words: Any, **options: Any) -> None:
        self.stop = threading.Event()
        self.waits: list[replica.ReplicaError | None] = []
        self.report: replica.Report | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=words, kwargs=options, daemon=True)
        self._thread.start()

    def _run(self, *words: Any, **options: Any) -> None:
        try:
            self.report = replica.replicate(
                *words, continuous=True, stop=self.stop, on_wait=self.waits.append, **options
            )
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def calm(self) -> None:
        """Until it has done a round, and waits for changes."""
        assert holds(lambda: bool(self.waits) and self.waits[-1] is None), (self.waits, self.error)

    def in_trouble(self) -> replica.ReplicaError:
        """Until it waits because something does not work; what that is."""
        assert holds(lambda: bool(self.waits) and self.waits[-1] is not None), (self.waits, self.error)
        assert self.waits[-1] is not None
        return self.waits[-1]

    def ended(self, limit_s: float = LIMIT_S) -> BaseException | None:
        """Until it has ended by itself; the error with which."""
        self._thread.join(limit_s)
        assert not self._thread.is_alive(), self.waits
        return self.error

    def end(self) -> replica.Report:
        """Tell it to stop; the report."""
        self.stop.set()
        assert self.ended() is None, self.error
        assert self.report is not None
        return self.report


@contextmanager
def going(*words: Any, **options: Any) -> Iterator[Going]:
    """Replicate continuously as long as the block lasts."""
    running = Going(*words, **options)
    try:
        yield running
    finally:
        running.stop.set()
        running.ended()
