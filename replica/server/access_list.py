"""The access list of a database that is open: read again only when something was written there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from replica.conflict import ACCESS_LIST
from replica.errors import ReplicaError
from replica.replica import Replica
from replica.rights import InForce
from replica.store.access_list import read_in_force
from replica.store.glance import Glance

Seen = Callable[[InForce], None]
"""Told what a list is, when it is read first and whenever it is another one."""

LOG = logging.getLogger("replica.access")


def unnoticed(now: InForce) -> None:
    """For whom a list means nothing."""


class WatchedList:
    """What counts in one database now. Threads may share it. What cannot be understood is said in the log, once."""

    def __init__(self, replica: Replica, seen: Seen) -> None:
        self._replica = replica
        self._seen = seen
        self._lock = threading.Lock()
        self._glance: Glance | None = None  # nobody asks as long as there are no users
        self._sequence = -1
        self._leaves: list[int] | None = None
        self._now = InForce()

    def now(self) -> InForce:
        """The list: the same object as before if it says the same."""
        with self._lock:
            if self._glance is None:
                self._glance = Glance(self._replica.file)
            sequence = self._glance.update_sequence()
            if sequence != self._sequence:
                leaves = self._glance.leaf_sequences(ACCESS_LIST)  # most that is written leaves the list alone
                if leaves != self._leaves:
                    self._read(leaves)
                self._sequence = sequence
            return self._now

    def _read(self, leaves: list[int]) -> None:
        with self._replica.file.read() as connection:
            found = read_in_force(connection)
        first, self._leaves = self._leaves is None, leaves
        if first or found != self._now:
            self._now = found
            self._warn()
            self._seen(found)

    def look(self) -> None:
        """See whether it is another one, for nobody's rights: who needs them is told what keeps it from being read."""
        with suppress(ReplicaError):
            self.now()

    def _warn(self) -> None:
        for problem in self._now.problems:
            LOG.warning(
                "the access list of %s cannot be understood and gives nobody but administrators anything: %s",
                self._replica.path,
                problem,
            )

    def close(self) -> None:
        """Close what it reads by."""
        with self._lock:
            if self._glance is not None:
                self._glance.close()
                self._glance = None
