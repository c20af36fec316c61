"""Trying again what may get better by itself: a server that is busy, a connection that broke."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from replica.errors import ReplicaError

T = TypeVar("T")

ATTEMPTS = 5
FIRST_PAUSE_S = 0.25


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
        while True:
            try:
                answer = call()
            except ReplicaError as error:
                pause = next(pauses, None)
                if not error.may_retry or not self._reached or pause is None:
                    raise
                self._sleep(pause)
            else:
                self._reached = True
                return answer

    def _pauses(self) -> Iterator[float]:
        for attempt in range(ATTEMPTS - 1):
            yield FIRST_PAUSE_S * 2**attempt * (0.5 + self._chance())
