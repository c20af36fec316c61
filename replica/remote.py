"""A replica on a server, as programs use it: what can be done with documents over CouchDB's interface."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from replica.canonical import Json
from replica.clock import Clock, system_clock
from replica.conflict import live, versions
from replica.document import Document, check_unid
from replica.engine.peer import Peer
from replica.errors import BadDocument, NotFound, NotSupported, ReplicaError, StoreError, TransportError
from replica.following import Change
from replica.leaf import next_revision
from replica.naming import saved_by
from replica.replica import FilePath, Replica, create_empty, open_path
from replica.replication import replicate
from replica.resolving import Conflict, chosen, conflict_of
from replica.revision import Revision
from replica.selection import compile_selector
from replica.sorting import arranged
from replica.store.callbacks import nobody
from replica.store.checking import Holding
from replica.store.identity import new_unid
from replica.store.sessions import Position
from replica.store.settings import SETTINGS
from replica.store.sqlite import SQLiteFile
from replica.transports.connecting import peer_at, web_at
from replica.transports.couchdb.library import Library
from replica.transports.fetched_copy import fetch_copy
from replica.transports.http import HTTPPeer
from replica.transports.inventory import inventory_of
from replica.transports.network import Network

_REQUIRED: Any = object()
_log = logging.getLogger(__name__)


class RemoteReplica(Replica):
    """A replica on a server: `get put delete find documents changes conflicts resolve info copy`; else `NotSupported`.

    The server makes the revisions and says in which order documents come. A conflict document has no UNID there: a losing
    revision is read by `get(unid, revision=…)`. Nothing is kept here between two calls.
    """

    def __init__(self, address: str, network: Network | None = None, clock: Clock = system_clock) -> None:
        self._network = network
        self._web = web_at(address, network)
        self._library = Library(self._web)
        self._clock = clock
        self.user = self._web.address.user
        self.path = str(self._web.address)

    @property
    def _file(self) -> SQLiteFile:  # type: ignore[override]
        raise self._not_offered("this")

    @property
    def settings(self) -> MutableMapping[str, Json]:  # type: ignore[override]
        """Of a server's database they are not known."""
        raise self._not_offered("settings")

    def _not_offered(self, what: str) -> NotSupported:
        hint = "Make a replica here with `replicate copy ADDRESS DB` and do it there."
        return NotSupported(f"{self.path}: {what} is not offered over the network", hint=hint)

    def end(self) -> Peer:
        """This replica as one end of a replication."""
        return peer_at(self._web)

    # -- documents

    def put(self, document: Document | dict[str, Json], *, unid: str | None = None) -> Document:
        """Save a document, as `Replica.put` does. The server says who saved it: read it again to see that."""
        if isinstance(document, Document) and document.conflict:
            raise self._not_offered("saving a conflict document")
        entry = self._entry(document, unid)
        assert entry.items is not None
        name = entry.unid or new_unid(self._clock())
        return Document.of(self._library.save(name, entry.base, saved_by(None, entry.items)))

    def get(self, unid: str, default: Any = _REQUIRED, *, revision: str | None = None) -> Any:
        """The document of that UNID, or that revision of it, as `Replica.get` does."""
        check_unid(unid)
        if revision is not None:
            Revision.parse(revision)
        try:
            return Document.of(self._library.read(unid, revision))
        except NotFound as error:
            if default is not _REQUIRED:
                return default
            raise NotFound(f"there is no document {unid!r} at {self.path}", deleted=error.deleted) from error

    def delete(self, document: Document | str) -> Document:
        """Delete a document; the deletion stub comes back. `StaleRevision`, `NotFound`."""
        if isinstance(document, str):
            document = self.get(document)
        assert isinstance(document, Document)
        if document.conflict or document.revision is None:
            raise BadDocument("only a document that was read from the server can be deleted there")
        return Document.of(self._library.delete(check_unid(document.unid), Revision.parse(document.revision)))

    def documents(self, *, conflicts: bool = False, deleted: bool = False) -> Iterator[Document]:
        """The live documents, in the server's order."""
        if conflicts or deleted:
            raise self._not_offered("a list of conflict documents or deletion stubs")
        return map(Document.of, self._library.all())

    def find(
        self,
        selector: dict[str, Json],
        *,
        sort: list[Json] | None = None,
        skip: int = 0,
        limit: int | None = None,
        conflicts: bool = False,
    ) -> Iterator[Document]:
        """The documents that match a Mango selector, in the server's order or as `sort` says; `BadSelector`."""
        if conflicts:
            raise self._not_offered("a search among conflict documents")
        compile_selector(selector)
        return arranged(map(Document.of, self._library.matching(selector)), sort, skip, limit)

    def __len__(self) -> int:
        return int(self.info()["documents"])

    def changes(self, since: int | str = 0, *, live: bool = False) -> Iterator[Change]:
        """What changed after the update sequence `since`, a text that the server gave, or 0. `live` waits for more."""
        position, last = Position(0, str(since)), False
        while True:
            page = self._library.changes(position, wait=live and last)
            for entry in page.entries:
                leaves = [str(offer.revision) for offer in entry.offers]
                sequence = int(entry.token) if entry.token.isdecimal() else entry.token
                yield Change(sequence, entry.unid, leaves[0], entry.offers[0].deleted, leaves)
            position, last = page.position, page.last
            if last and not live:
                return

    # -- conflicts

    def conflicts(self) -> Iterator[Conflict]:
        """The documents that have conflict documents, in UNID order."""
        for unid in self._library.branched():
            found = versions(self._library.leaves(unid)[0])
            if len(found) > 1:
                yield conflict_of(unid, found)

    def resolve(self, unid: str, *, keep: str | None = None, items: dict[str, Json] | None = None) -> Document:
        """End the conflict of a document with one revision, as `Replica.resolve` does; `unid` is the document's own."""
        choose = chosen(keep, items)
        leaves, texts = self._library.leaves(check_unid(unid))
        saving = self.saving
        body = saved_by(saving.by, choose(unid, versions(leaves)))
        leaf = next_revision(unid, live(leaves), body, saving.at_ms, SETTINGS["ancestry-limit"].default)
        texts |= {each.revision.packed: each.revision.text for each in leaves if each.revision.is_foreign}
        self._library.put_leaf(leaf, texts)
        return Document.of(leaf)

    # -- the replica itself

    def info(self) -> dict[str, Any]:
        """What `Replica.info` tells, with None for what the server does not say."""
        return self._library.info()

    def _holdings(self) -> Iterator[Holding]:
        """What a server of ours holds of every document, for `compare`: all of it is fetched once."""
        peer = self.end()
        if not isinstance(peer, HTTPPeer):
            raise self._not_offered("comparing with a server that is none of ours")
        return inventory_of(peer)

    def copy(self, path: FilePath, *, on_progress: Callable[[int, int], object] = nobody) -> Replica:
        """Make a new replica of the same database at `path`, in a file here. `Exists`.

        A server of ours sends the file, and `on_progress` is called with bytes. If it cannot, or is no server of ours, the
        documents are pulled: `on_progress` is called after every batch with how much of the server's feed is done and how
        much there is; why the file did not come is a warning of the logger `replica.remote`. If the server fails on the
        way, what was pulled is kept, and `replicate pull` goes on.
        """
        peer = self.end()
        failed: ReplicaError | None = None
        if isinstance(peer, HTTPPeer):
            try:
                fetch_copy(peer, os.fsdecode(path), self._clock(), on_progress)
                return open_path(path, clock=self._clock)
            except (StoreError, TransportError) as error:  # pulling needs less of the server, and is tried again
                failed = error
        made = create_empty(path, peer.greet(None).replica_id or None, "", self._clock)
        if failed is not None:
            _log.warning("the file of %s could not be taken: %s; its documents are pulled instead", self.path, failed)
        try:
            replicate(made, self, "pull", on_progress=lambda progress: on_progress(progress.done, progress.total))
        except ReplicaError as error:
            made.close()
            error.hint = f"What arrived is kept: `replicate pull {os.fsdecode(path)} {self.path}` goes on."
            raise
        return made

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._web.close()
