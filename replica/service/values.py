"""The values of a connection's keys, as a file says them; what is none is a `ValueError` for people."""

from __future__ import annotations

import re

from replica.service import units
from replica.service.calendar import find_zone, read_schedule
from replica.service.units import TimeRange

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)  # what file names and the labels of metrics can carry


def read_seconds(value: object) -> float:
    """Seconds from a duration."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('a duration is a text such as "15m"')
    return units.duration(str(value))


def read_rate(value: object) -> float:
    """Bytes a second."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError('a rate is a text such as "2MiB"')
    return units.rate(str(value))


def read_texts(value: object) -> tuple[str, ...]:
    """Texts, of which one may stand alone."""
    found = value if isinstance(value, list | tuple) else [value]
    if not found or not all(isinstance(text, str) for text in found):
        raise ValueError("it is a text, or a list of texts")
    return tuple(found)


def read_times(value: object) -> tuple[TimeRange, ...]:
    """Parts of a day."""
    return tuple(units.time_range(text) for text in read_texts(value))


def read_days(value: object) -> frozenset[int]:
    """Days of the week."""
    return frozenset(day for text in read_texts(value) for day in units.days(text))


def as_schedule(value: object) -> object:
    """A schedule from its text."""
    return read_schedule(value) if isinstance(value, str) else value


def as_zone(value: object) -> object:
    """A time zone from its name."""
    return find_zone(value) if isinstance(value, str) else value


def check_name(name: str) -> str:
    """The name of a connection."""
    if not NAME.fullmatch(name):
        raise ValueError("a name has letters, digits, `.`, `_` and `-`, 64 at most, and begins with a letter or digit")
    return name


def check_user(user: str) -> str:
    """The name of a user."""
    if not user or ":" in user:
        raise ValueError("a user has a name without `:`")
    return user
