"""Leaves in CouchDB's words: their JSON, their path, and the stubs that close what was merged. Pure.

CouchDB knows trees: a revision has one parent. A revision of ours that has several counts the *closing stub* of each
parent beside the first among its ancestors (`leaf.closing_stub`). They are computed whenever a CouchDB peer asks, the
same ones on every replica; stored as leaves they would grow without bound.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

from replica.canonical import Json
from replica.conflict import ROOM
from replica.document import canonical_items, check_unid
from replica.errors import AttachmentsNotSupported, BadDocument
from replica.leaf import NOTHING, Leaf
from replica.revision import NUMBER_MAX, WIDTH, Ancestor, Ancestry, Revision, entries, packed_id

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode  # in order: clients compare these texts
_ABOUT_REVISIONS = ("_revs_info", "_conflicts", "_deleted_conflicts", "_local_seq")  # told by CouchDB, not taken


# -- from us to CouchDB


def to_json(leaf: Leaf, extra: Mapping[str, Json] | None = None) -> bytes:
    """A leaf as CouchDB writes it: `_id`, `_rev`, `_deleted` if it is, `extra` members, then the items as they are stored."""
    head: dict[str, Json] = {"_id": leaf.unid, "_rev": str(leaf.revision)}
    if leaf.deleted:
        head["_deleted"] = True
    members = [
        b'"%b":%b' % (name.encode(), _encode(value).encode()) for name, value in (head | dict(extra or {})).items()
    ]
    items = leaf.intact_body[1:-1]
    return b"{" + b",".join([*members, items] if items else members) + b"}"


def revisions(leaf: Leaf, texts: Mapping[bytes, str]) -> dict[str, Json]:
    """The member `_revisions` of a leaf: its straight line. `texts`: those of the foreign revisions in it, by packed form."""
    ids = [
        texts.get(ancestor.packed, ancestor.packed.hex()) for ancestor in leaf.ancestry.in_line(leaf.revision.number)
    ]
    return {"start": leaf.revision.number, "ids": [leaf.revision.text, *ids]}


def with_closing_stubs(leaves: Iterable[Leaf]) -> list[Leaf]:
    """The leaves of one document as CouchDB has to see them, in the same order, and behind them all their closing stubs.

    A stub that somebody went on from is none: it stands in the straight line of another leaf.
    """
    leaves = list(leaves)
    stubs = {stub.revision: stub for leaf in leaves for stub in closing_stubs(leaf)}
    return leaves + [stub for stub in stubs.values() if not any(_follows(leaf, stub.revision) for leaf in leaves)]


def _follows(leaf: Leaf, revision: Revision) -> bool:
    """Whether a leaf is this revision or goes on from it, as CouchDB sees it."""
    if leaf.revision == revision:
        return True
    at = (leaf.revision.number - 1 - revision.number) * WIDTH
    return at >= 0 and leaf.ancestry.line[at : at + WIDTH] == revision.packed


def closing_stubs(leaf: Leaf) -> Iterator[Leaf]:
    """The stubs that close the branches which `leaf`, or an ancestor of it, merged or resolved; the newest first."""
    if not leaf.ancestry.side:
        return
    beside = list(entries(leaf.ancestry.side))
    closed = {stub: entry for entry in beside for stub in [_closing(entry)] if stub in set(beside)}
    open_ends = [entry for entry in beside if entry not in closed]
    for stub, end in sorted(closed.items(), reverse=True):
        line = b"".join(_down(end, open_ends, leaf))
        revision = Revision(stub.number, stub.packed.hex())
        digest = hashlib.sha256(NOTHING).digest()
        yield Leaf(leaf.unid, revision, True, True, Ancestry(line=line), None, digest, NOTHING)


def _closing(ancestor: Ancestor) -> Ancestor:
    """The id of the stub that closes this revision: what `leaf.closing_stub` makes of it."""
    time_ms = int.from_bytes(ancestor.packed[:6], "big")
    number = ancestor.number + 1
    return Ancestor(number, packed_id(number, time_ms, str(ancestor), True, NOTHING))


def _down(end: Ancestor, beside: list[Ancestor], leaf: Leaf) -> Iterator[bytes]:
    """A way from a closed branch's end down to the straight line, and along it.

    Where several revisions beside the line have one number, it may not be the way that was gone; all of them are
    ancestors of `leaf`, so that nothing is buried which is not buried anyway.
    """
    yield end.packed
    number = end.number - 1
    while ancestor := next((entry for entry in beside if entry.number == number), None):
        yield ancestor.packed
        number -= 1
    for ancestor in leaf.ancestry.in_line(leaf.revision.number):
        if ancestor.number <= number:
            yield ancestor.packed


# -- from CouchDB to us


def from_json(value: Json) -> tuple[Leaf, dict[bytes, str]]:
    """The leaf that a document with `_id`, `_rev` and `_revisions` is, and the texts of foreign revisions in its ancestry.

    `BadDocument` if it is none, or if `_revisions` does not fit `_rev`; `AttachmentsNotSupported`. It is
    verified if its id happens to match its content: then it is one of ours that came a long way.
    """
    if not isinstance(value, dict):
        raise BadDocument("a document is a JSON object")
    items = dict(value)
    unid = check_unid(items.pop("_id", None))
    if "_rev" not in items and "_revisions" not in items:
        raise BadDocument(f"document {unid[:80]!r} has no `_rev`")
    deleted = take_deleted(items)
    path = _path(items.pop("_rev", None), items.pop("_revisions", None))
    body = body_of(items)
    own, above = path[0], path[1:]
    if own.number > NUMBER_MAX - ROOM:
        raise BadDocument(f"revision {own} could hardly be saved again: its number is too large")
    line = b"".join(revision.packed for revision in above)
    leaf = Leaf(unid, own, deleted, False, Ancestry(line=line), None, hashlib.sha256(body).digest(), body)
    texts = {revision.packed: revision.text for revision in above if revision.is_foreign}
    return leaf._replace(verified=leaf.expected_revision() == own), texts


def take_deleted(items: dict[str, Json]) -> bool:
    """What `_deleted` says; it is taken out of `items`."""
    deleted = items.pop("_deleted", False)
    if not isinstance(deleted, bool):
        raise BadDocument("`_deleted` is true or false")
    return deleted


def body_of(items: dict[str, Json]) -> bytes:
    """The canonical bytes of a document's items, without what CouchDB tells about revisions."""
    for name in _ABOUT_REVISIONS:
        items.pop(name, None)
    if items.pop("_attachments", None):
        raise AttachmentsNotSupported("attachments are not offered yet")
    return canonical_items(items)


def _path(revision: Json, above: Json) -> list[Revision]:
    """A revision and its ancestors, newest first."""
    own = None if revision is None else Revision.parse(revision)
    if above is None:
        assert own is not None
        return [own]
    start, ids = (above.get("start"), above.get("ids")) if isinstance(above, dict) else (None, None)
    if type(start) is not int or not isinstance(ids, list) or not 0 < len(ids) <= start:
        raise BadDocument("`_revisions` is an object with `start` and as many `ids` as there can be")
    path = [Revision.parse(f"{start - at}-{text}") for at, text in enumerate(ids)]
    if own is not None and path[0] != own:
        raise BadDocument(f"`_revisions` begins with {path[0]}, and `_rev` is {own}")
    return path
