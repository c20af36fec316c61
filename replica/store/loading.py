"""Saving many documents: each batch is one transaction, and a bad document does not stop the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from replica.canonical import canonical
from replica.conflict import unite, winner
from replica.errors import ReplicaError, StaleRevision
from replica.leaf import NOTHING, Leaf, next_revision
from replica.naming import Saving, is_same, saved_by, stub_by
from replica.revision import Revision
from replica.rights import check_access_list
from replica.store.eviction import check_not_evicted, evicted_among
from replica.store.identity import new_unid
from replica.store.leaves import Writer, conflict_leaf, leaves_of_many
from replica.store.reading import conflict_document
from replica.store.saving import check_size, parents_for
from replica.store.settings import read_setting
from replica.store.sqlite import SQLiteFile

BATCH = 1000  # documents in one transaction
BATCH_BYTES = 8 * 2**20

_ANY_CONFLICT = text("SELECT 1 FROM conflict_document LIMIT 1")


@dataclass(slots=True)
class ImportReport:
    """What became of many documents. `failures` names the line (or position, counted from 1), the error's code and text."""

    read: int = 0
    added: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    failed: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every document was saved."""
        return not self.failed

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {"ok": self.ok, **asdict(self)}


class Entry(NamedTuple):
    """One document to save: where it came from, its UNID (None: make one), its canonical bytes (None: delete it).

    `checked`: save it as `Replica.put` does, on top of `base` or not at all. Otherwise it goes on from what is there, and
    is not saved when no item changed.
    """

    line: int
    unid: str | None
    items: bytes | None
    base: Revision | None = None
    checked: bool = False


Reader = Callable[[], Entry]


def load(
    file: SQLiteFile,
    saving: Callable[[], Saving],
    entries: Iterable[tuple[int, Reader]],
    progress: Callable[[int], object],
) -> ImportReport:
    """Save what the readers read. A reader that raises one of our errors counts as one failed document.

    A live document gets a new revision only if an item changed; who saved it is none. `progress` is told how many were read
    after each batch.
    """
    report = ImportReport()
    for batch in _batches(_read(entries, report)):
        with file.write() as connection:
            done = _save(connection, batch, saving())
        for name in ("added", "updated", "deleted", "unchanged"):
            setattr(report, name, getattr(report, name) + getattr(done, name))
        _fail(report, done.failures)
        progress(report.read)
    report.failures.sort(key=lambda failure: failure["line"])
    return report


def _read(entries: Iterable[tuple[int, Reader]], report: ImportReport) -> Iterator[Entry]:
    for line, read in entries:
        report.read += 1
        try:
            entry = read()
        except ReplicaError as error:
            _fail(report, [_failure(line, error)])
        else:
            yield entry._replace(line=line)


def _fail(report: ImportReport, failures: list[dict[str, Any]]) -> None:
    report.failed += len(failures)
    report.failures.extend(failures)


def _failure(line: int, error: ReplicaError) -> dict[str, Any]:
    return {"line": line, "code": error.code, "message": str(error)}


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Entries in bounded batches; one UNID at most once in each, so that each document is written once."""
    batch: list[Entry] = []
    unids: set[str] = set()
    size = 0
    for entry in entries:
        if len(batch) == BATCH or size > BATCH_BYTES or entry.unid in unids:
            yield batch
            batch, unids, size = [], set(), 0
        batch.append(entry)
        size += len(entry.items or b"")
        if entry.unid is not None:
            unids.add(entry.unid)
    if batch:
        yield batch


def _save(connection: Connection, batch: list[Entry], saving: Saving) -> ImportReport:
    done = ImportReport()
    here = leaves_of_many(connection, [entry.unid for entry in batch if entry.unid is not None])
    shown = _conflict_documents(connection, [entry.unid for entry in batch if entry.unid and entry.unid not in here])
    gone = evicted_among(connection, [entry.unid for entry in batch if entry.unid and entry.unid not in here])
    limit: int = read_setting(connection, "ancestry-limit")
    size_max: int = read_setting(connection, "document-size-max")
    writer = Writer(connection, saving.at_ms)
    for entry in batch:
        rows = here.get(entry.unid or "", [])
        try:
            if entry.items is not None:
                entry = _saved(entry, entry.items, size_max, saving)
            if entry.unid in shown:
                _check_conflict(entry, shown[entry.unid], done)
                continue
            check_not_evicted(entry.unid or "", gone)
            leaf = _next(entry, [row.leaf for row in rows], saving, limit, done)
        except ReplicaError as error:
            done.failures.append(_failure(entry.line, error))
        else:
            if leaf is not None:
                writer.put(rows, unite([row.leaf for row in rows], [leaf], limit) if rows else [leaf])
    writer.flush()
    return done


def _saved(entry: Entry, items: bytes, size_max: int, saving: Saving) -> Entry:
    """The entry of a document with who saves it. `TooLarge`, `BadAccessList`."""
    items = saved_by(saving.by, items)
    check_size(items, size_max, "the document")
    check_access_list(entry.unid or "", items)
    return entry._replace(items=items)


def _next(entry: Entry, leaves: list[Leaf], saving: Saving, limit: int, done: ImportReport) -> Leaf | None:
    """The leaf to write for an entry, None if nothing changed; counted in `done`."""
    shown = winner(leaves)
    live = shown is not None and not shown.deleted
    unid = entry.unid or new_unid(saving.at_ms)
    if not entry.checked and _is_unchanged(entry.items, shown.body if live and shown else None):
        done.unchanged += 1
        return None
    base = entry.base if entry.checked or shown is None else shown.revision
    parents = parents_for(unid, leaves, base)
    deleted = entry.items is None
    items = entry.items or stub_by(saving.by, parents[0] if parents else None, NOTHING)
    leaf = next_revision(unid, parents, items, saving.at_ms, limit, deleted)
    done.deleted += deleted
    done.updated += live and not deleted
    done.added += not live and not deleted
    return leaf


def _is_unchanged(items: bytes | None, before: bytes | None) -> bool:
    if items is None or before is None:
        return items is before
    return is_same(items, before)


def _conflict_documents(connection: Connection, unids: list[str]) -> dict[str | None, Leaf]:
    """The leaves that are shown under these UNIDs as conflict documents."""
    if not unids or connection.execute(_ANY_CONFLICT).first() is None:
        return {}
    found = {unid: conflict_leaf(connection, unid) for unid in unids}
    return {unid: leaf for unid, leaf in found.items() if leaf is not None}


def _check_conflict(entry: Entry, leaf: Leaf, done: ImportReport) -> None:
    """A conflict document comes from an export. Unchanged it is nothing new; changed, a person has to say what it is."""
    if entry.items is None or not is_same(entry.items, canonical(conflict_document(leaf).items)):
        raise StaleRevision("this is the UNID of a conflict document", hint="Resolve the conflict, then import.")
    done.unchanged += 1


def numbered(readers: Iterable[Reader]) -> Iterator[tuple[int, Reader]]:
    """Readers with their positions, counted from 1."""
    return zip(itertools.count(1), readers, strict=False)
