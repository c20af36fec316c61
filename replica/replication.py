"""From two names to two peers, the fastest lane between them, and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from threading import Event
from typing import TYPE_CHECKING

from replica.clock import stopwatch, system_clock
from replica.engine.meeting import Options, Transfer, greet, meet
from replica.engine.peer import Greeting, Peer
from replica.engine.replicate import Outset, Progress, Task, transfer
from replica.engine.report import Report
from replica.errors import Mistake, ReplicaError
from replica.replica import FilePath, Replica, open_path
from replica.store.identity import new_id
from replica.tally import Tally
from replica.transports.address import is_address
from replica.transports.attached import file_of, transfer_attached
from replica.transports.direct import DirectPeer

if TYPE_CHECKING:
    from replica.continuous import Around
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
    continuous: bool = False,
    stop: Event | None = None,
    on_wait: Callable[[ReplicaError | None], object] | None = None,
    on_begin: Callable[[Outset], object] = lambda outset: None,
) -> Report:
    """Replicate between two replicas, by their files' paths or their addresses: pull (there to here), then push, or one.

    `dry_run` counts and changes nothing. `force` goes on although one side is suddenly empty, or another server is found
    at an address. `max_duration`: seconds after which it ends with the batch in hand; the report's `limit` says so. It
    also ends so when `stop` is set, and the `limit` is "stop" if that was before all was done.
    Interrupted in any way, the next run goes on after the last batch. `network`: secrets and the like for addresses.
    Errors: `NotAReplica`, `WithItself`, `SuddenlyEmpty`, `Paused`, `ReadOnly`, `Locked`, `DiskError`, those of `open`,
    `NotAuthenticated`, `NotAllowed`, and `Unreachable` or another `TransportError` where it may be tried again. What
    single documents meet is counted in the report instead.

    `continuous`: replicate again whenever either end has something new, until `stop` is set or `max_duration` is over;
    the report is the sum. What `may_retry` does not end it: it is tried again, after pauses of 1 to 60 seconds. `on_wait`
    is called with such an error, and with None when all is done for now; it and `on_progress` are called in a thread.
    Not with `dry_run` (`Mistake`).

    `on_begin` is told of each direction before it begins (`Outset`): its tally fills up while it runs, and stays what it was
    if something is raised.
    """
    elapsed = stopwatch()
    stop = stop or Event()

    def out_of_time() -> bool:
        return max_duration is not None and elapsed() > max_duration

    def meeting(a: Peer, b: Peer, around: Around, is_over: Callable[[], bool]) -> Report:
        options = Options(direction, dry_run, force, on_progress, is_over, on_begin)
        return meet(a, b, options, around(_way(a, b, force)), system_clock, new_id)

    def is_over() -> bool:
        return stop.is_set() or out_of_time()

    if continuous and dry_run:
        raise Mistake("what is replicated continuously cannot be a dry run")
    with ExitStack() as stack:
        to_here, to_there = (stack.enter_context(_leading(end, network, dry_run)) for end in (here, there))
        if continuous:
            from replica.continuous import Course, go_on

            course = Course(to_here, to_there, meeting, is_over, on_wait or (lambda error: None))
            report = go_on(course, at_any_cost=not any(map(_is_far, (here, there))))
        else:
            a = to_here(None)
            report = meeting(a, to_there(a), lambda transfer: transfer, is_over)
    if continuous:
        report.limit = "max_duration" if out_of_time() else None
    elif report.limit is not None:
        report.limit = "max_duration" if out_of_time() else "stop"
    report.seconds = elapsed()
    return report


def meet_only(here: End, there: End, direction: str, *, network: Network | None = None) -> tuple[Greeting, Greeting]:
    """Do what `replicate` does before anything is transferred: both ends greet, and all that is checked then is checked.

    Nothing is written at either end. How the two greet; errors as in `replicate`.
    """
    with _leading(here, network, True) as to_here, _leading(there, network, True) as to_there:
        a = to_here(None)
        b = to_there(a)
        _way(a, b, False)
        return greet(a, b, Options(direction, dry_run=True))


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
def _leading(end: End, network: Network | None, dry_run: bool) -> Iterator[Callable[[Peer | None], Peer]]:
    """What gets the peer at one end, once or again and again. At an address it is greeted at once, by the other peer if
    there is one already: its answer tells what it is.

    What only the network needs is imported when there is an address.
    """
    if isinstance(end, Replica) and not is_address(end.path):
        peer = end.end()
        yield lambda other: peer
    elif isinstance(end, Replica):
        yield lambda other: end.end()
    elif is_address(end):
        from replica.transports.connecting import peer_at, web_at

        with closing(web_at(str(end), network)) as web:
            yield lambda other: peer_at(web, None if other is None else other.greet(None), dry_run)
    else:
        with open_path(end) as replica:
            yield lambda other: replica.peer


def _is_far(end: End) -> bool:
    return is_address(end.path if isinstance(end, Replica) else end)
