"""The command `replicate config check`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from replica.cli import render
from replica.cli.configuration import configuration
from replica.cli.exits import Exit
from replica.cli.terminal import Terminal

if TYPE_CHECKING:
    from replica.service.configuration import Configuration, Problem

DESCRIPTION = """\
Tell all that is wrong with the configuration, each with its line; exit code 2 if anything is. Below that, what is allowed and
perhaps not meant: two connections of one pair, changes that nobody brings back, files that are not there. No peer is
reached; `replicate connection test` does that."""
EXAMPLE = """\
replicate config check
replicate --config /etc/replica/replica.toml config check --json
"""
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.service.lint import doubts

    found = configuration(arguments)
    doubtful = doubts(found)
    said = {"ok": not found.problems, "file": found.path}
    both = {"problems": [*map(_entry, found.problems)], "warnings": [*map(_entry, doubtful)]}
    out.answer(said | both, map(render.plain, _lines(found, doubtful, out.quiet)))
    return Exit.USAGE if found.problems else Exit.DONE


def _entry(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "connection": problem.connection,
        "key": problem.key or None,
        "message": problem.message,
    }


def _lines(found: Configuration, doubtful: list[Problem], quiet: bool) -> Iterator[str]:
    yield from map(str, found.problems)
    yield from (f"warning: {doubt}" for doubt in doubtful)
    if not found.problems and not quiet:
        yield f"{found.path}: {render.counted(len(found.connections), 'connection')}, nothing wrong"
