"""The command `replicate put`."""

from __future__ import annotations

import argparse

import replica
from replica.cli.exits import Exit
from replica.cli.inputs import STDIN, text_of
from replica.cli.network import at_once, opened, size_max
from replica.cli.terminal import Terminal
from replica.errors import Mistake, StaleRevision
from replica.files import ROOM

DESCRIPTION = """\
Save a document: one JSON object, as an argument or on standard input. Its UNID is the argument, or `_id` in the JSON, or
is made. A document that is there already is changed only if `_rev` says which revision the change was made to, or with
--replace. `_deleted: true` deletes."""
EXAMPLE = """\
replicate put orders.db order/1 '{"Form": "Order", "Total": 42}'
replicate get orders.db order/1 | jq -c '.Total = 43' | replicate put orders.db
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("unid", metavar="UNID", nargs="?", help="the UNID of the document")
    parser.add_argument("document", metavar="JSON", nargs="?", help="the document; - or nothing: standard input")
    parser.add_argument("--replace", action="store_true", help="change the document whatever revision it is at")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    unid, word = arguments.unid, arguments.document
    if word is None and unid is not None and (unid == STDIN or unid.startswith("{")):
        unid, word = None, unid
    with opened(arguments.db, arguments) as hub:
        document = replica.Document.from_json(text_of(word, size_max(hub) + ROOM))
        _name(document, unid)
        saved = _save(hub, document, arguments.replace)
    answer = {"ok": True, "_id": saved.unid, "_rev": saved.revision}
    out.done(answer, f"{'deleted' if saved.deleted else 'saved'} {saved.unid} as revision {saved.revision}")
    return Exit.DONE


def _name(document: replica.Document, unid: str | None) -> None:
    if unid is not None and document.unid not in (None, unid):
        raise Mistake(f"the UNID is {unid!r}, but `_id` is {document.unid!r}", hint="Leave one of them out.")
    document.unid = document.unid if unid is None else unid
    if document.unid is None and (document.revision or document.deleted):
        raise Mistake("`_rev` and `_deleted` need a UNID", hint="Add `_id`, or name the UNID.")


def _save(hub: replica.Replica, document: replica.Document, replace: bool) -> replica.Document:
    if document.unid is None:
        return hub.put(document)
    with at_once(hub):
        shown = hub.get(document.unid, None)
        if shown is not None:
            document.conflict = shown.conflict
            document.revision = shown.revision if replace else document.revision
        if not document.deleted:
            return hub.put(document)
        if shown is not None and document.revision is None:
            raise StaleRevision(f"document {document.unid!r} is at revision {shown.revision}", hint="Give `_rev`.")
        return hub.delete(document)
