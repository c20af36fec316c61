"""How long a request to `_changes` waits, and how often it gives a sign of life."""

from __future__ import annotations

import asyncio

from replica.server.couchdb.wanted_changes import Wanted


class Pace:
    """When to give a sign of life, and when to stop waiting, in seconds of the event loop's time."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._clock = asyncio.get_running_loop().time
        self._spoke = self._told = self._clock()
        self.has_told = False

    def told(self) -> None:
        """Rows went out."""
        self.has_told = True
        self._spoke = self._told = self._clock()

    @property
    def is_over(self) -> bool:
        """Whether nothing was told for as long as the client wanted to wait."""
        return self._wanted.timeout_s is not None and self._clock() >= self._told + self._wanted.timeout_s

    def beat_is_due(self) -> bool:
        """Whether to give a sign of life now; it is taken as given."""
        due = self._wanted.heartbeat_s is not None and self._clock() >= self._spoke + self._wanted.heartbeat_s
        self._spoke = self._clock() if due else self._spoke
        return due

    @property
    def rest_s(self) -> float:
        """How long until either."""
        at = self._spoke + self._wanted.heartbeat_s if self._wanted.heartbeat_s else self._told
        return max(0.0, at + (self._wanted.timeout_s or 0.0) - self._clock())
