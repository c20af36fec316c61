"""The command `replicate connection show`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from replica.cli import render
from replica.cli.configuration import configuration
from replica.cli.connection.list_ import entry, state
from replica.cli.remembered import pasts
from replica.cli.terminal import Terminal
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from replica.service.connection import Connection

DESCRIPTION = """\
Show one connection: what counts for it and who says so, whether it is switched on, and which databases it is about at the
moment, each with its peer."""
EXAMPLE = "replicate connection show hub"
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("name", metavar="NAME", help="the connection")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    found = configuration(arguments)
    connection = found.connection(arguments.name)
    known, code = pasts(found, out)
    said = entry(connection, known.get(connection.name))
    settings = {each.key: {"value": each.value, "origin": each.origin} for each in found.settings(connection)}
    databases, problem = _databases(connection)
    said |= {"settings": settings, "databases": databases, "error": problem}
    if out.as_json:
        out.answer(said, ())
        return code
    rows = [(key, _text(each["value"]), each["origin"]) for key, each in settings.items()]
    out.table(("key", "value", "origin"), rows)
    for line in (f"state: {state(said)}", *(f"{each['here']} with {each['peer']}" for each in databases)):
        out.line(render.plain(line))
    if problem is not None:
        out.line(render.plain(f"no databases: {problem['message']}"))
    return code


def _databases(connection: Connection) -> tuple[list[dict[str, str]], dict[str, str] | None]:
    from replica.service.expansion import pairs_of
    from replica.service.run import told
    from replica.transports.address import without_password

    try:
        pairs = pairs_of(connection)
    except ReplicaError as error:
        return [], told(error)
    return [{"here": pair.here, "peer": without_password(pair.peer)} for pair in pairs], None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else render.json_text(value)
