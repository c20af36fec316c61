"""A request and its answer, measured from outside: a wrapper around the application, for the log and the metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from replica.clock import stopwatch

GONE = 499  # no answer: the client went away before; nginx's number for it

ASGI = Callable[..., Awaitable[None]]
Message = MutableMapping[str, Any]


def route_of(scope: Message) -> str:
    """The path of a request as it stands in the table of endpoints; "" if it is none of them, or not known yet."""
    endpoint = getattr(scope.get("endpoint"), "endpoint", None)
    return endpoint.path if endpoint is not None else ""


class Exchange:
    """What is known of one request so far. It never holds headers, queries or bodies: they may be secret."""

    def __init__(self, scope: Message) -> None:
        self._scope = scope
        self._elapsed = stopwatch()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.client: str = scope["client"][0] if scope.get("client") else "-"
        self.status = GONE
        self.bytes_in = 0
        self.bytes_out = 0

    @property
    def route(self) -> str:
        """The path as it stands in the table of endpoints; "" if it is none of them."""
        return route_of(self._scope)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._elapsed()


class Observer(Protocol):
    """Somebody who wants to know of every exchange."""

    def begun(self, exchange: Exchange) -> None:
        """A request has arrived."""

    def ended(self, exchange: Exchange) -> None:
        """It is answered, or the client has gone."""


class Observed:
    """An application whose exchanges are told to observers."""

    def __init__(self, app: ASGI, observers: Sequence[Observer]) -> None:
        self._app, self._observers = app, observers

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Serve, and tell."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope)

        async def receiving() -> Message:
            message: Message = await receive()
            exchange.bytes_in += len(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            exchange.status = message.get("status", exchange.status)
            exchange.bytes_out += len(message.get("body", b""))
            await send(message)

        for observer in self._observers:
            observer.begun(exchange)
        try:
            await self._app(scope, receiving, sending)
        finally:
            for observer in self._observers:
                observer.ended(exchange)
