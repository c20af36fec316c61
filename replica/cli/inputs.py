"""What a command is given: JSON in words or on standard input, and values of flags."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from replica.clock import system_clock
from replica.errors import Mistake, TooLarge
from replica.service import units

STDIN = "-"


def standard_input() -> BinaryIO:
    """The bytes of standard input; `Mistake` if it is closed."""
    if sys.stdin is None:
        raise Mistake("standard input is closed", hint="Name a file, or give the JSON as an argument.")
    return sys.stdin.buffer


def text_of(word: str | None, most: int) -> str | bytes:
    """The word itself; what is on standard input for ``-`` or None, `TooLarge` if that is more than `most` bytes."""
    if word is not None and word != STDIN:
        return word
    text: bytes = standard_input().read(most + 1)
    if len(text) > most:
        raise TooLarge(f"standard input has more than {most:,} bytes")
    return text


def duration(text: str) -> float:
    """Seconds from `90`, `30s`, `5m`, `1h30m`, `250ms`."""
    return _read(units.duration, text)


def rate(text: str) -> float:
    """Bytes a second, from `500k`, `2M`, `64KiB`."""
    return _read(units.rate, text)


def since(text: str) -> datetime:
    """A time that has been: how long ago, as a duration, or a time as ISO 8601; this machine's, unless it says a zone."""
    from replica.service.past import at  # `--help` does not need it

    try:
        return at(system_clock()) - timedelta(seconds=units.duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write 2h for two hours ago, or 2026-03-01T08:00"
        ) from error


def _read(read: Callable[[str], float], text: str) -> float:
    try:
        return read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """A whole number from 0."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def sequence(text: str) -> int | str:
    """A place in a feed: a whole number from 0, or what a server gave."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text
