"""The command `replicate user list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from replica.cli.directory import add_data_flag, directory
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal

if TYPE_CHECKING:
    from replica.access.directory import ListedUser

DESCRIPTION = """\
Show the users of a server, with their roles and groups. The state is `ok`; `conflict` if the user was changed in two places,
which leaves only the roles that both gave, until the password is set again; or `damaged`, which cannot log in."""
EXAMPLE = "replicate user list --data /var/lib/replica"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    add_data_flag(parser)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with directory(arguments) as known:
        users = [_entry(user) for user in known.users()]
    if out.as_json:
        out.answer(users, ())
    elif users:
        out.table(("name", "administrator", "roles", "groups", "state"), map(_row, users))
    else:
        out.note("there are no users: whoever reaches the server may do everything, and it listens on loopback only")
    return Exit.DONE


def _entry(listed: ListedUser) -> dict[str, Any]:
    who = listed.principal
    return {
        "name": who.name,
        "admin": who.is_admin,
        "roles": sorted(who.roles),
        "groups": sorted(who.groups),
        "state": listed.state,
    }


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    roles = [role for role in entry["roles"] if not role.startswith("_")]
    return entry["name"], "yes" if entry["admin"] else "", ", ".join(roles), ", ".join(entry["groups"]), entry["state"]
