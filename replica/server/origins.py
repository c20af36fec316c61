"""Which web pages may ask, with the credentials of the person who looks at them. A wrapper around the application.

CORS: a preflight is answered before anything else, because browsers send it without credentials. All other answers, errors
too, carry the headers without which the page would not get to see them.

CSRF: browsers also send simple requests for pages that may not ask, and merely keep the answer from them. Those change
nothing here: whatever is not only looking is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from replica.errors import BadRequest, NotAllowed
from replica.server.answers import problem
from replica.server.gate.headers import sole

ANY = "*"
METHODS = "GET, PUT, POST, HEAD, DELETE"
HEADERS = "accept, authorization, content-type, origin, referer, if-match, if-none-match, x-couch-full-commit"
EXPOSED = "content-type, etag, location, retry-after, server"
_PREFLIGHT_S = "600"  # for how long a browser may remember the answer
_LOOKING = ("GET", "HEAD", "OPTIONS")

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
        try:
            origin = sole(scope, "origin")
            host = sole(scope, "host")
        except BadRequest as error:
            await problem(error)(scope, receive, send)
            return
        allowed = origin is not None and self._allows(origin)
        asked = dict(scope["headers"])
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
            headers = [*_for(origin), *_preflight(asked)]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        app = self._app
        if not allowed and scope["method"] not in _LOOKING and _is_elsewhere(origin, host):
            app = problem(_not_from(origin))
        await app(scope, receive, self._sending(send, origin if allowed else None))

    def _sending(self, send: Any, origin: str | None) -> Any:
        """With what a page that is allowed needs to see the answer."""
        if origin is not None:
            more = [*_for(origin), _header("Access-Control-Expose-Headers", EXPOSED)]
        elif self._origins:
            more = [_VARY]
        else:
            return send

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        return sending

    def _allows(self, origin: str) -> bool:
        return ANY in self._origins or origin.lower() in self._origins


def _is_elsewhere(origin: str | None, host: str | None) -> bool:
    """Whether a page asks that did not come from here: a proxy may serve pages under the same name."""
    return origin is not None and (not host or origin.partition("://")[2].lower() != host.lower())


def _not_from(origin: str | None) -> NotAllowed:
    hint = "If pages of that origin are meant to, name it when the server is started: --cors ORIGIN."
    return NotAllowed(f"web pages of the origin {(origin or '')[:80]!r} may change nothing here", hint=hint)


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode(), value.encode("latin-1")


_VARY = _header("Vary", "Origin")


def _for(origin: str | None) -> Headers:
    """The origin itself, never `*`: browsers take no credentials with that."""
    own = _header("Access-Control-Allow-Origin", origin or "")
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
