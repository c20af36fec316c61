"""The security log of a folder that is served: who logged in, what was refused, whose rights changed. Lines are only added.

One line of JSON for each event, in a file that belongs to its owner alone and that no request reaches. It holds no password,
token, cookie or header. What strangers send into it is bounded, and nothing in it can begin a line of its own.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import pwd
import stat
from typing import Any

from replica.access.tokens import iso
from replica.clock import Clock, system_clock
from replica.store.publish import PRIVATE

NAME = "_security.log"
TEXT_MAX = 200  # characters of a name, which strangers may choose
LIST_MAX = 100  # names in a list

LOG = logging.getLogger("replica.access")
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_FLAGS |= os.O_NONBLOCK  # somebody may have put a pipe there


class SecurityLog:
    """Adds lines to the log of `folder`. Threads and processes may do so at the same time. The file is opened for each line,
    so it may be moved away at any moment, as logrotate does.

    A line that cannot be written is said in the program's own log and counted in `lost`: nothing else stops because of it.
    """

    def __init__(self, folder: str, clock: Clock = system_clock) -> None:
        self._path = os.path.join(folder, NAME)
        self._clock = clock
        self.lost = 0

    def record(self, event: str, **details: Any) -> None:
        """Add an event that happens now."""
        said = {
            "time": iso(self._clock()),
            "event": event,
            **{name: _bounded(value) for name, value in details.items()},
        }
        line = json.dumps(said).encode() + b"\n"  # in ASCII, whatever is in it
        try:
            handle = os.open(self._path, _FLAGS, PRIVATE)
            try:
                line = _after_a_torn_line(handle) + line
                if os.write(handle, line) < len(line):  # one write: lines of several processes do not mix
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(handle)
        except OSError as error:
            self.lost += 1
            LOG.warning("%s cannot be written, and a line is lost: %s: %s", self._path, event, error.strerror)


def _after_a_torn_line(handle: int) -> bytes:
    """What ends the last line, if the disk was full in the middle of it. `OSError` if that is no file that keeps anything."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return b"" if status.st_size == 0 or os.pread(handle, 1, status.st_size - 1) == b"\n" else b"\n"


def _bounded(value: Any) -> Any:
    """As much of it as a line takes, whatever somebody made of it."""
    if isinstance(value, str):
        return value if len(value) <= TEXT_MAX else f"{value[:TEXT_MAX]}…"
    if isinstance(value, list):
        return [*map(_bounded, value[:LIST_MAX]), *(["…"] if len(value) > LIST_MAX else [])]
    return {name: _bounded(each) for name, each in value.items()} if isinstance(value, dict) else value


def whoever_runs_this() -> str:
    """The account on this machine that this process belongs to."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
