"""The command `replicate acl`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal
from replica.errors import Mistake

if TYPE_CHECKING:
    from replica.replica import Replica
    from replica.rights import Rights

DESCRIPTION = """\
Show or change the access list of a database: who may do what in it on a server. It is a document and replicates with the
database; only a manager's change counts. LEVEL is none, depositor, reader, author, editor, designer or manager. NAME is a
user, group:NAME or role:NAME of the server, -default- (all others) or anonymous (whoever has not logged in). `set` replaces
the entry of that name; `check` shows what a name would have, by the users in _users.db beside the file or above."""
EXAMPLE = """\
replicate acl orders.db list
replicate acl orders.db set anna editor --role approver --deny delete
replicate acl orders.db set group:north author
replicate acl orders.db set -default- reader
replicate acl orders.db remove anna
replicate acl orders.db check anna
"""
_WORDS = {"list": (), "set": ("NAME", "LEVEL"), "remove": ("NAME",), "check": ("NAME",)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica, or its address on a server")
    parser.add_argument("action", choices=list(_WORDS), help="what to do")
    parser.add_argument("words", metavar="NAME [LEVEL]", nargs="*", help="whose entry, and for `set` the level")
    parser.add_argument(
        "--role", metavar="R", action="append", default=[], help="a role in this database, with `set`; may be repeated"
    )
    parser.add_argument(
        "--deny",
        metavar="PRIVILEGE",
        action="append",
        default=[],
        help="create, delete or replicate: what the level would allow and this entry does not, with `set`; may be repeated",
    )


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    wanted = _WORDS[arguments.action]
    if len(arguments.words) != len(wanted):
        raise Mistake(f"`acl DB {arguments.action}` takes {' and '.join(wanted) or 'nothing more'}", hint=_HINT)
    if (arguments.role or arguments.deny) and arguments.action != "set":
        raise Mistake("--role and --deny go with `set` alone", hint=_HINT)
    with opened(arguments.db, arguments) as hub:
        _ACTIONS[arguments.action](hub, arguments, out)
    return Exit.DONE


_HINT = "See `replicate acl --help`."


def _list(hub: Replica, arguments: argparse.Namespace, out: Terminal) -> None:
    from replica.access import lists

    entries = [_told(entry.name, entry.rights) for entry in lists.read_entries(hub)]
    if out.as_json:
        out.answer(entries, ())
    elif entries:
        out.table(("name", "level", "roles", "privileges"), map(_row, entries))
    else:
        out.note(
            "there is no access list: as long as the server has no users everybody is manager, then administrators alone"
        )
    if lists.is_in_conflict(hub):
        out.note(
            "the list was changed in two places: until that conflict is resolved, everybody has what both lists give"
        )


def _set(hub: Replica, arguments: argparse.Namespace, out: Terminal) -> None:
    from replica.access import lists

    name, level = arguments.words
    entry = lists.set_entry(hub, name, level, roles=arguments.role, deny=arguments.deny)
    out.answer({"ok": True, **_told(name, entry.rights)}, [f"{name} is {level}"])


def _remove(hub: Replica, arguments: argparse.Namespace, out: Terminal) -> None:
    from replica.access import lists

    (name,) = arguments.words
    lists.remove_entry(hub, name)
    out.answer({"ok": True, "name": name}, [f"removed {name}"])


def _check(hub: Replica, arguments: argparse.Namespace, out: Terminal) -> None:
    from replica.access import lists
    from replica.cli import render

    (name,) = arguments.words
    standing = lists.standing_of(hub, name)
    told = _told(name, standing.rights) | {"by": standing.by}
    shown = {key: ", ".join(value) if isinstance(value, list) else value for key, value in told.items()}
    out.answer(told, render.pairs(shown))


_ACTIONS: dict[str, Callable[[Replica, argparse.Namespace, Terminal], None]] = {
    "list": _list,
    "set": _set,
    "remove": _remove,
    "check": _check,
}


def _told(name: str, rights: Rights) -> dict[str, Any]:
    return {
        "name": name,
        "level": rights.level.word,
        "roles": sorted(rights.roles),
        "privileges": rights.privileges,
    }


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return entry["name"], entry["level"], ", ".join(entry["roles"]), ", ".join(entry["privileges"])
