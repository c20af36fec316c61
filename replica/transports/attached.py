"""The fast lane between two files on one machine: SQL moves what is simple, the direct peers judge the rest.

The target's connection attaches the source, read-only. In one transaction a batch, documents that the target has never
seen and that have a single leaf are inserted by one statement; every other document of the batch goes through the verbs
of the direct peers. The result is the same as without this lane (a test runs both).
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, text

from replica.changes import Page
from replica.engine.peer import Peer
from replica.engine.replicate import (
    Task,
    advance,
    missing_of,
    portions,
    remember,
    retry_refused,
    starting_point,
    take,
)
from replica.store.intact import Check, checking
from replica.store.leaves import update_sequence
from replica.store.sessions import Position
from replica.store.settings import read_setting
from replica.store.sqlite import MEMORY
from replica.tally import Tally
from replica.transports.direct import DirectPeer

ROWS = 20_000  # feed rows in one transaction, at most
BATCH_BYTES = 32 * 2**20  # of documents; they do not pass through this process's memory

_COLUMNS = "unid, number, packed, deleted, verified, winner, line, side, parents, marks, hash, size, body"
_SIZES = text("SELECT seq, size FROM leaf WHERE seq > :since ORDER BY seq LIMIT :rows")
_SPAN = "s.seq > :since AND s.seq <= :until"
_SEVERAL = "EXISTS (SELECT 1 FROM source.leaf o INDEXED BY leaf_losing WHERE o.unid = s.unid AND o.winner = 0)"
_INSERT_NEW = text(f"""
    INSERT INTO main.leaf ({_COLUMNS}) SELECT {_COLUMNS} FROM source.leaf s
    WHERE {_SPAN} AND s.size <= :size_max
    AND NOT EXISTS (SELECT 1 FROM main.leaf t WHERE t.unid = s.unid) AND NOT {_SEVERAL}
    AND NOT EXISTS (SELECT 1 FROM main.refused r WHERE r.unid = s.unid)
    ORDER BY s.seq""")
_TAKE_BACK = text("""
    DELETE FROM main.leaf WHERE seq > :after
    AND unid IN (SELECT unid FROM source.leaf WHERE seq IN (SELECT value FROM json_each(:damaged)))""")
_INSERTED = text("SELECT count(*) AS documents, coalesce(sum(size), 0) AS bytes FROM main.leaf WHERE seq > :after")
_TEXTS = text("INSERT OR IGNORE INTO main.foreign_revision SELECT packed, text FROM source.foreign_revision")
_ROWS = text(f"SELECT count(*) FROM source.leaf s WHERE {_SPAN}")
_OUTDATED = text(f"""
    SELECT count(*) FROM source.leaf s
    WHERE {_SPAN} AND s.unid IN (SELECT unid FROM source.leaf INDEXED BY leaf_losing WHERE winner = 0)
    AND EXISTS (SELECT 1 FROM source.leaf o WHERE o.unid = s.unid AND o.seq > s.seq)""")
_ABSENT = """NOT EXISTS (
        SELECT 1 FROM main.leaf t WHERE t.unid = s.unid AND t.number = s.number AND t.packed = s.packed
        AND t.hash = s.hash AND t.verified = s.verified AND t.line = s.line AND t.side = s.side)"""
_UNLIKE = text(f"""
    SELECT found.unid FROM (
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
                session = take(task, portion._replace(read=0, position=until), tally)
        remember(task, session)
        since = until
        advance(task, start, since, tally)


def _batch_end(source: DirectPeer, since: int) -> int:
    """The update sequence that ends the next batch: bounded in rows and in bytes."""
    with source.file.read() as connection:
        rows = connection.execute(_SIZES, {"since": since, "rows": ROWS}).all()
        size = 0
        for before, row in zip([None, *rows], rows, strict=False):
            size += row.size
            if size > BATCH_BYTES and before is not None:
                return int(before.seq)
        return int(rows[-1].seq) if len(rows) == ROWS else update_sequence(connection)


def _insert_new(connection: Connection, since: int, check: Check, tally: Tally) -> list[str]:
    """Insert what is simple; the UNIDs of the documents that are left to judge, damaged ones among them."""
    span = {"since": since, "until": check.until}
    before = update_sequence(connection)
    connection.execute(_TEXTS)
    size_max = read_setting(connection, "document-size-max")
    connection.execute(_INSERT_NEW, {**span, "size_max": size_max})
    if damaged := check.damaged():
        connection.execute(_TAKE_BACK, {"after": before, "damaged": json.dumps(damaged)})
    inserted = connection.execute(_INSERTED, {"after": before}).one()
    rows = connection.execute(_ROWS, span).scalar() or 0
    tally.read += rows - (connection.execute(_OUTDATED, span).scalar() or 0)
    tally.added += inserted.documents
    tally.bytes += inserted.bytes
    if inserted.documents == rows:
        return []
    return [row.unid for row in connection.execute(_UNLIKE, span)]
