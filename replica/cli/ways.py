"""Both directions of a replication in one line: what is done and what is pending, how fast it goes, and the time left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replica.engine.replicate import Progress
    from replica.tally import Tally


@dataclass
class Leg:
    """One direction of one round. `begun`: since when it is watched, if it is, and how far it had come by then."""

    tally: Tally
    done: int
    total: int
    begun: float | None = None
    done_before: int = 0
    read_before: int = 0

    @property
    def pending(self) -> int:
        """The changes of the source that are still to be looked at."""
        return self.total - self.done


class Ways:
    """What `replicate` tells of its directions, over all rounds."""

    def __init__(self) -> None:
        self._legs: dict[str, Leg] = {}
        self._earlier: Counter[str] = Counter()  # documents read in rounds before
        self._running: Leg | None = None
        self._told = 0.0

    def note(self, progress: Progress, seconds: float) -> None:
        """That much is done, after so many seconds."""
        is_first = not self._legs
        if progress.other is not None:
            self._take(progress.other)
        leg, is_new = self._take(progress)
        if is_new and not is_first:  # after a pause: when it began is not known
            leg.begun, leg.done_before, leg.read_before = seconds, leg.done, leg.tally.read
        elif leg.begun is None:  # with the command, or when the other direction had ended
            leg.begun = self._told
        self._running, self._told = leg, seconds

    def _take(self, progress: Progress) -> tuple[Leg, bool]:
        leg = self._legs.get(progress.direction)
        if leg is not None and leg.tally is progress.tally:
            leg.done, leg.total = progress.done, progress.total
            return leg, False
        if leg is not None:
            self._earlier[progress.direction] += leg.tally.read
        leg = self._legs[progress.direction] = Leg(progress.tally, progress.done, progress.total)
        return leg, True

    @property
    def done(self) -> int:
        """How much of `total`, in both directions of this round."""
        return sum(leg.done for leg in self._legs.values())

    @property
    def total(self) -> int:
        """All there is to do in this round, as far as it is known."""
        return sum(leg.total for leg in self._legs.values())

    def said(self, width: int) -> str:
        """All of it in at most so many columns, if that is possible; else without the rate, or also the time left."""
        ways, pace = self.so_far(), self._pace()
        lines = ["; ".join([ways, ", ".join(pace[first:])]) for first in range(len(pace))]
        return next((line for line in lines if len(line) <= width), ways)

    def so_far(self) -> str:
        """The two directions alone, as when nothing moves."""
        return "; ".join(self._way(name, leg) for name, leg in sorted(self._legs.items()))

    def _way(self, name: str, leg: Leg) -> str:
        read = self._earlier[name] + leg.tally.read
        done = [f"{number(read)} done"] if read or not leg.pending else []
        pending = [f"{number(leg.pending)} pending"] if leg.pending else []
        return f"{name} {', '.join(done + pending)}"

    def _pace(self) -> list[str]:
        """The documents a second, and the time left at this pace; what is known of it."""
        leg = self._running
        if leg is None or leg.begun is None or self._told <= leg.begun or leg.tally.read <= leg.read_before:
            return []
        seconds, done = self._told - leg.begun, leg.done - leg.done_before
        rate = f"{number(round((leg.tally.read - leg.read_before) / seconds))}/s"
        left = clock((self.total - self.done) * seconds / done) if done and self.done < self.total else ""
        return [rate, f"{left} left"] if left else [rate]


def number(count: int) -> str:
    """A number in six columns at most."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= max(100_000, size):
            return f"{count / size:.{1 if count < 10 * size else 0}f}{unit}"
    return f"{count:,}"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
