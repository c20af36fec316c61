"""The replica in which the directory is kept, and which another process may make, replace or remove at any time."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from replica.clock import Clock
from replica.conflict import live
from replica.errors import Exists, NotFound
from replica.leaf import Leaf
from replica.replica import Replica, create_empty, open_path
from replica.store.glance import Glance
from replica.store.leaves import leaves_of, winner_of
from replica.store.publish import PRIVATE
from replica.store.reading import conflicted_unids, live_leaves

NAME = "_users.db"  # CouchDB's name; no database with such a name is served
TITLE = "Users"

LOG = logging.getLogger("replica.access")

State = tuple[int, int]  # which of the files that were opened, and its update sequence


class _Opened(NamedTuple):
    number: int
    replica: Replica
    glance: Glance

    def close(self) -> None:
        self.glance.close()
        self.replica.close()


class UsersFile:
    """The file `_users.db` of a folder. Threads may share it."""

    def __init__(self, folder: str, clock: Clock) -> None:
        self.path = os.path.join(folder, NAME)
        self._clock = clock
        self._lock = threading.Lock()
        self._now: _Opened | None = None
        self._before: _Opened | None = None  # the one whose place it took: some thread may be reading there still
        self._number = 0

    def replica(self) -> Replica | None:
        """The replica in the file that is there now; None if there is none. The errors of `replica.open`."""
        found = self._current()
        return None if found is None else found.replica

    def changed_since(self, sequence: int) -> list[Leaf]:
        """What is shown of the documents that changed after that update sequence, deletion stubs among them."""
        hub = self.replica()
        if hub is None:
            return []
        with hub.file.read() as connection:
            shown = [winner_of(connection, change.unid) for change in hub.changes(sequence)]
        return [leaf for leaf in shown if leaf is not None]

    def state(self) -> State | None:
        """What changes with everything that is saved, and with the file."""
        found = self._current()
        return None if found is None else (found.number, found.glance.update_sequence())

    def _current(self) -> _Opened | None:
        with self._lock:
            if self._now is not None and not self._now.replica.is_current:
                if self._before is not None:
                    self._before.close()
                self._now, self._before = None, self._now
            if self._now is None and os.path.lexists(self.path):
                with suppress(NotFound):
                    self._now = self._open()
            return self._now

    def _open(self) -> _Opened:
        opened = open_path(self.path, clock=self._clock)
        try:
            _keep_private(opened.path)
            glance = Glance(opened.file)
        except BaseException:
            opened.close()
            raise
        self._number += 1
        return _Opened(self._number, opened, glance)

    def made(self) -> Replica:
        """The same; the file is made if there is none."""
        found = self.replica()
        if found is None:
            with suppress(Exists):
                create_empty(self.path, None, TITLE, self._clock).close()
            found = self.replica()
        assert found is not None
        return found

    def leaves(self, unid: str) -> list[Leaf]:
        """The live leaves of a document, the winner first."""
        found = self.replica()
        if found is None:
            return []
        with found.file.read() as connection:
            return live(row.leaf for row in leaves_of(connection, unid))

    def documents(self, prefix: str) -> Iterator[tuple[str, list[Leaf]]]:
        """The documents whose UNIDs begin so, in order: what follows the prefix, and the live leaves, the winner first."""
        found = self.replica()
        if found is None:
            return
        conflicted = {*conflicted_unids(found.file)}
        for leaf in live_leaves(found.file, prefix):
            if not leaf.unid.startswith(prefix):
                return
            yield leaf.unid.removeprefix(prefix), self.leaves(leaf.unid) if leaf.unid in conflicted else [leaf]

    def close(self) -> None:
        """Close it."""
        with self._lock:
            for opened in (self._now, self._before):
                if opened is not None:
                    opened.close()
            self._now = self._before = None


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
