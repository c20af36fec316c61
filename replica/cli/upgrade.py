"""The command `replicate upgrade`."""

from __future__ import annotations

import argparse

import replica
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Bring the file of a replica that an older version made up to date: all of it or nothing. Versions of this program that are
older than the new file cannot read it any more: copy the file first, while no program uses it, if they still have to."""
EXAMPLE = "replicate upgrade orders.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    upgraded = replica.upgrade(arguments.db)
    said = f"{arguments.db} was brought up to date" if upgraded else f"{arguments.db} is up to date"
    out.done({"ok": True, "upgraded": upgraded}, said)
    return Exit.DONE
