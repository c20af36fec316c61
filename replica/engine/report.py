"""What a replication reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from replica.tally import Failure, Tally


@dataclass(slots=True)
class Report:
    """The result of a replication; a direction that did not run is None. Conflicts leave `ok` true.

    `limit` names the limit that ended it early, if one did.
    """

    pull: Tally | None = None
    push: Tally | None = None
    seconds: float = 0.0
    dry_run: bool = False
    limit: str | None = None

    @property
    def ok(self) -> bool:
        """Whether everything offered was taken, in the directions that ran."""
        return self.limit is None and all(tally.ok for tally in (self.pull, self.push) if tally is not None)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "ok": self.ok,
            "pull": self.pull and self.pull.to_dict(),
            "push": self.push and self.push.to_dict(),
            "seconds": round(self.seconds, 3),
            "dry_run": self.dry_run,
            "limit": self.limit,
        }


class Sum:
    """What all rounds did together. What is refused in one round after the other is counted once."""

    def __init__(self) -> None:
        self.report = Report()
        self._running: dict[str, Tally] = {}
        self._named: set[tuple[str, Failure]] = set()

    def begin(self, direction: str, tally: Tally) -> None:
        """A round has begun with this direction, and counts there."""
        self._running[direction] = tally

    def fold(self) -> Report:
        """The report with all that was counted so far, of rounds that failed too; a round has ended."""
        for direction, tally in self._running.items():
            total = getattr(self.report, direction) or Tally()
            known = [each for each in tally.failures if (direction, each) in self._named]
            self._named.update((direction, each) for each in tally.failures)
            _forget(tally, known)
            total.add(tally)
            setattr(self.report, direction, total)
        self._running = {}
        return self.report


def _forget(tally: Tally, known: Iterable[Failure]) -> None:
    """Take out of a tally what was counted in an earlier one."""
    for failure in known:
        tally.failures.remove(failure)
        if tally.refused.get(failure.code):
            tally.refused[failure.code] -= 1
        else:
            tally.failed -= 1
    tally.refused = {code: number for code, number in tally.refused.items() if number}
