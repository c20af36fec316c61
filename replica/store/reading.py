"""Reading documents in pages, so that no transaction stays open while a program thinks."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from replica.conflict import conflict_unid, winner
from replica.document import Document
from replica.leaf import Leaf
from replica.revision import Ancestor, Ancestry, Revision
from replica.store.enough import until_enough
from replica.store.leaves import conflict_leaf, leaf_query, leaves_of, stored, winner_of
from replica.store.sqlite import SQLiteFile
from replica.store.texts import is_readable, revision_of

PAGE = 200

_PAGE = """
    FROM leaf WHERE winner = 1 AND deleted = {} AND unid > CAST(:after AS TEXT) AND unid < x'' ORDER BY leaf.unid LIMIT :limit"""
_KEY = "CAST(leaf.unid AS BLOB)"  # bytes that are no text have their place too; behind all texts, from x'', there is damage
_LIVE = leaf_query(_PAGE.format(0), key=_KEY)
_STUBS = leaf_query(_PAGE.format(1), key=_KEY)
_LOSING = leaf_query(
    """
    FROM conflict_document d JOIN leaf ON (leaf.unid, leaf.number, leaf.packed) = (d.ref, d.number, d.packed)
    WHERE d.unid > :after ORDER BY d.unid LIMIT :limit""",
    key="d.unid",
)
_COUNT = text("SELECT count(*) FROM leaf WHERE winner = 1 AND deleted = 0")
_COUNTS = text("""
    SELECT (SELECT count(*) FROM leaf WHERE winner = 1 AND deleted = 0) AS documents,
           (SELECT count(*) FROM leaf WHERE winner = 1 AND deleted = 1) AS deleted,
           (SELECT count(*) FROM conflict_document) AS conflicts,
           (SELECT count(DISTINCT ref) FROM conflict_document) AS conflicted""")
_CONFLICTED = text(
    "SELECT DISTINCT ref AS key, '' AS body FROM conflict_document WHERE ref > :after ORDER BY ref LIMIT :limit"
)
_OLD_ROW = """
    SELECT number, packed, deleted, verified, CAST(body AS BLOB) AS body, hash,
        (SELECT CAST(text AS BLOB) FROM foreign_revision f WHERE f.packed = superseded.packed) AS foreign_text
    FROM superseded WHERE unid = :unid"""
_OLD = text(f"{_OLD_ROW} ORDER BY number DESC, packed DESC")
_OLD_ONE = text(f"{_OLD_ROW} AND number = :number AND packed = :packed")
_OLD_NAMES = text("SELECT number, packed, deleted FROM superseded WHERE unid = :unid")


def conflict_document(leaf: Leaf) -> Document:
    """A losing leaf as it is shown: under a UNID of its own, with `$Conflict` and the UNID of the winner in `$Ref`."""
    return Document.of(leaf, unid=conflict_unid(leaf), extra={"$Conflict": True, "$Ref": leaf.unid})


def read_document(connection: Connection, unid: str) -> Document | None:
    """The document or conflict document of that UNID; a stub if it is deleted, None if it was never there."""
    leaf = winner_of(connection, unid)
    if leaf is None or leaf.deleted:
        losing = conflict_leaf(connection, unid)
        if losing is not None:
            return conflict_document(losing)
    return None if leaf is None else Document.of(leaf)


def read_revision(connection: Connection, unid: str, revision: Revision) -> Document | None:
    """One revision of a document, of its leaves or of the superseded ones."""
    for leaf in revisions_of(connection, unid):
        if leaf.revision == revision:
            return Document.of(leaf)
    return None


def revisions_of(connection: Connection, unid: str) -> list[Leaf]:
    """The revisions whose content is here, the winner first, then the newest; the superseded ones without ancestry."""
    leaves = [row.leaf for row in leaves_of(connection, unid)]
    shown = winner(leaves)
    old = [_superseded(unid, row) for row in connection.execute(_OLD, {"unid": unid})]
    return sorted(leaves + old, key=lambda leaf: (leaf is shown, leaf.revision), reverse=True)


def _superseded(unid: str, row: Any) -> Leaf:
    revision = revision_of(row.number, row.packed, row.foreign_text)
    return Leaf(unid, revision, bool(row.deleted), bool(row.verified), Ancestry(), None, row.hash, row.body)


def superseded_revision(connection: Connection, unid: str, revision: Revision) -> Leaf | None:
    """A revision that is no leaf any more, without ancestry, if its content is still here."""
    key = {"unid": unid, **Ancestor.of(revision)._asdict()}
    row = connection.execute(_OLD_ONE, key).first()
    return None if row is None else _superseded(unid, row)


def superseded_ancestors(connection: Connection, unid: str) -> dict[Ancestor, bool]:
    """The revisions that are no leaves any more and whose content is still here; whether each is deleted."""
    rows = connection.execute(_OLD_NAMES, {"unid": unid})
    return {Ancestor(row.number, row.packed): bool(row.deleted) for row in rows}


def live_documents(file: SQLiteFile) -> Iterator[Document]:
    """The live documents in UNID order."""
    return map(Document.of, live_leaves(file))


def live_leaves(file: SQLiteFile, after: str = "") -> Iterator[Leaf]:
    """What is shown as the live documents, in UNID order, those after the UNID `after`."""
    return _readable(_pages(file, _LIVE, after.encode()))


def stubs(file: SQLiteFile) -> Iterator[Document]:
    """The deletion stubs in UNID order."""
    return map(Document.of, _readable(_pages(file, _STUBS, b"")))


def conflict_documents(file: SQLiteFile) -> Iterator[Document]:
    """The conflict documents in the order of their UNIDs."""
    return (conflict_document(stored(row).leaf) for row in _pages(file, _LOSING))


def in_order(*documents: Iterator[Document]) -> Iterator[Document]:
    """Several iterators in UNID order as one."""
    return heapq.merge(*documents, key=lambda document: document.unid or "")


def conflicted_unids(file: SQLiteFile) -> Iterator[str]:
    """The UNIDs of documents that have conflict documents, in order."""
    return (row.key for row in _pages(file, _CONFLICTED))


def count_live(connection: Connection) -> int:
    """How many documents are live."""
    return int(connection.execute(_COUNT).scalar() or 0)


class Counts(NamedTuple):
    """What `info` counts."""

    documents: int
    deleted: int
    conflicts: int
    conflicted: int


def count_all(connection: Connection) -> Counts:
    """Live documents, stubs, conflict documents, and documents that have some."""
    return Counts(*connection.execute(_COUNTS).one())


def _readable(rows: Iterator[Any]) -> Iterator[Leaf]:
    """The leaves in these rows. Those whose UNID cannot be read have no place among the others."""
    return (leaf for row in rows if is_readable((leaf := stored(row).leaf).unid))


def _pages(file: SQLiteFile, statement: Any, after: str | bytes = "") -> Iterator[Any]:
    while True:
        with file.read() as connection:
            rows, complete = until_enough(connection.execute(statement, {"after": after, "limit": PAGE}))
        yield from rows
        if complete and len(rows) < PAGE:
            return
        after = rows[-1].key
