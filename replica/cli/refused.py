"""The command `replicate refused`."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Show the revisions that other replicas offered and this one did not take, and why: too large, damaged, or not allowed to
whoever offered them. Every replication asks for them again, so that they arrive when the reason is gone."""
EXAMPLE = "replicate refused orders.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        refused = [asdict(failure) for failure in hub.refused()]
    if out.as_json:
        out.answer(refused, ())
    elif refused:
        out.table(("UNID", "revision", "code"), (tuple(failure.values()) for failure in refused))
    else:
        out.note("nothing was refused")
    return Exit.DONE
