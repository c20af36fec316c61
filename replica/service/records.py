"""What the log says: a record of each run, and of each time that somebody switched a connection off or on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from replica.replica import Replica
from replica.service.past import ms_of
from replica.store.eviction import forget
from replica.store.identity import unid_time
from replica.store.listing import Span, listed, named

RUNS = "run/"
SWITCHES = "switch/"
BAD = ("partial", "failed", "interrupted")  # outcomes that somebody may have to look at
FORGOTTEN = 100  # records at once
_PAGE = 200
_END = "\U0010ffff"

Record = dict[str, Any]


class Wanted(NamedTuple):
    """Which records: those of one connection; of runs that went wrong; from a time on."""

    connection: str | None = None
    errors: bool = False
    since: datetime | None = None

    def holds(self, record: Record) -> bool:
        """Whether a record is one of these, but for its time."""
        if self.connection is not None and record.get("connection") != self.connection:
            return False
        return not self.errors or record.get("outcome") in BAD


def latest(log: Replica, wanted: Wanted, limit: int | None) -> list[Record]:
    """The last records that are wanted, at most `limit`, the oldest first.

    Each has the items that docs/connections.md describes, and its UNID as `run` or `switch`.
    """
    newest = merge(*(_backwards(log, kind, wanted) for kind in (RUNS, SWITCHES)), key=_age, reverse=True)
    return [*islice(newest, limit)][::-1]


def coming(log: Replica, wanted: Wanted, known: int) -> Iterator[Record]:
    """The records that are wanted and come after the log's update sequence `known`; waits for more."""
    for change in log.changes(known, live=True):
        document = log.get(change.unid, None) if change.unid.startswith((RUNS, SWITCHES)) else None
        if document is not None and wanted.holds(record := _record(change.unid, document.items)):
            yield record


def forget_before(log: Replica, moment: datetime) -> None:
    """Drop some of the records that are older than that, in the transaction that is going on: enough to keep up with new ones."""
    with log.file.write() as connection:
        for kind in (RUNS, SWITCHES):
            old = named(connection, Span(kind, high=kind + unid_time(ms_of(moment)), high_inside=False), FORGOTTEN)
            forget(connection, [unid for unid, _ in old])


def _backwards(log: Replica, kind: str, wanted: Wanted) -> Iterator[Record]:
    """The newest first: their UNIDs begin with the time."""
    low = kind if wanted.since is None else kind + unid_time(ms_of(wanted.since))
    span = Span(low, True, kind + _END, False, descending=True)
    while True:
        with log.file.read() as connection:
            rows, complete = listed(connection, span, _PAGE)
        for row in rows:
            record = _record(row.leaf.unid, row.leaf.items)
            if wanted.holds(record):
                yield record
        if complete and len(rows) < _PAGE:
            return
        span = span.after(rows[-1].leaf.unid)


def unid_of(record: Record) -> str:
    """The UNID of a record."""
    unid: str = record.get("run") or record["switch"]
    return unid


def _record(unid: str, items: Record) -> Record:
    return {unid.partition("/")[0]: unid, **items}


def _age(record: Record) -> str:
    return unid_of(record).partition("/")[2]
