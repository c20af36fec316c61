"""Is everything here what it should be, and do two replicas hold the same?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Text, TextClause, text

from replica.canonical import parse
from replica.conflict import check_leaf
from replica.document import canonical_items
from replica.errors import Corrupt, ReplicaError
from replica.leaf import Leaf
from replica.store.callbacks import Progress, looked_at
from replica.store.intact import NONSENSE
from replica.store.leaves import leaf_query, stored
from replica.store.nesting import driver_of
from replica.store.sqlite import SQLiteFile
from replica.store.tables import metadata
from replica.store.texts import as_text, is_readable, stored_unid, unid_of

PAGE = 200

_LEAVES = leaf_query("FROM leaf WHERE seq > :after ORDER BY seq LIMIT :limit")
_SUPERSEDED = text(f"""
    SELECT rowid, {stored_unid("unid")} AS unid, number, lower(hex(packed)) AS packed, hash, CAST(body AS BLOB) AS body
    FROM superseded
    WHERE rowid > :after ORDER BY rowid LIMIT :limit""")
_OWN = ("leaf", "superseded")  # whose rows are looked at one by one
_REVISIONS = text("SELECT (SELECT count(*) FROM leaf) + (SELECT count(*) FROM superseded)")
_WINNERS = text(f"SELECT max(seq), {stored_unid('unid')} FROM leaf GROUP BY unid HAVING sum(winner) <> 1")
_BY_UNID = leaf_query(
    """
    FROM leaf WHERE (unid, number, packed) > (CAST(:unid AS TEXT), :number, :packed) AND unid < x''
    ORDER BY leaf.unid, leaf.number, leaf.packed LIMIT :limit""",
    key="CAST(leaf.unid AS BLOB)",
)
_NO_TEXTS = leaf_query("FROM leaf WHERE unid >= x'' OR unid < ''")

Found = dict[str, Any] | None  # damage, or none in this place


def verify(file: SQLiteFile, progress: Progress) -> dict[str, Any]:
    """Check the file's structure, every body against its hash, and every verified revision against its id.

    → ``{"ok", "checked", "damaged": [{"unid", "revision", "code", "message"}]}``; `checked` counts revisions.
    """
    total = _count(file, _REVISIONS)
    damaged: list[dict[str, Any]] = []
    checked = 0
    for found in _unbroken(_structure(file, lambda: progress(0, total)), _winners(file), _texts(file)):
        damaged += [found] if found else []
    for found in _unbroken(_leaves(file), _superseded(file)):
        checked += 1
        damaged += [found] if found else []
        if checked % PAGE == 0:
            progress(checked, total)
    return {"ok": not damaged, "checked": checked, "damaged": damaged}


def _unbroken(*parts: Iterator[Found]) -> Iterator[Found]:
    """The parts one after the other. Where SQLite cannot go on with one, that is damage too, and the next one begins."""
    for part in parts:
        try:
            yield from part
        except Corrupt as error:
            yield _damage(None, None, str(error))


def _count(file: SQLiteFile, statement: TextClause) -> int:
    with file.read() as connection:
        return int(connection.execute(statement).scalar() or 0)


def _damage(unid: str | None, revision: str | None, message: str) -> dict[str, Any]:
    return {"unid": unid, "revision": revision, "code": Corrupt.code, "message": message}


def _structure(file: SQLiteFile, look: Callable[[], object]) -> Iterator[Found]:
    with file.read() as connection, looked_at(driver_of(connection), look):
        for (message,) in connection.exec_driver_sql("PRAGMA integrity_check"):
            yield None if message == "ok" else _damage(None, None, message)


def _winners(file: SQLiteFile) -> Iterator[Found]:
    with file.read() as connection:
        for seq, unid in connection.execute(_WINNERS):
            yield _damage(None, None, f"document {unid_of(unid, seq)!r} does not have one winner")


def _texts(file: SQLiteFile) -> Iterator[Found]:
    """The texts of the tables beside those of revisions."""
    for table in metadata.sorted_tables:
        names = [column.name for column in table.columns if isinstance(column.type, Text)]
        terms = ", ".join(f"CAST({name} AS BLOB)" for name in names)
        with file.read() as connection:
            for row in (
                connection.exec_driver_sql(f"SELECT {terms} FROM {table.name}") if table.name not in _OWN else ()
            ):
                for name, stored_text in zip(names, row, strict=True):
                    if as_text(stored_text or b"") is None:
                        yield _damage(None, None, f"the table {table.name} holds bytes that are no text in `{name}`")


def _leaves(file: SQLiteFile) -> Iterator[Found]:
    for row in _pages(file, _LEAVES):
        try:
            yield _problem_of(stored(row).leaf)
        except NONSENSE:
            yield _damage(
                unid_of(row.unid, row.seq), None, f"the row {row.seq} of the table of leaves holds what it cannot hold"
            )


def _problem_of(leaf: Leaf) -> Found:
    try:
        check_leaf(leaf)
        if canonical_items(parse(leaf.body)) != leaf.body:
            raise Corrupt(f"revision {leaf.revision} of {leaf.unid!r} is not in the canonical form")
    except ReplicaError as error:
        return _damage(leaf.unid, str(leaf.revision), str(error))
    return None


def _superseded(file: SQLiteFile) -> Iterator[Found]:
    for row in _pages(file, _SUPERSEDED):
        unid = unid_of(row.unid, row.rowid)
        fine = row.body is not None and hashlib.sha256(row.body).digest() == row.hash and is_readable(unid)
        yield None if fine else _damage(unid, f"{row.number}-{row.packed}", "a superseded revision is damaged")


def _pages(file: SQLiteFile, statement: Any) -> Iterator[Any]:
    after = 0
    while True:
        with file.read() as connection:
            rows = connection.execute(statement, {"after": after, "limit": PAGE}).all()
        yield from rows
        if len(rows) < PAGE:
            return
        if rows[-1][0] <= after:
            raise Corrupt(f"{file.path}: rows are out of order")
        after = rows[-1][0]


class Holding(NamedTuple):
    """What a replica holds of one document. `digest`: of its leaves, and of the bytes of each that really are there."""

    unid: str
    digest: bytes


def holding(unid: str, leaves: Iterable[Leaf]) -> Holding:
    """All leaves of one document, for a comparison."""
    told = sorted(f"{leaf.revision} {leaf.deleted:d} {hashlib.sha256(leaf.body).hexdigest()}" for leaf in leaves)
    return Holding(unid, hashlib.sha256("\n".join(told).encode()).digest())


def inventory(file: SQLiteFile) -> Iterator[Holding]:
    """What is held of every document, deletion stubs included, in UNID order; rows whose UNID cannot be read among them."""
    leaves = (stored(row).leaf for row in _in_order(file))
    for unid, of_one in groupby(leaves, key=lambda leaf: leaf.unid):
        yield holding(unid, of_one)


def _in_order(file: SQLiteFile) -> Iterator[Any]:
    after = {"unid": b"", "number": 0, "packed": b""}
    rows: Sequence[Any] = [None] * PAGE
    while len(rows) == PAGE:
        with file.read() as connection:
            rows = connection.execute(_BY_UNID, {**after, "limit": PAGE}).all()
        yield from rows
        after = {"unid": rows[-1].key, "number": rows[-1].number, "packed": rows[-1].packed} if rows else after
    with file.read() as connection:
        yield from connection.execute(_NO_TEXTS).all()


def compare(here: Iterator[Holding], there: Iterator[Holding], total: int, progress: Progress) -> dict[str, Any]:
    """Which documents are not the same in two replicas: same leaves and same bytes. Both in UNID order, but for rows whose
    UNID cannot be read: whose they were nobody knows, and so they are on that side only.

    → ``{"ok", "only_here", "only_there", "different"}``, lists of UNIDs.
    """
    only_here: list[str] = []
    only_there: list[str] = []
    different: list[str] = []
    here, there = _known(_telling(here, total, progress), only_here), _known(there, only_there)
    a, b = next(here, None), next(there, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.unid < b.unid):
            assert a is not None
            only_here.append(a.unid)
            a = next(here, None)
        elif a is None or b.unid < a.unid:
            only_there.append(b.unid)
            b = next(there, None)
        else:
            if a != b:
                different.append(a.unid)
            a, b = next(here, None), next(there, None)
    ok = not (only_here or only_there or different)
    return {"ok": ok, "only_here": only_here, "only_there": only_there, "different": different}


def _known(holdings: Iterator[Holding], others: list[str]) -> Iterator[Holding]:
    """What is held of documents that are known by a UNID; the others are added to `others`."""
    for held in holdings:
        if is_readable(held.unid):
            yield held
        else:
            others.append(held.unid)


def _telling(holdings: Iterator[Holding], total: int, progress: Progress) -> Iterator[Holding]:
    for number, held in enumerate(holdings, 1):
        yield held
        if number % PAGE == 0:
            progress(number, total)
