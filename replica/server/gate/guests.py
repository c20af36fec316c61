"""Requests that are being served, looked at again now and then: who has lost the right meanwhile gets no more.

Before an answer has begun, the refusal is the answer. Within one, the connection is cut: nobody takes a part for the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool

from replica.access import Directory
from replica.clock import stopwatch
from replica.errors import ReplicaError
from replica.server.connection import connection_of
from replica.server.exchange import ASGI, Message
from replica.server.gate.refusal import refusal
from replica.server.gate.visit import Visit

LOOK_S = 1.0
EXPIRY_S = 5.0  # how often to look at what ends by itself: an expiry changes nothing in the directory


class _Guest:
    """Somebody who is being served."""

    def __init__(self, visit: Visit) -> None:
        self.complaint: ReplicaError | None = None
        self.scope = anyio.CancelScope()
        self._visit = visit
        self._version: int | None = None
        self._elapsed = stopwatch()

    def look(self, version: int) -> None:
        """Complain if it may not go on, in a directory of this version. For a thread."""
        try:
            if version == self._version and self._elapsed() < EXPIRY_S and not self._visit.is_outdated:
                return
            self._visit.check_again()
        except ReplicaError as error:
            self.complaint = None if error.may_retry else error
            return
        self._version, self._elapsed = version, stopwatch()


class Guests:
    """All who are being served by one application, in one event loop."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._here: set[_Guest] = set()
        self._lookout: asyncio.Task[None] | None = None

    async def serve(self, app: ASGI, visit: Visit, scope: Message, receive: Any, send: Any) -> None:
        """Serve somebody for as long as they may be."""
        guest = _Guest(visit)
        begun = ended = False

        async def sending(message: Message) -> None:
            nonlocal begun, ended
            if guest.complaint is None:
                begun, ended = True, message["type"] == "http.response.body" and not message.get("more_body", False)
                await send(message)

        self._here.add(guest)
        if self._lookout is None or self._lookout.done():
            self._lookout = asyncio.create_task(self._look())
        try:
            with guest.scope:
                await app(scope, receive, sending)
        finally:
            self._here.discard(guest)
        if guest.complaint is not None and begun and not ended:
            connection_of(scope).hang_up()
        elif guest.complaint is not None and not begun:
            await refusal(guest.complaint, scope)(scope, receive, send)

    async def _look(self) -> None:
        """As long as anybody is here."""
        while self._here:
            await asyncio.sleep(LOOK_S)
            here = [guest for guest in self._here if guest.complaint is None]
            await run_in_threadpool(self._look_at, here)
            for guest in here:
                if guest.complaint is not None:
                    guest.scope.cancel()

    def _look_at(self, guests: Collection[_Guest]) -> None:
        try:
            version = self._directory.version
        except ReplicaError:
            version = -1  # each is told what is wrong with it
        for guest in guests:
            guest.look(version)
