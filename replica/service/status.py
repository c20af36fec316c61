"""How connections are doing: what is remembered of their runs, what is in the databases here, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from replica.service.agenda import is_late, moments, upcoming
from replica.service.configuration import Configuration
from replica.service.connection import Connection
from replica.service.lock import Holder, holder
from replica.service.log import Log
from replica.service.past import NEVER, Past, read, written
from replica.service.places import host, lock_path
from replica.service.standing import UNKNOWN, Standing, standing
from replica.transports.address import is_address

State = Literal["ok", "due", "running", "late", "failing", "blocked", "disabled"]

BAD: tuple[State, ...] = ("late", "failing", "blocked")
STILL = timedelta(minutes=10)  # in which a run exchanges a batch, or does not get on


class Judged(NamedTuple):
    """A state, and in a few words why it is so."""

    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """How a connection is doing at the time `now`. docs/monitoring.md says what each key of `to_dict` means."""

    connection: Connection
    judged: Judged
    past: Past
    standing: Standing
    now: datetime

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        connection, past, standing = self.connection, self.past, self.standing
        trouble, coming = past.trouble, upcoming(connection, past, self.now)
        is_known = not is_address(connection.peer)  # what is in a file is seen, of others what they were
        return {
            "name": connection.name,
            "state": self.judged.state,
            "reason": self.judged.reason,
            "last_success": None if past.succeeded is None else written(past.succeeded),
            "last_error": None if trouble is None else {"code": trouble.code, "message": trouble.message},
            "pending_in": standing.pending_in,
            "pending_out": standing.pending_out,
            "lag_in_s": None if connection.direction == "push" else self._lag(standing.pending_in, is_known),
            "lag_out_s": None if connection.direction == "pull" else self._lag(standing.pending_out, True),
            "conflicts": standing.conflicts,
            "next_run": None if coming is None else written(coming),
        }

    def finding(self, max_age_s: float | None) -> str | None:
        """What somebody should look at, in one sentence. `max_age_s`: how long ago it may have gone well last, in seconds."""
        state, reason = self.judged
        succeeded = self.past.succeeded
        if state == "disabled":
            return None
        if state in BAD:
            return reason
        if succeeded is None and (max_age_s is not None or state == "due"):
            return "it has never gone well"
        if succeeded is not None and max_age_s is not None and (self.now - succeeded).total_seconds() > max_age_s:
            return f"it last went well at {written(succeeded)}"
        return None

    def _lag(self, pending: int | None, is_known: bool) -> float | None:
        """For how long, at most, the receiving side has not been what the source is."""
        if pending == 0 and is_known:
            return 0.0
        return None if self.past.succeeded is None else max(0.0, (self.now - self.past.succeeded).total_seconds())


def judged(connection: Connection, past: Past, runner: Holder | None, moved: datetime | None, now: datetime) -> Judged:
    """The state of a connection. `runner`: who runs it at the moment; `moved`: when a batch was last exchanged."""
    if not connection.enabled:
        return Judged("disabled", "it is switched off in the file")
    if past.switch is not None:
        why = f": {past.switch.reason}" if past.switch.reason else ""
        return Judged("disabled", f"{past.switch.by} switched it off{why}")
    if past.trouble is not None:
        return Judged("failing" if past.trouble.may_retry else "blocked", past.trouble.message)
    if runner is not None:
        return _running(runner, moved, now)
    if past.started is not None and is_late(connection, past, now):
        since = "" if past.succeeded is None else f" since {written(past.succeeded)}"
        return Judged("late", f"it has not gone well{since}")
    return Judged("due" if moments(connection, past, now) else "ok", "")


def _running(runner: Holder, moved: datetime | None, now: datetime) -> Judged:
    """Running, or late: what has a lock and exchanges nothing hangs."""
    begun = read(runner.since)
    newest = max((time for time in (begun, moved) if time is not None), default=now)
    if now - newest > STILL:
        return Judged("late", f"it does not get on: {runner} has exchanged nothing since {written(newest)}")
    return Judged("running", str(runner))


def survey(configuration: Configuration, log: Log | None, now: datetime, *, closely: bool = True) -> list[Status]:
    """How all connections are doing, as far as can be seen from here. `closely`: the databases are looked into, too.

    The errors of `Log.pasts`.
    """
    pasts = {} if log is None else log.pasts()
    return [
        _surveyed(connection, pasts.get(connection.name, NEVER), configuration, log, now, closely)
        for connection in configuration.connections
    ]


def _surveyed(
    connection: Connection, past: Past, configuration: Configuration, log: Log | None, now: datetime, closely: bool
) -> Status:
    runner = holder(lock_path(configuration.log_path, configuration.path, connection.name), host())
    looked = UNKNOWN
    if closely or runner is not None:
        looked = standing(connection, {} if log is None else log.reached(connection.name))
    return Status(connection, judged(connection, past, runner, looked.moved, now), past, looked, now)
