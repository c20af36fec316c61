"""Passwords that were right a moment ago: whoever sends one with each request pays for checking it once.

Kept is a digest under a key that this process made up and forgets when it ends; and only as long as the directory of users
stays as it is.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from replica.access.tokens import new_key
from replica.server.gate.credentials import Password

LASTS_MS = 5 * 60_000
KEPT_MAX = 1000


class Remembered:
    """Passwords that were right. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key = new_key()
        self._until_ms: OrderedDict[bytes, int] = OrderedDict()
        self._version: int | None = None

    def knows(self, shown: Password, version: int, now_ms: int) -> bool:
        """Whether it was right not long ago, in the directory of this version."""
        digest = self._digest(shown)
        with self._lock:
            self._turn_to(version)
            return now_ms < self._until_ms.get(digest, 0) <= now_ms + LASTS_MS

    def note(self, shown: Password, version: int, now_ms: int) -> None:
        """It is right, now."""
        digest = self._digest(shown)
        with self._lock:
            self._turn_to(version)
            self._until_ms[digest] = now_ms + LASTS_MS
            self._until_ms.move_to_end(digest)
            while len(self._until_ms) > KEPT_MAX:
                self._until_ms.popitem(last=False)

    def _turn_to(self, version: int) -> None:
        if version != self._version:
            self._until_ms.clear()
            self._version = version

    def _digest(self, shown: Password) -> bytes:
        name, password = (word.encode(errors="surrogatepass") for word in shown)
        return hashlib.blake2b(b"%d:%b%b" % (len(name), name, password), key=self._key).digest()
