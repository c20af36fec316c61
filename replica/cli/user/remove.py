"""The command `replicate user remove`."""

from __future__ import annotations

import argparse

from replica.cli import render
from replica.cli.directory import add_data_flag, directory
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Remove a user, and revoke the tokens. Where the directory is replicated, the removal counts even if somebody changed the
user elsewhere at the same time."""
EXAMPLE = "replicate user remove bruno --data /var/lib/replica"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("name", metavar="NAME", help="the user")
    add_data_flag(parser)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with directory(arguments) as known:
        revoked = known.remove(arguments.name)
        also = f" and {render.counted(revoked, 'token')}" if revoked else ""
        out.done({"ok": True, "name": arguments.name, "tokens": revoked}, f"removed {arguments.name}{also}")
        if not known.has_admin:
            out.note("there is no administrator any more; `replicate user add --admin` makes one")
    return Exit.DONE
