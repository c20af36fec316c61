"""The configuration for commands: the file named by `--config`, or one of those that are looked for."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from replica.cli.complaints import complain
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal
from replica.errors import BadSettings
from replica.transports.address import is_address

if TYPE_CHECKING:
    from replica.service.configuration import Configuration, Problem
    from replica.service.connection import Connection


def check_configuration(path: str) -> None:
    """For commands that need none: what is named is one (`Mistake`, `BadSettings`). Single connections are not their matter."""
    from replica.service.configuration import load

    for problem in load(path, environment=os.environ).problems:
        if problem.connection is None:
            raise _as_error(problem)


def configuration(arguments: argparse.Namespace) -> Configuration:
    """The configuration. `BadSettings` if there is none or it is no TOML; what else is wrong is in its `problems`."""
    from replica.service.configuration import load

    found = load(arguments.config, environment=os.environ)
    return replace(found, connections=tuple(_as_told(each, arguments) for each in found.connections))


def _as_told(connection: Connection, arguments: argparse.Namespace) -> Connection:
    """The connection with the certificates of the flags, where it names none of its own."""
    if not is_address(connection.peer):
        return connection
    names = ("ca_file", "client_cert")
    told = {name: getattr(arguments, name) for name in names if getattr(connection, name) is None}
    return connection.model_copy(update={name: path for name, path in told.items() if path is not None})


def complain_of(found: Configuration, out: Terminal) -> Exit:
    """Say what is wrong with it; the exit code of that."""
    for problem in found.problems:
        complain(_as_error(problem), as_json=out.as_json, debug=False)
    return Exit.USAGE if found.problems else Exit.DONE


def _as_error(problem: Problem) -> BadSettings:
    from replica.service.configuration import HINT

    return BadSettings(str(problem), hint=HINT)
