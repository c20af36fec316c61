"""What a server complains about, and what goes wrong on the way to it, as errors of ours."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from replica import errors
from replica.errors import (
    BadRequest,
    Busy,
    Exists,
    Garbled,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotSupported,
    NotTrusted,
    ReplicaError,
    StaleRevision,
    TimedOut,
    TooLarge,
    TransportError,
    Unreachable,
)
from replica.transports.address import Address

_BY_STATUS: dict[int, type[ReplicaError]] = {
    400: BadRequest,
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    405: NotSupported,
    408: TimedOut,
    409: StaleRevision,
    412: Exists,
    413: TooLarge,
    429: Busy,
    501: NotSupported,
}

_OUR_WORDS = ("error", "reason", "code", "hint")  # CouchDB says the first two


def complaint(response: httpx2.Response, text: bytes, address: Address) -> ReplicaError:
    """What a server that answered with an error, and this text, means: by our own code if it is one of ours, else by the
    status.
    """
    body = _json_of(text)
    kind = errors.BY_CODE.get(str(body.get("code"))) or _BY_STATUS.get(response.status_code)
    if kind is None:
        kind = TransportError if response.status_code >= 500 else NotAllowed
    reason = body.get("reason") or response.reason_phrase
    hint = body.get("hint")
    error = kind(f"{address}: {reason} ({response.status_code})", hint=hint if isinstance(hint, str) else None)
    if isinstance(error, NotFound):
        error.deleted = body.get("reason") == "deleted"
    return error


def is_our_complaint(text: bytes) -> bool:
    """Whether a server of ours says so, also a newer one that has more to say, and not another one."""
    said = _json_of(text)
    return str(said.get("code")) in errors.BY_CODE or all(isinstance(said.get(word), str) for word in _OUR_WORDS)


def _json_of(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


@contextmanager
def our_errors(address: Address) -> Iterator[None]:
    """What goes wrong on the way, as errors of ours."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise TimedOut(f"{address} did not answer in time") from error
    except httpx2.TransportError as error:
        if _is_about_trust(error):
            raise NotTrusted(f"{address}: {error}") from error
        raise Unreachable(f"{address}: {error}") from error
    except httpx2.DecodingError as error:
        raise Garbled(f"{address}: the content of the answer is damaged: {error}") from error


def _is_about_trust(error: BaseException | None) -> bool:
    """Whether a certificate is at the root of it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
