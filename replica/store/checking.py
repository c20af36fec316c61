"""Is everything here what it should be, and do two replicas hold the same?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text

from replica.conflict import check_leaf
from replica.errors import Corrupt, ReplicaError
from replica.leaf import Leaf
from replica.store.callbacks import Progress, looked_at
from replica.store.leaves import leaf_query, stored
from replica.store.nesting import driver_of
from replica.store.sqlite import SQLiteFile

PAGE = 200

_LEAVES = leaf_query("FROM leaf WHERE seq > :after ORDER BY seq LIMIT :limit")
_SUPERSEDED = text("""
    SELECT rowid, unid, number, lower(hex(packed)) AS packed, hash, CAST(body AS BLOB) AS body FROM superseded
    WHERE rowid > :after ORDER BY rowid LIMIT :limit""")
_REVISIONS = text("SELECT (SELECT count(*) FROM leaf) + (SELECT count(*) FROM superseded)")
_NONSENSE = (AttributeError, TypeError, ValueError)  # what comes of values that no row of ours can have
_WINNERS = text("SELECT unid FROM leaf GROUP BY unid HAVING sum(winner) <> 1")
_BY_UNID = leaf_query("""
    FROM leaf WHERE (unid, number, packed) > (:unid, :number, :packed) ORDER BY unid, number, packed LIMIT :limit""")


Found = dict[str, Any] | None  # damage, or none in this place


def verify(file: SQLiteFile, progress: Progress) -> dict[str, Any]:
    """Check the file's structure, every body against its hash, and every verified revision against its id.

    → ``{"ok", "checked", "damaged": [{"unid", "revision", "code", "message"}]}``; `checked` counts revisions.
    """
    total = _count(file, _REVISIONS)
    damaged: list[dict[str, Any]] = []
    checked = 0
    for found in _unbroken(_structure(file, lambda: progress(0, total)), _winners(file)):
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
        for (unid,) in connection.execute(_WINNERS):
            yield _damage(None, None, f"document {unid!r} does not have one winner")


def _leaves(file: SQLiteFile) -> Iterator[Found]:
    for row in _pages(file, _LEAVES):
        try:
            yield _problem_of(stored(row).leaf)
        except _NONSENSE:
            yield _damage(row.unid, None, f"the row {row.seq} of the table of leaves holds what it cannot hold")


def _problem_of(leaf: Leaf) -> Found:
    try:
        check_leaf(leaf)
    except ReplicaError as error:
        return _damage(leaf.unid, str(leaf.revision), str(error))
    return None


def _superseded(file: SQLiteFile) -> Iterator[Found]:
    for row in _pages(file, _SUPERSEDED):
        fine = row.body is not None and hashlib.sha256(row.body).digest() == row.hash
        yield None if fine else _damage(row.unid, f"{row.number}-{row.packed}", "a superseded body is damaged")


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
    """What is held of every document, deletion stubs included, in UNID order."""
    leaves = (stored(row).leaf for row in _in_order(file))
    for unid, of_one in groupby(leaves, key=lambda leaf: leaf.unid):
        yield holding(unid, of_one)


def _in_order(file: SQLiteFile) -> Iterator[Any]:
    after = {"unid": "", "number": 0, "packed": b""}
    while True:
        with file.read() as connection:
            rows = connection.execute(_BY_UNID, {**after, "limit": PAGE}).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = {name: getattr(rows[-1], name) for name in after}


def compare(here: Iterator[Holding], there: Iterator[Holding], total: int, progress: Progress) -> dict[str, Any]:
    """Which documents are not the same in two replicas: same leaves and same bytes. Both in UNID order.

    → ``{"ok", "only_here", "only_there", "different"}``, lists of UNIDs.
    """
    only_here, only_there, different = [], [], []
    here = _telling(here, total, progress)
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


def _telling(holdings: Iterator[Holding], total: int, progress: Progress) -> Iterator[Holding]:
    for number, held in enumerate(holdings, 1):
        yield held
        if number % PAGE == 0:
            progress(number, total)
