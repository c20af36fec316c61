"""What is due: from connections, what is remembered of them, and the time. Pure.

A *moment* is a time at which a schedule says that something is to run. Who asks seldom gets what was missed by `on-missed`;
who asks often gets each moment once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from replica.service.calendar import Piece, piece_at
from replica.service.connection import Connection
from replica.service.past import NEVER, Past

GRACE = timedelta(minutes=5)  # what is later than this was missed, for `skip`
RETRIED_FOR = timedelta(hours=1)  # after a moment that failed; Domino does so, too
FIRST_PAUSE = timedelta(minutes=1)
AHEAD = timedelta(minutes=1)  # what is remembered of a later time than this is of a clock that has been set back since
BACKLOG_MAX = 1000  # moments of one connection that are due together, for `all`; the others are, when these are done

_PRIORITIES = ("high", "medium", "low")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = Piece(_EPOCH, datetime(9999, 1, 1, tzinfo=UTC))
_MINUTE = timedelta(minutes=1)


class Due(NamedTuple):
    """A connection that is to run, and the moment for which."""

    connection: Connection
    moment: datetime


def due(connections: Iterable[Connection], last: Mapping[str, Past], now: datetime) -> list[Due]:
    """What is due at `now`, the most urgent first: by priority, then since when. `last`: by name, what is remembered.

    `now` is aware. What is switched off is never due. What was never run is due for its latest moment. A memory of the
    future (the clock was set back) counts as none.
    """
    found = [
        Due(connection, moment)
        for connection in connections
        if connection.enabled
        for moment in moments(connection, last.get(connection.name, NEVER), now.astimezone(UTC))
    ]
    return sorted(
        found, key=lambda each: (_PRIORITIES.index(each.connection.priority), each.moment, each.connection.name)
    )


def moments(connection: Connection, past: Past, now: datetime) -> list[datetime]:
    """The moments of one connection that are due."""
    if past.switch is not None:
        return []
    if any(time is not None and time > now + AHEAD for time in (past.moment, past.started, past.ended)):
        past = NEVER
    if connection.schedule is not None:
        return _of_schedule(connection, past, now)
    return [] if connection.every is None else _of_interval(connection, connection.every, past, now)


def is_late(connection: Connection, past: Past, now: datetime) -> bool:
    """Whether more than `GRACE` has passed since it should have gone well again, the policy for missed runs aside."""
    well = past.succeeded
    if well is not None and now - GRACE <= well <= now + AHEAD:
        return False
    before = NEVER if well is None else Past(started=well, ended=well, ending="done", succeeded=well)
    return bool(moments(connection.model_copy(update={"on_missed": "once"}), before, now - GRACE))


def upcoming(connection: Connection, past: Past, now: datetime) -> datetime | None:
    """When it runs next: the moment for which it is due, if it is; None if it never will by itself."""
    if past.switch is not None or not (connection.enabled and connection.is_scheduled):
        return None
    now = now.astimezone(UTC)
    waiting = moments(connection, past, now)
    if waiting:
        return waiting[0]
    if connection.every is not None:
        return _next_within(connection, timedelta(seconds=connection.every), past, now)
    assert connection.schedule is not None
    shift = _shift(connection, connection.jitter)
    coming = connection.schedule.next(now - shift, connection.timezone)
    found = [] if coming is None else [coming + shift]
    if past.ending == "again" and past.moment is not None:
        retry = max(_retry_at(connection, past, RETRIED_FOR), now)
        found += [retry] if retry - past.moment <= RETRIED_FOR else []
    return min(found, default=None)


def forgotten(connection: Connection, now: datetime) -> Past:
    """What to go by when nothing can be remembered: as if all had been done until a minute ago, for who asks every minute."""
    before = now - _MINUTE
    if connection.every is None:
        return Past(moment=before, started=before, ended=before, ending="done", succeeded=before)
    whole = timedelta(seconds=connection.every)
    started = _EPOCH + (before - _EPOCH) // whole * whole
    return Past(started=started, ended=started, ending="done", succeeded=started)


def _of_schedule(connection: Connection, past: Past, now: datetime) -> list[datetime]:
    new = _new_moments(connection, past, now)
    if connection.on_missed == "skip":
        new = [moment for moment in new if now - moment <= GRACE]
    if past.moment is None or past.ending not in ("running", "again"):
        return new
    if past.ending == "running":  # it was cut off
        again = connection.on_missed != "skip" or now - past.moment <= RETRIED_FOR
    else:
        again = now - past.moment <= RETRIED_FOR and now >= _retry_at(connection, past, RETRIED_FOR)
    if new and (connection.on_missed != "all" or past.ending == "again"):
        return new  # which do for the one before, too
    return [past.moment, *new] if again else new


def _new_moments(connection: Connection, past: Past, now: datetime) -> list[datetime]:
    """The moments that nobody has taken on yet: all of them for `all`, else the latest at most."""
    schedule, zone = connection.schedule, connection.timezone
    assert schedule is not None
    shift = _shift(connection, connection.jitter)
    latest = schedule.latest(now - shift, zone)
    if latest is None:
        return []
    if connection.on_missed == "all" and past.moment is not None:
        coming = schedule.between(past.moment - shift, now - shift, zone)
        return [moment + shift for moment in islice(coming, BACKLOG_MAX)]
    known = [each for each in (past.moment, past.succeeded) if each is not None]
    latest += shift
    return [latest] if not known or latest > max(known) else []


def _of_interval(connection: Connection, every_s: float, past: Past, now: datetime) -> list[datetime]:
    piece, offset = _piece(connection, now)
    if now < piece.opening:
        return []
    since = _next_after(connection, timedelta(seconds=every_s), past)
    if since is None:
        since = now if piece is _ALWAYS else piece.opening
    if since <= piece.opening and piece is not _ALWAYS:
        since = piece.opening + offset
    return [since] if since <= now else []


def _next_within(connection: Connection, every: timedelta, past: Past, now: datetime) -> datetime:
    """The first time at which it may run, from when it is to run next on."""
    since = max(_next_after(connection, every, past) or now, now)
    piece, offset = _piece(connection, since)
    return (
        since if piece is _ALWAYS else max(since, piece.opening + (offset if since <= piece.opening else timedelta()))
    )


def _next_after(connection: Connection, every: timedelta, past: Past) -> datetime | None:
    """When the next run is due, but for the times at which it may be; None if there was none."""
    if past.started is None or past.ended is None or past.ending == "running":
        return past.moment
    if past.ending == "again":
        return _retry_at(connection, past, min(every, RETRIED_FOR))
    # `run` is called by cron a moment earlier or later in each minute: whole minutes are counted from whole minutes.
    started = past.started.replace(second=0, microsecond=0) if every % _MINUTE == timedelta() else past.started
    return started + every


def _piece(connection: Connection, now: datetime) -> tuple[Piece, timedelta]:
    """The stretch of time in which it may run now or next, and how much later than all others it begins then."""
    within = connection.within
    if within is None:
        return _ALWAYS, timedelta()
    piece = piece_at(now, within.times, within.days, connection.timezone)
    length_s = (piece.closing - piece.opening).total_seconds()
    return piece, _shift(connection, min(connection.jitter, length_s))


def _retry_at(connection: Connection, past: Past, longest: timedelta) -> datetime:
    """When to try again: after pauses that double, and differ by name, so that not all come at once after an outage."""
    assert past.ended is not None
    pause = min(longest, FIRST_PAUSE * 2.0 ** min(max(past.failures - 1, 0), 20))
    return past.ended + pause * (0.5 + fraction(f"{connection.name}\0{past.failures}") / 2)


def _shift(connection: Connection, jitter_s: float) -> timedelta:
    """How much later this one begins than others: in whole seconds, so that moments stay what they are when they are noted."""
    return timedelta(seconds=int(fraction(connection.name) * jitter_s))


def fraction(text: str) -> float:
    """From 0 up to 1: always the same for one text, and another for another."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
