"""What the server says: JSON, and errors in CouchDB's form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from replica.errors import ReplicaError, TooManyAttempts, http_form

JSON = "application/json"
WHOLE_BYTES = 64 * 2**10  # of an answer in pieces that are made before the first is sent
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
    """A JSON answer in pieces, each of which is made in a thread; a short one is whole, with its length.

    What goes wrong in the first `WHOLE_BYTES` is an error as usual.
    """
    beginning, ended = await run_in_threadpool(_beginning, pieces)
    if ended:
        return Response(beginning, media_type=JSON)
    return StreamingResponse(chain([beginning], pieces), media_type=JSON)


def _beginning(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """What goes out together, and whether that is all."""
    beginning = b""
    for piece in pieces:
        beginning += piece
        if len(beginning) >= WHOLE_BYTES:
            return beginning, False
    return beginning, True


def problem(error: ReplicaError) -> Response:
    """An error as CouchDB says it (`error`, `reason`), and as we do (`code`, `hint`): at our own client it is the same class."""
    status, word = http_form(error)
    body = {"error": word, "reason": str(error), "code": error.code, "hint": error.hint}
    headers = {"Retry-After": "1"} if status == 503 else {}
    if isinstance(error, TooManyAttempts):
        headers = {"Retry-After": str(error.retry_after_s)}
    return answer(body, status, headers)
