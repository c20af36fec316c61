"""Lists of documents by UNID, in either direction, in pages: what CouchDB's `_all_docs` needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Executable, text

from replica.revision import Revision
from replica.store.enough import until_enough
from replica.store.leaves import Stored, leaf_query, stored
from replica.store.texts import REVISION_TEXT, is_readable, revision_of, stored_unid, unid_of

Take = Callable[[CursorResult[Any]], tuple[list[Any], bool]]

_LIVE = "leaf.winner = 1 AND leaf.deleted = 0"
_NAMES = f"SELECT leaf.seq, {stored_unid('leaf.unid')} AS unid, leaf.number, leaf.packed, {REVISION_TEXT} FROM leaf"
_WINNERS = leaf_query("FROM leaf WHERE winner = 1 AND unid IN (SELECT value FROM json_each(:unids))")


class Span(NamedTuple):
    """Which UNIDs, from `low` to `high`; None: no bound there. `high_inside`: whether `high` itself is among them."""

    low: str | None = None
    low_inside: bool = True
    high: str | None = None
    high_inside: bool = True
    descending: bool = False

    def after(self, unid: str) -> Span:
        """The rest of it, when `unid` was the last seen."""
        if self.descending:
            return self._replace(high=unid, high_inside=False)
        return self._replace(low=unid, low_inside=False)

    def within(self, low: str, high: str) -> Span:
        """Only what is from `low` to before `high`."""
        span = self
        if span.low is None or span.low < low:
            span = span._replace(low=low, low_inside=True)
        if span.high is None or span.high >= high:
            span = span._replace(high=high, high_inside=False)
        return span

    def holds(self, unid: str) -> bool:
        """Whether it is in it."""
        above = self.low is None or unid > self.low or (self.low_inside and unid == self.low)
        return above and (self.high is None or unid < self.high or (self.high_inside and unid == self.high))

    @property
    def condition(self) -> str:
        """The SQL condition; its parameters are `low` and `high`."""
        parts = [_LIVE]
        if self.low is not None:
            parts.append(f"leaf.unid {'>=' if self.low_inside else '>'} :low")
        if self.high is not None:
            parts.append(f"leaf.unid {'<=' if self.high_inside else '<'} :high")
        return " AND ".join(parts)

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of `condition`."""
        bounds = {"low": self.low, "high": self.high}
        return {name: value for name, value in bounds.items() if value is not None}

    @property
    def tail(self) -> str:
        """The rest of a query."""
        way = "DESC" if self.descending else "ASC"
        passed = "leaf.seq NOT IN (SELECT value FROM json_each(:passed))"
        return f"WHERE {self.condition} AND {passed} ORDER BY leaf.unid {way} LIMIT :limit OFFSET :skip"


def named(connection: Connection, span: Span, limit: int, skip: int = 0) -> list[tuple[str, Revision]]:
    """UNID and revision of live documents."""
    rows, _ = _readable(connection, text(f"{_NAMES} {span.tail}"), span, limit, skip, _all)
    return [(unid_of(row.unid, row.seq), revision_of(row.number, row.packed, row.foreign_text)) for row in rows]


def listed(connection: Connection, span: Span, limit: int, skip: int = 0) -> tuple[list[Stored], bool]:
    """Live documents with their content, until it is enough, and whether these are all up to the limit."""
    rows, complete = _readable(connection, leaf_query(f"FROM leaf {span.tail}"), span, limit, skip, until_enough)
    return [stored(row) for row in rows], complete


def _all(found: CursorResult[Any]) -> tuple[list[Any], bool]:
    return list(found), True


def _readable(
    connection: Connection, query: Executable, span: Span, limit: int, skip: int, take: Take
) -> tuple[list[Any], bool]:
    """The rows of a query with the `tail` of the span, as many as are taken together, and whether these are all; without
    those whose UNID cannot be read; `skip` counts them.
    """
    passed: list[int] = []
    while True:
        bounds = {"limit": limit, "skip": skip, "passed": json.dumps(passed)}
        rows, complete = take(connection.execute(query, {**span.parameters, **bounds}))
        damaged = [row.seq for row in rows if not is_readable(unid_of(row.unid, row.seq))]
        if not damaged:
            return rows, complete
        passed += damaged


def winners_of(connection: Connection, unids: list[str]) -> dict[str, Stored]:
    """The winners of these documents, deleted ones too."""
    rows = connection.execute(_WINNERS, {"unids": json.dumps(unids)})
    return {row.leaf.unid: row for row in map(stored, rows)}


def count(connection: Connection, span: Span) -> int:
    """How many live documents there are in it."""
    return connection.execute(text(f"SELECT count(*) FROM leaf WHERE {span.condition}"), span.parameters).scalar() or 0
