"""From two names to two peers, the fastest lane between them, and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from replica.clock import stopwatch, system_clock
from replica.engine.meeting import Options, meet
from replica.engine.replicate import Progress, Task, transfer
from replica.engine.report import Report
from replica.replica import FilePath, Replica
from replica.replica import open as open_replica
from replica.store.identity import new_id
from replica.tally import Tally
from replica.transports.attached import file_of, transfer_attached

End = Replica | FilePath


def replicate(
    here: End,
    there: End,
    direction: str = "both",
    *,
    dry_run: bool = False,
    force: bool = False,
    on_progress: Callable[[Progress], object] | None = None,
    max_duration: float | None = None,
) -> Report:
    """Replicate between two replicas, or the files at two paths: pull (there to here), then push, or one of them.

    `dry_run` counts and changes nothing. `force` goes on although one side is suddenly empty. `max_duration`: seconds
    after which it ends with the batch in hand; the report's `limit` says so. Interrupted in any way, the next run goes on
    after the last batch. Errors: `NotAReplica`, `WithItself`, `SuddenlyEmpty`, `Paused`, `ReadOnly`, `Locked`,
    `DiskError` and those of `open`. What single documents meet is counted in the report instead.
    """
    elapsed = stopwatch()
    options = Options(
        direction, dry_run, force, on_progress, lambda: max_duration is not None and elapsed() > max_duration
    )
    with ExitStack() as stack:
        a, b = (stack.enter_context(_opened(end)) for end in (here, there))
        for end in (a, b):
            end.peer.file.check_outside("replication")  # a peer would remember what is not durable yet
        report = meet(a.peer, b.peer, options, fastest, system_clock, new_id)
    report.seconds = elapsed()
    return report


def fastest(task: Task, tally: Tally) -> None:
    """Transfer by SQL where both ends are files and something may be written, else through the verbs."""
    target, source = file_of(task.target), file_of(task.source)
    if target is None or source is None or task.dry_run:
        transfer(task, tally)
    else:
        transfer_attached(task, target, source, tally)


@contextmanager
def _opened(end: End) -> Iterator[Replica]:
    if isinstance(end, Replica):
        yield end
        return
    with open_replica(end) as replica:
        yield replica
