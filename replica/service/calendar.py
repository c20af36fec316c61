"""When: the moments of a schedule, and the parts of the week in which something may happen. Pure; no clock.

A day has a time that does not exist when clocks go forward, and one that comes twice when they go back. A moment in the
former happens when it ends, once; one in the latter happens the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from replica.service.units import TimeRange

Zone = ZoneInfo
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_FIELDS = 5
_FOLD_MAX = timedelta(hours=3)  # how far clocks are ever set back
_EPOCH = datetime(2000, 1, 1)
_WEEK = 7
_SECOND = timedelta(seconds=1)


class Schedule(NamedTuple):
    """A cron expression in five fields. `text`: as it was written."""

    text: str
    expression: str

    def next(self, after: datetime, zone: Zone) -> datetime | None:
        """The first moment after that; None if there is none in the next fifty years."""
        return next(self._onward(after, zone), None)

    def latest(self, until: datetime, zone: Zone) -> datetime | None:
        """The last moment until then, then included."""
        if self._counts_hours:
            return self._hourly(until.replace(microsecond=0) + _SECOND, zone, reverse=True)
        start = _wall(until, zone) + _FOLD_MAX
        return next((each for each in self._on_the_wall(start, zone, reverse=True) if each <= until), None)

    def between(self, after: datetime, until: datetime, zone: Zone) -> Iterator[datetime]:
        """The moments after the one and until the other, in order."""
        for moment in self._onward(after, zone):
            if moment > until:
                return
            yield moment

    @property
    def _counts_hours(self) -> bool:
        """Whether it is about every hour that there is, so that one that comes twice counts twice."""
        return self.expression.split()[1] == "*"

    def _onward(self, after: datetime, zone: Zone) -> Iterator[datetime]:
        if self._counts_hours:
            while (found := self._hourly(after, zone, reverse=False)) is not None:
                yield found
                after = found
            return
        for moment in self._on_the_wall(_wall(after, zone), zone, reverse=False):
            if moment > after:  # two that fall into one gap are one
                yield moment
                after = moment

    def _on_the_wall(self, start: datetime, zone: Zone, *, reverse: bool) -> Iterator[datetime]:
        return (instant(moment, zone) for moment in self._steps(start, reverse=reverse))

    def _hourly(self, start: datetime, zone: Zone, *, reverse: bool) -> datetime | None:
        """The first moment beyond `start`, as clocks show it that are never set; what they are set to is looked at anew."""
        while True:
            offset = _offset(start + (-_SECOND if reverse else _SECOND), zone)
            wall = next(self._steps((start.astimezone(UTC) + offset).replace(tzinfo=None), reverse=reverse), None)
            if wall is None:
                return None
            found = (wall - offset).replace(tzinfo=UTC)
            if _offset(found, zone) == offset:
                return found
            start = (
                _change(found, start - _SECOND, zone) if reverse else _change(start + _SECOND, found, zone) - _SECOND
            )

    def _steps(self, start: datetime, *, reverse: bool) -> Iterator[datetime]:
        """What clocks show at its moments, beyond `start`, up to the end of what a calendar can say."""
        try:
            yield from CronSim(self.expression, start.replace(microsecond=0), reverse=reverse)
        except (OverflowError, ValueError):
            return


def read_schedule(text: str) -> Schedule:
    """The schedule that a text says; `ValueError` if it says none, or never happens."""
    expression = MACROS.get(text.strip().lower(), text)
    if expression.strip().startswith("@"):
        raise ValueError(f"{text!r} is no schedule; of the names there are {', '.join(MACROS)}")
    if len(expression.split()) != _FIELDS:
        raise ValueError(f"{text!r} is no schedule: it has five fields, as in `*/15 8-22 * * mon-fri`")
    try:
        happens = next(CronSim(expression, _EPOCH), None) is not None
    except CronSimError as error:
        raise ValueError(f"{text!r} is no schedule: {str(error)[:1].lower()}{str(error)[1:]}") from error
    if not happens:
        raise ValueError(f"{text!r} never happens")
    return Schedule(text, expression)


def find_zone(key: str) -> Zone:
    """The time zone of that name; `ValueError` if this machine knows none."""
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{key!r} is no time zone that this machine knows; write Europe/Berlin, or UTC") from error


def instant(wall: datetime, zone: Zone) -> datetime:
    """When clocks in the zone first show that, or would if they had not gone over it, in UTC."""
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(found, zone) == wall:
        return found
    other = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # the two lie around the end of the gap
    return _change(min(found, other), max(found, other), zone)


class Piece(NamedTuple):
    """A stretch of time, from `opening` on, up to `closing`."""

    opening: datetime
    closing: datetime


def piece_at(at: datetime, times: tuple[TimeRange, ...], days: frozenset[int], zone: Zone) -> Piece:
    """The stretch of these times on these days in which `at` is, or else the next one.

    Those that touch are one. A range over midnight belongs to the day on which it begins.
    """
    first = _wall(at, zone).date() - timedelta(days=2)
    found: list[Piece] = []
    for day in range(2 * _WEEK + 2):
        date = first + timedelta(days=day)
        if date.weekday() in days:
            midnight = datetime.combine(date, time())
            for start, end in sorted(times):
                opening, closing = (instant(midnight + timedelta(minutes=each), zone) for each in (start, end))
                if opening < closing:
                    found.append(Piece(opening, closing))
    return next(piece for piece in _joined(sorted(found)) if piece.closing > at)


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    current = pieces[0]
    for piece in pieces[1:]:
        if piece.opening > current.closing:
            yield current
            current = piece
        else:
            current = Piece(current.opening, max(current.closing, piece.closing))
    yield current


def _change(low: datetime, high: datetime, zone: Zone) -> datetime:
    """The first moment, to the second, after `low` and until `high` at which clocks are set otherwise than at `low`."""
    offset = _offset(low, zone)
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _offset(moment: datetime, zone: Zone) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _wall(moment: datetime, zone: Zone) -> datetime:
    """What clocks in the zone show."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
