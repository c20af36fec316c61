"""A first copy by snapshot: SQLite copies the file, and the copy becomes a replica of its own. Here, or far away."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import BinaryIO

from sqlalchemy import Connection, text

from replica.errors import BadDocument
from replica.store.callbacks import Progress, looked_at, nobody
from replica.store.faults import file_errors, translated
from replica.store.identity import Identity, become_copy, new_id, read_identity
from replica.store.intact import checking, damaged_rows
from replica.store.leaves import Writer, leaves_in_rows, update_sequence
from replica.store.opening import prepare_log, unfinished_engine
from replica.store.publish import mode_of, new_file, unfinished_name
from replica.store.receive import is_sound, note_refusals
from replica.store.sessions import Session, save_session
from replica.store.sighted import SightedFile
from replica.store.sqlite import MEMORY, SQLiteFile
from replica.store.tables import APPLICATION_ID, BACKUP_ID
from replica.tally import Tally

_SEQS = "(SELECT value FROM json_each(:seqs))"
_BESIDE = text(f"""
    SELECT seq FROM leaf WHERE seq IN {_SEQS} OR unid IN (SELECT unid FROM leaf WHERE seq IN {_SEQS})
    OR unid IN (SELECT unid FROM leaf GROUP BY unid HAVING sum(winner) <> 1)""")
_FORGET_RESOLVED = text("""
    DELETE FROM conflict_document WHERE NOT EXISTS (
        SELECT 1 FROM leaf WHERE (leaf.unid, leaf.number, leaf.packed) = (ref, conflict_document.number, conflict_document.packed)
        AND winner = 0)""")
_LOCAL = ("session", "superseded", "local_document", "withdrawn", "evicted")  # about this file, not the database


def copy_file(source: SQLiteFile, path: str, progress: Progress) -> None:
    """Write the database as it is now to a new file: the same instance, as a backup is. Progress is in bytes."""
    with new_file(path, mode_of(source.path)) as unfinished:
        _vacuum_into(source, unfinished, progress)
        with translated(path), unfinished_engine(unfinished).begin() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id = {BACKUP_ID}")


def copy_replica(source: SQLiteFile, path: str, now_ms: int, progress: Progress) -> None:
    """Make a new replica of the same database at `path`. Both sides remember that they hold the same.

    Progress is in bytes.
    """
    with new_file(path, mode_of(source.path)) as unfinished:
        checked, damaged = _vacuum_and_check(source, unfinished, progress)
        sessions = settle(path, unfinished, checked, damaged, now_ms)
    if not source.read_only:
        with source.write() as connection:
            for session in sessions:
                save_session(connection, session)


def settle(path: str, unfinished: str, checked: int, damaged: list[int], now_ms: int, token: str = "") -> list[Session]:
    """Make a replica of a copied file that will be at `path`; what the original is to remember of it.

    Rows up to the update sequence `checked` have been looked at: the `damaged` ones stay out, as those found now. `token`:
    that of the place in the original's feed up to which it was copied.
    """
    with translated(path), unfinished_engine(unfinished).begin() as connection:
        damaged = damaged + damaged_rows(connection, checked, update_sequence(connection))
        if damaged:
            _leave_out(connection, damaged, now_ms)
        sessions = _become(connection, now_ms, token)
    prepare_log(unfinished)
    return sessions


@contextmanager
def file_to_send(source: SQLiteFile) -> Iterator[BinaryIO]:
    """The database as it is now, as a file without what is about the source alone, and without what is not to be seen
    through it. It has no name, and is gone afterwards.

    `ReadOnly`, `DiskError`: it lies beside the source meanwhile.
    """
    path = unfinished_name(source.path)
    try:
        _vacuum_into(source, path, nobody)
        narrowed = isinstance(source, SightedFile) and source.narrow(path)
        with translated(path), unfinished_engine(path).begin() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete = ON")  # else what is deleted stays in the free pages
            _forget_local(connection)
        if narrowed:  # nobody is to see how much is missing
            with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as bare:
                bare.execute("VACUUM")
        with file_errors(path), open(path, "rb") as file:
            os.unlink(path)
            yield file
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _vacuum_and_check(source: SQLiteFile, path: str, progress: Progress) -> tuple[int, list[int]]:
    """Copy the file; up to which update sequence its rows were checked meanwhile, and which of them are damaged."""
    if source.path == MEMORY:  # it has one connection
        _vacuum_into(source, path, progress)
        return 0, []
    with checking(source, 0) as check:
        _vacuum_into(source, path, progress)
        return check.until, check.damaged()


def _vacuum_into(source: SQLiteFile, path: str, progress: Progress) -> None:
    with source.bare() as connection:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        with looked_at(connection, lambda: progress(os.path.getsize(path), pages * size)), _unsynced(connection):
            connection.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(path),))  # a name need not be Unicode


@contextmanager
def _unsynced(connection: sqlite3.Connection) -> Iterator[None]:
    """VACUUM INTO syncs the new file as this connection would its own; it is synced once, before it gets its name."""
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    connection.execute("PRAGMA synchronous = OFF")
    try:
        yield
    finally:  # closing may fold the log into the source
        connection.execute(f"PRAGMA synchronous = {level}")


def _leave_out(connection: Connection, damaged: list[int], now_ms: int) -> None:
    """Damage does not travel: what is not intact is noted as refused, so that it is asked for again.

    A document that one of them was a leaf of, by whatever UNID, goes on with the others.
    """
    seqs = connection.execute(_BESIDE, {"seqs": json.dumps(damaged)}).scalars().all()
    tally, writer, known = Tally(), Writer(connection, now_ms, keeps=False), {*damaged}
    for rows in leaves_in_rows(connection, seqs).values():
        whole = [row for row in rows if is_sound(row.leaf, tally)]
        for row in whole:
            if row.seq in known:  # its hash and its id are right, and its bytes no document
                tally.fail(row.leaf, BadDocument.code)
        writer.put(rows, [row.leaf for row in whole if row.seq not in known])
    writer.flush()
    connection.execute(_FORGET_RESOLVED)
    note_refusals(connection, tally, (), read_identity(connection).instance_id, now_ms)


def _become(connection: Connection, now_ms: int, token: str) -> list[Session]:
    """Give the copy a name of its own and its half of the memory; the other half is for the original."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")  # the source may be a backup
    _forget_local(connection)
    original = read_identity(connection)
    become_copy(connection, now_ms)
    copy = read_identity(connection)
    position = update_sequence(connection)
    there = _session(original, position, now_ms)._replace(token=token)
    back = _session(copy, position, now_ms)
    save_session(connection, there)
    save_session(connection, _out(back, original))
    return [_out(there, copy), back]


def _forget_local(connection: Connection) -> None:
    for table in _LOCAL:
        connection.execute(text(f"DELETE FROM {table}"))
    connection.execute(text("DELETE FROM setting WHERE name = 'paused'"))  # whoever paused the original meant that one


def _session(source: Identity, position: int, now_ms: int) -> Session:
    return Session(new_id(), "in", source.instance_id, source.era, position, now_ms, {"snapshot": True})


def _out(session: Session, target: Identity) -> Session:
    return session._replace(direction="out", peer=target.instance_id)
