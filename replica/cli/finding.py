"""Which command is meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

from replica.cli.commands import COMMANDS, FAMILIES
from replica.errors import Mistake

_WITH_VALUE = ("--config", "--ca-file", "--client-cert", "--user")  # flags of every command that are followed by a word


def find_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The first word that is no flag, or two of them, and the other words. `Mistake` if they are not a command.

    The first alone if it needs a second one, and there is none.
    """
    plain = _without_flags(words)
    first = next(plain, None)
    if first is None:
        return None, list(words)
    used, name = {first}, words[first]
    if name in FAMILIES and (second := next(plain, None)) is not None:
        used.add(second)
        name = f"{name} {words[second]}"
    if name not in COMMANDS and name not in FAMILIES:
        _refuse_command(name)
    return name, [word for at, word in enumerate(words) if at not in used]


def _without_flags(words: Sequence[str]) -> Iterator[int]:
    """Where the words are that are neither flags of every command nor their values; behind `--`, all are."""
    skip = False
    for at, word in enumerate(words):
        if word == "--" and not skip:
            yield from range(at + 1, len(words))
            return
        if not skip and not word.startswith("-"):
            yield at
        skip = not skip and word in _WITH_VALUE


def _refuse_command(word: str) -> NoReturn:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"Did you mean `replicate {near[0]}`?" if near else "`replicate --help` lists the commands."
    raise Mistake(f"there is no command {word!r}", hint=hint)
