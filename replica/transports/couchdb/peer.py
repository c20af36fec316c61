"""A CouchDB, Cloudant, PouchDB server, or any server with their interface, as one end of a replication.

It has no replica id: it belongs to the database of ours that it first met, and keeps that in a document of its own, with
the sessions (`memory`). What it is called comes from the server's uuid and its name there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from replica.changes import Entry, Offer, Page
from replica.engine.peer import Batch, Fetched, Greeting
from replica.errors import NotAllowed, NotAuthenticated
from replica.leaf import Leaf
from replica.revision import Revision
from replica.store.receive import is_sound
from replica.store.sessions import Position, Session
from replica.tally import Failure, Tally
from replica.transports.couchdb.documents import Documents
from replica.transports.couchdb.feed import Feed, by_unid
from replica.transports.couchdb.identity import Database, Root, identify
from replica.transports.couchdb.memory import (
    MARKER,
    LocalNote,
    note_for,
    refused_in,
    sessions_in,
    with_refused,
    with_session,
)
from replica.transports.couchdb.winners import count, winners
from replica.transports.couchdb.words import ask, seq_number, seq_text
from replica.transports.couchdb.writing import outgoing, write
from replica.transports.web import Web

FORMER_ASKED = 5  # former names of ours under which sessions are looked for


class Missing(msgspec.Struct):
    """What `_revs_diff` says of a document."""

    missing: list[str] = []


class CouchPeer:
    """A database on a server that speaks CouchDB's protocol. `root`: what the server said of itself, if it was asked."""

    def __init__(self, web: Web, root: Root | None = None) -> None:
        self.web = web
        self._root = root
        self._id: str | None = None
        self._marker = LocalNote(web, MARKER)
        self._notes: dict[str, LocalNote] = {}
        self._feed = Feed(web)
        self._documents = Documents(web)
        self._remembers = True

    @property
    def id(self) -> str:
        """The name that is made from the server and the database. `NotFound` if there is none."""
        if self._id is None:
            self._id = identify(self.web, ask(self.web, "", Database), self._root)
        return self._id

    # -- greeting

    def greet(self, other: Greeting | None, dry_run: bool = False) -> Greeting:
        """Who this is: of the other's database, if it does not belong to one yet. The first time this is written down."""
        database = ask(self.web, "", Database)
        self._id = self._id or identify(self.web, database, self._root)
        replica_id = self._marker.value.get("replica_id") or (other.replica_id if other else "")
        sessions: list[Session] = []
        refused: list[Failure] = []
        if other is not None:
            if not dry_run and replica_id == other.replica_id:
                self._remembers = self._introduce(other)
            self._feed.looks_back = not self._remembers
            noted = self._noted(other)
            sessions, refused = sessions_in(noted), refused_in(noted)
        return Greeting(
            replica_id=replica_id,
            ids=(self._id,),
            place=f"couchdb {self._id}",
            era=0,
            update_seq=seq_number(database.update_seq),
            empty=_is_empty(database),
            remembers=self._remembers,
            paused=False,
            ancestry_limit=0,
            sessions=sessions,
            refused=sorted({failure.unid for failure in refused}),
            token=seq_text(database.update_seq),
        )

    def _introduce(self, other: Greeting) -> bool:
        """Begin to remember the other; False if nothing may be written here."""
        note = self._note(other.instance_id)
        try:
            if not note.is_there:
                note.change(lambda value: value or {"sessions": []})
            if not self._marker.is_there and other.replica_id:
                self._marker.change(lambda value: value or {"replica_id": other.replica_id})
        except (NotAllowed, NotAuthenticated):
            return False
        return True

    def _noted(self, other: Greeting) -> dict[str, object]:
        """What is remembered of the other, by its present name or the last one that is known."""
        for name in list(reversed(other.ids))[: 1 + FORMER_ASKED]:
            value = self._note(name).value
            if value.get("sessions"):
                return value
        return self._note(other.instance_id).value

    def _note(self, peer: str) -> LocalNote:
        if peer not in self._notes:
            self._notes[peer] = note_for(self.web, peer)
        return self._notes[peer]

    # -- as a source

    def changes(self, since: Position, limit: int) -> Page:
        """What changed after `since`."""
        return self._feed.since(since, limit)

    def newer(self, since: Position) -> bool:
        """Whether something changed after `since`; waits for it as long as the server does, and is not tried again."""
        return bool(Feed(self.web.hasty).since(since, 1, wait=True).entries)

    def changes_up_to(self, position: Position, limit: int) -> list[Entry]:
        """What is left of the last changes up to `position`."""
        return self._feed.up_to(position, limit)

    def changes_of(self, unids: list[str]) -> list[Entry]:
        """The present state of these documents."""
        return list(self._feed.of(unids))

    def fetch(self, wanted: list[tuple[str, Revision]]) -> Fetched:
        """These leaves, as many as are enough for one transaction."""
        return self._documents.fetch(wanted)

    def texts(self, leaves: Iterable[Leaf]) -> dict[bytes, str]:
        """The texts of foreign revisions in the ancestries of the leaves that were fetched last."""
        return self._documents.texts

    def remember(self, *sessions: Session) -> None:
        """Note what the receiving side has durably."""
        for session in sessions:
            self._note(session.peer).change(partial(with_session, session=session))

    def evict(self, judged: dict[str, list[str]], by: Greeting) -> int:
        """Nothing goes."""
        return 0

    # -- as a target

    def missing(self, offers: list[Offer]) -> list[Offer]:
        """Which of the offered leaves are not known here."""
        asked = by_unid((offer.unid, offer.revision) for offer in offers)
        answer = ask(self.web, "_revs_diff", dict[str, Missing], asked)
        missing = {(unid, revision) for unid, found in answer.items() for revision in found.missing}
        return [offer for offer in offers if (offer.unid, str(offer.revision)) in missing]

    def accept(self, batch: Batch, dry_run: bool) -> Tally:
        """Send the documents, then remember the session. CouchDB has no transactions: what is sent twice is there once."""
        tally = Tally()
        for failure in batch.refused:
            tally.refuse(failure, failure.code)
        tally.bytes = sum(len(leaf.body) for leaf in batch.leaves)
        leaves = [leaf for leaf in batch.leaves if is_sound(leaf, tally)]
        before = winners(self.web, {leaf.unid for leaf in leaves})
        refused = [] if dry_run else list(write(self.web, outgoing(leaves, batch.texts)))
        for failure in refused:
            tally.refuse(failure, failure.code)
        count(tally, before, leaves, {(failure.unid, failure.revision) for failure in refused})
        if not dry_run:
            self._note(batch.session.peer).change(lambda value: _after(value, batch, tally))
        return tally


def _is_empty(database: Database) -> bool:
    if database.doc_del_count is None:  # a PouchDB server does not count them
        return database.doc_count == 0 and seq_number(database.update_seq) == 0
    return database.doc_count == 0 and database.doc_del_count == 0


def _after(value: dict[str, object], batch: Batch, tally: Tally) -> dict[str, object]:
    judged = {leaf.unid for leaf in batch.leaves}
    value = with_refused(value, judged, tally.failures)
    return with_session(value, batch.session.counting(tally))
