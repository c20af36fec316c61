"""The only module that asks what time it is. Whoever needs the time is handed a clock."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC. May be wrong, stand still or run backwards: nothing but tie-breaks depends on it."""

MS_MAX = 2**48 - 1  # what the twelve hex digits of a revision hold: the year 10889


def system_clock() -> int:
    """This machine's time in ms since 1970, bounded to what a revision can hold."""
    return min(max(time.time_ns() // 1_000_000, 0), MS_MAX)


def stopwatch() -> Callable[[], float]:
    """Starts now; each call tells the seconds since then."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun
