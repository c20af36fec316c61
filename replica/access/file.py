"""The replica in which the directory is kept, and which another process may make, replace or remove at any time."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import suppress

from replica.clock import Clock
from replica.conflict import live
from replica.errors import Exists, NotFound
from replica.leaf import Leaf
from replica.replica import Replica, create_empty, open_path
from replica.store.glance import Glance
from replica.store.leaves import leaves_of
from replica.store.reading import live_leaves

NAME = "_users.db"  # CouchDB's name; no database with such a name is served
TITLE = "Users"
PRIVATE = 0o600

LOG = logging.getLogger("replica.access")

State = tuple[int, int]  # which of the files that were opened, and its update sequence


class UsersFile:
    """The file `_users.db` of a folder. Threads may share it."""

    def __init__(self, folder: str, clock: Clock) -> None:
        self.path = os.path.join(folder, NAME)
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: list[
            tuple[Replica, Glance]
        ] = []  # those that were replaced are closed at the end: others may be reading
        self._gone = True

    def replica(self) -> Replica | None:
        """The replica in the file that is there now; None if there is none. The errors of `replica.open`."""
        found = self._current()
        return None if found is None else found[0]

    def _current(self) -> tuple[Replica, Glance] | None:
        with self._lock:
            if not self._gone and self._opened[-1][0].is_current:
                return self._opened[-1]
            self._gone = True
            if not os.path.lexists(self.path):
                return None
            with suppress(NotFound):
                opened = open_path(self.path, clock=self._clock)
                self._opened.append((opened, Glance(opened.file)))
                self._gone = False
                _keep_private(self.path)
            return None if self._gone else self._opened[-1]

    def made(self) -> Replica:
        """The same; the file is made if there is none."""
        found = self.replica()
        if found is None:
            with suppress(Exists):
                create_empty(self.path, None, TITLE, self._clock, mode=PRIVATE).close()
            found = self.replica()
        assert found is not None
        return found

    def state(self) -> State | None:
        """What changes with everything that is saved, and with the file."""
        found = self._current()
        return None if found is None else (len(self._opened), found[1].update_sequence())

    def leaves(self, unid: str) -> list[Leaf]:
        """The live leaves of a document, the winner first."""
        found = self.replica()
        if found is None:
            return []
        with found.file.read() as connection:
            return live(row.leaf for row in leaves_of(connection, unid))

    def names(self, prefix: str) -> Iterator[str]:
        """The UNIDs of live documents that begin so, without the prefix, in order."""
        found = self.replica()
        for leaf in () if found is None else live_leaves(found.file, prefix):
            if not leaf.unid.startswith(prefix):
                return
            yield leaf.unid.removeprefix(prefix)

    def close(self) -> None:
        """Close it."""
        with self._lock:
            for opened, glance in self._opened:
                glance.close()
                opened.close()
            self._gone = True


def _keep_private(path: str) -> None:
    """Let nobody else read what is kept of passwords, whoever made the file: it may be a copy, or restored."""
    for name in (path, f"{path}-wal", f"{path}-shm", f"{path}-lock"):
        try:
            if os.stat(name).st_mode & ~PRIVATE & 0o777:
                os.chmod(name, PRIVATE)
        except FileNotFoundError:
            pass
        except OSError as error:
            LOG.warning("%s can be read by others, and that cannot be changed: %s", name, error.strerror)
