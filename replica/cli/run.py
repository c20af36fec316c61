"""The command `replicate run`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from replica.cli.complaints import complain
from replica.cli.configuration import complain_of, configuration
from replica.cli.exits import Exit, worst
from replica.cli.runs import exit_of, tell
from replica.cli.terminal import Terminal
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from replica.service.configuration import Configuration
    from replica.service.connection import Connection
    from replica.service.pool import Turn
    from replica.service.running import Runner

DESCRIPTION = """\
Run the connections that are due, several at once, then exit: for cron, every minute. Or run those that are named, now, whether
they are due or not. With --forever, run each connection (or those that are named) whenever it is due, until a signal ends it;
SIGHUP reads the configuration again, SIGUSR1 prints the status. Two runs of one connection never take place at once on this
machine. Each is noted in the log. The exit code is that of the worst run; what goes wrong with one keeps no other from
running. Of connections that are due, only what went wrong is told, unless --verbose asks for more."""
EXAMPLE = """\
replicate -q run
replicate run hub
replicate --config /etc/replica/replica.toml run --forever
"""
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="the connections; those that are due unless named")
    parser.add_argument("--forever", action="store_true", help="go on, and run what is due as soon as it is")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.service.pool import Pool
    from replica.service.running import Runner

    if arguments.forever:
        from replica.cli.forever import go_on

        return go_on(arguments, out)
    found = configuration(arguments)
    codes, named = _named(arguments, found, out)
    runs = []
    with Runner(found, environment=os.environ) as runner:
        wanted = _wanted(runner, named)
        for done in Pool().run(runner, wanted):
            runs.append(done)
            codes.append(exit_of(done))
            tell(done, out)
    beside = [*runner.hook_errors, *([] if runner.log_error is None else [runner.log_error])]
    codes += [Exit(complain(error, as_json=out.as_json, debug=arguments.debug)) for error in beside]
    place = {turn.connection.name: number for number, turn in enumerate(wanted)}
    runs.sort(key=lambda done: place[done.connection.name])
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


def _wanted(runner: Runner, named: list[Connection] | None) -> list[Turn]:
    """What is to run: what is due, the most urgent first, or what was named."""
    from replica.service.pool import Turn

    if named is None:
        return [Turn(*each) for each in runner.due()]
    return [Turn(connection, None) for connection in named]
