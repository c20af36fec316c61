"""The gate as a wrapper around the application."""

from __future__ import annotations

from typing import Any

from replica.errors import ReplicaError
from replica.server.deeds import deeds_of
from replica.server.exchange import ASGI, Message
from replica.server.gate.cookies import set_cookie
from replica.server.gate.credentials import COOKIE
from replica.server.gate.gate import Gate
from replica.server.gate.guests import Guests
from replica.server.gate.refusal import refusal
from replica.server.gate.visit import KEY, Visit

_PRIVATE = (b"cache-control", b"private")


class Gated:
    """An application that is asked only by those whom the gate lets in, nobody in particular among them.

    Which rights an endpoint needs is asked where it is known which one it is.
    """

    def __init__(self, app: ASGI, gate: Gate) -> None:
        self._app, self._gate = app, gate
        self._guests = Guests(gate.directory)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Serve, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            visit = await self._gate.admit(scope)
        except ReplicaError as error:
            await refusal(error, scope)(scope, receive, send)
            return
        scope[KEY] = visit
        deeds_of(scope).user = visit.principal.name
        sending = send if visit.way is None else self._sending(scope, visit, send)
        await self._guests.serve(self._app, visit, scope, receive, sending)

    def _sending(self, scope: Message, visit: Visit, send: Any) -> Any:
        """What is for one person is kept by no shared cache; and a cookie that will not last much longer is renewed."""
        renewed = self._gate.renewed_cookie(scope, visit)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), _PRIVATE]
                if renewed is not None and not any(name == b"set-cookie" for name, _ in headers):
                    headers.append((b"set-cookie", cookie_header(scope, renewed).encode()))
                message = {**message, "headers": headers}
            await send(message)

        return sending


def cookie_header(scope: Message, text: str) -> str:
    """The header that gives a cookie to a browser; with an empty text it takes it away."""
    return set_cookie(COOKIE, text, scope.get("root_path") or "/", scope.get("scheme") == "https")
