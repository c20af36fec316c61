"""Two peers meet: they greet, it is checked that this is safe, and documents go one way or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from replica.engine.history import expected_position, has_forked, was_filled
from replica.engine.peer import Greeting, Peer
from replica.engine.prospect import Prospect
from replica.engine.replicate import Outset, Progress, Task
from replica.engine.report import Report
from replica.errors import LimitReached, Mistake, NotAReplica, Paused, ReadOnly, SuddenlyEmpty, WithItself
from replica.tally import Tally

DIRECTIONS = ("both", "pull", "push")

Transfer = Callable[[Task, Tally], None]


class Options(NamedTuple):
    """How to replicate. `on_begin` is told of each direction before it begins; `deadline_passed` is asked after every batch."""

    direction: str = "both"
    dry_run: bool = False
    force: bool = False
    on_progress: Callable[[Progress], object] | None = None
    deadline_passed: Callable[[], bool] = lambda: False
    on_begin: Callable[[Outset], object] = lambda outset: None


def meet(
    here: Peer, there: Peer, options: Options, transfer: Transfer, now_ms: Callable[[], int], ids: Callable[[], str]
) -> Report:
    """Replicate between two peers: pull (there to here), then push. `ids` makes session ids."""
    here_is, there_is = greet(here, there, options)
    report = Report(dry_run=options.dry_run)
    prospect = Prospect(options.direction, here_is, there_is)

    def go(name: str, target: Peer, source: Peer, to: Greeting, by: Greeting) -> None:
        tally = prospect.tally_of(name)
        setattr(report, name, tally)
        options.on_begin(Outset(name, expected_position(to, by), by.reached, tally))
        times = (prospect.telling(options.on_progress), options.deadline_passed)
        transfer(Task(name, target, source, to, by, ids(), now_ms, options.dry_run, *times), tally)

    try:
        if options.direction != "push":
            go("pull", here, there, here_is, there_is)
        if options.direction != "pull":
            received = report.pull is not None and report.pull.read > 0
            go("push", there, here, there_is, here.greet(there_is, options.dry_run) if received else here_is)
    except LimitReached:
        report.limit = "max_duration"
    return report


def greet(here: Peer, there: Peer, options: Options) -> tuple[Greeting, Greeting]:
    """Who the two are, each as it greets the other, once it is checked that they may exchange documents."""
    if options.direction not in DIRECTIONS:
        raise Mistake(f"the direction is one of {', '.join(DIRECTIONS)}, not {options.direction!r}")
    there_is = there.greet(here.greet(None), options.dry_run)
    here_is = here.greet(there_is, options.dry_run)
    if has_forked(there_is, here_is):  # what is remembered here was not known when it greeted
        there_is = there.greet(here_is, options.dry_run)
    check_safe(here_is, there_is, options)
    return (_as_new(here_is), _as_new(there_is)) if options.force else (here_is, there_is)


def check_safe(here: Greeting, there: Greeting, options: Options) -> None:
    """Refuse what would hurt, or cannot be done."""
    if here.place == there.place:
        raise WithItself("both ends are the same replica")
    if here.replica_id != there.replica_id:
        raise NotAReplica("the two are replicas of different databases")
    if here.paused or there.paused:
        raise Paused(f"replication is paused {'here' if here.paused else 'at the other end'}")
    if options.direction != "push" and not here.remembers:
        raise ReadOnly("this replica cannot be written, so nothing can be pulled into it")
    if options.direction != "pull" and not there.remembers:
        raise ReadOnly(
            "the other replica cannot be written, so nothing can be pushed to it", hint="Use `replicate pull`."
        )
    if not options.force:
        _check_not_emptied(here, there)


def _as_new(one: Greeting) -> Greeting:
    """Without what it remembers, if it holds nothing any more: it is to be filled again from the start."""
    return one._replace(sessions=[]) if _holds_nothing(one) else one


def _check_not_emptied(here: Greeting, there: Greeting) -> None:
    for mine, other, where in ((here, there, "the other replica"), (there, here, "this replica")):
        if _holds_nothing(other) and not mine.empty and was_filled(mine, other):
            raise SuddenlyEmpty(f"{where} holds nothing at all, although it did when the two last met")


def _holds_nothing(one: Greeting) -> bool:
    """Not even because it refused all that it was offered."""
    return one.empty and not one.refused
