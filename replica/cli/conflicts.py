"""The command `replicate conflicts`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import replica
from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal
from replica.transports.address import without_password

DESCRIPTION = """\
Show the documents that were changed in two places: for each the revision that won and is shown, those that are kept as
conflict documents, and both values of every item that differs. `replicate resolve` ends a conflict."""
EXAMPLE = "replicate conflicts orders.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("--exit-code", action="store_true", help="exit code 4 if there are conflicts")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    shown = [0]
    with opened(arguments.db, arguments) as hub:
        found = _counted(hub.conflicts(), shown)
        if out.as_json:
            out.stream(render.json_text(conflict.to_dict()) for conflict in found)
        else:
            for conflict in found:
                _show(conflict, out)
    if shown[0]:
        out.note(f"To end one: replicate resolve {without_password(arguments.db)} UNID --keep REVISION")
    else:
        out.note("no conflicts")
    return Exit.CONFLICTS if arguments.exit_code and shown[0] else Exit.DONE


def _counted(conflicts: Iterator[replica.Conflict], shown: list[int]) -> Iterator[replica.Conflict]:
    for conflict in conflicts:
        shown[0] += 1
        yield conflict


def _show(conflict: replica.Conflict, out: Terminal) -> None:
    out.line(render.plain(f"{conflict.unid} is shown as revision {conflict.winner}"))
    for leaf in conflict.leaves:
        saved = f", saved {render.moment(leaf.time)}" if leaf.time else ""
        out.line(f"conflict document {leaf.unid}: revision {leaf.revision}{saved}")
        rows = [(name, *map(render.json_text, values)) for name, values in leaf.differs.items()]
        out.table(("item", "winner", "conflict document"), rows)
    out.line("")
