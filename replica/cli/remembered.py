"""The log of runs, for commands that read and write there what this machine remembers of connections."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from replica.cli.complaints import complain
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal
from replica.clock import system_clock
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from replica.service.configuration import Configuration
    from replica.service.past import Past, Switch
    from replica.service.status import Status


def pasts(found: Configuration, out: Terminal) -> tuple[Mapping[str, Past], Exit]:
    """What is remembered of each connection; nothing as long as there is no log. If it cannot be read, that is said, and the
    exit code is that of the error.
    """
    from replica.service.log import Log

    if not os.path.lexists(found.log_path):
        return {}, Exit.DONE
    try:
        with closing(Log(found.log_path, found.path, system_clock)) as log:
            return log.pasts(), Exit.DONE
    except ReplicaError as error:
        return {}, Exit(complain(error, as_json=out.as_json, debug=False))


def surveyed(found: Configuration, out: Terminal, *, closely: bool) -> tuple[list[Status], Exit]:
    """How the connections are doing. If the log cannot be read that is said, as `pasts` does, and nothing of it is known."""
    from replica.service.log import Log
    from replica.service.past import at
    from replica.service.status import survey

    now = at(system_clock())
    if not os.path.lexists(found.log_path):
        return survey(found, None, now, closely=closely), Exit.DONE
    try:
        with closing(Log(found.log_path, found.path, system_clock)) as log:
            return survey(found, log, now, closely=closely), Exit.DONE
    except ReplicaError as error:
        return [], Exit(complain(error, as_json=out.as_json, debug=False))


def switch(found: Configuration, name: str, reason: str | None) -> Switch | None:
    """Switch a connection off for that reason, or on again (None); what it was before. It is noted who did so."""
    from getpass import getuser

    from replica.service.log import Log
    from replica.service.past import Switch, at

    by = getuser()
    with closing(Log(found.log_path, found.path, system_clock)) as log:
        before = log.past(name).switch
        log.switch(name, None if reason is None else Switch(at(system_clock()), by, reason), by)
        return before
