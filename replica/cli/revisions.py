"""The command `replicate revisions`."""

from __future__ import annotations

import argparse

from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Show the revisions of a document that are kept here, the one that is shown first, then the newest: leaves, and superseded
revisions until `replicate compact` forgets them. Each is a line of JSON; with --json all are one array."""
EXAMPLE = "replicate revisions orders.db order/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("unid", metavar="UNID", help="the UNID of the document")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        out.stream(revision.to_json() for revision in hub.revisions(arguments.unid))
    return Exit.DONE
