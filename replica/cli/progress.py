"""Progress of long work: a bar on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from replica.cli.terminal import Terminal
from replica.cli.ways import Ways
from replica.clock import stopwatch

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from replica.engine.replicate import Progress as Replicated

PATIENCE_S = 0.5  # what is done sooner needs no bar, and no time to load one
WIDTH = 6  # of the bar of a replication, which leaves 73 of 80 columns to the words
_CLEAR = "\r\x1b[K"


class Bar:
    """Shows how far work has come: documents and how many a second, or the time it took; of a replication, both directions."""

    def __init__(self, out: Terminal) -> None:
        self._out = out
        self._elapsed = stopwatch()
        self._drawn: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._ways = Ways()
        self._has_line = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def replicated(self, progress: Replicated) -> None:
        """What `replicate` calls after every batch."""
        seconds = self._elapsed()
        self._ways.note(progress, seconds)
        drawn = self._drawn_after(seconds, _words_only)
        if drawn is not None:
            said = self._ways.said(drawn.console.width - WIDTH - 1)
            self._update(drawn, "", self._ways.done, self._ways.total, said)

    def named(self, what: str) -> Callable[[int, int], None]:
        """What a method of `Replica` is given as `on_progress`."""
        return lambda done, total: self.show(what, done, total)

    def show(self, what: str, done: int, total: int, documents: int | None = None) -> None:
        """So much of `total` (0: nobody knows) is done, which was so many documents."""
        seconds = self._elapsed()
        said = f"{seconds:,.0f} s" if documents is None else f"{documents:,} documents, {documents / seconds:,.0f}/s"
        drawn = self._drawn_after(seconds, _usual)
        if drawn is not None:
            self._update(drawn, what, done, total, said)

    def waits(self, why: str) -> None:
        """Nothing is done for now: a line says so, and stands still."""
        self.clear()
        if self._out.lively:
            print("; ".join(filter(None, (why, self._ways.so_far()))), end="", file=sys.stderr, flush=True)
            self._has_line = True

    def clear(self) -> None:
        """Take away what is drawn, so that a line can be printed."""
        if self._drawn is not None:
            self._drawn.stop()
        self._drawn, self._tasks = None, {}
        if self._has_line:
            print(_CLEAR, end="", file=sys.stderr, flush=True)
        self._has_line = False

    def _drawn_after(self, seconds: float, columns: Callable[[], list[ProgressColumn]]) -> Progress | None:
        """What is drawn, in these columns; None where nothing is to be shown, or not yet."""
        if not self._out.lively or (self._drawn is None and seconds < PATIENCE_S):
            return None
        if self._drawn is None:
            from rich.console import Console
            from rich.progress import Progress

            self.clear()
            console = Console(stderr=True, no_color=not self._out.colored)
            self._drawn = Progress(*columns(), console=console, transient=True)
            self._drawn.start()
        return self._drawn

    def _update(self, drawn: Progress, what: str, done: int, total: int, said: str) -> None:
        if what not in self._tasks:
            self._tasks[what] = drawn.add_task(what, total=None, said="")
        drawn.update(self._tasks[what], completed=done, total=total or None, said=said)


def _usual() -> list[ProgressColumn]:
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    words = TextColumn("{task.fields[said]}", markup=False)
    return [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), words, TimeRemainingColumn()]


def _words_only() -> list[ProgressColumn]:
    """Beside a short bar the words say everything."""
    from rich.progress import BarColumn, TextColumn

    return [BarColumn(bar_width=WIDTH), TextColumn("{task.fields[said]}", markup=False)]
