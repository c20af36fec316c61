"""The fast lane between two files on one machine: SQL moves what is simple, the direct peers judge the rest.

The target's connection attaches the source, read-only. In one transaction a batch, documents that the target has never
seen and that have a single leaf are inserted by one statement; every other document of the batch goes through the verbs
of the direct peers. The result is the same as without this lane (a test runs both).
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from replica.changes import Page
from replica.engine.peer import Peer
from replica.engine.replicate import (
    Task,
    advance,
    fetched,
    missing_of,
    portions,
    remember,
    retry_refused,
    starting_point,
    take,
)
from replica.store.intact import Check, checking
from replica.store.leaves import remember_texts, update_sequence
from replica.store.sessions import Position
from replica.store.settings import read_setting
from replica.store.sqlite import MEMORY
from replica.store.texts import readable_texts, stored_unid, unid_of
from replica.tally import Tally
from replica.transports.direct import DirectPeer

ROWS = 20_000  # feed rows in one transaction, at most
BATCH_BYTES = 32 * 2**20  # of documents; they do not pass through this process's memory

_COLUMNS = "unid, number, packed, deleted, verified, winner, line, side, parents, marks, hash, size, body"
_KINDS = {
    "integer": ("number", "deleted", "verified", "winner", "size"),
    "blob": ("packed", "line", "side", "parents", "hash"),
    "text": ("unid", "coalesce(marks, '')", "body"),
}
_TYPED = " AND ".join(f"typeof({column}) = '{kind}'" for kind, columns in _KINDS.items() for column in columns)
_NEXT_ROWS = "(SELECT seq, size FROM leaf WHERE seq > :since ORDER BY seq LIMIT :rows)"
_NEXT = text(f"SELECT count(*) AS rows, max(seq) AS last, coalesce(sum(size), 0) AS bytes FROM {_NEXT_ROWS}")
_FITTING = text(f"""
    SELECT coalesce(max(seq) FILTER (WHERE total <= :bytes), min(seq))
    FROM (SELECT seq, sum(size) OVER (ORDER BY seq) AS total FROM {_NEXT_ROWS})""")
_SPAN = "s.seq > :since AND s.seq <= :until"
_SEVERAL = "EXISTS (SELECT 1 FROM source.leaf o INDEXED BY leaf_losing WHERE o.unid = s.unid AND o.winner = 0)"
_NOT_SIMPLE = text(f"""
    SELECT s.seq FROM source.leaf s
    WHERE {_SPAN} AND (EXISTS (SELECT 1 FROM main.leaf t WHERE t.unid = s.unid) OR {_SEVERAL}
    OR EXISTS (SELECT 1 FROM main.refused r WHERE r.unid = s.unid))""")
_INSERT_NEW = text(f"""
    INSERT INTO main.leaf ({_COLUMNS}) SELECT {_COLUMNS} FROM source.leaf s
    WHERE {_SPAN} AND typeof(s.unid) = 'text' AND s.size <= :size_max AND s.seq NOT IN (SELECT value FROM json_each(:not_simple))
    ORDER BY s.seq""")
_MISTYPED = text(f"""
    SELECT s.seq FROM source.leaf s WHERE {_SPAN} AND NOT ({_TYPED})""")
_TAKE_BACK = text("""
    DELETE FROM main.leaf WHERE seq > :after
    AND unid IN (SELECT unid FROM source.leaf WHERE seq IN (SELECT value FROM json_each(:damaged)))""")
_SUMS = "SELECT count(*) AS documents, coalesce(sum(size), 0) AS bytes"
_OFFERED = text(f"{_SUMS} FROM source.leaf s WHERE {_SPAN}")
_INSERTED = text(f"{_SUMS} FROM main.leaf WHERE seq > :after")
_TEXTS = text("""
    SELECT packed, CAST(text AS BLOB) FROM source.foreign_revision s
    WHERE NOT EXISTS (SELECT 1 FROM main.foreign_revision t WHERE t.packed = s.packed)""")
_OUTDATED = text(f"""
    SELECT count(*) FROM source.leaf s
    WHERE {_SPAN} AND s.unid IN (SELECT unid FROM source.leaf INDEXED BY leaf_losing WHERE winner = 0)
    AND EXISTS (SELECT 1 FROM source.leaf o WHERE o.unid = s.unid AND o.seq > s.seq)""")
_ABSENT = """NOT EXISTS (
        SELECT 1 FROM main.leaf t WHERE t.unid = s.unid AND t.number = s.number AND t.packed = s.packed
        AND t.hash = s.hash AND t.verified = s.verified AND t.line = s.line AND t.side = s.side)"""
_UNLIKE = text(f"""
    SELECT {stored_unid("found.unid")} AS unid, max(found.seq) AS seq FROM (
        SELECT s.unid, s.seq FROM source.leaf s WHERE {_SPAN} AND {_ABSENT}
        UNION ALL
        SELECT s.unid, changed.seq FROM source.leaf s JOIN (
            SELECT s.unid, max(s.seq) AS seq FROM source.leaf s WHERE {_SPAN} AND {_SEVERAL} GROUP BY s.unid
        ) AS changed ON s.unid = changed.unid WHERE s.seq <= :since AND {_ABSENT}) AS found
    WHERE NOT EXISTS (SELECT 1 FROM source.leaf o WHERE o.unid = found.unid AND o.seq > :until)
    GROUP BY found.unid ORDER BY max(found.seq)""")


def file_of(peer: Peer) -> DirectPeer | None:
    """The peer itself if it is a file in reach of SQL, else None."""
    return peer if isinstance(peer, DirectPeer) and peer.file.path != MEMORY else None


def transfer_attached(task: Task, target: DirectPeer, source: DirectPeer, tally: Tally) -> None:
    """Do what `engine.replicate.transfer` does, between two files."""
    since = start = starting_point(task)
    retry_refused(task, since, tally)
    while since.number < task.by.update_seq:
        until = Position(_batch_end(source, since.number))
        beside = checking(source.file, since.number, until.number)
        with beside as check, target.file.write(beside=source.file) as connection:
            page = Page(source.changes_of(_insert_new(connection, since.number, check, tally)), until, True)
            for portion in portions(page, since, missing_of(task, page)):
                for load in fetched(task, portion._replace(read=0, position=until)):
                    session = take(task, load, tally)
        remember(task, session)
        since = until
        advance(task, start, since, tally)


def _batch_end(source: DirectPeer, since: int) -> int:
    """The update sequence that ends the next batch: bounded in rows and in bytes, of one row at least."""
    bounds = {"since": since, "rows": ROWS}
    with source.file.read() as connection:
        rows = connection.execute(_NEXT, bounds).one()
        if rows.bytes > BATCH_BYTES and rows.rows > 1:
            return int(connection.execute(_FITTING, {**bounds, "bytes": BATCH_BYTES}).scalar_one())
        return int(rows.last) if rows.rows == ROWS else update_sequence(connection)


def _insert_new(connection: Connection, since: int, check: Check, tally: Tally) -> list[str]:
    """Insert what is simple; the UNIDs of the documents that are left to judge, damaged ones among them."""
    span = {"since": since, "until": check.until}
    before = update_sequence(connection)
    remember_texts(connection, dict(readable_texts(connection.execute(_TEXTS))))
    size_max = read_setting(connection, "document-size-max")
    offered = connection.execute(_OFFERED, span).one()
    # Asked beforehand: what reads the table it inserts into, SQLite writes to a temporary one first.
    not_simple = list(connection.execute(_NOT_SIMPLE, span).scalars())
    inserted = _insert(connection, {**span, "size_max": size_max}, not_simple)
    damaged = check.damaged()
    if damaged:
        connection.execute(_TAKE_BACK, {"after": before, "damaged": json.dumps(damaged)})
    everything = inserted == offered.documents and not damaged
    taken = offered if everything else connection.execute(_INSERTED, {"after": before}).one()
    tally.read += offered.documents - (connection.execute(_OUTDATED, span).scalar() or 0)
    tally.added += taken.documents
    tally.bytes += taken.bytes
    return [] if everything else [unid_of(row.unid, row.seq) for row in connection.execute(_UNLIKE, span)]


def _insert(connection: Connection, bounds: dict[str, int], not_simple: list[int]) -> int:
    """Insert what is not named as not simple; how many rows. What is of another kind than its column holds is left out too."""
    try:
        return connection.execute(_INSERT_NEW, {**bounds, "not_simple": json.dumps(not_simple)}).rowcount
    except IntegrityError:  # the statement is undone, and it alone
        mistyped = connection.execute(_MISTYPED, bounds).scalars().all()
        if set(mistyped) <= set(not_simple):
            raise
        return _insert(connection, bounds, [*not_simple, *mistyped])
