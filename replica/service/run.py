"""What came of running a connection once, and how it is written down: `Run`. Values.

The items are a format that others read, on other machines too; docs/connections.md describes each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from replica.errors import ReplicaError
from replica.service.connection import Connection
from replica.service.expansion import Pair
from replica.service.past import Trouble, written
from replica.tally import Tally
from replica.transports.address import without_password

Outcome = Literal["done", "partial", "limit", "failed", "interrupted", "skipped"]
_WORST_LAST: tuple[Outcome, ...] = ("done", "skipped", "partial", "limit", "failed", "interrupted")

WAYS = ("pull", "push")
NAMED = 1000  # databases of one run that are told of one by one: those first with which something is wrong


@dataclass(slots=True)
class Way:
    """One direction: what it counted, and the source's update sequences: from which it went on, which it reached, and which
    was the last there when it began.
    """

    tally: Tally
    before: int
    end: int
    after: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return counted(self.tally) | {"checkpoint": {"before": self.before, "after": self.after, "end": self.end}}


def counted(tally: Tally) -> dict[str, Any]:
    """What was counted, as JSON. Who was refused is not named: the receiving side keeps the list."""
    counts = tally.to_dict()
    del counts["failures"]
    return counts


class Mark(NamedTuple):
    """How far one direction came: the source's update sequences, which it reached and which was known to be the last."""

    after: int
    end: int


Reached = dict[str, Mark]
"""The same by direction; one that never ran is left out."""


@dataclass(slots=True)
class Part:
    """What a run did with one database. `error`: what ended it, if something did."""

    pair: Pair
    ways: dict[str, Way] = field(default_factory=dict)
    error: BaseException | None = None
    limited: bool = False

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        if self.error is not None:
            return "failed" if isinstance(self.error, Exception) else "interrupted"
        if self.limited:
            return "limit"
        return "done" if all(way.tally.ok for way in self.ways.values()) else "partial"

    @property
    def reached(self) -> Reached:
        """How far it came."""
        return {name: Mark(way.after, way.end) for name, way in self.ways.items()}

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        ways = {name: self.ways[name].to_dict() if name in self.ways else None for name in WAYS}
        peer = without_password(self.pair.peer)
        return {"here": self.pair.here, "peer": peer, "outcome": self.outcome, **ways, "error": told(self.error)}


@dataclass(slots=True)
class Run:
    """What came of running a connection once. `moment`: of its schedule; None if it was called by name. `error`: what kept
    it from running at all. `id` is the UNID of its record in the log; None if there is none.
    """

    connection: Connection
    moment: datetime | None
    start: datetime
    end: datetime
    parts: list[Part] = field(default_factory=list)
    error: BaseException | None = None
    skipped: bool = False
    id: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The worst of what became of its databases."""
        if self.skipped:
            return "skipped"
        if self.error is not None:
            return "failed" if isinstance(self.error, Exception) else "interrupted"
        return max((part.outcome for part in self.parts), key=_WORST_LAST.index, default="done")

    @property
    def errors(self) -> list[BaseException]:
        """All that went wrong, in order."""
        found = [self.error, *(part.error for part in self.parts)]
        return [error for error in found if error is not None]

    @property
    def trouble(self) -> Trouble:
        """What went wrong first, in a run that failed; and whether anything that did may get better by itself."""
        first = told(self.errors[0])
        assert first is not None
        may_retry = any(isinstance(error, ReplicaError) and error.may_retry for error in self.errors)
        return Trouble(first["code"], first["message"], may_retry)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, and as the items of the record."""
        first = self.errors[0] if self.errors else None
        totals = self.totals()
        places = sorted(range(len(self.parts)), key=lambda place: self.parts[place].outcome == "done")
        named = [self.parts[place] for place in sorted(places[:NAMED])]
        return {
            "connection": self.connection.name,
            "here": self.connection.here,
            "peer": without_password(self.connection.peer),
            "direction": self.connection.direction,
            "moment": None if self.moment is None else written(self.moment),
            "start": written(self.start),
            "end": written(self.end),
            "outcome": self.outcome,
            "conflicts": sum(tally.conflicts for tally in totals.values()),
            **{way: counted(totals[way]) if way in totals else None for way in WAYS},
            "error": told(first),
            "databases": [part.to_dict() for part in named],
            "unnamed": len(self.parts) - len(named),
        }

    def totals(self) -> dict[str, Tally]:
        """What was counted in all databases together, for each direction that ran."""
        found: dict[str, Tally] = {}
        for part in self.parts:
            for name, way in part.ways.items():
                found.setdefault(name, Tally()).add(way.tally)
        return found


def told(error: BaseException | None) -> dict[str, str] | None:
    """An error as JSON: its code, message and hint."""
    if error is None:
        return None
    if isinstance(error, ReplicaError):
        return {"code": error.code, "message": str(error), "hint": error.hint}
    if isinstance(error, KeyboardInterrupt):
        return {"code": "interrupted", "message": "it was interrupted", "hint": "The next run goes on from there."}
    return {"code": ReplicaError.code, "message": f"{type(error).__name__}: {error}", "hint": ReplicaError.hint}
