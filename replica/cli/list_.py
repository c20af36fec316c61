"""The command `replicate list`."""

from __future__ import annotations

import argparse

from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = "Show the documents in the order of their UNIDs, each as a line of JSON; with --json as one array."
EXAMPLE = "replicate list orders.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("--conflicts", action="store_true", help="show the conflict documents too")
    parser.add_argument("--deleted", action="store_true", help="show the deletion stubs too")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        documents = hub.documents(conflicts=arguments.conflicts, deleted=arguments.deleted)
        out.stream(document.to_json() for document in documents)
    return Exit.DONE
