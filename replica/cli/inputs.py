"""What a command is given: JSON in words or on standard input, and values of flags."""

from __future__ import annotations

import argparse
import re
import sys
from typing import BinaryIO

from replica.errors import Mistake, TooLarge

STDIN = "-"
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


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
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 30s, 5m or 1h30m")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))


def count(text: str) -> int:
    """A whole number from 0."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def sequence(text: str) -> int | str:
    """A place in a feed: a whole number from 0, or what a server gave."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text
