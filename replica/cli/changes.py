"""The command `replicate changes`."""

from __future__ import annotations

import argparse

from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.inputs import sequence
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Show what changed, one line of JSON for each document at its latest change, in order. `sequence` counts the changes of
this replica; --since takes up where an earlier look ended."""
EXAMPLE = "replicate changes orders.db --since 120 --follow"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("--since", metavar="N", type=sequence, default=0, help="only what changed after this sequence")
    parser.add_argument("--follow", action="store_true", help="wait for more, until interrupted")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        for change in hub.changes(arguments.since, live=arguments.follow):
            out.line(render.json_text(change._asdict()), now=arguments.follow)
    return Exit.DONE
