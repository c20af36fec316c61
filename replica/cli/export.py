"""The command `replicate export`."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext

from replica.cli.exits import Exit
from replica.cli.inputs import STDIN
from replica.cli.network import opened
from replica.cli.progress import Bar
from replica.cli.terminal import Terminal
from replica.files import new_lines

STEP = 1000  # documents between two looks at the progress

DESCRIPTION = """\
Write the documents, one JSON object a line, to a new file (compressed if its name ends with .gz) or to standard output.
The file appears when it is complete; an existing one is not touched. Importing an export into its own replica changes
nothing."""
EXAMPLE = """\
replicate export orders.db orders.ndjson.gz
replicate export orders.db | jq .Total
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("file", metavar="FILE", nargs="?", default=STDIN, help="the file to make")
    parser.add_argument("--conflicts", action="store_true", help="write the conflict documents too")
    parser.add_argument("--deleted", action="store_true", help="write the deletion stubs too")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    to_output = arguments.file == STDIN
    seen = to_output and sys.stdout.isatty()  # then the documents themselves show how far it has come
    with opened(arguments.db, arguments) as hub:
        documents = hub.documents(conflicts=arguments.conflicts, deleted=arguments.deleted)
        total, written = len(hub), 0
        with nullcontext(out.line) if to_output else new_lines(arguments.file) as write, Bar(out) as bar:
            for written, document in enumerate(documents, 1):
                write(document.to_json())
                if written % STEP == 0 and not seen:
                    bar.show("export", written, total, written)
    if not to_output:
        answer = {"ok": True, "path": arguments.file, "documents": written}
        out.done(answer, f"wrote {written:,} documents to {arguments.file}")
    return Exit.DONE
