"""Waiting until a peer has something new: for each of the two ends, at the same time."""

from __future__ import annotations

import threading
import time
from typing import Protocol, runtime_checkable

from replica.clock import stopwatch
from replica.store.sessions import Position

REST_S = 0.5  # between two looks of one who does not wait as asked


@runtime_checkable
class Waits(Protocol):
    """What all peers can do besides replicating."""

    def newer(self, since: Position) -> bool:
        """Whether something changed after `since`: waits for it, and says no when it has waited for a while."""


class Lookout(threading.Thread):
    """Waits at one peer; rings the bell when it has something new, or cannot be asked: `error` tells.

    A daemon: whoever is interrupted does not wait for a peer that says nothing.
    """

    def __init__(self, peer: object, since: Position, bell: threading.Event) -> None:
        super().__init__(name="lookout", daemon=True)
        assert isinstance(peer, Waits)
        self.since = since
        self.error: BaseException | None = None
        self.ended = False
        self._peer: Waits = peer
        self._bell = bell
        self._wanted = True
        self.start()

    def run(self) -> None:
        """Look until there is something."""
        try:
            while self._wanted and not self._looked():
                pass
        except BaseException as error:  # noqa: BLE001 - whoever waits decides what it means
            self.error = error
        self.ended = True
        self._bell.set()

    def _looked(self) -> bool:
        elapsed = stopwatch()
        if self._peer.newer(self.since):
            return True
        time.sleep(max(0.0, REST_S - elapsed()))
        return False

    def dismiss(self) -> None:
        """Nobody waits for it any more; it ends with the look that it is taking."""
        self._wanted = False
