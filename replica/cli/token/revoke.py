"""The command `replicate token revoke`."""

from __future__ import annotations

import argparse

from replica.cli.directory import add_data_flag, directory
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Make a token worthless, at once: what was begun with it is ended. If only the token itself is at hand, it may stand in place
of its id."""
EXAMPLE = "replicate token revoke 5e1f0c7a92b4 --data /var/lib/replica"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("id", metavar="ID", help="the id, as `replicate token list` shows it")
    add_data_flag(parser)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with directory(arguments) as known:
        token_id = known.revoke(arguments.id)
    out.done({"ok": True, "id": token_id}, f"revoked the token {token_id}")
    return Exit.DONE
