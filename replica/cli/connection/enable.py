"""The command `replicate connection enable`."""

from __future__ import annotations

import argparse

from replica.cli.configuration import configuration
from replica.cli.exits import Exit
from replica.cli.remembered import switch
from replica.cli.terminal import Terminal
from replica.errors import BadSettings

DESCRIPTION = """\
Switch a connection on again that was switched off with `replicate connection disable`. What was missed meanwhile is treated
as `on-missed` says. Where the file says `enabled = false`, that has to be changed there."""
EXAMPLE = "replicate connection enable hub"
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("name", metavar="NAME", help="the connection")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    found = configuration(arguments)
    connection = found.connection(arguments.name)
    if not connection.enabled:
        problem = found.problem(connection.name, "enabled", "the file switches it off")
        raise BadSettings(str(problem), hint="Change that line.")
    was = switch(found, connection.name, None)
    said = f"enabled {connection.name}" if was is not None else f"{connection.name} was enabled already"
    out.done({"ok": True, "name": connection.name, "enabled": True}, said)
    return Exit.DONE
