"""Who proved to be somebody a moment ago, so that a password is checked once and not with each request.

Kept is a digest of what was shown, under a key that this process made up and forgets when it ends; and only as long as the
directory of users stays as it is.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from replica.access.tokens import new_key
from replica.server.gate.credentials import Credentials
from replica.server.gate.visit import Proven

KEPT_MAX = 1000


class Remembered:
    """What was proved lately. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key = new_key()
        self._known: OrderedDict[bytes, tuple[Proven, int, int]] = OrderedDict()  # from when, until when
        self._version: int | None = None

    def find(self, shown: Credentials, version: int, now_ms: int) -> Proven | None:
        """Whom it proved not long ago, in the directory of this version. A clock that goes back makes nothing last longer."""
        digest = self._digest(shown)
        with self._lock:
            self._turn_to(version)
            proven, from_ms, until_ms = self._known.get(digest, (None, 0, 0))
        return proven if from_ms <= now_ms < until_ms else None

    def note(self, shown: Credentials, proven: Proven, version: int, now_ms: int, until_ms: int) -> None:
        """It is good, until then."""
        digest = self._digest(shown)
        with self._lock:
            self._turn_to(version)
            self._known[digest] = proven, now_ms, until_ms
            self._known.move_to_end(digest)
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)

    def _turn_to(self, version: int) -> None:
        if version != self._version:
            self._known.clear()
            self._version = version

    def _digest(self, shown: Credentials) -> bytes:
        said = hashlib.blake2b(type(shown).__name__.encode(), key=self._key)
        for word in shown:
            text = word.encode(errors="surrogatepass")
            said.update(b"%d:%b" % (len(text), text))
        return said.digest()
