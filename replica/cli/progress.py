"""Progress of long work: a bar on standard error, if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from replica.cli.terminal import Terminal
from replica.clock import stopwatch

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from replica.engine.replicate import Progress as Replicated

PATIENCE_S = 0.5  # what is done sooner needs no bar, and no time to load one


class Bar:
    """Shows how far work has come: done, total, documents a second or the time it took, time left."""

    def __init__(self, out: Terminal) -> None:
        self._out = out
        self._elapsed = stopwatch()
        self._drawn: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn is not None:
            self._drawn.stop()

    def replicated(self, progress: Replicated) -> None:
        """What `replicate` calls after every batch."""
        self.show(progress.direction, progress.done, progress.total, progress.tally.read)

    def named(self, what: str) -> Callable[[int, int], None]:
        """What a method of `Replica` is given as `on_progress`."""
        return lambda done, total: self.show(what, done, total)

    def show(self, what: str, done: int, total: int, documents: int | None = None) -> None:
        """So much of `total` (0: nobody knows) is done, which was so many documents."""
        seconds = self._elapsed()
        if not self._out.lively or (self._drawn is None and seconds < PATIENCE_S):
            return
        drawn = self._drawn = self._drawn or self._draw()
        if what not in self._tasks:
            self._tasks[what] = drawn.add_task(what, total=None, said="")
        said = f"{seconds:,.0f} s" if documents is None else f"{documents:,} documents, {documents / seconds:,.0f}/s"
        drawn.update(self._tasks[what], completed=done, total=total or None, said=said)

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
