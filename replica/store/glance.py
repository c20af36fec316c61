"""Whether a file has changed, asked so often that the usual way through SQLAlchemy, 0.1 ms, is too long."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from replica.store.faults import translated
from replica.store.leaves import LAST_SEQUENCE
from replica.store.sqlite import SQLiteFile

_SEQUENCES_OF = "SELECT seq FROM leaf WHERE unid = ? ORDER BY seq"


class Glance:
    """Reads how far a file that is open has come, and a document, over a connection of its own. Threads may share it."""

    def __init__(self, file: SQLiteFile) -> None:
        self._path = file.path
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(file.bare())

    def update_sequence(self) -> int:
        """The number of the newest change that is durable; 0 before the first."""
        with self._lock, translated(self._path):
            found = self._connection.execute(LAST_SEQUENCE).fetchone()
        return int(found[0] or 0) if found else 0

    def leaf_sequences(self, unid: str) -> list[int]:
        """The update sequences of a document's leaves: others, as soon as any of it is another one, because a row never
        changes and its number is never used again.
        """
        with self._lock, translated(self._path):
            return [seq for (seq,) in self._connection.execute(_SEQUENCES_OF, (unid,))]

    def close(self) -> None:
        """Give the connection back, before the file is closed."""
        self._stack.close()
