"""The writers' lock: one writer at a time, in this process and among processes.

SQLite has a lock of its own; this one goes before it for two reasons. SQLite before 3.51.3 can damage a file when two
processes write and checkpoint at the same moment, and its way of waiting (naps of up to 100 ms) starves writers beside a
busy one. The lock is a `flock` on an empty file `NAME-lock` beside the database: the kernel drops it when a process ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from replica.errors import Locked
from replica.store.faults import file_errors
from replica.store.publish import mode_of

_NAP_S = 0.001


class WriterLock:
    """Held while a transaction writes; not re-entrant. `path` is that of the database, None if it is in memory."""

    def __init__(self, path: str | None, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._threads = threading.Lock()
        self._fd: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; `Locked` if it is not to be had within the time-out."""
        deadline = time.monotonic() + self._timeout_s
        if not self._threads.acquire(timeout=self._timeout_s):
            raise Locked(f"another thread has been writing for more than {self._timeout_s:g} s")
        try:
            if self._path is not None:
                self._acquire(self._path, deadline)
            try:
                yield
            finally:
                if self._fd is not None:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _acquire(self, path: str, deadline: float) -> None:
        if self._fd is None:
            with file_errors(path):
                mode = mode_of(path)  # else whoever may not read the database could hold up those who write
                self._fd = os.open(f"{path}-lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, mode)
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Locked(f"another process has been writing for more than {self._timeout_s:g} s") from None
                time.sleep(_NAP_S)
            else:
                return

    def close(self) -> None:
        """Give the file back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
