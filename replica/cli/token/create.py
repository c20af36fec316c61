"""The command `replicate token create`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from replica.cli import render
from replica.cli.directory import add_data_flag, directory
from replica.cli.exits import Exit
from replica.cli.inputs import duration
from replica.cli.terminal import Terminal
from replica.clock import system_clock
from replica.errors import Mistake

if TYPE_CHECKING:
    from replica.access.tokens import Token

DESCRIPTION = """\
Make a token: a long text that programs show instead of a user's password, for as much as the user may do or less. It is
printed once, on standard output, and cannot be shown again. Programs give it in the variable REPLICA_TOKEN, or as
`Authorization: Bearer TOKEN`."""
EXAMPLE = """\
replicate token create anna --data /var/lib/replica --db orders --read-only --expires 30d
"""
DAYS_MAX = 36_500


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("user", metavar="USER", help="the user for whom it stands")
    add_data_flag(parser)
    parser.add_argument(
        "--db", metavar="NAME", action="append", default=[], help="only for this database; may be repeated"
    )
    parser.add_argument("--read-only", action="store_true", help="only for reading, and for pulling")
    parser.add_argument(
        "--expires", metavar="TIME", type=duration, help="how long it counts: 30d, 12h; for ever without"
    )


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    seconds: float | None = arguments.expires
    if seconds is not None and not 0 < seconds <= DAYS_MAX * 86400:
        raise Mistake(f"a token expires after 1 second to {DAYS_MAX:,} days", hint="Write --expires 30d.")
    databases: list[str] = sorted(set(arguments.db))
    with directory(arguments) as known:
        secret = known.create_token(
            arguments.user,
            databases=databases or None,
            read_only=arguments.read_only,
            expires_ms=None if seconds is None else system_clock() + round(seconds * 1000),
        )
        token = known.token(secret)
    assert token is not None
    out.answer({"ok": True, "token": secret, **token_entry(token)}, [secret])
    for name in databases:
        if not os.path.isfile(os.path.join(arguments.data, f"{name}.db")):
            out.note(f"there is no database {name} so far")
    out.note(f"this is the only time that it is shown; its id is {token.id}")
    return Exit.DONE


def token_entry(token: Token) -> dict[str, object]:
    """What is told of a token, without the secret."""
    return {
        "id": token.id,
        "user": token.user,
        "created": None if token.created_ms is None else render.moment_of(token.created_ms),
        "expires": None if token.expires_ms is None else render.moment_of(token.expires_ms),
        "databases": None if token.databases is None else sorted(token.databases),
        "read_only": token.read_only,
    }
