"""The command `replicate index`."""

from __future__ import annotations

import argparse

from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal
from replica.errors import Mistake

DESCRIPTION = """\
Make an index of one or more items, which `replicate find` uses by itself. Without items: list the indexes. Indexes
belong to this replica; they are not replicated."""
EXAMPLE = """\
replicate index orders.db Form Total
replicate index orders.db --drop Form,Total
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("items", metavar="ITEM", nargs="*", help="the names of the items, the most selective first")
    parser.add_argument("--name", metavar="NAME", help="what to call it, instead of the items' names")
    parser.add_argument("--drop", metavar="NAME", help="remove this index")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    if arguments.drop is not None and arguments.items:
        raise Mistake("items, or --drop: not both")
    with opened(arguments.db, arguments) as hub:
        if arguments.drop is not None:
            hub.drop_index(arguments.drop)
            out.done({"ok": True, "name": arguments.drop}, f"removed the index {arguments.drop}")
        elif arguments.items:
            name = hub.create_index(arguments.items, name=arguments.name)
            out.done({"ok": True, "name": name}, f"made the index {name}")
        else:
            names = hub.indexes()
            out.answer(names, names)
    return Exit.DONE
