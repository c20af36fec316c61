"""The command `replicate resolve`."""

from __future__ import annotations

import argparse

import replica
from replica.canonical import parse
from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.inputs import STDIN, text_of
from replica.cli.network import at_once, opened, size_max
from replica.cli.terminal import Terminal
from replica.errors import Mistake, NotSupported
from replica.files import ROOM
from replica.transports.address import is_address

DESCRIPTION = """\
End the conflict of a document: with the content of one of the clashing revisions, or with other items. UNID is that of
the document or of one of its conflict documents. With --all every conflict is ended: what won is kept, or what was saved
last. The resolution is replicated like any other change."""
EXAMPLE = """\
replicate resolve orders.db order/1 --keep 2-01995d0c8f3b5a1e7d2c4b6f8e9a0c1d
replicate resolve orders.db order/1 --items '{"Form": "Order", "Total": 50}'
replicate resolve orders.db --all --keep newest --dry-run
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("unid", metavar="UNID", nargs="?", help="the UNID of the document or a conflict document")
    parser.add_argument("--keep", metavar="REV", help="the revision to keep; with --all: winner or newest")
    parser.add_argument("--items", metavar="JSON", help="the items to save instead; - for standard input")
    parser.add_argument("--all", action="store_true", help="end all conflicts")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and change nothing")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    if arguments.all == (arguments.unid is not None):
        raise Mistake("name a UNID, or give --all")
    if (arguments.keep is None) == (arguments.items is None) or (arguments.all and arguments.keep is None):
        raise Mistake("say what to keep: --keep REV or --items JSON; with --all, --keep winner or --keep newest")
    with opened(arguments.db, arguments) as hub:
        return _resolve_all(hub, arguments, out) if arguments.all else _resolve_one(hub, arguments, out)


def _resolve_all(hub: replica.Replica, arguments: argparse.Namespace, out: Terminal) -> int:
    unids = hub.resolve_all(keep=arguments.keep, dry_run=arguments.dry_run)
    answer = {"ok": True, "resolved": unids, "dry_run": arguments.dry_run}
    if arguments.dry_run:
        out.answer(answer, [*map(render.plain, unids), f"would resolve {render.counted(len(unids), 'conflict')}"])
    else:
        out.done(answer, f"resolved {render.counted(len(unids), 'conflict')}")
    return Exit.DONE


class _Undo(Exception):
    """Ends a dry run; the transaction is undone."""


def _resolve_one(hub: replica.Replica, arguments: argparse.Namespace, out: Terminal) -> int:
    items = None
    if arguments.items is not None:
        most = size_max(hub) + ROOM
        items = parse(text_of(arguments.items if arguments.items != STDIN else None, most))
    if arguments.dry_run and is_address(hub.path):
        raise NotSupported(
            "a dry run is not offered over the network", hint="`replicate conflicts` shows what there is."
        )
    try:
        with at_once(hub):
            saved = hub.resolve(arguments.unid, keep=arguments.keep, items=items)
            if arguments.dry_run:
                raise _Undo
    except _Undo:
        out.done({"ok": True, "_id": saved.unid, "_rev": None, "dry_run": True}, f"would resolve {saved.unid}")
    else:
        answer = {"ok": True, "_id": saved.unid, "_rev": saved.revision, "dry_run": False}
        out.done(answer, f"resolved {saved.unid} as revision {saved.revision}")
    return Exit.DONE
