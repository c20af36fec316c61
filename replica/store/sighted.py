"""A file as somebody sees it: what is not theirs to read is, for everything that reads, not there.

Over these connections the names of the tables mean views, of what the one who reads may see. So nothing that reads has to
think of it, and nothing can forget it. Where no document says who may read it, the file is read as it is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

from sqlalchemy import Connection
from sqlalchemy.pool import QueuePool

from replica.revision import WIDTH, Ancestry, entries
from replica.rights import Sight
from replica.store.faults import translated
from replica.store.leaves import update_sequence
from replica.store.nesting import driver_of
from replica.store.sqlite import SQLiteFile, make_engine
from replica.store.tables import HAS_READERS, SAID
from replica.store.withdrawn import seen_before, withdrawals_since

SightNow = Callable[[], Sight]
"""Who reads, by all that is known at the moment."""

_ANY = f"""
    SELECT EXISTS (SELECT 1 FROM main.leaf INDEXED BY leaf_readers WHERE {HAS_READERS.format("")})
    OR EXISTS (SELECT 1 FROM main.superseded INDEXED BY superseded_readers WHERE {HAS_READERS.format("")})"""
_HIDDEN = f"""EXISTS (
    SELECT 1 FROM main.leaf r INDEXED BY leaf_readers WHERE r.unid = {{0}} AND {HAS_READERS.format("r.")}
    AND (r.deleted = 0 OR NOT EXISTS (SELECT 1 FROM main.leaf v WHERE v.unid = r.unid AND v.deleted = 0))
    AND NOT may_read({SAID.format("r.")}))"""
_VIEWS = {
    "leaf": f"SELECT * FROM main.leaf l WHERE NOT {_HIDDEN.format('l.unid')}",
    "superseded": f"""
        SELECT * FROM main.superseded s WHERE NOT {_HIDDEN.format("s.unid")}
        AND (NOT ({HAS_READERS.format("s.")}) OR may_read({SAID.format("s.")}))""",
    "conflict_document": f"SELECT * FROM main.conflict_document c WHERE NOT {_HIDDEN.format('c.ref')}",
    "refused": f"SELECT * FROM main.refused f WHERE NOT {_HIDDEN.format('f.unid')}",
}
_RESTRICTED = f"SELECT unid FROM main.leaf INDEXED BY leaf_readers WHERE {HAS_READERS.format('')}"
_WITHHELD = f"""
    SELECT count(*) FROM main.leaf w WHERE w.winner = 1 AND w.deleted = 0 AND w.unid IN ({_RESTRICTED})
    AND {_HIDDEN.format("w.unid")}"""
_HIDDEN_AMONG = """
    SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM main.leaf WHERE unid = value)
    AND NOT EXISTS (SELECT 1 FROM leaf WHERE unid = value)"""


def has_readers(connection: Connection) -> bool:
    """Whether there is a document here that says who may read it, or there was one."""
    return bool(driver_of(connection).execute(_ANY).fetchone()[0])


class _Connection(sqlite3.Connection):
    """One over which only that is there which its present `sight` lets through."""

    sight: Sight

    def prepare(self) -> None:
        """Put the views in the place of the tables."""
        self.create_function("may_read", 1, self._may_read, deterministic=True)
        for name, query in _VIEWS.items():
            self.execute(f"CREATE TEMP VIEW {name} AS {query}")

    def _may_read(self, said: str | None) -> bool:
        return self.sight.may_read_text(said)


def _forget_texts(copy: sqlite3.Connection) -> None:
    """Forget the texts of foreign revisions that no leaf here names."""
    if copy.execute("SELECT 1 FROM foreign_revision LIMIT 1").fetchone() is None:
        return
    named: set[bytes] = set()
    for packed, line, side in copy.execute("SELECT packed, line, side FROM main.leaf"):
        named.add(packed)
        named.update(ancestor.packed for ancestor in Ancestry(line, side).in_line(len(line) // WIDTH + 1))
        named.update(ancestor.packed for ancestor in entries(side))
    unnamed = [(packed,) for (packed,) in copy.execute("SELECT packed FROM foreign_revision") if packed not in named]
    copy.executemany("DELETE FROM foreign_revision WHERE packed = ?", unnamed)


def _sight_of(connection: Connection) -> Sight:
    driver = driver_of(connection)
    assert isinstance(driver, _Connection)
    return driver.sight


class Sights:
    """The connections over which one file is read by those who do not see everything. Threads may share them."""

    def __init__(self, file: SQLiteFile) -> None:
        self.file = file
        self._engine = make_engine(self._connect, QueuePool)

    def _connect(self) -> sqlite3.Connection:
        connection = self.file.connect(_Connection)
        assert isinstance(connection, _Connection)
        try:
            connection.prepare()
        except BaseException:
            connection.close()
            raise
        return connection

    def by(self, now: SightNow) -> SightedFile:
        """The file as somebody sees it."""
        return SightedFile(self, now)

    @contextmanager
    def read(self, now: SightNow) -> Iterator[Connection]:
        """A transaction that sees one state of what somebody may see."""
        with self.file.reading(self._engine) as connection:
            driver = driver_of(connection)
            assert isinstance(driver, _Connection)
            update_sequence(connection)  # by this it is settled which state is read: who reads is asked afterwards
            driver.sight = now()
            yield connection

    def close(self) -> None:
        """Close them."""
        self._engine.dispose()


class SightedFile(SQLiteFile):
    """An open file as somebody sees it: the same file, but for what is read there. Nothing is opened or closed by it.

    Within a write transaction everything is there: what whoever writes may touch is for the rule to judge.
    """

    def __init__(self, sights: Sights, now: SightNow) -> None:
        self._sights, self._now = sights, now
        self._file = sights.file
        self.path, self.read_only = self._file.path, self._file.read_only

    @property
    def sight_id(self) -> str:
        """Whose eyes it is read through."""
        return self._now().id

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of what somebody may see."""
        with ExitStack() as stack:
            connection = stack.enter_context(self._file.read())
            if not self._file.is_writing and has_readers(connection):
                stack.close()
                connection = stack.enter_context(self._sights.read(self._now))
            yield connection

    @property
    def whole(self) -> SQLiteFile:
        """The file itself."""
        return self._file

    def hidden_among(self, unids: Iterable[str]) -> set[str]:
        """Which of these documents are there, and not theirs to see."""
        with self._sights.read(self._now) as connection:
            return {unid for (unid,) in driver_of(connection).execute(_HIDDEN_AMONG, (json.dumps(list(unids)),))}

    def withdrawn_since(self, since: int, limit: int) -> tuple[list[tuple[int, str]], int, bool]:
        """Which documents they could see before a change after the update sequence `since`, and do not see now, each with
        the update sequence of that change; up to which update sequence these are all; whether there are no more.
        """
        with self._sights.read(self._now) as connection:
            sight = _sight_of(connection)
            found = withdrawals_since(connection, since, limit)
            last = len(found) < limit
            reached = max(since, update_sequence(connection)) if last else found[-1].sequence
            could = [(each.sequence, each.unid) for each in seen_before(found, sight)]
        hidden = self.hidden_among({unid for _, unid in could}) if could else set()
        return [(sequence, unid) for sequence, unid in could if unid in hidden], reached, last

    def withheld(self) -> int:
        """How many live documents there are that they do not see."""
        with self._sights.read(self._now) as connection:
            return int(driver_of(connection).execute(_WITHHELD).fetchone()[0])

    def narrow(self, path: str) -> bool:
        """Take out of a copy of the file, at `path`, what they do not see; whether that may be anything.

        With it goes what was refused: whoever offered that knows it.
        """
        with translated(path), closing(sqlite3.connect(path, isolation_level=None, factory=_Connection)) as copy:
            copy.execute("PRAGMA secure_delete = ON")  # else what is deleted stays in the free pages
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("BEGIN")
            copy.execute("DELETE FROM refused")
            is_restricted = bool(copy.execute(_ANY).fetchone()[0])
            if is_restricted:
                copy.prepare()
                copy.sight = self._now()
                copy.execute(
                    "DELETE FROM main.conflict_document WHERE unid NOT IN (SELECT unid FROM conflict_document)"
                )
                copy.execute("DELETE FROM main.leaf WHERE seq NOT IN (SELECT seq FROM leaf)")
                _forget_texts(copy)
            copy.execute("COMMIT")
        return is_restricted

    @contextmanager
    def write(self, beside: SQLiteFile | None = None) -> Iterator[Connection]:
        """As that of the file."""
        with self._file.write(beside) as connection:
            yield connection

    @contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """As that of the file."""
        with self._file.bare() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """As that of the file."""
        with self._file.alone():
            yield

    def attach_to(self, connection: sqlite3.Connection) -> None:
        """As that of the file."""
        self._file.attach_to(connection)

    def check_outside(self, what: str) -> None:
        """As that of the file."""
        self._file.check_outside(what)

    def close(self) -> None:
        """Nothing: others have the file open."""

    @property
    def is_writing(self) -> bool:
        """As that of the file."""
        return self._file.is_writing

    @property
    def is_current(self) -> bool:
        """As that of the file."""
        return self._file.is_current
