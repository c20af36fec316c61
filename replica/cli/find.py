"""The command `replicate find`."""

from __future__ import annotations

import argparse
from typing import Any

from replica.canonical import parse
from replica.cli.exits import Exit
from replica.cli.inputs import count, text_of
from replica.cli.network import opened
from replica.cli.terminal import Terminal
from replica.errors import BadDocument, BadSelector

SELECTOR_MAX = 2**20  # bytes on standard input

DESCRIPTION = """\
Show the documents that match a selector (a JSON object as CouchDB understands it), each as a line of JSON; with --json as
one array. They come in the order of their UNIDs, or as --sort says."""
EXAMPLE = """\
replicate find orders.db '{"Total": {"$gt": 5}}'
replicate find orders.db '{"Form": "Order"}' --sort '[{"Total": "desc"}, "Customer"]' --limit 10
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("selector", metavar="SELECTOR", help="a JSON object; - for standard input")
    parser.add_argument("--sort", metavar="JSON", help='the name of an item, or a JSON array: \'[{"Total": "desc"}]\'')
    parser.add_argument("--skip", metavar="N", type=count, default=0, help="leave out the first N")
    parser.add_argument("--limit", metavar="N", type=count, help="show at most N")
    parser.add_argument("--conflicts", action="store_true", help="look among the conflict documents too")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    selector = _json(text_of(arguments.selector, SELECTOR_MAX), "the selector")
    sort = arguments.sort
    if sort is not None:
        sort = _json(sort, "--sort") if sort.lstrip().startswith("[") else [sort]
    window = {"sort": sort, "skip": arguments.skip, "limit": arguments.limit}
    with opened(arguments.db, arguments) as hub:
        found = hub.find(selector, **window, conflicts=arguments.conflicts)
        out.stream(document.to_json() for document in found)
    return Exit.DONE


def _json(text: str | bytes, what: str) -> Any:
    try:
        return parse(text)
    except BadDocument as error:
        raise BadSelector(f"{what}: {error}", hint="It is JSON; put it in '…' for the shell.") from error
