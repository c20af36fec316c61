"""The command `replicate token list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from replica.cli.directory import add_data_flag, directory
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal
from replica.cli.token.create import token_entry

if TYPE_CHECKING:
    from replica.access.directory import ListedToken

DESCRIPTION = """\
Show the tokens of a server: by their ids, as nobody has the tokens themselves. The state is `ok`, `expired`, `orphaned` if
the user is gone, or `damaged`; only the first lets anybody in."""
EXAMPLE = "replicate token list --data /var/lib/replica"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    add_data_flag(parser)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with directory(arguments) as known:
        tokens = [_entry(token) for token in known.tokens()]
    if out.as_json:
        out.answer(tokens, ())
    elif tokens:
        out.table(("id", "user", "databases", "rights", "expires", "state"), map(_row, tokens))
    else:
        out.note("there are no tokens")
    return Exit.DONE


def _entry(listed: ListedToken) -> dict[str, Any]:
    if listed.token is None:
        unknown = dict.fromkeys(("user", "created", "expires", "databases", "read_only"))
        return {"id": listed.id, **unknown, "state": listed.state}
    return {**token_entry(listed.token), "state": listed.state}


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    databases = "all" if entry["databases"] is None else ", ".join(entry["databases"])
    rights = "read" if entry["read_only"] else "read, write"
    return entry["id"], entry["user"] or "", databases, rights, entry["expires"] or "never", entry["state"]
