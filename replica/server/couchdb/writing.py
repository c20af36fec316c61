"""Writing documents for CouchDB's clients: new revisions of ours, revisions made elsewhere, and documents that stay here."""

from __future__ import annotations

from collections.abc import Sequence

from replica.canonical import Json
from replica.clock import Clock
from replica.conflict import winner
from replica.couchdb import body_of, from_json, take_deleted
from replica.document import check_unid
from replica.errors import (
    AttachmentsNotSupported,
    BadDocument,
    BadMember,
    BadRequest,
    IllegalUnid,
    NotAllowed,
    NotFound,
    Paused,
    ReplicaError,
    StaleRevision,
    TooLarge,
)
from replica.leaf import NOTHING, Leaf
from replica.replica import Replica
from replica.revision import Revision
from replica.server.couchdb.kept import LOCAL, LocalEdit, Outcome, Saved, keep_each, local_edit_of
from replica.store.access_list import Ruling
from replica.store.edits import NOT_TO_SAVE, NOT_YOURS, Edit, check_seen, save_edits
from replica.store.identity import new_unid
from replica.store.leaves import leaves_of, remember_texts
from replica.store.receive import note_refusals, receive
from replica.store.settings import read_setting
from replica.store.sqlite import SQLiteFile
from replica.tally import Failure, Tally

PEER = "couchdb"  # who offered what a client pushed: it has no instance id
_KNOWN = {
    "_id",
    "_rev",
    "_deleted",
    "_revisions",
    "_attachments",
    "_revs_info",
    "_conflicts",
    "_deleted_conflicts",
    "_local_seq",
}


def checked_unid(unid: object) -> str:
    """A UNID that a document can have, or the name of a local one; `IllegalUnid`."""
    if isinstance(unid, str) and unid.startswith(LOCAL) and len(unid) > len(LOCAL):
        _check(unid[len(LOCAL) :].lstrip("_") or "_")
        return unid
    return _check(unid)


def _check(unid: object) -> str:
    try:
        return check_unid(unid)
    except BadDocument as error:
        if isinstance(unid, str) and unid.startswith("_"):
            raise IllegalUnid("Only reserved document ids may start with underscore.") from error
        raise IllegalUnid(str(error)) from error


def check_members(value: Json) -> dict[str, Json]:
    """The document; `BadRequest` if it is no object, `BadMember` if a name in it is reserved."""
    if not isinstance(value, dict):
        raise BadRequest("Document must be a JSON object")
    for name in value:
        if name[:1] == "_" and name not in _KNOWN:
            raise BadMember(f"Bad special document member: {name[:80]}")
    return value


def revision_of(text: object) -> Revision:
    """The revision that a client names; `BadRequest`."""
    try:
        return Revision.parse(text)
    except BadDocument as error:
        raise BadRequest("Invalid rev format") from error


# -- new revisions, made here


def edit_of(value: dict[str, Json], unid: str) -> Edit:
    """What a client wants to save under this UNID. `AttachmentsNotSupported`, `BadRequest`."""
    items = dict(value)
    deleted = take_deleted(items)
    items.pop("_id", None)
    said, above = items.pop("_rev", None), items.pop("_revisions", None)
    if above is not None:  # CouchDB: this goes before `_rev`
        ids = above.get("ids") if isinstance(above, dict) else None
        if not isinstance(ids, list) or type(above.get("start")) is not int:
            raise BadRequest("`_revisions` is an object with `start` and `ids`")
        said = f"{above['start']}-{ids[0]}" if ids else None
    return Edit(unid, None if said is None else revision_of(said), body_of(items), deleted)


def save_new(replica: Replica, values: Sequence[dict[str, Json]], ruling: Ruling) -> list[Outcome]:
    """Make a new revision of each document, in one transaction; in the place of each, what became of it.

    Each is what `check_members` returned, with a UNID from `checked_unid`. Refused by itself: `StaleRevision`,
    `TooLarge`, `AttachmentsNotSupported`, `BadAccessList`, and `NotAllowed` by the `ruling`.
    """
    wishes: list[Edit | LocalEdit | ReplicaError] = []
    for value in values:
        try:
            is_local = value["_id"].startswith(LOCAL)
            wishes.append(local_edit_of(value) if is_local else edit_of(value, value["_id"]))
        except AttachmentsNotSupported as error:
            wishes.append(error)
    with replica.file.write() as connection:
        edits = [wish for wish in wishes if isinstance(wish, Edit)]
        results = save_edits(connection, edits, replica.saving, ruling(connection))
        made = iter(results)
        return [_outcome(next(made)) if isinstance(wish, Edit) else keep_each(replica.file, wish) for wish in wishes]


def _outcome(result: Leaf | ReplicaError) -> Outcome:
    return result if isinstance(result, ReplicaError) else Saved(result.unid, str(result.revision))


def with_unid(value: dict[str, Json], clock: Clock) -> dict[str, Json]:
    """The document with its UNID checked, or with a new one. `IllegalUnid`."""
    if "_id" not in value:
        return {**value, "_id": new_unid(clock())}
    checked_unid(value["_id"])
    return value


def delete_one(replica: Replica, unid: str, base: Revision | None, ruling: Ruling) -> Saved:
    """Write the deletion stub that follows `base`. `NotFound` if there is no document, `StaleRevision`, `NotAllowed`."""
    with replica.file.write() as connection:
        rule = ruling(connection)
        leaves = [row.leaf for row in leaves_of(connection, unid)]
        check_seen(rule, leaves)
        shown = winner(leaves)
        if shown is None or shown.deleted:
            raise NotFound("missing" if shown is None else "deleted", deleted=shown is not None)
        if base is None:
            raise StaleRevision("Document update conflict.")
        edit = Edit(unid, base, NOTHING, True)
        outcome = _outcome(save_edits(connection, [edit], replica.saving, rule)[0])
    if isinstance(outcome, ReplicaError):
        raise outcome
    return outcome


# -- revisions made elsewhere


def take_in(file: SQLiteFile, clock: Clock, values: Sequence[dict[str, Json]], ruling: Ruling) -> list[Failure]:
    """Take in revisions as a replication does, in one transaction; what was refused, each by itself, and noted.

    Each is as for `save_new`. `BadRequest`, `BadDocument` if one of them is no revision; `Paused`.
    """
    leaves: list[Leaf] = []
    texts: dict[bytes, str] = {}
    local: list[LocalEdit] = []
    refused: list[Failure] = []
    for value in values:
        if value["_id"].startswith(LOCAL):
            local.append(local_edit_of(value))
            continue
        if "_rev" not in value and "_revisions" not in value:
            raise BadRequest("When `new_edits: false`, the document needs `_rev` or `_revisions` specified")
        try:
            leaf, named = from_json(value)
        except AttachmentsNotSupported as error:
            refused.append(Failure(value["_id"], str(value.get("_rev")), error.code))
        else:
            leaves.append(leaf)
            texts.update(named)
    with file.write() as connection:
        if read_setting(connection, "paused"):
            raise Paused("replication of this database is switched off")
        now_ms = clock()
        tally = receive(connection, leaves, PEER, now_ms, rule=ruling(connection))
        remember_texts(connection, texts)
        if refused:
            note_refusals(connection, Tally(failures=refused), (), PEER, now_ms)
        for edit in local:
            keep_each(file, edit)
    return refused + tally.failures


def said_revision(value: dict[str, Json]) -> str:
    """The revision that a document from elsewhere is, after `take_in` had no objection."""
    if "_rev" in value:
        return str(value["_rev"])
    return f"{value['_revisions']['start']}-{value['_revisions']['ids'][0]}"


def error_for(failure: Failure) -> ReplicaError:
    """Why a revision made elsewhere was not taken, as an error of its own."""
    known: dict[str, ReplicaError] = {
        AttachmentsNotSupported.code: AttachmentsNotSupported("attachments are not offered yet"),
        TooLarge.code: TooLarge("the document is larger than this database takes"),
        NotAllowed.code: NotAllowed(NOT_TO_SAVE, hint=NOT_YOURS),
    }
    return known.get(failure.code) or BadDocument("the revision is not sound")
