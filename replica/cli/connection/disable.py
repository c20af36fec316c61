"""The command `replicate connection disable`."""

from __future__ import annotations

import argparse

from replica.cli.configuration import configuration
from replica.cli.exits import Exit
from replica.cli.remembered import switch
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Switch a connection off on this machine: it is never due, until it is enabled again. Called by its name, it still runs. Who
did so, when and why is in the log; a run that is going on is not ended."""
EXAMPLE = 'replicate connection disable hub --reason "the line is being repaired"'
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("name", metavar="NAME", help="the connection")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for those who wonder")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    found = configuration(arguments)
    connection = found.connection(arguments.name)
    switch(found, connection.name, arguments.reason)
    out.done({"ok": True, "name": connection.name, "enabled": False}, f"disabled {connection.name}")
    return Exit.DONE
