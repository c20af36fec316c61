"""The command `replicate info`."""

from __future__ import annotations

import argparse

from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Show what a replica is and how much it holds: documents that are live, deletion stubs, conflict documents, documents that
have conflict documents, its update sequence, and the size of the file."""
EXAMPLE = "replicate info orders.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        info = hub.info()
    out.answer(info, render.pairs(info))
    return Exit.DONE
