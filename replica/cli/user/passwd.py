"""The command `replicate user passwd`."""

from __future__ import annotations

import argparse

from replica.cli.directory import add_data_flag, directory
from replica.cli.exits import Exit
from replica.cli.secrets import add_password_flag, new_password
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Change the password of a user. What logged in with the former one is logged out; tokens stay. It also settles a conflict, if
the user was changed in two places: the roles that both gave remain."""
EXAMPLE = "replicate user passwd anna --data /var/lib/replica"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("name", metavar="NAME", help="the user")
    add_data_flag(parser)
    add_password_flag(parser)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with directory(arguments) as known:
        known.change_password(arguments.name, new_password(arguments, arguments.name))
    out.done({"ok": True, "name": arguments.name}, f"changed the password of {arguments.name}")
    return Exit.DONE
