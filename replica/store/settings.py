"""The settings that a replica keeps in its file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, text

from replica.canonical import Json, canonical, parse
from replica.errors import BadSettings, NotSupported
from replica.revision import ANCESTRY_LIMIT_MAX
from replica.store import tables
from replica.store.sqlite import SQLiteFile


class Setting(NamedTuple):
    """What a setting is for, its default, and what makes a value acceptable (None: it is)."""

    default: Json
    problem: Callable[[Json], str | None]
    meaning: str


def _text(value: Json) -> str | None:
    return None if isinstance(value, str) else "a text"


def _switch(value: Json) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _count(least: int, most: int) -> Callable[[Json], str | None]:
    def problem(value: Json) -> str | None:
        fits = type(value) is int and least <= value <= most
        return None if fits else f"a whole number from {least} to {most}"

    return problem


def _days(value: Json) -> str | None:
    return None if value is None or _count(0, 36500)(value) is None else "a number of days, or null"


def _policy(value: Json) -> str | None:
    words = list(value.values()) if isinstance(value, dict) else [value]
    fits = all(word in ("conflict", "merge") for word in words)
    return None if fits else "conflict or merge, or an object from Form to one of them"


def _never(value: Json) -> str | None:
    if value is not None:
        raise NotSupported("stub-lifetime: deletion stubs are kept for ever so far", hint="Leave it at null.")
    return None


SETTINGS: dict[str, Setting] = {
    "title": Setting("", _text, "What people call the database."),
    "keep-revisions": Setting(
        1, _count(1, 10**6), "How many revisions of a document `compact` keeps, the present one included."
    ),
    "keep-days": Setting(None, _days, "`compact` also keeps what was superseded in the last so many days."),
    "ancestry-limit": Setting(
        1000,
        _count(1, ANCESTRY_LIMIT_MAX),
        "How many ancestors a revision carries; travels with the database and only grows.",
    ),
    "document-size-max": Setting(
        16 * 2**20, _count(1, 2**30), "The largest document taken, in bytes of canonical JSON."
    ),
    "conflict-policy": Setting(
        "conflict",
        _policy,
        "`merge`: join clashing versions that changed different items; `conflict`: leave them to people.",
    ),
    "stub-lifetime": Setting(None, _never, "Deletion stubs are kept for ever (null)."),
    "paused": Setting(False, _switch, "Refuse to replicate."),
}


_ALL = select(tables.setting)
_VALUE = select(tables.setting.c.value).where(tables.setting.c.name == bindparam("name"))


def check_setting(name: str, value: Json) -> None:
    """Refuse (`BadSettings`) an unknown name or a value that it cannot take."""
    if name not in SETTINGS:
        near = difflib.get_close_matches(name, SETTINGS, n=1)
        raise BadSettings(f"there is no setting {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    wanted = SETTINGS[name].problem(value)
    if wanted:
        raise BadSettings(f"the setting {name!r} takes {wanted}, not {canonical(value).decode()[:80]}")


def read_setting(connection: Connection, name: str) -> Any:
    """The value of one setting."""
    value = connection.execute(_VALUE, {"name": name}).scalar()
    return SETTINGS[name].default if value is None else parse(value)


def read_settings(connection: Connection) -> dict[str, Json]:
    """All settings with their values."""
    kept = {name: parse(value) for name, value in connection.execute(_ALL)}
    return {name: kept.get(name, setting.default) for name, setting in SETTINGS.items()}


def write_setting(connection: Connection, name: str, value: Json) -> None:
    """Set one setting; `ancestry-limit` only grows."""
    check_setting(name, value)
    if name == "ancestry-limit" and value < read_setting(connection, name):
        raise BadSettings("the ancestry-limit only grows: peers may rely on what is kept")
    connection.execute(
        text("INSERT OR REPLACE INTO setting VALUES (:name, :value)"),
        {"name": name, "value": canonical(value).decode()},
    )


class Settings(MutableMapping[str, Json]):
    """The settings of a replica as a mapping; deleting one goes back to its default."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file

    def __getitem__(self, name: str) -> Json:
        if name not in SETTINGS:
            check_setting(name, None)
        with self._file.read() as connection:
            return read_setting(connection, name)

    def __setitem__(self, name: str, value: Json) -> None:
        with self._file.write() as connection:
            write_setting(connection, name, value)

    def __delitem__(self, name: str) -> None:
        self[name] = SETTINGS[name].default

    def __contains__(self, name: object) -> bool:
        return name in SETTINGS

    def __iter__(self) -> Iterator[str]:
        return iter(SETTINGS)

    def __len__(self) -> int:
        return len(SETTINGS)

    def __repr__(self) -> str:
        with self._file.read() as connection:
            return repr(read_settings(connection))
