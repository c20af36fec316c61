"""A replica, as programs use it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from replica.canonical import Json
from replica.clock import Clock, system_clock
from replica.document import Document, check_items, check_unid
from replica.engine.peer import Peer
from replica.errors import BadDocument, BadSelector, Mistake, NotFound
from replica.following import Change, follow
from replica.naming import Saving, check_name
from replica.resolving import Conflict, find_conflicts, resolve_all, resolve_one
from replica.revision import Revision
from replica.selection import compile_selector
from replica.sorting import arranged
from replica.store import checking, compaction, searching
from replica.store.callbacks import nobody
from replica.store.eviction import Evicted, evicted
from replica.store.identity import Identity, found, new_unid, read_identity
from replica.store.leaves import update_sequence, winner_of
from replica.store.loading import Entry, ImportReport, Reader, load, numbered
from replica.store.opening import create_file, open_file, upgrade_file
from replica.store.reading import (
    conflict_documents,
    count_all,
    count_live,
    in_order,
    live_documents,
    read_document,
    read_revision,
    revisions_of,
    stubs,
)
from replica.store.receive import refused
from replica.store.saving import DELETED, close_conflict, delete, save, save_conflict
from replica.store.sessions import Session, all_sessions, forget_sessions
from replica.store.settings import Settings, check_setting, read_setting
from replica.store.sqlite import SQLiteFile
from replica.store.tables import SCHEMA
from replica.tally import Failure
from replica.transports.direct import DirectPeer
from replica.transports.snapshot import copy_file, copy_replica

BUSY_TIMEOUT_S = 10.0

FilePath = str | os.PathLike[str]

_REQUIRED: Any = object()


def create(
    path: FilePath,
    *,
    title: str = "",
    user: str | None = None,
    clock: Clock = system_clock,
    busy_timeout: float = BUSY_TIMEOUT_S,
) -> Replica:
    """Make a new database, of which the file at `path` is the first replica. `Exists` if there is a file already.

    Its owner alone can open it (mode 0600) until `chmod` says otherwise; copies and backups are as private as it is.
    ``":memory:"`` makes one that is gone when it is closed. `user`: who saves here, as `$UpdatedBy` tells it; `Mistake` if
    that is no name. `busy_timeout`: how many seconds to wait for other writers.
    """
    return create_empty(path, None, title, clock, busy_timeout, user)


def create_empty(
    path: FilePath,
    replica_id: str | None,
    title: str,
    clock: Clock,
    busy_timeout: float = BUSY_TIMEOUT_S,
    user: str | None = None,
) -> Replica:
    """Make an empty replica of the database `replica_id`, or of a new one, in a file for its owner alone. `Exists`."""
    check_setting("title", title)
    if user is not None:
        check_name(user)
    file = create_file(
        os.fsdecode(path), busy_timeout, lambda connection: found(connection, clock(), title, replica_id)
    )
    return Replica(file, clock, user)


def open_path(
    path: FilePath, *, user: str | None = None, clock: Clock = system_clock, busy_timeout: float = BUSY_TIMEOUT_S
) -> Replica:
    """Open the replica in the file at `path`; the errors are those of `replica.open`."""
    if user is not None:
        check_name(user)
    return Replica(open_file(os.fsdecode(path), busy_timeout), clock, user)


def upgrade(path: FilePath, *, busy_timeout: float = BUSY_TIMEOUT_S) -> bool:
    """Bring the file at `path`, written by an older version, up to date; whether there was anything to do.

    All or nothing, in one transaction. `ReadOnly`, `Locked`, and the errors of `open` except `TooOld`.
    """
    return upgrade_file(os.fsdecode(path), busy_timeout)


class Replica:
    """One replica of a database. Threads may share it; forked processes may not. Also a context manager.

    Every change is durable when the call returns: it survives the end of the process and a power cut. `user`: who saves
    here, as `$UpdatedBy` tells it; None: nobody is known.
    """

    def __init__(self, file: SQLiteFile, clock: Clock, user: str | None = None) -> None:
        self._file = file
        self._clock = clock
        self.user = user
        self.path = file.path
        self.settings: MutableMapping[str, Json] = Settings(file)

    @property
    def file(self) -> SQLiteFile:
        """The file with its transactions, for the parts of this package that stand beside this class."""
        return self._file

    @property
    def clock(self) -> Clock:
        """What tells the time of the saves made here."""
        return self._clock

    @property
    def saving(self) -> Saving:
        """When, and by whom, what is saved now is saved."""
        return Saving(self._clock(), self.user)

    @property
    def peer(self) -> DirectPeer:
        """This replica as one end of a replication."""
        return DirectPeer(self._file, self._clock)

    def end(self) -> Peer:
        """The same, outside of `batch`: a peer would remember what is not durable yet."""
        self._file.check_outside("replication")
        return self.peer

    # -- documents

    def put(self, document: Document | dict[str, Json], *, unid: str | None = None) -> Document:
        """Save a document; the saved one comes back, with its revision.

        A dict makes a new document, under `unid` if given. A `Document` with a revision becomes the next one; it goes on
        from a conflict document as a document of its own. `StaleRevision` if someone saved in between, or if the document
        is there already; `BadDocument`, `TooLarge`. On a deleted UNID it goes on from the stub. Who saves it (`user`) is said in
        its item `$UpdatedBy`, whatever that was; where nobody is known the item goes.
        """
        entry = self._entry(document, unid)
        with self._file.write() as connection:
            saving = self.saving
            name = entry.unid or new_unid(saving.at_ms)
            assert entry.items is not None
            if entry.base is not None and isinstance(document, Document) and document.conflict:
                leaf = save_conflict(connection, name, entry.base, entry.items, saving)
            else:
                leaf = save(connection, name, entry.base, entry.items, saving)
        return Document.of(leaf)

    def put_many(
        self,
        documents: Iterable[Document | dict[str, Json]],
        *,
        on_progress: Callable[[int], object] = lambda read: None,
    ) -> ImportReport:
        """Save many documents as `put` does, a thousand in one transaction; what cannot be saved is counted and named."""

        def reader(document: Document | dict[str, Json]) -> Reader:
            return lambda: self._entry(document, None)

        return self.load(numbered(map(reader, documents)), on_progress=on_progress)

    def load(
        self, entries: Iterable[tuple[int, Reader]], *, on_progress: Callable[[int], object] = lambda read: None
    ) -> ImportReport:
        """Save what `entries` read: pairs of a line number and a function that gives the entry or raises."""
        return load(self._file, lambda: self.saving, entries, on_progress)

    def _entry(self, document: Document | dict[str, Json], unid: str | None) -> Entry:
        if not isinstance(document, Document):
            return Entry(0, None if unid is None else check_unid(unid), check_items(document), None, True)
        if unid is not None and unid != document.unid:
            raise BadDocument(f"the document has the UNID {document.unid!r}, not {unid!r}", hint="Put doc.items.")
        if document.deleted:
            hint = "delete() deletes; to bring a document back, put its items: put(doc.items, unid=doc.unid)."
            raise BadDocument(f"the document {document.unid!r} is marked as deleted", hint=hint)
        base = None if document.revision is None else Revision.parse(document.revision)
        items = {name: value for name, value in document.items.items() if not (document.conflict and name in _SHOWN)}
        name = None if document.unid is None else check_unid(document.unid)
        return Entry(0, name, check_items(items), base, True)

    def get(self, unid: str, default: Any = _REQUIRED, *, revision: str | None = None) -> Any:
        """The document, or conflict document, of that UNID; or that revision of it.

        `NotFound` (its `deleted` is True if there is a deletion stub), or `default` if one is given.
        """
        check_unid(unid)
        with self._file.read() as connection:
            if revision is None:
                document = read_document(connection, unid)
            else:
                document = read_revision(connection, unid, Revision.parse(revision))
        if document is not None and (revision is not None or not document.deleted):
            return document
        if default is not _REQUIRED:
            return default
        what = (
            f"there is no document {unid!r}"
            if revision is None
            else f"there is no revision {revision} of {unid!r} here"
        )
        if document is not None:
            raise NotFound(f"{what}: it was deleted", hint=DELETED, deleted=True)
        raise NotFound(what, hint=None if revision is None else "`replicate revisions DB UNID` lists those that are.")

    def delete(self, document: Document | str) -> Document:
        """Delete a document, or close a conflict document; the deletion stub comes back.

        `StaleRevision` if someone saved in between; given a UNID, whatever is there is deleted. `NotFound`.
        """
        unid, revision = (document.unid, document.revision) if isinstance(document, Document) else (document, None)
        unid, base = check_unid(unid), None if revision is None else Revision.parse(revision)
        with self._file.write() as connection:
            shown = winner_of(connection, unid)
            if shown is None or (shown.deleted and base != shown.revision):
                conflict = read_document(connection, unid)
                if conflict is not None and conflict.conflict:
                    return Document.of(close_conflict(connection, unid, base, self.saving))
            return Document.of(delete(connection, unid, base, self.saving))

    def revisions(self, unid: str) -> list[Document]:
        """The revisions of a document that `get` can give, the winner first, then the newest. `NotFound` if there are none."""
        check_unid(unid)
        with self._file.read() as connection:
            leaves = revisions_of(connection, unid)
        if not leaves:
            raise NotFound(f"there is no document {unid!r}")
        return [Document.of(leaf) for leaf in leaves]

    def documents(self, *, conflicts: bool = False, deleted: bool = False) -> Iterator[Document]:
        """The live documents, and if asked for the conflict documents and the deletion stubs, in UNID order."""
        losing = conflict_documents(self._file) if conflicts else iter(())
        return in_order(live_documents(self._file), losing, stubs(self._file) if deleted else iter(()))

    def find(
        self,
        selector: dict[str, Json],
        *,
        sort: list[Json] | None = None,
        skip: int = 0,
        limit: int | None = None,
        conflicts: bool = False,
    ) -> Iterator[Document]:
        """The documents that match a Mango selector, in UNID order or as `sort` says; `BadSelector`."""
        matches = searching.search(self._file, compile_selector(selector), conflicts)
        return arranged(matches, sort, skip, limit)

    def create_index(self, items: list[str], *, name: str | None = None) -> str:
        """Make an index of these items, which `find` uses by itself; its name comes back. `Exists`, `BadSelector`."""
        if isinstance(items, str):
            raise BadSelector("an index is of a list of items, not of a text", hint=f"Write [{items!r}].")
        with self._file.write() as connection:
            return searching.create_index(connection, list(items), name)

    def indexes(self) -> list[str]:
        """The names of the indexes."""
        with self._file.read() as connection:
            return searching.indexes(connection)

    def drop_index(self, name: str) -> None:
        """Remove an index; `NotFound`."""
        with self._file.write() as connection:
            searching.drop_index(connection, name)

    def __contains__(self, unid: object) -> bool:
        try:
            return isinstance(unid, str) and self.get(unid, None) is not None
        except BadDocument:
            return False

    def __len__(self) -> int:
        with self._file.read() as connection:
            return count_live(connection)

    def __bool__(self) -> bool:
        return True

    @contextmanager
    def batch(self) -> Iterator[Replica]:
        """Several changes of this thread in one transaction: all are saved when the block ends, none if it raises."""
        with self._file.write():
            yield self

    def changes(self, since: int | str = 0, *, live: bool = False) -> Iterator[Change]:
        """What changed after the update sequence `since`: one entry per document, at its latest. `live` waits for more."""
        if not isinstance(since, int) or since < 0:
            raise Mistake(f"{since!r} is no update sequence", hint="Here it is a whole number from 0.")
        return follow(self._file, since, live)

    # -- conflicts

    def conflicts(self) -> Iterator[Conflict]:
        """The documents that have conflict documents, in UNID order."""
        return find_conflicts(self._file)

    def resolve(self, unid: str, *, keep: str | None = None, items: dict[str, Json] | None = None) -> Document:
        """End the conflict of a document (or of the one that this conflict document belongs to) with one revision.

        It has all live leaves as parents, and holds what the revision `keep` has, or `items`. `NotFound` if there is no
        conflict.
        """
        return Document.of(resolve_one(self._file, lambda: self.saving, unid, keep, items))

    def resolve_all(self, *, keep: str = "winner", dry_run: bool = False) -> list[str]:
        """End all conflicts: `keep` what won, or what was saved last (``"newest"``). The UNIDs concerned."""
        return resolve_all(self._file, lambda: self.saving, keep, dry_run)

    # -- the replica itself

    @property
    def identity(self) -> Identity:
        """The ids of the database and of this replica."""
        with self._file.read() as connection:
            return read_identity(connection)

    @property
    def update_sequence(self) -> int:
        """The number of the newest change; it grows with every save, here and by replication."""
        with self._file.read() as connection:
            return update_sequence(connection)

    @property
    def is_current(self) -> bool:
        """Whether the file that was opened is still the one at its path; if not, everything is refused (`Replaced`)."""
        return self._file.is_current

    def info(self) -> dict[str, Any]:
        """`replica_id instance_id title documents deleted conflicts conflicted update_seq bytes schema`.

        `documents`: live; `deleted`: stubs; `conflicts`: conflict documents; `conflicted`: documents that have some.
        """
        size = compaction.file_bytes(self._file)
        with self._file.read() as connection:
            identity = read_identity(connection)
            return {
                "replica_id": identity.replica_id,
                "instance_id": identity.instance_id,
                "title": read_setting(connection, "title"),
                **count_all(connection)._asdict(),
                "update_seq": update_sequence(connection),
                "bytes": size,
                "schema": SCHEMA,
            }

    def history(self, *, clear: str | None = None) -> list[Session]:
        """What is remembered of exchanges with peers, newest first; `clear` forgets one peer (an instance id) before."""
        if clear is not None:
            with self._file.write() as connection:
                if not forget_sessions(connection, clear):
                    raise NotFound(
                        f"no exchange with {clear!r} is remembered", hint="`replicate history DB` lists the peers."
                    )
        with self._file.read() as connection:
            return all_sessions(connection)

    def refused(self) -> list[Failure]:
        """What peers offered and was not taken: too large, damaged or not allowed. Every replication asks again."""
        with self._file.read() as connection:
            return refused(connection)

    def evicted(self) -> list[Evicted]:
        """The documents that left this replica, because where they came from its user may not read them any more."""
        with self._file.read() as connection:
            return evicted(connection)

    def copy(self, path: FilePath, *, on_progress: Callable[[int, int], object] = nobody) -> Replica:
        """Make a new replica of the same database at `path`. `Exists`.

        Here and below, `on_progress` is called now and then with how much is done and how much there is (0: unknown): bytes
        when files are written, revisions or documents when they are checked.
        """
        self._file.check_outside("copying")
        copy_replica(self._file, os.fsdecode(path), self._clock(), on_progress)
        return open_path(path, user=self.user, clock=self._clock)

    def backup(self, path: FilePath, *, on_progress: Callable[[int, int], object] = nobody) -> None:
        """Write a backup: an ordinary file that is this replica as it is now. `Exists`."""
        self._file.check_outside("a backup")
        copy_file(self._file, os.fsdecode(path), on_progress)

    def compact(self, *, on_progress: Callable[[int, int], object] = nobody) -> dict[str, Any]:
        """Forget superseded revisions as the settings say, and give free space back."""
        self._file.check_outside("compaction")
        return compaction.compact(self._file, self._clock(), on_progress)

    def verify(self, *, on_progress: Callable[[int, int], object] = nobody) -> dict[str, Any]:
        """Check the file and every document: ``{"ok", "checked", "damaged": [{"unid", "revision", "code", "message"}]}``."""
        return checking.verify(self._file, on_progress)

    def compare(self, other: Replica, *, on_progress: Callable[[int, int], object] = nobody) -> dict[str, Any]:
        """What is not the same in another replica: ``{"ok", "only_here", "only_there", "different"}``."""
        about = self.info()
        total = about["documents"] + about["deleted"]
        return checking.compare(self._holdings(), other._holdings(), total, on_progress)

    def _holdings(self) -> Iterator[checking.Holding]:
        """What is held of every document, in UNID order, for `compare`."""
        return checking.inventory(self._file)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Replica({self.path!r})"


_SHOWN = ("$Conflict", "$Ref")
