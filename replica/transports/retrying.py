"""Trying again what may get better by itself: a server that is busy, a connection that broke."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from replica.clock import stopwatch
from replica.errors import ReplicaError

T = TypeVar("T")

ATTEMPTS = 5
FIRST_PAUSE_S = 0.25
ENOUGH_S = 20.0  # of trying: whoever was silent for so long is not asked once more


class Patience:
    """Tries a call again while its error `may_retry`, with pauses that double, and vary so that many do not come at once.

    Whoever was never reached is not waited for: that is more often a wrong address than a moment's weakness.
    """

    def __init__(self, chance: Callable[[], float], sleep: Callable[[float], object] = time.sleep) -> None:
        self._chance = chance
        self._sleep = sleep
        self._reached = False

    def call(self, call: Callable[[], T]) -> T:
        """What the call returns; what it raises when patience ends."""
        pauses = self._pauses()
        elapsed = stopwatch()
        while True:
            try:
                answer = call()
            except ReplicaError as error:
                pause = next(pauses, None)
                if not error.may_retry or not self._reached or pause is None or elapsed() > ENOUGH_S:
                    raise
                self._sleep(pause)
            else:
                self._reached = True
                return answer

    def _pauses(self) -> Iterator[float]:
        for attempt in range(ATTEMPTS - 1):
            yield FIRST_PAUSE_S * 2**attempt * (0.5 + self._chance())


class Pauses:
    """How long to wait before the next try, without end: twice as long each time, up to a bound, and by chance a bit more
    or less, so that many do not come at once.
    """

    def __init__(self, first_s: float, longest_s: float, chance: Callable[[], float]) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._chance = chance
        self._failures = 0

    def next(self) -> float:
        """It failed once more: how many seconds to wait."""
        pause = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return pause * (0.5 + self._chance())

    def reset(self) -> None:
        """It went well."""
        self._failures = 0
