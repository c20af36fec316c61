"""The command `replicate import`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import replica
from replica.cli.exits import Exit
from replica.cli.inputs import STDIN, standard_input
from replica.cli.network import opened
from replica.cli.progress import Bar
from replica.cli.terminal import Terminal
from replica.files import Input, open_input

DESCRIPTION = """\
Save the documents of a file: one JSON object a line, or one JSON array, or what CouchDB answers to `_all_docs` with
include_docs, or a file of couchbackup; compressed with gzip or not. A document without `_id` gets a new UNID. One that is
there already gets a new revision only if an item changed; `_rev` is ignored; `_deleted: true` deletes. What cannot be
saved is named by its line and does not stop the rest (exit code 3). Interrupted, it can be run again."""
EXAMPLE = """\
replicate import orders.db orders.ndjson.gz
curl -s "$COUCH/orders/_all_docs?include_docs=true" | replicate import orders.db -
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("file", metavar="FILE", help="the file; - for standard input")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub, _input(arguments.file) as file, Bar(out) as bar:
        most = hub.settings["document-size-max"]
        report = hub.load(
            file.entries(most), on_progress=lambda read: bar.show("import", file.read_bytes, file.size, read)
        )
    out.answer(report.to_dict(), () if out.quiet else [_sentence(report)])
    out.name_failures([*_failures(report)], report.failed)
    return Exit.DONE if report.ok else Exit.PARTIAL


def _input(path: str) -> AbstractContextManager[Input]:
    return nullcontext(Input(standard_input(), "standard input", 0)) if path == STDIN else open_input(path)


def _sentence(report: replica.ImportReport) -> str:
    names = ("added", "updated", "deleted", "unchanged", "failed")
    parts = [f"{getattr(report, name):,} {name}" for name in names if getattr(report, name)]
    return f"read {report.read:,}: {', '.join(parts)}" if parts else "nothing to import"


def _failures(report: replica.ImportReport) -> Iterator[str]:
    for failure in report.failures:
        yield f"line {failure['line']}: {failure['message']} ({failure['code']})"
