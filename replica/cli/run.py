"""The command `replicate run`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from replica.cli import render
from replica.cli.complaints import complain
from replica.cli.configuration import complain_of, configuration
from replica.cli.exits import Exit, exit_for, worst
from replica.cli.terminal import Terminal
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from replica.service.configuration import Configuration
    from replica.service.connection import Connection
    from replica.service.run import Run
    from replica.service.running import Runner

DESCRIPTION = """\
Run the connections that are due, one after the other, then exit: for cron, every minute. Or run those that are named, now,
whether they are due or not. Two runs of one connection never take place at once on this machine. Each is noted in the log.
The exit code is that of the worst run; what goes wrong with one keeps no other from running. Of connections that are due,
only what went wrong is told, unless --verbose asks for more."""
EXAMPLE = """\
replicate -q run
replicate run hub
replicate --config /etc/replica/replica.toml run --json
"""
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="the connections; those that are due unless named")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.service.running import Runner

    found = configuration(arguments)
    codes, named = _named(arguments, found, out)
    runs = []
    with Runner(found, environment=os.environ) as runner:
        for connection, moment in _wanted(runner, named):
            done = runner.run(connection, moment)
            if done is not None:
                runs.append(done)
                codes.append(_exit(done))
                _tell(done, out)
    beside = [*runner.hook_errors, *([] if runner.log_error is None else [runner.log_error])]
    codes += [Exit(complain(error, as_json=out.as_json, debug=arguments.debug)) for error in beside]
    out.answer([{"run": done.id, **done.to_dict()} for done in runs], ())
    return worst(codes)


def _named(
    arguments: argparse.Namespace, found: Configuration, out: Terminal
) -> tuple[list[Exit], list[Connection] | None]:
    """Those that were named, None if nobody was, and what is wrong with them or with the others; `NotFound`."""
    if not arguments.names:
        return [complain_of(found, out)], None
    codes: list[Exit] = []
    chosen = []
    for name in dict.fromkeys(arguments.names):
        try:
            chosen.append(found.connection(name))
        except ReplicaError as error:
            if name not in found.names:
                raise
            codes.append(Exit(complain(error, as_json=out.as_json, debug=arguments.debug)))
    return codes, chosen


def _wanted(runner: Runner, named: list[Connection] | None) -> Iterator[tuple[Connection, datetime | None]]:
    if named is None:
        yield from runner.due()
    else:
        yield from ((connection, None) for connection in named)


def _exit(done: Run) -> Exit:
    """The code of one run. To find somebody else at it is no failure, unless it was called by name."""
    if done.outcome == "skipped":
        return Exit.DONE if done.moment is not None else Exit.LOCKED
    codes = [exit_for(error) for error in done.errors]
    outcomes = {part.outcome for part in done.parts}
    codes += [Exit.PARTIAL] * ("partial" in outcomes) + [Exit.LIMIT] * ("limit" in outcomes)
    return worst(codes)


def _tell(done: Run, out: Terminal) -> None:
    """One line of a run: what came of it if that was asked for, and what went wrong."""
    name = done.connection.name
    sentences = [render.tally_sentence(way, tally, False) for way, tally in done.totals().items()]
    if done.moment is None and not out.quiet and not out.as_json:
        for sentence in sentences:
            out.line(render.plain(f"{name}: {sentence}"), now=True)
    problem = _problem(done)
    if problem is None:
        if out.verbose and done.moment is not None:
            seconds = (done.end - done.start).total_seconds()
            out.note(f"{name}: {'; '.join(sentences)} ({seconds:.1f} s)")
        return
    said = f"{name}: {problem}"
    if done.outcome == "skipped" and done.moment is not None:
        if out.verbose:
            out.note(said)
        return
    out.warn(said)
    if done.errors and isinstance(done.errors[0], ReplicaError):
        out.note(f"hint: {done.errors[0].hint}")


def _problem(done: Run) -> str | None:
    """What went wrong, in one line; None if nothing did."""
    failed = [part for part in done.parts if part.error is not None]
    if done.error is not None:
        return _said(done.error)
    if failed:
        several = f"{len(failed)} of {len(done.parts)} databases failed; " if len(done.parts) > 1 else ""
        return f"{several}{failed[0].pair.here}: {_said(failed[0].error)}"
    if done.outcome == "limit":
        return "the time was up; the next run goes on from there"
    if done.outcome == "partial":
        count = sum(tally.failed + sum(tally.refused.values()) for tally in done.totals().values())
        return f"{render.counted(count, 'document')} not taken; `replicate refused` lists them"
    return None


def _said(error: BaseException | None) -> str:
    from replica.service.run import told

    return (told(error) or {"message": ""})["message"]
