"""The command `replicate create`."""

from __future__ import annotations

import argparse

import replica
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal
from replica.errors import Mistake

DESCRIPTION = "Make a new database: a file that is its first replica. An existing file is not touched."
EXAMPLE = 'replicate create orders.db --title "Orders"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="the file to make")
    parser.add_argument("--title", default="", metavar="TEXT", help="what people call the database")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    if arguments.db == ":memory:":
        raise Mistake("a database in memory ends with the command", hint="Name a file.")
    with replica.create(arguments.db, title=arguments.title) as hub:
        ids = hub.identity
        answer = {"ok": True, "path": arguments.db, "replica_id": ids.replica_id, "instance_id": ids.instance_id}
        out.done(answer, f"created {arguments.db}")
    return Exit.DONE
