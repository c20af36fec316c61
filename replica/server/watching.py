"""Waking those who wait for changes: one watch a database, however many listen.

A write through this server is noticed at once; one by another process within `POLL_S`, by looking at the update sequence on
behalf of all listeners together. Nobody holds a thread while waiting.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from replica.errors import ReplicaError
from replica.replica import Replica

POLL_S = 0.25


class Watch:
    """Tells when the update sequence of a replica has moved. All who listen do so in one event loop."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._listeners: dict[asyncio.Future[bool], int] = {}
        self._poller: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look = asyncio.Event()
        self.ended = False

    async def newer(self, than: int, timeout_s: float | None) -> bool:
        """Wait until something changed after the update sequence `than`, for `timeout_s` at most; whether it did.

        False also when the database was closed, deleted or replaced: `ended` tells.
        """
        if self.ended:
            return False
        self._loop = asyncio.get_running_loop()
        woken: asyncio.Future[bool] = self._loop.create_future()
        self._listeners[woken] = than
        self._look.set()  # it may have moved already
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(timeout_s):
                return await woken
        except TimeoutError:
            return False
        finally:
            del self._listeners[woken]

    def notice(self) -> None:
        """Something was written here: look at once. May be called from any thread."""
        loop = self._loop
        if loop is not None and self._listeners:
            with suppress(RuntimeError):  # the loop has ended, and all who listened in it
                loop.call_soon_threadsafe(self._look.set)

    def end(self) -> None:
        """Nobody need wait any more: the database is closed, or the server is about to stop. From any thread."""
        self.ended = True
        self.notice()

    async def _poll(self) -> None:
        """Look when told to, and now and then, as long as anybody listens."""
        while self._listeners:
            self._look.clear()  # before looking: whoever writes from now on causes another look
            newest = -1 if self.ended else await run_in_threadpool(self._sequence)
            for woken, than in self._listeners.items():
                if not woken.done() and (self.ended or newest > than):
                    woken.set_result(not self.ended)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._look.wait()

    def _sequence(self) -> int:
        try:
            return self._replica.update_sequence
        except ReplicaError as error:
            self.ended = self.ended or not error.may_retry  # closed, deleted or replaced
            return -1
