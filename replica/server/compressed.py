"""Compressed answers for clients that ask for them: a wrapper around the application.

Only JSON, and of some size. Live feeds go out as they are (`AS_IT_IS`), and so does what answers a HEAD, because clients
take its `ETag` for a revision. docs/decisions/0013-compressed-answers.md has the reasons and the figures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders

from replica.server.answers import JSON
from replica.server.exchange import ASGI, Message
from replica.wire import coding

AS_IT_IS = "no-transform"  # in `Cache-Control`: neither we nor a proxy are to compress this
SIZE_MIN = 1400  # bytes: what is shorter goes out in one packet anyway
AT_ONCE = 32 * 2**10  # bytes that are compressed without asking a thread to: in a quarter of a millisecond

Pack = Callable[[bytes], bytes]


class Compressed:
    """An application whose answers are compressed, each piece of an answer as it comes."""

    def __init__(self, app: ASGI) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Serve."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        accepted = coding.chosen(",".join(Headers(scope=scope).getlist("accept-encoding")))
        await self._app(scope, receive, _Sending(send, coding.IDENTITY if scope["method"] == "HEAD" else accepted))


class _Sending:
    """What the application says of one answer goes through here."""

    def __init__(self, send: Callable[[Message], Awaitable[None]], chosen: str) -> None:
        self._send, self._coding = send, chosen
        self._start: Message | None = None  # kept until it is known how much follows
        self._pack: tuple[Pack, Callable[[], bytes]] | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if _is_json(message):
                self._start = message
                return
            if message["status"] == 304:  # of what might have been compressed
                _vary(message)
        elif self._start is not None:
            start, self._start = self._start, None
            message = await self._begun(start, message)
            await self._send(start)
        elif self._pack is not None:
            message = {**message, "body": await self._packed(*self._pack, message)}
        await self._send(message)

    async def _begun(self, start: Message, first: Message) -> Message:
        """The first part of the answer, compressed if that is worth it; `start` says so."""
        whole, size = not first.get("more_body", False), len(first.get("body", b""))
        if whole and size < SIZE_MIN:
            return first
        headers = _vary(start)
        if self._coding == coding.IDENTITY:
            return first
        self._pack = coding.prompt_compressor(self._coding)
        body = await self._packed(*self._pack, first)
        headers["content-encoding"] = self._coding
        if whole:
            headers["content-length"] = str(len(body))
        if "etag" in headers:  # of the document; these are not its bytes, but others that mean the same
            headers["etag"] = "W/" + headers["etag"].removeprefix("W/")
        return {**first, "body": body}

    async def _packed(self, pack: Pack, rest: Callable[[], bytes], message: Message) -> bytes:
        body = message.get("body", b"")
        if len(body) > AT_ONCE:
            packed = await run_in_threadpool(pack, body)
        else:
            packed = pack(body) if body else b""
        return packed if message.get("more_body", False) else packed + rest()


def _is_json(start: Message) -> bool:
    """Whether it may be compressed; it is not what says itself how it is to go out."""
    headers = Headers(raw=list(start["headers"]))
    as_it_is = AS_IT_IS in headers.get("cache-control", "") or "content-encoding" in headers
    return headers.get("content-type") == JSON and not as_it_is


def _vary(start: Message) -> MutableHeaders:
    """Say that the answer depends on what the client accepts; its headers."""
    start["headers"] = list(start["headers"])
    headers = MutableHeaders(raw=start["headers"])
    headers.add_vary_header("Accept-Encoding")
    return headers
