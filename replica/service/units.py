"""How durations, rates, times of day and days of the week are written. The one place that reads them.

What cannot be read is a `ValueError` whose text says how to write it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DAY_MINUTES = 24 * 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_DURATION = re.compile(rf"(?:{_NUMBER}(?:ms|s|m|h|d))+")
_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_RATE = re.compile(rf"({_NUMBER})\s*(|k|m|g|ki|mi|gi)b?(?:/s)?", re.IGNORECASE)
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")


class TimeRange(NamedTuple):
    """A part of a day, in minutes since midnight: from `start` on, up to `end`. An `end` beyond a day is on the next one."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end if self.end == DAY_MINUTES else self.end % DAY_MINUTES)}"


def duration(text: str) -> float:
    """Seconds from `90`, `30s`, `5m`, `1h30m`, `30d`, `250ms`."""
    if re.fullmatch(_NUMBER, text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write 30s, 5m or 1h30m")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))


def written_duration(seconds: float) -> str:
    """Seconds as `1h30m`."""
    said, rest = "", round(seconds * 1000)
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS_S[unit] * 1000))
        said += f"{count}{unit}" if count else ""
    return said or "0s"


def rate(text: str) -> float:
    """Bytes a second, from `500k`, `2M`, `64KiB`."""
    match = _RATE.fullmatch(text.strip())
    if not match or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is no rate; write 500k, 2M or 64KiB")
    return float(match[1]) * _UNITS[match[2].lower()]


def time_range(text: str) -> TimeRange:
    """A part of a day from `08:00-22:00`; `22:00-06:00` goes over midnight, `00:00-24:00` is all of it."""
    first, dash, last = text.partition("-")
    start, end = _time(first.strip()), _time(last.strip())
    if not dash or start is None or end is None or start in (end, DAY_MINUTES):
        raise ValueError(f"{text!r} is no range of times; write 08:00-22:00, or 22:00-06:00 over midnight")
    return TimeRange(start, end if end > start else end + DAY_MINUTES)


def days(text: str) -> frozenset[int]:
    """Days of the week (0 is Monday) from `mon-fri`, `sat,sun`, `fri-mon`."""
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f"{text!r} are no days; write mon-fri, or sat,sun")
        begin = DAYS.index(first)
        length = (DAYS.index(last) - begin) % 7 if dash else 0
        found.update((begin + step) % 7 for step in range(length + 1))
    return frozenset(found)


def written_days(numbers: frozenset[int]) -> str:
    """Days of the week as `mon-fri`."""
    runs: list[list[int]] = []
    for day in sorted(numbers):
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] + (f"-{DAYS[run[-1]]}" if len(run) > 1 else "") for run in runs)


def _time(text: str) -> int | None:
    """Minutes since midnight; None if it is no time of day."""
    match = _TIME.fullmatch(text)
    if match is None or int(match[2]) > 59:
        return None
    minutes = int(match[1]) * 60 + int(match[2])
    return minutes if minutes <= DAY_MINUTES else None


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
