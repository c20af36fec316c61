"""The command `replicate copy`."""

from __future__ import annotations

import argparse

from replica.cli.exits import Exit
from replica.cli.network import add_rate, opened
from replica.cli.progress import Bar
from replica.cli.remarks import told
from replica.cli.terminal import Terminal
from replica.transports.address import without_password

DESCRIPTION = """\
Make a new replica of the database that SOURCE is a replica of, with all its documents. From then on each of the two is
changed on its own, and `replicate sync` brings them together. An existing file is not touched."""
EXAMPLE = "replicate copy orders.db laptop.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("source", metavar="SOURCE", help="a replica: a file, or an address")
    parser.add_argument("db", metavar="DB", help="the file to make")
    add_rate(parser)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.source, arguments) as source:
        with Bar(out) as bar, told(out, bar):
            made = source.copy(arguments.db, on_progress=bar.named("copy"))
        with made:
            ids = made.identity
        answer = {"ok": True, "path": arguments.db, "replica_id": ids.replica_id, "instance_id": ids.instance_id}
        out.done(answer, f"created {arguments.db}, a replica of {without_password(arguments.source)}")
    return Exit.DONE
