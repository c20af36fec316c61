"""One connection: strict about what a request is, and patient with slow clients for a stated time only.

uvicorn's protocol with four things added: `framing.check_head` before each request, an error in JSON when something is
refused before it reaches the application, time limits, and what is known of the connection.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from replica.server.answers import HARMLESS, encode
from replica.server.connection import KEY, Connection
from replica.server.exchange import Message
from replica.server.framing import HEAD_BYTES_MAX, check_head
from replica.server.tls import client_name

PATIENCE_S = 20.0  # for the head of a request; a body must move by RATE_MIN times as many bytes in that time
RATE_MIN = 500  # bytes a second; Apache's bound, too
UNREAD_S = 60.0  # for an answer that nobody takes
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux
_WORDS = {408: "request_timeout", 414: "uri_too_long", 431: "headers_too_large", 501: "not_implemented"}


class _Connection(h11.Connection):
    """The parser, with the check before each head; it keeps what it complained about."""

    complaint: h11.RemoteProtocolError | None = None

    def next_event(self) -> Any:
        try:
            if self.their_state is h11.IDLE:
                check_head(self.trailing_data[0])
            return super().next_event()
        except h11.RemoteProtocolError as error:
            self.complaint = error
            raise


class Protocol(H11Protocol):
    """What uvicorn runs for each connection."""

    conn: _Connection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _Connection(h11.SERVER, HEAD_BYTES_MAX)
        self._application = self.app
        self.app = self._serve
        self._patience: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the first request is due."""
        super().connection_made(transport)
        self._known = Connection(client_name(transport.get_extra_info("peercert")), self._hang_up)
        if self._is_tcp:  # asyncio does it only for listeners that were made with the number of the protocol
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on with what arrived."""
        self._acknowledge()
        self._received += len(data)
        busy = self._is_serving
        super().data_received(data)
        if self._owes and (self._patience is None or busy != self._is_serving):
            self._wait()
        elif not self._owes:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Go on with the next request, if it is there already."""
        super().on_response_complete()
        if self._owes and not self._is_serving:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take what is sent to it."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as it should be."""
        complaint = self.conn.complaint
        if complaint is None:
            self._refuse(400, msg)
        else:
            in_body = complaint.error_status_hint == 431 and self._is_serving
            self._refuse(400 if in_body else complaint.error_status_hint, str(complaint))

    async def _serve(self, scope: Message, receive: Any, send: Any) -> None:
        """Serve one request, which is told what is known of the connection."""
        scope[KEY] = self._known
        await self._application(scope, receive, send)

    # -- patience

    @property
    def _is_serving(self) -> bool:
        """Whether the application is at work on a request."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _owes(self) -> bool:
        """Whether the client began to say something that it has not finished."""
        unfinished: bool = self.conn.their_state is h11.SEND_BODY
        return unfinished or (not self._is_serving and bool(self.conn.trailing_data[0]))

    def _wait(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(PATIENCE_S, self._look, self._received)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _look(self, received_before: int) -> None:
        """The time is up: who sends a body fast enough, or waits for us, gets more of it."""
        ours = self._is_serving and (self.flow.read_paused or self.cycle.waiting_for_100_continue)
        moved = self._is_serving and self._received - received_before >= RATE_MIN * PATIENCE_S
        if ours or moved:
            self._wait()
        elif not self.transport.is_closing():
            self._refuse(408, "the request did not arrive in time")

    # -- answers that the application does not give

    def _refuse(self, status: int, reason: str) -> None:
        """Answer and hang up; only hang up where an answer has begun, or nothing was asked."""
        can_answer = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        asked = self.conn.trailing_data[0] or self.conn.their_state is not h11.IDLE
        if can_answer and asked:
            body = encode({"error": _WORDS.get(status, "bad_request"), "reason": reason}) + b"\n"
            headers: Any = [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
                *HARMLESS,
            ]
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self._hang_up()

    def _hang_up(self) -> None:
        if self._is_serving:
            self.cycle.disconnected = True  # the application has nobody to talk to any more
            self.cycle.message_event.set()
        self.transport.close()

    def _acknowledge(self) -> None:
        """Let the kernel acknowledge at once, not after 40 ms: CouchDB waits for that between headers and body."""
        if _QUICKACK is not None and self._is_tcp:
            self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    @property
    def _is_tcp(self) -> bool:
        return self.client is not None
