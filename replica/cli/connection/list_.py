"""The command `replicate connection list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from replica.cli.configuration import complain_of, configuration
from replica.cli.exits import worst
from replica.cli.remembered import pasts
from replica.cli.terminal import Terminal

if TYPE_CHECKING:
    from replica.service.connection import Connection
    from replica.service.past import Past

DESCRIPTION = """\
Show the connections of the configuration: when each runs, whether it is switched on, and between what. Connections with
which something is wrong are left out, named on standard error, and make the exit code 2."""
EXAMPLE = "replicate connection list"
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    found = configuration(arguments)
    known, code = pasts(found, out)
    entries = [entry(connection, known.get(connection.name)) for connection in found.connections]
    if out.as_json:
        out.answer(entries, ())
    elif entries:
        out.table(("name", "state", "when", "direction", "here", "peer"), map(_row, entries))
    else:
        out.note(f"there are no connections in {found.path}")
    return worst((code, complain_of(found, out)))


def entry(connection: Connection, past: Past | None) -> dict[str, Any]:
    """One connection as JSON."""
    from replica.service.past import written
    from replica.transports.address import without_password

    switch = None if past is None else past.switch
    off = None if switch is None else {"since": written(switch.since), "by": switch.by, "reason": switch.reason}
    return {
        "name": connection.name,
        "enabled": connection.enabled and switch is None,
        "disabled": off,
        "when": connection.when,
        "direction": connection.direction,
        "priority": connection.priority,
        "here": connection.here,
        "peer": without_password(connection.peer),
    }


def state(said: dict[str, Any]) -> str:
    """Whether it is switched on, for people."""
    if said["enabled"]:
        return "enabled"
    off = said["disabled"]
    if off is None:
        return "disabled in the file"
    return f"disabled by {off['by']}" + (f": {off['reason']}" if off["reason"] else "")


def _row(said: dict[str, Any]) -> tuple[str, ...]:
    return said["name"], state(said), said["when"], said["direction"], said["here"], said["peer"]
