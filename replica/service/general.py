"""What a configuration says for all its connections: where the log is, and who is told when something happens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from replica.service.lines import Lines
from replica.service.places import default_log
from replica.service.reading import Fault
from replica.service.units import duration

Happening = Literal["failure", "recovery", "conflict"]

LOG_KEY = "log"
LOG_VARIABLE = "REPLICA_LOG"
KEEP_KEY = "keep-runs"
KEEP_MIN_S, KEEP_MAX_S = 86400.0, 36_525 * 86400.0
DEFAULT = "default"
ABOUT = {
    LOG_KEY: f"Where the log of runs is; the variable `{LOG_VARIABLE}` goes before it",
    KEEP_KEY: "How long records of runs stay in the log, such as `90d`; for ever, if this is not said",
    "on-failure": "A command, or an address, that is told when a connection begins to fail, or fails otherwise than before",
    "on-recovery": "The same for when it goes well again",
    "on-conflict": "The same for when a run brings new conflicts",
}
KEYS = tuple(ABOUT)


class Setting(NamedTuple):
    """A value that counts, and who said so: a line of a file, a variable, this machine, or nobody (`default`)."""

    key: str
    value: Any
    origin: str


def is_web(hook: str) -> bool:
    """Whether who is told is an address, and no command."""
    return hook.startswith(("http://", "https://"))


def read_general(
    content: Mapping[str, Any], environment: Mapping[str, str], path: str, lines: Lines
) -> tuple[dict[str, Setting], list[Fault]]:
    """What counts, by key, and what is wrong with what the file at `path` says."""
    faults = [Fault(key, wrong) for key in KEYS if key in content and (wrong := _wrong(key, content[key]))]
    bad = {fault.key for fault in faults}
    found = {
        key: Setting(key, content[key], f"{path}:{lines.of_key(key)}")
        for key in KEYS
        if key in content and key not in bad
    }
    return found | {LOG_KEY: _log(found.get(LOG_KEY), environment, path)}, faults


def _log(said: Setting | None, environment: Mapping[str, str], path: str) -> Setting:
    if environment.get(LOG_VARIABLE):
        return Setting(LOG_KEY, os.path.abspath(environment[LOG_VARIABLE]), LOG_VARIABLE)
    if said is not None:
        return said._replace(value=os.path.join(os.path.dirname(path), said.value))
    return Setting(LOG_KEY, default_log(environment), DEFAULT)


def _wrong(key: str, value: Any) -> str | None:
    """What is wrong with a value, if something is."""
    if not isinstance(value, str) or not value or "\0" in value:
        return {LOG_KEY: "it is the path of a file", KEEP_KEY: "it is a duration"}.get(
            key, "it is a command or an address"
        )
    if key == LOG_KEY:
        return None
    return _wrong_duration(value) if key == KEEP_KEY else _wrong_hook(value)


def _wrong_duration(value: str) -> str | None:
    try:
        return (
            None if KEEP_MIN_S <= duration(value) <= KEEP_MAX_S else "it is a day at least, and a hundred years at most"
        )
    except ValueError as error:
        return str(error)


def _wrong_hook(value: str) -> str | None:
    if not is_web(value):
        return None
    try:
        parts = urlsplit(value)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        return "it is no address"
    return None if parts.password is None else "no password may stand in an address here; a command can look it up"
