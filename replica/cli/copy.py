"""The command `replicate copy`."""

from __future__ import annotations

import argparse

import replica
from replica.cli.exits import Exit
from replica.cli.progress import Bar
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Make a new replica of the database that SOURCE is a replica of, with all its documents. From then on each of the two is
changed on its own, and `replicate sync` brings them together. An existing file is not touched."""
EXAMPLE = "replicate copy orders.db laptop.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("source", metavar="SOURCE", help="a replica")
    parser.add_argument("db", metavar="DB", help="the file to make")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with replica.open(arguments.source) as source:
        with Bar(out) as bar:
            made = source.copy(arguments.db, on_progress=bar.named("copy"))
        with made:
            ids = made.identity
        answer = {"ok": True, "path": arguments.db, "replica_id": ids.replica_id, "instance_id": ids.instance_id}
        out.done(answer, f"created {arguments.db}, a replica of {arguments.source}")
    return Exit.DONE
