"""The documents of a CouchDB one by one, as a program reads and saves them there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from replica import couchdb
from replica.canonical import Json, parse
from replica.changes import Page
from replica.errors import AttachmentsNotSupported, NotAllowed
from replica.leaf import NOTHING, Leaf
from replica.naming import saved_by
from replica.revision import Revision
from replica.store.sessions import START, Position
from replica.transports.couchdb.documents import Found
from replica.transports.couchdb.feed import Feed
from replica.transports.couchdb.identity import Database, identify
from replica.transports.couchdb.memory import MARKER, LocalNote
from replica.transports.couchdb.words import JSON, ask, path_of, seq_text, understand
from replica.transports.couchdb.writing import outgoing, write
from replica.transports.web import Web

PAGE = 500  # documents in one answer


class Row(msgspec.Struct):
    """A row of `_all_docs`."""

    id: str
    doc: msgspec.Raw = msgspec.Raw()


class Rows(msgspec.Struct):
    """The answer of `_all_docs`."""

    rows: list[Row]


class Matches(msgspec.Struct):
    """The answer of `_find`."""

    docs: list[msgspec.Raw]


class Saved(msgspec.Struct):
    """The answer to a document that was saved."""

    rev: str


class About(Database):
    """What a server says of a database, and of its size."""

    sizes: dict[str, Any] = msgspec.field(default_factory=dict)
    disk_size: int | None = None
    replica_id: str | None = None  # and a title: a server of ours
    title: str | None = None


class Library:
    """The documents of one database on a server."""

    def __init__(self, web: Web) -> None:
        self.web = web

    def read(self, unid: str, revision: str | None) -> Leaf:
        """The winner, or that revision. `NotFound`, whose `deleted` says whether a deletion stub is there."""
        params = {"revs": "true"} | ({} if revision is None else {"rev": revision})
        return self._leaf(self.web.call("GET", path_of(unid), params=params))

    def all(self) -> Iterator[Leaf]:
        """The winners that are not deleted, in the server's order."""
        after: str | None = None
        while True:
            begin = {} if after is None else {"start_key": json.dumps(after), "skip": "1"}
            rows = ask(self.web, "_all_docs", Rows, params={"include_docs": "true", "limit": str(PAGE), **begin}).rows
            for row in rows:
                yield self._leaf(bytes(row.doc))
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    def matching(self, selector: dict[str, Json]) -> Iterator[Leaf]:
        """The winners that match, in the server's order."""
        skip = 0
        while True:
            docs = ask(self.web, "_find", Matches, {"selector": selector, "limit": PAGE, "skip": skip}).docs
            for each in docs:
                yield self._leaf(bytes(each))
            if len(docs) < PAGE:
                return
            skip += len(docs)

    def leaves(self, unid: str) -> tuple[list[Leaf], dict[bytes, str]]:
        """All leaves of a document, and the texts of the foreign revisions in their ancestries. `NotFound`."""
        found = ask(self.web, path_of(unid), list[Found], params={"revs": "true", "open_revs": "all"})
        leaves: list[Leaf] = []
        texts: dict[bytes, str] = {}
        for each in found:
            if bytes(each.ok):
                leaf, named = couchdb.from_json(parse(bytes(each.ok)))
                leaves.append(leaf)
                texts |= named
        return leaves, texts

    def changes(self, since: Position, wait: bool = False) -> Page:
        """A part of the feed; where there is nothing yet, `wait` waits for it."""
        return Feed(self.web).since(since, PAGE, wait)

    def branched(self) -> list[str]:
        """The UNIDs of documents with several leaves, deletion stubs counted."""
        found, since, last = set(), START, False
        while not last:
            page = self.changes(since)
            found |= {entry.unid for entry in page.entries if len(entry.offers) > 1}
            since, last = page.position, page.last
        return sorted(found)

    def save(self, unid: str, base: Revision | None, items: bytes) -> Leaf:
        """Let the server save a document; `StaleRevision` if it is at another revision, or is there and should not be."""
        head = {"_id": unid} | ({} if base is None else {"_rev": str(base)})
        members = msgspec.json.encode(head)[:-1] + (b"," + items[1:] if len(items) > 2 else b"}")
        answer = self.web.call("PUT", path_of(unid), content=members, headers=JSON)
        return self._made(unid, answer, deleted=False, items=items)

    def delete(self, unid: str, base: Revision) -> Leaf:
        """Let the server delete a document; `StaleRevision`."""
        answer = self.web.call("DELETE", path_of(unid), params={"rev": str(base)})
        return self._made(unid, answer, deleted=True, items=NOTHING)

    def put_leaf(self, leaf: Leaf, texts: dict[bytes, str]) -> None:
        """Send a revision that was made here, behind the stubs of what it closes. `NotAllowed` if it is not taken."""
        for failure in write(self.web, outgoing([leaf], texts)):
            raise NotAllowed(f"{self.web.address} did not take document {failure.unid!r}: {failure.code}")

    def info(self) -> dict[str, Any]:
        """What the server tells of the database; None for what it does not."""
        about = ask(self.web, "", About)
        replica_id = None if self.web.address.as_couchdb else about.replica_id
        seq = about.update_seq
        return {
            "replica_id": replica_id or LocalNote(self.web, MARKER).value.get("replica_id"),
            "instance_id": identify(self.web, about),
            "title": about.db_name if about.title is None else about.title,
            "documents": about.doc_count,
            "deleted": about.doc_del_count,
            "conflicts": None,
            "conflicted": None,
            "update_seq": seq if isinstance(seq, int) else seq_text(seq),
            "bytes": about.sizes.get("file", about.disk_size),
            "schema": None,
        }

    def _made(self, unid: str, answer: bytes, *, deleted: bool, items: bytes) -> Leaf:
        """What was saved: if its revision proves that, with who saved it, which a server of ours adds."""
        head = {"_id": unid, "_rev": understand(self.web, answer, Saved).rev, "_deleted": deleted}
        made = [couchdb.from_json({**head, **parse(saved_by(by, items))})[0] for by in (None, self.web.address.user)]
        return next((leaf for leaf in made if leaf.verified), made[0])

    def _leaf(self, text: bytes) -> Leaf:
        try:
            leaf, _ = couchdb.from_json(parse(text))
        except AttachmentsNotSupported as error:
            raise AttachmentsNotSupported(f"a document at {self.web.address} has attachments: {error}") from error
        return leaf
