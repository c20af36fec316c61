"""Waking those who wait for changes: one watch a database, however many listen.

A write through this server is noticed at once; one by another process within `POLL_S`, by asking SQLite whether anybody
committed, on behalf of all listeners together.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from replica.errors import ReplicaError
from replica.replica import Replica

POLL_S = 0.1


class Watch:
    """Tells when the update sequence of a replica has moved."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ended = False

    async def newer(self, than: int, timeout_s: float | None) -> bool:
        """Wait until something changed after the update sequence `than`, for `timeout_s` at most; whether it did.

        False also when the database was closed or deleted: `ended` tells.
        """
        if self.ended:
            return False
        if await run_in_threadpool(self._sequence) > than:
            return True
        woken = asyncio.Event()
        self._listeners.add(woken)
        self._loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll(than))
        try:
            async with asyncio.timeout(timeout_s):
                while not self.ended:
                    await woken.wait()
                    woken.clear()
                    if not self.ended and await run_in_threadpool(self._sequence) > than:
                        return True
        except TimeoutError:
            pass
        finally:
            self._listeners.discard(woken)
        return False

    def notice(self) -> None:
        """Something was written here, or all is over: wake everybody. May be called from any thread."""
        if self._loop is not None and self._listeners:
            with suppress(RuntimeError):  # the loop has ended, and all who listened in it
                self._loop.call_soon_threadsafe(self._wake)

    def end(self) -> None:
        """The database is closed: nobody need wait any more."""
        self.ended = True
        self.notice()

    def _wake(self) -> None:
        for woken in self._listeners:
            woken.set()

    async def _poll(self, seen: int) -> None:
        """Look now and then, as long as anybody listens."""
        while self._listeners and not self.ended:
            await asyncio.sleep(POLL_S)
            now = await run_in_threadpool(self._sequence)
            if now != seen:
                seen = now
                self._wake()

    def _sequence(self) -> int:
        try:
            return self._replica.update_sequence
        except ReplicaError:
            self.ended = True  # closed, deleted or replaced
            return -1
