"""Where secrets come from: a file, a variable, a command or a prompt; never a flag, which others can see.

What is read is neither printed nor kept.
"""

from __future__ import annotations

import argparse
import os
import sys

from replica.errors import Mistake
from replica.service.reveal import first_line_of_command, first_line_of_file

PASSWORD = "REPLICA_PASSWORD"
TOKEN = "REPLICA_TOKEN"


def add_password_flag(parser: argparse.ArgumentParser) -> None:
    """The flag that names a file with a password."""
    text = "a file whose first line is the password; else it is that of REPLICA_PASSWORD, or asked for"
    parser.add_argument("--password-file", metavar="FILE", help=text)


def new_password(arguments: argparse.Namespace, name: str) -> str:
    """A password for the user `name`: from the file, the variables, or typed in twice. `Mistake` if there is none."""
    if arguments.password_file not in (None, os.environ.get(f"{PASSWORD}_FILE")):
        return first_line_of_file("--password-file", arguments.password_file)
    given = by_variable(PASSWORD)
    if given is not None:
        return given
    if sys.stdin is None or not sys.stdin.isatty():
        hint = f"Name a file with --password-file, or set {PASSWORD}; on a terminal it is asked for."
        raise Mistake("there is no password", hint=hint)
    import getpass

    typed = getpass.getpass(f"New password of {name}: ")
    if typed != getpass.getpass("The same again: "):
        raise Mistake("the two passwords are not the same", hint="Run it again; nothing was changed.")
    return typed


def by_variable(name: str) -> str | None:
    """The secret that the variable `name` holds, or that is in the file, or printed by the command, of those beside it."""
    if os.environ.get(name):
        return os.environ[name]
    if os.environ.get(f"{name}_FILE"):
        return first_line_of_file(f"{name}_FILE", os.environ[f"{name}_FILE"])
    if os.environ.get(f"{name}_COMMAND"):
        return first_line_of_command(f"{name}_COMMAND", os.environ[f"{name}_COMMAND"])
    return None
