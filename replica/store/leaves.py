"""Reading and writing the leaves of documents, inside somebody's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, TextualSelect, column, text

from replica.conflict import conflict_unid, versions, winner
from replica.errors import BadDocument
from replica.leaf import Leaf
from replica.revision import Ancestor, Ancestry, Revision, entries
from replica.store.texts import REVISION_TEXT, marks_of, readable_texts, revision_of, stored_unid, told_apart, unid_of
from replica.store.withdrawn import Withdrawal, note_withdrawals, withdrawal


class Stored(NamedTuple):
    """A leaf and the update sequence of its row."""

    seq: int
    winner: bool
    leaf: Leaf


_NAMES = [
    "seq",
    "unid",
    "number",
    "packed",
    "deleted",
    "verified",
    "winner",
    "line",
    "side",
    "parents",
    "marks",
    "hash",
]


_TERMS = {"unid": stored_unid("leaf.unid"), "marks": "CAST(leaf.marks AS BLOB)"}  # the driver is to read no text


def leaf_query(tail: str, *, bodies: bool = True, key: str | None = None) -> TextualSelect:
    """A query whose rows `stored` reads. `tail` begins with FROM; `key` is one more column, called so.

    The columns are declared so that SQLAlchemy need not look at the result to know them.
    """
    names = [*_NAMES, "foreign_text", "body"] + (["key"] if key else [])
    terms = [f"{_TERMS.get(name, f'leaf.{name}')} AS {name}" for name in _NAMES]
    terms += [REVISION_TEXT, "CAST(leaf.body AS BLOB) AS body" if bodies else "x'' AS body"]
    terms += [f"{key} AS key"] if key else []
    return text(f"SELECT {', '.join(terms)} {tail}").columns(*map(column, names))


_OF = "FROM leaf WHERE unid = :unid"
_OF_MANY = "FROM leaf WHERE unid IN (SELECT value FROM json_each(:unids)) ORDER BY seq"
_IN_ROWS = "FROM leaf WHERE seq IN (SELECT value FROM json_each(:rows)) ORDER BY seq"
_LEAVES_OF = leaf_query(f"{_OF} ORDER BY seq")
_LEAVES_OF_MANY = leaf_query(_OF_MANY)
_HEADERS_OF_MANY = leaf_query(_OF_MANY, bodies=False)
_LEAVES_IN_ROWS = leaf_query(_IN_ROWS)
_HEADERS_IN_ROWS = leaf_query(_IN_ROWS, bodies=False)
_WINNER = leaf_query(f"{_OF} AND winner = 1")
_CONFLICT = leaf_query("""
    FROM conflict_document d JOIN leaf ON (leaf.unid, leaf.number, leaf.packed) = (d.ref, d.number, d.packed)
    WHERE d.unid = :unid""")
LAST_SEQUENCE = "SELECT seq FROM sqlite_sequence WHERE name = 'leaf'"
_LAST_SEQ = text(LAST_SEQUENCE)
_SUPERSEDE = text("""
    INSERT OR REPLACE INTO superseded
    SELECT unid, number, packed, deleted, verified, :at_ms, hash, body FROM leaf WHERE seq = :seq""")
_DELETE = text("DELETE FROM leaf WHERE seq = :seq")
_SET_WINNER = text("UPDATE leaf SET winner = :winner WHERE seq = :seq")
_INSERT = "INSERT INTO leaf VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # the driver's own: it is the hot one
_TOGETHER = 500  # parameters in one statement: SQLite takes 999 everywhere
_REMEMBER_TEXT = text("INSERT OR IGNORE INTO foreign_revision VALUES (:packed, :text)")
_NO_CONFLICTS_OF = text("DELETE FROM conflict_document WHERE ref = :ref")
_INSERT_CONFLICT = text("INSERT INTO conflict_document VALUES (:unid, :ref, :number, :packed)")


def stored(row: Any) -> Stored:
    """What a row of a `leaf_query` holds."""
    seq, unid, number, packed, deleted, verified, wins, line, side, parents, marks, digest, foreign, body = row[:14]
    revision = revision_of(number, packed, foreign)
    ancestry = Ancestry(line, side, parents)
    told = (bool(deleted), bool(verified), ancestry, marks_of(marks), digest, body)
    return Stored(seq, bool(wins), Leaf(unid_of(unid, seq), revision, *told))


def leaves_of(connection: Connection, unid: str) -> list[Stored]:
    """All leaves of one document."""
    return [stored(row) for row in connection.execute(_LEAVES_OF, {"unid": unid})]


def leaves_of_many(connection: Connection, unids: Iterable[str], bodies: bool = True) -> dict[str, list[Stored]]:
    """All leaves of several documents, by UNID; documents that are not there are left out. Bodies are empty if unwanted.

    A row whose UNID cannot be read is a document of its own, by the name of the row.
    """
    texts, rows = told_apart(unids)
    found = leaves_in_rows(connection, rows, bodies) if rows else {}
    statement = _LEAVES_OF_MANY if bodies else _HEADERS_OF_MANY
    for row in map(stored, connection.execute(statement, {"unids": json.dumps(texts)})):
        found.setdefault(row.leaf.unid, []).append(row)
    return found


def leaves_in_rows(connection: Connection, rows: Iterable[int], bodies: bool = True) -> dict[str, list[Stored]]:
    """The leaves with these update sequences, by UNID."""
    found: dict[str, list[Stored]] = {}
    statement = _LEAVES_IN_ROWS if bodies else _HEADERS_IN_ROWS
    for row in map(stored, connection.execute(statement, {"rows": json.dumps(list(rows))})):
        found.setdefault(row.leaf.unid, []).append(row)
    return found


def winner_of(connection: Connection, unid: str) -> Leaf | None:
    """The leaf that is shown as the document; a stub if it is deleted."""
    row = connection.execute(_WINNER, {"unid": unid}).first()
    return None if row is None else stored(row).leaf


def conflict_leaf(connection: Connection, unid: str) -> Leaf | None:
    """The losing leaf that the conflict document `unid` shows."""
    row = connection.execute(_CONFLICT, {"unid": unid}).first()
    return None if row is None else stored(row).leaf


def update_sequence(connection: Connection) -> int:
    """The number of the newest change ever made here; 0 before the first."""
    return connection.execute(_LAST_SEQ).scalar() or 0


class Writer:
    """Collects changes to documents and writes them with few statements. A document may be `put` once before a `flush`.

    `keeps`: what is no leaf any more, as a superseded revision.
    """

    def __init__(self, connection: Connection, at_ms: int, keeps: bool = True) -> None:
        self._connection = connection
        self._at_ms = at_ms
        self._keeps = keeps
        self._seq = update_sequence(connection)
        self._superseded: list[dict[str, Any]] = []
        self._gone: list[dict[str, Any]] = []
        self._flags: list[dict[str, Any]] = []
        self._new: list[tuple[Any, ...]] = []
        self._texts: list[dict[str, Any]] = []
        self._settled: list[dict[str, Any]] = []
        self._conflicts: list[dict[str, Any]] = []
        self._withdrawn: list[Withdrawal] = []

    def put(self, before: list[Stored], after: list[Leaf]) -> None:
        """Replace the leaves of a document. Leaves that are the same objects in both lists keep their rows."""
        if not before and len(after) == 1:
            self._insert(after[0], wins=True)
            return
        wins = winner(after)
        kept = {id(leaf) for leaf in after}
        revisions = {leaf.revision for leaf in after}
        for row in before:
            if id(row.leaf) not in kept:
                self._gone.append({"seq": row.seq})
                if self._keeps and row.leaf.revision not in revisions:
                    self._superseded.append({"seq": row.seq, "at_ms": self._at_ms})
            elif row.winner != (row.leaf is wins):
                self._flags.append({"seq": row.seq, "winner": row.leaf is wins})
        there = {id(row.leaf) for row in before}
        for leaf in after:
            if id(leaf) not in there:
                self._insert(leaf, leaf is wins)
        if len(after) > 1 or len(before) > 1:
            self._note_conflicts(before, after)
        found = withdrawal([row.leaf for row in before], after, self._seq)
        self._withdrawn += [] if found is None else [found]

    def _insert(self, leaf: Leaf, wins: bool) -> None:
        self._seq += 1
        unid, revision, deleted, verified, ancestry, marks, digest, body = leaf
        packed = revision.packed
        head = (self._seq, unid, revision.number, packed, deleted, verified, wins)
        self._new.append((*head, *ancestry, marks, digest, len(body), body.decode()))
        if packed.hex() != revision.text:
            self._texts.append({"packed": packed, "text": revision.text})

    def _note_conflicts(self, before: list[Stored], after: list[Leaf]) -> None:
        ref = (before[0].leaf if before else after[0]).unid
        self._settled.append({"ref": ref})
        for version in versions(after)[1:]:
            ancestor = Ancestor.of(version.shown.revision)
            self._conflicts.append({"unid": conflict_unid(version.shown), "ref": ref, **ancestor._asdict()})

    def flush(self) -> None:
        """Write what was collected."""
        self._execute(_SUPERSEDE, self._superseded)
        self._execute(_DELETE, self._gone)
        self._execute(_SET_WINNER, self._flags)
        insert_rows(self._connection, self._new)
        self._new = []
        self._execute(_REMEMBER_TEXT, self._texts)
        self._execute(_NO_CONFLICTS_OF, self._settled)
        self._execute(_INSERT_CONFLICT, self._conflicts)
        note_withdrawals(self._connection, self._withdrawn)
        self._withdrawn = []

    def _execute(self, statement: TextClause, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)
            rows.clear()


def insert_rows(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows of the table of leaves, whole, with update sequences that nobody had."""
    if rows:
        connection.exec_driver_sql(_INSERT, rows)


def remember_texts(connection: Connection, texts: dict[bytes, str]) -> None:
    """Keep the texts of foreign revisions that ancestries name.

    What is not the text of what it is packed as names nothing, and is left out: it could give another name to a revision
    that is here.
    """
    named = [{"packed": packed, "text": words} for packed, words in texts.items() if _is_named(packed, words)]
    if named:
        connection.execute(_REMEMBER_TEXT, named)


def _is_named(packed: bytes, words: str) -> bool:
    try:
        revision = Revision.parse(f"1-{words}")
    except BadDocument:
        return False
    return revision.is_foreign and revision.packed == packed


def foreign_texts(connection: Connection, leaves: Iterable[Leaf]) -> dict[bytes, str]:
    """The texts of the foreign revisions in the ancestries of `leaves`, by packed form."""
    if connection.execute(text("SELECT 1 FROM foreign_revision LIMIT 1")).first() is None:
        return {}
    named = list({packed for leaf in leaves for packed in _packed_ancestors(leaf)})
    found: dict[bytes, str] = {}
    for at in range(0, len(named), _TOGETHER):
        some = tuple(named[at : at + _TOGETHER])
        places = ",".join("?" * len(some))
        query = f"SELECT packed, CAST(text AS BLOB) FROM foreign_revision WHERE packed IN ({places})"
        found.update(readable_texts(connection.exec_driver_sql(query, some)))
    return found


def _packed_ancestors(leaf: Leaf) -> Iterator[bytes]:
    for ancestor in leaf.ancestry.in_line(leaf.revision.number):
        yield ancestor.packed
    for ancestor in entries(leaf.ancestry.side):
        yield ancestor.packed
