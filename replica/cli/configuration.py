"""The configuration for commands: the file named by `--config`, or one of those that are looked for."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from replica.cli.complaints import complain
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal
from replica.errors import BadSettings

if TYPE_CHECKING:
    from replica.service.configuration import Configuration, Problem


def check_configuration(path: str) -> None:
    """For commands that need none: what is named is one (`Mistake`, `BadSettings`). Single connections are not their matter."""
    from replica.service.configuration import load

    for problem in load(path, environment=os.environ).problems:
        if problem.connection is None:
            raise _as_error(problem)


def configuration(arguments: argparse.Namespace) -> Configuration:
    """The configuration. `BadSettings` if there is none or it is no TOML; what else is wrong is in its `problems`."""
    from replica.service.configuration import load

    return load(arguments.config, environment=os.environ)


def complain_of(found: Configuration, out: Terminal) -> Exit:
    """Say what is wrong with it; the exit code of that."""
    for problem in found.problems:
        complain(_as_error(problem), as_json=out.as_json, debug=False)
    return Exit.USAGE if found.problems else Exit.DONE


def _as_error(problem: Problem) -> BadSettings:
    from replica.service.configuration import HINT

    return BadSettings(str(problem), hint=HINT)
