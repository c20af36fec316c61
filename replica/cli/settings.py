"""The command `replicate settings`."""

from __future__ import annotations

import argparse
from typing import Any

from replica.canonical import parse
from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal
from replica.errors import BadDocument
from replica.store.settings import SETTINGS

DESCRIPTION = """\
Show the settings of a replica, or those named; KEY=VALUE changes one. A value is JSON, or a text if it is not. Several
are changed together or not at all."""
EXAMPLE = """\
replicate settings orders.db
replicate settings orders.db keep-revisions=5 conflict-policy=merge
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("keys", metavar="KEY[=VALUE]", nargs="*", help="what to show, or to change")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    asked = [word.partition("=") for word in arguments.keys]
    with opened(arguments.db, arguments) as hub:
        if any(equals for _, equals, _ in asked):
            with hub.batch():
                for key, equals, text in asked:
                    if equals:
                        hub.settings[key] = _value(text)
        values = {key: hub.settings[key] for key in dict.fromkeys(key for key, _, _ in asked) or hub.settings}
    if out.as_json:
        out.answer(values, ())
    else:
        rows = [(key, render.json_text(value), SETTINGS[key].meaning) for key, value in values.items()]
        out.table(("setting", "value", "meaning"), rows)
    return Exit.DONE


def _value(text: str) -> Any:
    try:
        return parse(text)
    except BadDocument:
        return text
