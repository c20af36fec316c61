"""The command `replicate compact`."""

from __future__ import annotations

import argparse

from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.progress import Bar
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Forget superseded revisions beyond what the settings keep-revisions and keep-days keep, and shrink the file. Nothing that
replicates is lost: documents, conflict documents and deletion stubs stay."""
EXAMPLE = "replicate compact orders.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub, Bar(out) as bar:
        found = hub.compact(on_progress=bar.named("compact"))
    before, after = render.size(found["bytes_before"]), render.size(found["bytes_after"])
    forgot = render.counted(found["forgotten"], "superseded revision")
    out.done({"ok": True, **found}, f"forgot {forgot}; the file had {before} and has {after}")
    return Exit.DONE
