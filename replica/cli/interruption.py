"""Ending early, on request: the batch in hand is finished or undone, and a second request ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """The process was asked to end. Raised in the main thread, wherever it is; transactions are undone on its way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, the first SIGINT or SIGTERM raises `Interrupted`, and the second ends the process.

    What was called from C, as SQLite calls functions, may turn it into another error; it leaves the block as `Interrupted`.
    The second is noticed by a thread of its own, because the main one may be deep inside SQLite and hear nothing. Ending
    there is safe: the file is as after a power cut.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, wake = os.pipe()
    os.set_blocking(wake, False)
    first: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, _ignore)  # not SIG_IGN: the thread still hears it
        first.append(number)
        raise Interrupted(number)

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    woken_before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    threading.Thread(target=_wait_for_second, args=(heard,), daemon=True).start()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if first and not isinstance(error, Interrupted):
            raise Interrupted(first[0]) from error
        raise
    finally:
        signal.set_wakeup_fd(woken_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wake)  # ends the thread


class Stop(threading.Event):
    """Set by a signal, whose number it keeps. `tell` is called then."""

    def __init__(self, tell: Callable[[], object]) -> None:
        super().__init__()
        self.number: int | None = None
        self._tell = tell

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal."""
        self.number = number
        self.set()
        self._tell()


@contextmanager
def told_to_stop(tell: Callable[[], object] = lambda: None) -> Iterator[Stop]:
    """Within the block, the first SIGINT or SIGTERM sets the event and calls `tell`, for work that ends well when it is told to.

    The second one ends the process, as within `interruptible`, in which this has to be.
    """
    told = Stop(tell)
    if threading.current_thread() is not threading.main_thread():
        yield told
        return
    before = {number: signal.signal(number, told.hear) for number in SIGNALS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


def _wait_for_second(heard: int) -> None:
    numbers: list[int] = []
    while received := os.read(heard, 16):
        numbers += [number for number in received if number in SIGNALS]
        if len(numbers) > 1:
            os._exit(128 + numbers[-1])
    os.close(heard)
