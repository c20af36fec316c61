"""The command `replicate verify`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.progress import Bar
from replica.cli.terminal import NAMED, Terminal

DESCRIPTION = """\
Check a replica: the structure of the file, every revision against its hash and its id. With OTHER: compare two replicas;
they are equal when they hold the same revisions of the same documents, deletion stubs included, with the same bytes.
Exit code 6 if something was found."""
EXAMPLE = """\
replicate verify orders.db
replicate verify laptop.db orders.db
"""
_FOUND = (("only_here", "only here"), ("only_there", "only there"), ("different", "different"))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    text = "another replica of the same database: a file, or an address of a server of ours"
    parser.add_argument("other", metavar="OTHER", nargs="?", help=text)


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub, Bar(out) as bar:
        if arguments.other is None:
            found = hub.verify(on_progress=bar.named("verify"))
            lines = _damage(found, out)
        else:
            with opened(arguments.other, arguments) as other:
                found = hub.compare(other, on_progress=bar.named("compare"))
            lines = _differences(found, arguments, out)
    out.answer(found, lines)
    return Exit.DONE if found["ok"] else Exit.DIFFERENT


def _damage(found: dict[str, Any], out: Terminal) -> Iterator[str]:
    checked = render.counted(found["checked"], "revision")
    if found["ok"]:
        if not out.quiet:
            yield f"checked {checked}: all intact"
        return
    yield f"checked {checked}: {len(found['damaged']):,} damaged"
    lines = [each["message"] for each in found["damaged"]]
    yield from _bounded(lines, out)


def _differences(found: dict[str, Any], arguments: argparse.Namespace, out: Terminal) -> Iterator[str]:
    if found["ok"] and not out.quiet:
        yield render.plain(f"{arguments.db} and {arguments.other} hold the same")
    for key, words in _FOUND:
        if found[key]:
            yield f"{words}: {render.counted(len(found[key]), 'document')}"
            yield from _bounded(found[key], out)


def _bounded(lines: list[str], out: Terminal) -> Iterator[str]:
    shown = lines if out.verbose else lines[:NAMED]
    for line in shown:
        yield f"  {render.plain(line)}"
    if len(lines) > len(shown):
        yield f"  and {len(lines) - len(shown):,} more"
