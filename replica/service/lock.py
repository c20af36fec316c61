"""Never two runs of one connection at once on this machine: a lock that its holder has as long as it lives.

It is a `flock`, which the kernel drops when a process ends however it ends. What is written in the file says who has it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from replica.errors import Locked
from replica.store.faults import file_errors
from replica.store.publish import PRIVATE

_TEXT_MAX = 10_000


class Holder(NamedTuple):
    """Who has a lock, or had it until the process ended: the process, its machine, and since when."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextmanager
def held(path: str, holder: Holder) -> Iterator[Holder | None]:
    """Hold the lock at `path` while the block runs. `Locked`, which says who has it, if somebody has.

    What comes back is whoever had it before and did not end well. The file stays: to remove it would let two have it.
    """
    with file_errors(path):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(f"it is being run by {_read(handle) or 'another process'}") from None
        before = _read(handle)
        _write(handle, json.dumps(holder._asdict()))
        try:
            yield before
        finally:
            _write(handle, "")
    finally:
        os.close(handle)


def holder(path: str, host: str) -> Holder | None:
    """Who has the lock at `path` on this machine, called `host`; None if nobody does. The lock itself is not touched: whoever
    wants it at this moment gets it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        noted = _read(handle)
    finally:
        os.close(handle)
    return noted if noted is not None and noted.host == host and _is_alive(noted.pid) else None


def forget_holder(path: str) -> None:
    """Note that nobody has the lock at `path`, for a process that has it still and is about to end well."""
    with suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _write(handle, "")
        finally:
            os.close(handle)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _read(handle: int) -> Holder | None:
    """Who is noted; None if nobody is, or it cannot be understood."""
    try:
        said: Any = json.loads(os.pread(handle, _TEXT_MAX, 0))
        return Holder(int(said["pid"]), str(said["host"]), str(said["since"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(handle: int, text: str) -> None:
    """Note it. On a full disk nothing is noted, and the lock holds all the same."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)
