"""A first copy by snapshot: SQLite copies the file, and the copy becomes a replica of its own."""

from __future__ import annotations

import os

from sqlalchemy import Connection, text

from replica.store.faults import translated
from replica.store.identity import Identity, become_copy, new_id, read_identity
from replica.store.intact import IS_INTACT, define_is_intact
from replica.store.leaves import Writer, leaves_of_many, update_sequence
from replica.store.nesting import driver_of
from replica.store.opening import unfinished_engine
from replica.store.publish import new_file
from replica.store.receive import is_sound, note_refusals
from replica.store.sessions import Session, save_session
from replica.store.sqlite import SQLiteFile
from replica.store.tables import APPLICATION_ID, BACKUP_ID
from replica.tally import Tally

_LOCAL = ("session", "superseded")  # tables that are about this file, not about the database


def copy_file(source: SQLiteFile, path: str) -> None:
    """Write the database as it is now to a new file: the same instance, as a backup is."""
    with new_file(path) as unfinished:
        _vacuum_into(source, unfinished)
        with translated(path), unfinished_engine(unfinished).begin() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id = {BACKUP_ID}")


def copy_replica(source: SQLiteFile, path: str, now_ms: int) -> None:
    """Make a new replica of the same database at `path`. Both sides remember that they hold the same."""
    with new_file(path) as unfinished:
        _vacuum_into(source, unfinished)
        with translated(path), unfinished_engine(unfinished).begin() as connection:
            _leave_out_damaged(connection, now_ms)
            sessions = _become(connection, now_ms)
    if not source.read_only:
        with source.write() as connection:
            for session in sessions:
                save_session(connection, session)


def _vacuum_into(source: SQLiteFile, path: str) -> None:
    with source.bare() as connection:
        connection.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(path),))  # a name need not be Unicode


def _leave_out_damaged(connection: Connection, now_ms: int) -> None:
    """Damage does not travel: what is not intact is noted as refused, so that it is asked for again."""
    define_is_intact(driver_of(connection))
    damaged = connection.execute(text(f"SELECT DISTINCT unid FROM leaf WHERE NOT {IS_INTACT}")).scalars().all()
    if not damaged:
        return
    tally, writer = Tally(), Writer(connection, now_ms)
    for rows in leaves_of_many(connection, damaged).values():
        sound = [row.leaf for row in rows if is_sound(row.leaf, tally)]
        writer.put(rows, sound)
    writer.flush()
    note_refusals(connection, tally, (), read_identity(connection).instance_id, now_ms)


def _become(connection: Connection, now_ms: int) -> list[Session]:
    """Give the copy a name of its own and its half of the memory; the other half is for the original."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")  # the source may be a backup
    for table in _LOCAL:
        connection.execute(text(f"DELETE FROM {table}"))
    connection.execute(text("DELETE FROM setting WHERE name = 'paused'"))  # whoever paused the original meant that one
    original = read_identity(connection)
    become_copy(connection, now_ms)
    copy = read_identity(connection)
    position = update_sequence(connection)
    there, back = _session(original, position, now_ms), _session(copy, position, now_ms)
    save_session(connection, there)
    save_session(connection, _out(back, original))
    return [_out(there, copy), back]


def _session(source: Identity, position: int, now_ms: int) -> Session:
    return Session(new_id(), "in", source.instance_id, source.era, position, now_ms, {"snapshot": True})


def _out(session: Session, target: Identity) -> Session:
    return session._replace(direction="out", peer=target.instance_id)
