"""The command `replicate user add`."""

from __future__ import annotations

import argparse

from replica.cli.directory import add_data_flag, directory
from replica.cli.exits import Exit
from replica.cli.secrets import add_password_flag, new_password
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Make a user of the server that serves this folder. As soon as there are users, a server answers nobody without a password,
a token or a certificate; as soon as one of them is an administrator, it may listen on any address. A running server knows
the user at once. Whoever may write the folder may do this."""
EXAMPLE = """\
replicate user add anna --data /var/lib/replica --admin
REPLICA_PASSWORD_FILE=secret replicate user add bruno --data . --role sales --role support
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("name", metavar="NAME", help="who logs in: any text without `:` that does not begin with `_`")
    add_data_flag(parser)
    parser.add_argument("--admin", action="store_true", help="make an administrator, who may do everything")
    parser.add_argument(
        "--role", metavar="ROLE", action="append", default=[], help="give the user a role; may be repeated"
    )
    add_password_flag(parser)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.access.people import check_role
    from replica.access.principal import ADMIN
    from replica.naming import check_name

    name, roles = check_name(arguments.name), sorted({*arguments.role, *([ADMIN] if arguments.admin else [])})
    for role in arguments.role:
        check_role(role)
    with directory(arguments) as known:
        known.add(name, new_password(arguments, name), roles=roles)
        what = "the administrator" if ADMIN in roles else "the user"
        out.done({"ok": True, "name": name, "roles": roles, "admin": ADMIN in roles}, f"added {what} {name}")
        if not known.has_admin:
            out.note("there is no administrator so far: nobody may use the server until one is added with --admin")
    return Exit.DONE
