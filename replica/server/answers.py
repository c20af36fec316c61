"""What the server says: JSON, and errors in CouchDB's form."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from replica.errors import ReplicaError, TooManyAttempts, http_form

JSON = "application/json"
HARMLESS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
)
"""Goes with every answer: for a browser it is data, no page and no script, whatever somebody has put into it."""

encode = msgspec.json.Encoder().encode  # of what the server says itself; documents go through as `msgspec.Raw`


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. Bytes that are JSON already are given as `msgspec.Raw`."""
    return Response(encode(value) + b"\n", status, headers, JSON)


async def streamed(pieces: Iterator[bytes]) -> Response:
    """A JSON answer in pieces, each of which is made in a thread. What goes wrong before the first is an error as usual."""
    first = await run_in_threadpool(next, pieces, b"")
    return StreamingResponse(itertools.chain([first], pieces), media_type=JSON)


def problem(error: ReplicaError) -> Response:
    """An error as CouchDB says it (`error`, `reason`), and as we do (`code`, `hint`): at our own client it is the same class."""
    status, word = http_form(error)
    body = {"error": word, "reason": str(error), "code": error.code, "hint": error.hint}
    headers = {"Retry-After": "1"} if status == 503 else {}
    if isinstance(error, TooManyAttempts):
        headers = {"Retry-After": str(error.retry_after_s)}
    return answer(body, status, headers)
