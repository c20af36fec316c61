"""Progress of long work: a bar on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from replica.cli.terminal import Terminal
from replica.clock import stopwatch

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from replica.engine.replicate import Progress as Replicated
    from replica.tally import Tally

PATIENCE_S = 0.5  # what is done sooner needs no bar, and no time to load one
_CLEAR = "\r\x1b[K"


class Leg(NamedTuple):
    """One direction of one round: since when it is watched, and how many documents had been read by then."""

    tally: Tally
    begun: float
    documents: int


class Bar:
    """Shows how far work has come: documents and how many a second, or the time it took; what is pending; time left."""

    def __init__(self, out: Terminal) -> None:
        self._out = out
        self._elapsed = stopwatch()
        self._drawn: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._legs: dict[str, Leg] = {}
        self._has_line = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def replicated(self, progress: Replicated) -> None:
        """What `replicate` calls after every batch."""
        direction, done, total, tally = progress
        leg = self._legs.get(direction)
        if leg is None or leg.tally is not tally:
            leg = Leg(tally, 0.0, 0) if leg is None else Leg(tally, self._elapsed(), tally.read)
            self._legs[direction] = leg
            if self._drawn is not None and direction in self._tasks:
                self._drawn.remove_task(self._tasks.pop(direction))
        seconds = self._elapsed() - leg.begun
        rate = f", {(tally.read - leg.documents) / seconds:,.0f}/s" if tally.read > leg.documents else ""
        self._show(direction, done, total, seconds, f"{tally.read:,} documents{rate}, {total - done:,} pending")

    def named(self, what: str) -> Callable[[int, int], None]:
        """What a method of `Replica` is given as `on_progress`."""
        return lambda done, total: self.show(what, done, total)

    def show(self, what: str, done: int, total: int, documents: int | None = None) -> None:
        """So much of `total` (0: nobody knows) is done, which was so many documents."""
        seconds = self._elapsed()
        said = f"{seconds:,.0f} s" if documents is None else f"{documents:,} documents, {documents / seconds:,.0f}/s"
        self._show(what, done, total, seconds, said)

    def waits(self, why: str) -> None:
        """Nothing is done for now: a line says so, and stands still."""
        self.clear()
        if self._out.lively:
            print(why, end="", file=sys.stderr, flush=True)
            self._has_line = True

    def clear(self) -> None:
        """Take away what is drawn, so that a line can be printed."""
        if self._drawn is not None:
            self._drawn.stop()
        self._drawn, self._tasks = None, {}
        if self._has_line:
            print(_CLEAR, end="", file=sys.stderr, flush=True)
        self._has_line = False

    def _show(self, what: str, done: int, total: int, seconds: float, said: str) -> None:
        """The same, in words, after so many seconds."""
        if not self._out.lively or (self._drawn is None and seconds < PATIENCE_S):
            return
        if self._drawn is None:
            self.clear()
            self._drawn = self._draw()
        if what not in self._tasks:
            self._tasks[what] = self._drawn.add_task(what, total=None, said="")
        self._drawn.update(self._tasks[what], completed=done, total=total or None, said=said)

    def _draw(self) -> Progress:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        drawn = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[said]}", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True, no_color=not self._out.colored),
            transient=True,
        )
        drawn.start()
        return drawn
