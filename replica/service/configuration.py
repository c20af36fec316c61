"""The configuration: a TOML file with connections, read and checked as a whole.

What is wrong with one connection is told with its line, and the others are there all the same.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from replica.errors import BadSettings, Mistake, NotFound
from replica.service.connection import Connection
from replica.service.general import DEFAULT, KEEP_KEY, KEYS, LOG_KEY, Happening, Setting, read_general
from replica.service.lines import CONNECTION, Lines
from replica.service.places import find_configuration, local_zone
from replica.service.reading import Fault, understood, unknown_key
from replica.service.units import duration

TABLES = (*KEYS, CONNECTION)
MACHINE = "this machine"
HINT = "`replicate config check` tells all that is wrong."


class Problem(NamedTuple):
    """What is wrong, or doubtful, and where. `key` is "" where it is about more than one key; `line` None if it is not known."""

    file: str
    line: int | None
    connection: str | None
    key: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        about = "".join(f"{part}: " for part in (self.connection, self.key) if part)
        return f"{place}: {about}{self.message}"


@dataclass(frozen=True)
class Configuration:
    """What a file says. `connections`: those that can run. `names`: of all, also of those about which there are `problems`.

    `general`: what counts for all of them, by key. `path` is real, and together with a connection's name says which connection
    that is.
    """

    path: str
    general: Mapping[str, Setting]
    connections: tuple[Connection, ...] = ()
    problems: tuple[Problem, ...] = ()
    names: tuple[str, ...] = ()
    tables: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    lines: Lines = field(default_factory=lambda: Lines(""), repr=False)

    @property
    def log_path(self) -> str:
        """Where the log is."""
        return str(self.general[LOG_KEY].value)

    @property
    def keep_runs_s(self) -> float | None:
        """For how many seconds records stay in the log; None for ever."""
        setting = self.general.get(KEEP_KEY)
        return None if setting is None else duration(setting.value)

    def hook(self, happening: Happening) -> str | None:
        """Who is to be told when that happens: a command or an address."""
        setting = self.general.get(f"on-{happening}")
        return None if setting is None else str(setting.value)

    def connection(self, name: str) -> Connection:
        """The connection of that name; `NotFound`, or `BadSettings` if something is wrong with it."""
        for connection in self.connections:
            if connection.name == name:
                return connection
        for problem in self.problems:
            if problem.connection == name:
                raise BadSettings(str(problem), hint=HINT)
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "`replicate connection list` shows them."
        raise NotFound(f"there is no connection {name!r} in {self.path}", hint=hint)

    def problem(self, name: str, key: str, message: str) -> Problem:
        """A problem of the connection of that name, with its line."""
        number = next(at for at, table in enumerate(self.tables) if table.get("name") == name)
        return Problem(self.path, self.lines.of_connection(number, key), name, key, message)

    def settings(self, connection: Connection) -> Iterator[Setting]:
        """What counts for a connection: what is said of it, and the defaults that are not nothing."""
        number = next(at for at, table in enumerate(self.tables) if table.get("name") == connection.name)
        for name, about in Connection.model_fields.items():
            key, said = str(about.alias), self.tables[number]
            if key in said:
                yield Setting(key, said[key], f"{self.path}:{self.lines.of_connection(number, key)}")
            elif key == "timezone" and connection.is_scheduled:
                yield Setting(key, str(connection.timezone), MACHINE)
            elif about.default not in (None, (), 0.0) and key not in ("timezone", *_only_with(connection)):
                yield Setting(key, getattr(connection, name), DEFAULT)


def _only_with(connection: Connection) -> tuple[str, ...]:
    """Keys whose default says nothing about this connection."""
    return () if connection.schedule is not None else ("on-missed",)


def load(path: str | None = None, *, environment: Mapping[str, str] | None = None) -> Configuration:
    """Read the configuration in the file at `path`, or in the first that is there: `./replica.toml`,
    `$XDG_CONFIG_HOME/replica/replica.toml`, `/etc/replica/replica.toml`. `environment`: the variables that say where.

    `BadSettings` if there is none or it is no TOML, `Mistake` if it cannot be read. All else is in `problems`.
    """
    environment = environment or {}
    path = os.path.realpath(find_configuration(path, environment))
    text, content = _read(path)
    lines, folder = Lines(text), os.path.dirname(path)
    tables = content.get(CONNECTION, [])
    problems = [
        Problem(path, lines.of_key(key), None, "", unknown_key(key, TABLES)) for key in content if key not in TABLES
    ]
    general, wrong = read_general(content, environment, path, lines)
    problems += [Problem(path, lines.of_key(fault.key), None, fault.key, fault.message) for fault in wrong]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(Problem(path, lines.of_key(CONNECTION), None, "", "connections are written [[connection]]"))
        tables = []
    connections, faults = _connections(tables, folder, local_zone(environment))
    for number, fault in faults:
        name = tables[number].get("name")
        shown = name if isinstance(name, str) else None
        line = lines.of_connection(number, fault.key)
        problems.append(Problem(path, line, shown, fault.key, fault.message))
    names = tuple(table["name"] for table in tables if isinstance(table.get("name"), str))
    return Configuration(path, general, tuple(connections), tuple(problems), names, tuple(tables), lines)


def _read(path: str) -> tuple[str, dict[str, Any]]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}", hint="Name a TOML file that can be read.") from error
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is not TOML: it is not UTF-8", hint="Correct the file.") from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path} is not TOML: {error}", hint="Correct the file.") from error


def _connections(
    tables: list[dict[str, Any]], folder: str, zone: str
) -> tuple[list[Connection], list[tuple[int, Fault]]]:
    """The connections that can run, and what is wrong with the others, by their numbers."""
    found: list[Connection] = []
    faults: list[tuple[int, Fault]] = []
    taken: dict[str, int] = {}
    for number, table in enumerate(tables):
        scheduled = {"schedule", "every"} & table.keys()
        result = understood({"timezone": zone, **table} if scheduled else table, folder)
        own = list(result) if isinstance(result, list) else list(_open_secrets(result))
        name = table.get("name")
        if isinstance(name, str) and taken.setdefault(name.casefold(), number) != number:
            own.append(Fault("name", f"the name {name!r} is used twice"))
        faults += [(number, fault) for fault in own]
        if isinstance(result, Connection) and not own:
            found.append(result)
    return found, faults


def _open_secrets(connection: Connection) -> Iterator[Fault]:
    """Files with secrets that everybody on this machine can read."""
    for reference in (connection.password, connection.token):
        if reference is not None and reference.kind == "file" and _is_readable_by_others(reference.name):
            yield Fault(reference.key, f"others can read {reference.name}; `chmod o-rwx` keeps them from it")


def _is_readable_by_others(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & 0o004)
    except OSError:
        return False
