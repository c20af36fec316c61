"""The command `replicate sync`, and what `pull` and `push` share with it."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

import replica
from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.inputs import duration
from replica.cli.interruption import Stop, told_to_stop
from replica.cli.network import add_rate, network, opened
from replica.cli.progress import Bar
from replica.cli.terminal import Terminal
from replica.errors import ReplicaError

DESCRIPTION = """\
Bring two replicas together: pull what is new at B into A, then push what is new at A to B. Neither is created. A document
that was changed in both becomes a conflict document, which is no error. Interrupted, the next run goes on after the last
batch. With --continuous, changes go both ways as they are made; an interrupt ends that well."""
EXAMPLE = """\
replicate sync laptop.db orders.db
replicate sync laptop.db http://127.0.0.1:5985/orders --continuous
REPLICA_PASSWORD_FILE=secret replicate sync laptop.db https://anna@couch.example/orders
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("here", metavar="A", help="a replica: here")
    parser.add_argument("there", metavar="B", help="another replica of the same database: a file, or an address")
    parser.add_argument("--dry-run", action="store_true", help="count what would be done and change nothing")
    parser.add_argument(
        "--force",
        action="store_true",
        help="go on although one side is suddenly empty, or another server is at an address",
    )
    help_text = "end after this time (30s, 5m, 1h30m), with the batch in hand; exit code 7"
    parser.add_argument(
        "--continuous",
        action="store_true",
        help="go on: replicate whenever either side has something new, and try again what may get better, until interrupted",
    )
    parser.add_argument("--max-duration", metavar="DURATION", type=duration, help=help_text)
    add_rate(parser)
    help_text = "exit code 4 if A or B holds conflict documents afterwards"
    parser.add_argument("--fail-on-conflict", action="store_true", help=help_text)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    return replicate(arguments, out, "both")


def replicate(arguments: argparse.Namespace, out: Terminal, direction: str) -> int:
    """Replicate in this direction and say what came of it; the exit code."""
    with ExitStack() as stack:
        stop = stack.enter_context(told_to_stop()) if arguments.continuous else None
        bar = stack.enter_context(Bar(out))
        report = replica.replicate(
            arguments.here,
            arguments.there,
            direction,
            dry_run=arguments.dry_run,
            force=arguments.force,
            max_duration=arguments.max_duration,
            on_progress=bar.replicated,
            network=network(arguments, arguments.here, arguments.there),
            continuous=arguments.continuous,
            stop=stop,
            on_wait=_Trouble(out, bar).waits,
        )
    ran = {name: tally for name, tally in (("pull", report.pull), ("push", report.push)) if tally is not None}
    sentences = [render.tally_sentence(name, tally, report.dry_run) for name, tally in ran.items()]
    out.answer(report.to_dict(), () if out.quiet else sentences)
    for name, tally in ran.items():
        named = [f"{name}: {failure.unid} {failure.revision}: {failure.code}" for failure in tally.failures]
        out.name_failures(named, tally.failed + sum(tally.refused.values()))
    out.hint_at(failure.code for tally in ran.values() for failure in tally.failures)
    return _exit(arguments, out, report, stop)


class _Trouble:
    """Says once that something does not work for now, and once that it does again."""

    def __init__(self, out: Terminal, bar: Bar) -> None:
        self._out = out
        self._bar = bar
        self._said = False

    def waits(self, error: ReplicaError | None) -> None:
        """What `replicate` calls when there is nothing to do for now."""
        self._bar.clear()
        if error is not None and not self._said:
            self._out.note(f"replicate: {error}; it is tried again until it works")
        if error is None and self._said:
            self._out.note("replicate: it works again")
        self._said = error is not None
        self._bar.waits("waiting for changes" if error is None else "waiting to try again")


def _exit(arguments: argparse.Namespace, out: Terminal, report: replica.Report, stop: Stop | None) -> int:
    if report.limit is not None:
        out.warn("the time was up; the next run goes on from here")
        return Exit.LIMIT
    if not report.ok:
        return Exit.PARTIAL
    if arguments.fail_on_conflict and any(
        _has_conflicts(name, arguments) for name in (arguments.here, arguments.there)
    ):
        out.warn("there are conflict documents; `replicate conflicts` shows them")
        return Exit.CONFLICTS
    if stop is not None and stop.number is not None:
        return 128 + stop.number
    return Exit.DONE


def _has_conflicts(name: str, arguments: argparse.Namespace) -> bool:
    with opened(name, arguments) as hub:
        return any(True for _ in hub.conflicts())
