"""CORS: which web pages may ask, with the credentials of the person who looks at them. A wrapper around the application.

A preflight is answered before anything else, because browsers send it without credentials. All other answers, errors
too, carry the headers without which the page would not get to see them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

ANY = "*"
METHODS = "GET, PUT, POST, HEAD, DELETE"
HEADERS = "accept, authorization, content-type, origin, referer, if-match, if-none-match, x-couch-full-commit"
EXPOSED = "content-type, etag, location, retry-after, server"
_PREFLIGHT_S = "600"  # for how long a browser may remember the answer

ASGI = Callable[..., Awaitable[None]]
Message = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]


class Origins:
    """An application that web pages of these origins may use; `*` is every page there is."""

    def __init__(self, app: ASGI, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Serve."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        origin = asked.get(b"origin")
        allowed = origin is not None and self._allows(origin)
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
            headers = [*_for(origin), *_preflight(asked)]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        more = [*_for(origin), _header("Access-Control-Expose-Headers", EXPOSED)] if allowed else [_VARY]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self._app(scope, receive, sending)

    def _allows(self, origin: bytes) -> bool:
        return ANY in self._origins or origin.decode("latin-1").lower() in self._origins


def _header(name: str, value: str | bytes) -> tuple[bytes, bytes]:
    return name.lower().encode(), value if isinstance(value, bytes) else value.encode()


_VARY = _header("Vary", "Origin")


def _for(origin: bytes | None) -> Headers:
    """The origin itself, never `*`: browsers take no credentials with that."""
    own = _header("Access-Control-Allow-Origin", origin or b"")
    return [own, _header("Access-Control-Allow-Credentials", "true"), _VARY]


def _preflight(asked: dict[bytes, bytes]) -> Headers:
    headers = [
        _header("Access-Control-Allow-Methods", METHODS),
        _header("Access-Control-Allow-Headers", HEADERS),
        _header("Access-Control-Max-Age", _PREFLIGHT_S),
    ]
    if b"access-control-request-private-network" in asked:  # a page on the internet asks for a server on this machine
        headers.append(_header("Access-Control-Allow-Private-Network", "true"))
    return headers
