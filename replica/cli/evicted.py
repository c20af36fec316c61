"""The command `replicate evicted`."""

from __future__ import annotations

import argparse

from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.render import moment_of
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Show the documents that left this replica because the user it replicates as may not read them any more where they came
from. Nothing was deleted there. What may be read again comes with the next pull, and is not shown any more."""
EXAMPLE = "replicate evicted laptop.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        gone = [{**each._asdict(), "at": moment_of(each.at_ms)} for each in hub.evicted()]
    for each in gone:
        del each["at_ms"]
    if out.as_json:
        out.answer(gone, ())
    elif gone:
        out.table(("UNID", "when", "at the word of"), ((each["unid"], each["at"], each["peer"]) for each in gone))
    else:
        out.note("nothing was evicted")
    return Exit.DONE
