"""What is remembered of the runs of a connection, as far as it decides when the next one is due: `Past`. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

Ending = Literal["done", "again", "over", "running"]


class Trouble(NamedTuple):
    """What was wrong when a run failed; `may_retry`: it may get better by itself."""

    code: str
    message: str
    may_retry: bool


class Switch(NamedTuple):
    """That somebody switched a connection off, when and why."""

    since: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered of one connection.

    `moment`: the last one of its schedule that was taken on. `started`, `ended`: its last run; `ending`: what became of it:
    `done`; to be tried `again`; `over`, which trying again does not better; or `running`, if nobody has said that it ended.
    `failures`: how many there were since it last went well, in `succeeded`. `skipped`: the last moment of which is noted that
    somebody else was at it. `trouble`: what was wrong with the last run that failed, until one goes well.
    """

    moment: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    ending: Ending | None = None
    failures: int = 0
    succeeded: datetime | None = None
    skipped: datetime | None = None
    switch: Switch | None = None
    trouble: Trouble | None = None

    def begun(self, moment: datetime | None, now: datetime) -> Past:
        """A run has begun. One that was called by name (no `moment`) says nothing until it ends."""
        if moment is None:
            return self
        return replace(self, moment=moment, started=now, ended=None, ending="running", skipped=None)

    def done(self, started: datetime, now: datetime) -> Past:
        """A run went well, as far as it went."""
        return replace(self, started=started, ended=now, ending="done", failures=0, succeeded=started, trouble=None)

    def failed(self, started: datetime, now: datetime, trouble: Trouble) -> Past:
        """A scheduled run failed."""
        ending: Ending = "again" if trouble.may_retry else "over"
        return replace(self, started=started, ended=now, ending=ending, failures=self.failures + 1, trouble=trouble)

    def troubled(self, trouble: Trouble) -> Past:
        """A run that was called by name failed: the schedule is as it was."""
        return replace(self, trouble=trouble)

    def limited(self, started: datetime, now: datetime) -> Past:
        """A scheduled run has ended early, because its time was up: neither well nor badly."""
        return replace(self, started=started, ended=now, ending="over")

    def noted_skip(self, moment: datetime | None) -> Past:
        """It is noted that somebody else was at it at that moment."""
        return replace(self, skipped=moment)

    def switched(self, switch: Switch | None) -> Past:
        """Somebody has switched it off, or on again."""
        return replace(self, switch=switch)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = {name: written(value) if isinstance(value, datetime) else value for name, value in asdict(self).items()}
        if self.switch is not None:
            found["switch"] = self.switch._asdict() | {"since": written(self.switch.since)}
        if self.trouble is not None:
            found["trouble"] = self.trouble._asdict()
        return found

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Past:
        """From JSON; what a newer version added is left out."""
        known = {field.name: said[field.name] for field in fields(cls) if field.name in said}
        for name in ("moment", "started", "ended", "succeeded", "skipped"):
            known[name] = read(known.get(name))
        if known.get("switch"):
            switch = known["switch"]
            since = read(switch["since"])
            assert since is not None
            known["switch"] = Switch(since, switch["by"], switch["reason"])
        if known.get("trouble"):
            known["trouble"] = Trouble(**known["trouble"])
        return cls(**known)


NEVER = Past()
LATEST_MS = 253_370_764_800_000  # the year 9999: the last one of a calendar


def at(ms: int) -> datetime:
    """A time in milliseconds since 1970, as the clock tells it."""
    ms = min(ms, LATEST_MS)
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def ms_of(moment: datetime) -> int:
    """The same time in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def written(moment: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def read(text: str | None) -> datetime | None:
    """The same, read."""
    return None if text is None else datetime.fromisoformat(text)
