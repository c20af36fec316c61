"""The command `replicate get`."""

from __future__ import annotations

import argparse

from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Show a document, or a conflict document, as one line of JSON: `_id`, `_rev`, and the items by name."""
EXAMPLE = "replicate get orders.db order/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("unid", metavar="UNID", help="the UNID of the document")
    parser.add_argument("--revision", metavar="REV", help="this revision; `replicate revisions` lists them")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        out.line(hub.get(arguments.unid, revision=arguments.revision).to_json())
    return Exit.DONE
