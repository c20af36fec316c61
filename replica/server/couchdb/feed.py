"""The rows of `_changes`, a page at a time: from the replica's feed to CouchDB's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import Raw

from replica import changes, couchdb
from replica.changes import Entry
from replica.errors import Corrupt, Replaced
from replica.leaf import Leaf
from replica.server import sequences
from replica.server.answers import encode
from replica.server.couchdb.wanted_changes import Wanted
from replica.server.pending import Pending
from replica.store.identity import Identity, read_identity
from replica.store.leaves import leaves_of_many, update_sequence
from replica.store.sqlite import SQLiteFile
from replica.store.texts import is_readable

PAGE = 500
PAGE_BYTES = 4 * 2**20  # of documents, where they are read


class Rows(NamedTuple):
    """A part of the answer. `position`: what to go on from; `last`: all that was there when the answer began has been told."""

    rows: list[tuple[str, bytes]]  # the place, and the row as JSON
    position: int
    last: bool


class _Part(NamedTuple):
    """A part of the replica's feed, before it is known what of it is wanted. `last`: there was no more when it was read."""

    entries: Sequence[Entry]
    position: int
    last: bool


class Feed:
    """The changes of a replica that a request wants. Its methods read the file: they belong in a thread."""

    def __init__(self, file: SQLiteFile, pending: Pending, wanted: Wanted) -> None:
        self._file = file
        self._pending = pending
        self._sight_id = file.sight_id
        self._wanted = wanted
        self._since = self._passed = 0  # where the client was, and how many documents of the feed were passed since
        self._instance = ""
        self._told = 0  # rows
        self._until = 0  # how far what was there when it began reaches, and what of it has moved on since
        self._follows = False

    def start(self) -> int:
        """Where the client wants to go on from."""
        with self._file.read() as connection:
            newest = update_sequence(connection)
            identity = self._identity(connection)
        since = sequences.number_of(self._wanted.since, identity.all_ids, self._sight_id, newest)
        self._since, self._until = since, newest
        return newest + 1 if self._wanted.descending else since

    def page(self, position: int, left: int | None) -> Rows:
        """At most `left` rows that come after `position`, of one moment."""
        with self._file.read() as connection:
            entries, reached, last = self._entries(connection, position, left)
            last = last or (not self._wanted.descending and self._is_told(connection, reached))
            self._identity(connection)
            leaves = self._leaves(connection, entries)
        self.check_sight()
        rows: list[tuple[str, bytes]] = []
        for entry in entries:
            if left is not None and len(rows) == left:
                return Rows(rows, position, False)
            row = self._row(entry, leaves.get(entry.unid, []))
            rows += [] if row is None else [row]
            position = entry.sequence
            self._passed += 1
        return Rows(rows, reached, last)

    def end(self, position: int) -> tuple[str, int]:
        """`last_seq` and `pending` of an answer that goes to `position`."""
        with self._file.read() as connection:
            self._identity(connection)
            newest = update_sequence(connection)
            position = min(position, newest)
            pending = 0 if self._wanted.descending else self._ahead(connection, newest, position)
        return self.place(position), pending

    def _is_told(self, connection: Any, reached: int) -> bool:
        """Whether all that was there when it began has been told.

        A document that changes while others are told moves on, to at most what is the newest place when the newest of the
        beginning is reached. Who writes faster than this reads does not make it endless.
        """
        if reached >= self._until and not self._follows:
            self._follows, self._until = True, update_sequence(connection)
        return reached >= self._until

    def check_sight(self) -> None:
        """Refuse (`Replaced`) to go on for whoever sees other documents than when it began: they begin anew."""
        if self._file.sight_id != self._sight_id:
            raise Replaced("other documents may be seen by now", hint="Ask again from the last place.")

    def _ahead(self, connection: Any, newest: int, position: int) -> int:
        before = None if self._wanted.choice.is_looked_up else self._pending.at(self._sight_id, newest, self._since)
        ahead = changes.pending_since(connection, position) if before is None else before - self._passed
        self._pending.note(self._sight_id, newest, position, ahead)
        return ahead

    def place(self, number: int) -> str:
        """The place of an update sequence, by what the replica was called when it was read last."""
        return sequences.place(number, self._instance, self._sight_id)

    def _identity(self, connection: Any) -> Identity:
        identity = read_identity(connection)
        self._instance = identity.instance_id
        return identity

    # -- what is read

    def _entries(self, connection: Any, position: int, left: int | None) -> _Part:
        if left == 0:
            return _Part([], position, False)
        read = self._looked_up if self._wanted.choice.is_looked_up else self._walked
        part = read(connection, position, left)
        few = self._that_fit(part.entries)
        return part if few == len(part.entries) else _Part(part.entries[:few], part.entries[few - 1].sequence, False)

    def _looked_up(self, connection: Any, position: int, left: int | None) -> _Part:
        choice = self._wanted.choice
        unids = changes.unids_starting(connection, choice.prefix) if choice.prefix else choice.unids or []
        entries = changes.changes_of(connection, unids)
        newest = update_sequence(connection)
        if not self._wanted.descending:
            return _Part([entry for entry in entries if entry.sequence > position], max(position, newest), True)
        entries = [entry for entry in reversed(entries) if entry.sequence < position]
        return _Part(entries, entries[-1].sequence if entries else min(position, newest), True)

    def _walked(self, connection: Any, position: int, left: int | None) -> _Part:
        count = PAGE if left is None or self._wanted.choice.selector else min(PAGE, left)
        walk = changes.changes_before if self._wanted.descending else changes.changes_since
        page = walk(connection, position, count)
        return _Part(page.entries, page.position.number, page.last)

    def _that_fit(self, entries: Sequence[Entry]) -> int:
        """How many of them to read at once."""
        size = 0
        for count, entry in enumerate(entries[:PAGE]):
            size += sum(offer.size for offer in entry.offers) if self._wanted.needs_bodies else 0
            if size > PAGE_BYTES and count:
                return count
        return min(PAGE, len(entries))

    def _leaves(self, connection: Any, entries: Sequence[Entry]) -> dict[str, list[Leaf]]:
        """The leaves of the documents whose revisions alone do not say enough, the winner first."""
        unids = [entry.unid for entry in entries]
        if not self._wanted.needs_bodies:
            unids = list(changes.merged_among(connection, unids)) if self._wanted.all_leaves else []
        found = leaves_of_many(connection, unids, bodies=self._wanted.needs_bodies) if unids else {}
        return {
            unid: [row.leaf for row in sorted(rows, key=lambda row: row.winner, reverse=True)]
            for unid, rows in found.items()
        }

    # -- what is told

    def _row(self, entry: Entry, leaves: list[Leaf]) -> tuple[str, bytes] | None:
        revisions = list(self._revisions(entry, leaves)) if is_readable(entry.unid) else []
        if not revisions:
            return None
        place = self.place(entry.sequence)
        row: dict[str, Any] = {
            "seq": place if self._told % self._wanted.seq_interval == 0 else None,
            "id": entry.unid,
            "changes": [{"rev": revision} for revision in revisions],
        }
        if entry.offers[0].deleted:
            row["deleted"] = True
        if self._wanted.include_docs:
            row["doc"] = self._document(leaves)
        self._told += 1
        return place, encode(row)

    def _revisions(self, entry: Entry, leaves: list[Leaf]) -> Iterator[str]:
        """The revisions to tell of, the winner first, then live before deleted and new before old."""
        selector = self._wanted.choice.selector
        if not leaves:
            told = entry.offers if self._wanted.all_leaves else entry.offers[:1]
            yield from (str(offer.revision) for offer in told)
            return
        chosen = leaves if self._wanted.all_leaves else leaves[:1]
        if selector is not None:
            chosen = [leaf for leaf in chosen if _matches(selector, leaf)]
        if self._wanted.all_leaves:
            chosen = couchdb.with_closing_stubs(chosen)
        first = leaves[0].revision
        chosen.sort(key=lambda leaf: (leaf.revision == first, not leaf.deleted, leaf.revision), reverse=True)
        yield from (str(leaf.revision) for leaf in chosen)

    def _document(self, leaves: list[Leaf]) -> Raw | None:
        extra: dict[str, Any] = {}
        losing = sorted((leaf.revision for leaf in leaves[1:] if not leaf.deleted), reverse=True)
        if self._wanted.conflicts and losing:
            extra["_conflicts"] = [str(revision) for revision in losing]
        try:
            return Raw(couchdb.to_json(leaves[0], extra))
        except Corrupt:
            return None  # reading the document itself tells more


def _matches(selector: Any, leaf: Leaf) -> bool:
    try:
        shown = leaf.items | {"_id": leaf.unid, "_rev": str(leaf.revision)}
    except Corrupt:
        return True  # nobody can tell: who reads it hears of the damage
    return bool(selector.matches(shown | ({"_deleted": True} if leaf.deleted else {})))
