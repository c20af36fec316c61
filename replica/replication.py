"""From two names to two peers, the fastest lane between them, and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from replica.clock import stopwatch, system_clock
from replica.engine.meeting import Options, Transfer, meet
from replica.engine.peer import Greeting, Peer
from replica.engine.replicate import Progress, Task, transfer
from replica.engine.report import Report
from replica.replica import FilePath, Replica, open_path
from replica.store.identity import new_id
from replica.tally import Tally
from replica.transports.address import is_address
from replica.transports.attached import file_of, transfer_attached
from replica.transports.direct import DirectPeer

if TYPE_CHECKING:
    from replica.transports.network import Network

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
    network: Network | None = None,
) -> Report:
    """Replicate between two replicas, by their files' paths or their addresses: pull (there to here), then push, or one.

    `dry_run` counts and changes nothing. `force` goes on although one side is suddenly empty, or another server is found
    at an address. `max_duration`: seconds after which it ends with the batch in hand; the report's `limit` says so.
    Interrupted in any way, the next run goes on after the last batch. `network`: secrets and the like for addresses.
    Errors: `NotAReplica`, `WithItself`, `SuddenlyEmpty`, `Paused`, `ReadOnly`, `Locked`, `DiskError`, those of `open`,
    `NotAuthenticated`, `NotAllowed`, and `Unreachable` or another `TransportError` where it may be tried again. What
    single documents meet is counted in the report instead.
    """
    elapsed = stopwatch()
    options = Options(
        direction, dry_run, force, on_progress, lambda: max_duration is not None and elapsed() > max_duration
    )
    with ExitStack() as stack:
        a = stack.enter_context(_reached(here, network))
        b = stack.enter_context(_reached(there, network, a.greet(None) if is_address(there) else None, dry_run))
        report = meet(a, b, options, _way(a, b, force), system_clock, new_id)
    report.seconds = elapsed()
    return report


def fastest(task: Task, tally: Tally) -> None:
    """Transfer by SQL where both ends are files and something may be written, else through the verbs."""
    target, source = file_of(task.target), file_of(task.source)
    if target is None or source is None or task.dry_run:
        transfer(task, tally)
    else:
        transfer_attached(task, target, source, tally)


def _way(here: Peer, there: Peer, force: bool) -> Transfer:
    if isinstance(here, DirectPeer) and isinstance(there, DirectPeer):
        return fastest
    from replica.transports.connecting import way_between

    return way_between(here, there, force)


@contextmanager
def _reached(end: End, network: Network | None, other: Greeting | None = None, dry_run: bool = False) -> Iterator[Peer]:
    """The peer at one end. At an address it is greeted at once, by `other`: its answer tells what it is.

    What only the network needs is imported when there is an address.
    """
    if isinstance(end, Replica):
        yield end.end()
    elif is_address(end):
        from replica.transports.connecting import connected

        with connected(str(end), network, other, dry_run) as peer:
            yield peer
    else:
        with open_path(end) as replica:
            yield replica.end()
