"""The command `replicate delete`."""

from __future__ import annotations

import argparse

import replica
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Delete a document, or close a conflict document. What remains is a deletion stub, which carries the deletion to the other
replicas. With --revision it is deleted only if it is still at that revision."""
EXAMPLE = "replicate delete orders.db order/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("unid", metavar="UNID", help="the UNID of the document")
    parser.add_argument("--revision", metavar="REV", help="the revision that it is expected to be at")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    document = replica.Document(unid=arguments.unid, revision=arguments.revision)
    with opened(arguments.db, arguments) as hub:
        stub = hub.delete(arguments.unid if arguments.revision is None else document)
    answer = {"ok": True, "_id": stub.unid, "_rev": stub.revision, "_deleted": True}
    out.done(answer, f"deleted {arguments.unid}; revision {stub.revision} says so")
    return Exit.DONE
