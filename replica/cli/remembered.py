"""The log of runs, for commands that read and write there what this machine remembers of connections."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from replica.cli.complaints import complain
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal
from replica.clock import system_clock
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from replica.service.configuration import Configuration
    from replica.service.log import Log
    from replica.service.past import Past, Switch
    from replica.service.status import Status

T = TypeVar("T")


def pasts(found: Configuration, out: Terminal) -> tuple[Mapping[str, Past], Exit]:
    """What is remembered of each connection; nothing as long as there is no log. If it cannot be read, that is said, and the
    exit code is that of the error.
    """
    nothing: Mapping[str, Past] = {}
    return _asked(found, out, lambda log: nothing if log is None else log.pasts(), nothing)


def surveyed(found: Configuration, out: Terminal, *, closely: bool) -> tuple[list[Status], Exit]:
    """How the connections are doing. If the log cannot be read that is said, as `pasts` does, and nothing of it is known."""
    from replica.service.past import at
    from replica.service.status import survey

    now = at(system_clock())
    nothing: list[Status] = []
    return _asked(found, out, lambda log: survey(found, log, now, closely=closely), nothing)


def _asked(found: Configuration, out: Terminal, ask: Callable[[Log | None], T], nothing: T) -> tuple[T, Exit]:
    """What is asked of the log, None as long as there is none. If it cannot be read that is said, and the answer is nothing."""
    from replica.service.log import Log

    if not os.path.lexists(found.log_path):
        return ask(None), Exit.DONE
    try:
        with closing(Log(found.log_path, found.path, system_clock)) as log:
            return ask(log), Exit.DONE
    except ReplicaError as error:
        return nothing, Exit(complain(error, as_json=out.as_json, debug=False))


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
