"""The command `replicate schedule show`."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from replica.cli import render
from replica.cli.configuration import complain_of, configuration
from replica.cli.exits import worst
from replica.cli.remembered import pasts
from replica.cli.terminal import Terminal
from replica.clock import system_clock

if TYPE_CHECKING:
    from replica.service.connection import Connection
    from replica.service.past import Past

DESCRIPTION = """\
Show what runs when: the schedule of each connection, when it runs next, and when it ran and went well last. What runs next
comes first; a time that has passed is one for which it is due."""
EXAMPLE = """\
replicate schedule show
replicate schedule show --json
"""
READS_CONFIGURATION = True
_COLUMNS = {
    "name": "name",
    "when": "when",
    "next_run": "next run",
    "last_run": "last run",
    "last_success": "last success",
}
_NEVER = "9999"  # after all times


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.service.past import NEVER

    found = configuration(arguments)
    known, code = pasts(found, out)
    entries = [_entry(connection, known.get(connection.name, NEVER)) for connection in found.connections]
    entries.sort(key=lambda each: (each["next_run"] or _NEVER, each["name"]))
    if out.as_json:
        out.answer(entries, ())
    elif entries:
        out.table(tuple(_COLUMNS.values()), ([_cell(key, each[key]) for key in _COLUMNS] for each in entries))
    else:
        out.note(f"there are no connections in {found.path}")
    return worst((code, complain_of(found, out)))


def _entry(connection: Connection, past: Past) -> dict[str, Any]:
    """One connection as JSON."""
    from replica.service.agenda import upcoming
    from replica.service.past import at, written

    times = {
        "next_run": upcoming(connection, past, at(system_clock())),
        "last_run": past.started,
        "last_success": past.succeeded,
    }
    return {
        "name": connection.name,
        "when": connection.when,
        "timezone": str(connection.timezone) if connection.is_scheduled else None,
        "priority": connection.priority,
        **{key: None if time is None else written(time) for key, time in times.items()},
    }


def _cell(key: str, value: str | None) -> str:
    if value is None:
        return "-"
    return value if key in ("name", "when") else render.moment(datetime.fromisoformat(value))
