"""Documents that stay here: CouchDB's `_local/…`, in which its clients keep how far they have come."""

from __future__ import annotations

import json
from typing import NamedTuple

from replica.canonical import Json
from replica.couchdb import take_deleted
from replica.errors import AttachmentsNotSupported, BadRequest, NotFound, ReplicaError
from replica.server.answers import encode
from replica.store.local import LocalDocument, delete_local, read_local, save_local
from replica.store.sqlite import SQLiteFile

LOCAL = "_local/"
DIGITS_MAX = 15  # of the number of a local document
_in_order = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class Saved(NamedTuple):
    """What became of a document: its revision."""

    unid: str
    revision: str


Outcome = Saved | ReplicaError


class LocalEdit(NamedTuple):
    """What to keep under a name beside the database; `number` is that of the revision it had, `body` None: nothing."""

    name: str
    number: int
    body: str | None


def local_edit_of(value: dict[str, Json]) -> LocalEdit:
    """What a client wants to keep. `BadRequest`, `AttachmentsNotSupported`."""
    items = dict(value)
    if items.pop("_attachments", None):
        raise AttachmentsNotSupported("a local document has no attachments")
    deleted = take_deleted(items)
    name, said = items.pop("_id"), items.pop("_rev", None)
    items.pop("_revisions", None)
    return LocalEdit(name, local_number(said), None if deleted else _in_order(items))


def local_number(said: Json) -> int:
    """The number in the revision of a local document, ``0-number``; 0 if none is said. `BadRequest`."""
    if said is None:
        return 0
    number = said.partition("-")[2] if isinstance(said, str) else ""
    if not (number.isascii() and number.isdigit() and len(number) <= DIGITS_MAX):
        raise BadRequest("Invalid rev format")
    return int(number)


def keep(file: SQLiteFile, edit: LocalEdit) -> Saved:
    """Keep a local document, or forget it. `NotFound` if there is none to forget, `TooLarge`."""
    with file.write() as connection:
        if edit.body is not None:
            return Saved(edit.name, save_local(connection, edit.name, edit.number, edit.body).revision)
        if not delete_local(connection, edit.name):
            raise NotFound("missing")
        return Saved(edit.name, "0-0")


def keep_each(file: SQLiteFile, wish: LocalEdit | ReplicaError) -> Outcome:
    """In the transaction of the thread."""
    if isinstance(wish, ReplicaError):
        return wish
    try:
        return keep(file, wish)
    except ReplicaError as error:
        return error


def read_kept(file: SQLiteFile, name: str) -> bytes:
    """A local document in CouchDB's JSON. `NotFound`."""
    with file.read() as connection:
        found = read_local(connection, name)
    if found is None:
        raise NotFound("missing")
    return local_json(name, found)


def local_json(name: str, document: LocalDocument) -> bytes:
    """A local document in CouchDB's JSON, its members in the order in which they came."""
    members = document.body.encode()[1:-1]
    head = encode({"_id": name, "_rev": document.revision})[:-1]
    return head + (b"," + members if members else b"") + b"}"
