"""Where things are on a machine: the configuration, the log and the locks beside it, the time zone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping

from replica.errors import BadSettings

FILE = "replica.toml"
LOG = "log.db"

_LOCKS = "running"
_SYSTEM = "/etc/replica"
_LOCALTIME = "/etc/localtime"


def find_configuration(given: str | None, environment: Mapping[str, str]) -> str:
    """The path of the configuration: the one that is given, or the first that is there. `BadSettings` if there is none."""
    if given is not None:
        return given
    places = list(_candidates(environment))
    for path in places:
        if os.path.lexists(path):
            return path
    hint = f"Write {FILE}, as docs/connections.md shows, or name a file with --config."
    raise BadSettings(f"there is no configuration; it was looked for in {', '.join(places)}", hint=hint)


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    yield f"./{FILE}"
    folder = _folder(environment, "XDG_CONFIG_HOME", ".config")
    if folder is not None:
        yield os.path.join(folder, "replica", FILE)
    yield os.path.join(_SYSTEM, FILE)


def default_log(environment: Mapping[str, str]) -> str:
    """Where the log is, if nothing else is said. `BadSettings` if the variables name no folder for it."""
    service = environment.get("STATE_DIRECTORY", "").partition(":")[0]  # of systemd, which may name several
    if service:
        return os.path.join(service, LOG)
    folder = _folder(environment, "XDG_STATE_HOME", os.path.join(".local", "state"))
    if folder is None:
        raise BadSettings("there is no place for the log: HOME is not set", hint='Say in the file: log = "FILE"')
    return os.path.join(folder, "replica", LOG)


def _folder(environment: Mapping[str, str], name: str, below_home: str) -> str | None:
    given, home = environment.get(name, ""), environment.get("HOME", "")
    if os.path.isabs(given):  # the others are to be ignored, says the XDG specification
        return given
    return os.path.join(home, below_home) if os.path.isabs(home) else None


def lock_path(log: str, configuration: str, name: str) -> str:
    """The lock of a connection: beside the log, so that it counts for those who share one."""
    return os.path.join(os.path.dirname(log), _LOCKS, f"{name}-{digest(configuration)}.lock")


def digest(configuration: str) -> str:
    """A short name for a configuration, by its path: two files may have connections of the same name."""
    return hashlib.sha256(os.fsencode(configuration)).hexdigest()[:16]


def host() -> str:
    """What this machine is called."""
    return os.uname().nodename


def local_zone(environment: Mapping[str, str], link: str = _LOCALTIME) -> str:
    """The name of this machine's time zone; UTC if it has no name, as in a container."""
    given = environment.get("TZ", "").removeprefix(":")
    path = given if os.path.isabs(given) else os.path.realpath(link)
    if given and not os.path.isabs(given):
        return given
    _, found, name = path.partition("zoneinfo/")
    return name if found else "UTC"
