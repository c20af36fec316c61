"""The command `replicate backup`."""

from __future__ import annotations

import argparse
import os

from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.progress import Bar
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Write a backup while others may read and write: an ordinary file that is this replica as it is now. To restore it, put it
in place of the replica; nothing special is to be done. An existing file is not touched."""
EXAMPLE = "replicate backup orders.db orders-monday.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("file", metavar="FILE", help="the file to make")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub, Bar(out) as bar:
        hub.backup(arguments.file, on_progress=bar.named("backup"))
    written = os.path.getsize(arguments.file)
    answer = {"ok": True, "path": arguments.file, "bytes": written}
    out.done(answer, f"wrote {arguments.file} ({render.size(written)})")
    return Exit.DONE
