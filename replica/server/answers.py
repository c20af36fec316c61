"""What the server says: JSON, and errors in CouchDB's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from replica.errors import ReplicaError, http_form

JSON = "application/json"
encode = msgspec.json.Encoder().encode  # of what the server says itself; documents go through as `msgspec.Raw`


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. Bytes that are JSON already are given as `msgspec.Raw`."""
    return Response(encode(value) + b"\n", status, headers, JSON)


def problem(error: ReplicaError) -> Response:
    """An error as CouchDB says it (`error`, `reason`), and as we do (`code`, `hint`): at our own client it is the same class."""
    status, word = http_form(error)
    body = {"error": word, "reason": str(error), "code": error.code, "hint": error.hint}
    headers = {"Retry-After": "1"} if status == 503 else {}
    return answer(body, status, headers)
