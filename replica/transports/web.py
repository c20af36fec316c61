"""Requests to one database on a server, and its complaints as our own errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2

from replica import errors
from replica.errors import (
    Exists,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotSupported,
    ReplicaError,
    StaleRevision,
    TimedOut,
    TooLarge,
    TransportError,
    Unreachable,
)
from replica.transports.address import Address

TIMEOUT = httpx2.Timeout(60.0, connect=15.0)
_BY_STATUS: dict[int, type[ReplicaError]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    405: NotSupported,
    409: StaleRevision,
    412: Exists,
    413: TooLarge,
    501: NotSupported,
}


class Web:
    """A keep-alive connection to one database. Paths are relative to it; threads may share it."""

    def __init__(self, address: Address, client: httpx2.Client | None = None) -> None:
        self.address = address
        auth = None if address.user is None else httpx2.BasicAuth(address.user, address.password or "")
        self._client = client or httpx2.Client(timeout=TIMEOUT, auth=auth)

    def call(
        self,
        method: str,
        path: str = "",
        *,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """The answer to a request, read whole; what the server complains about is raised."""
        with self.stream(method, path, content=content, headers=headers, params=params) as response:
            with _our_errors(self.address):
                response.read()
            return response

    @contextmanager
    def stream(
        self,
        method: str,
        path: str = "",
        *,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[httpx2.Response]:
        """The answer to a request while it arrives."""
        url = f"{self.address.url}/{path}" if path else self.address.url
        with _our_errors(self.address):
            request = self._client.build_request(method, url, content=content, headers=headers, params=params)
            response = self._client.send(request, stream=True)
        try:
            if not response.is_success:
                with _our_errors(self.address):
                    response.read()
                raise complaint(response, self.address)
            yield response
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def complaint(response: httpx2.Response, address: Address) -> ReplicaError:
    """What a server that answered with an error means: by our own code if it is one of ours, else by the status."""
    body = _json_of(response)
    kind = _BY_CODE.get(str(body.get("code"))) or _BY_STATUS.get(response.status_code)
    if kind is None:
        kind = TransportError if response.status_code >= 500 else NotAllowed
    reason = body.get("reason") or response.reason_phrase
    hint = body.get("hint")
    return kind(f"{address}: {reason} ({response.status_code})", hint=hint if isinstance(hint, str) else None)


def _json_of(response: httpx2.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _family(kind: type[ReplicaError]) -> Iterator[type[ReplicaError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


_BY_CODE = {kind.code: kind for kind in _family(errors.ReplicaError)}


@contextmanager
def _our_errors(address: Address) -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException as error:
        raise TimedOut(f"{address} did not answer in time") from error
    except httpx2.TransportError as error:
        raise Unreachable(f"{address}: {error}") from error
