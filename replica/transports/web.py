"""Requests to one database on a server, and its complaints as our own errors."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypedDict, TypeVar, Unpack

import httpx2

from replica import errors
from replica.errors import (
    BadRequest,
    Busy,
    Exists,
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
from replica.transports.network import CONNECT_S, PLAIN
from replica.transports.retrying import Patience
from replica.transports.throttled import Meter

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


T = TypeVar("T")


class Sent(TypedDict, total=False):
    """What may go with a request. `timeout`: of silence, in seconds."""

    content: bytes | Iterator[bytes] | None
    headers: Mapping[str, str] | None
    params: Mapping[str, str] | None
    timeout: float | None


class Web:
    """A keep-alive connection to one database. Paths are relative to it; threads may share it."""

    def __init__(
        self,
        address: Address,
        client: httpx2.Client | None = None,
        meter: Meter | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.address = address
        self.client = client or PLAIN.client(address)
        self.meter = meter or Meter()
        self._patience = patience

    @property
    def root(self) -> Web:
        """The server itself, over the same connections."""
        return Web(self.address.root, self.client, self.meter, self._patience)

    @property
    def hasty(self) -> Web:
        """The same over the same connections, without patience: what fails is raised at once."""
        return Web(self.address, self.client, self.meter)

    def call(self, method: str, path: str = "", **sent: Unpack[Sent]) -> httpx2.Response:
        """The answer to a request, read whole; what the server complains about is raised.

        Where there is patience, it is tried again if that may help and the content can be sent again.
        """

        def attempt() -> httpx2.Response:
            with self.stream(method, path, **sent) as response:
                with our_errors(self.address):
                    response.read()
                return response

        if not isinstance(sent.get("content"), bytes | None):
            return attempt()
        return self.patiently(attempt)

    def patiently(self, attempt: Callable[[], T]) -> T:
        """What the attempt brings; where there is patience, it is made again if that may help."""
        return attempt() if self._patience is None else self._patience.call(attempt)

    @contextmanager
    def stream(self, method: str, path: str = "", **sent: Unpack[Sent]) -> Iterator[httpx2.Response]:
        """The answer to a request while it arrives; what the server complains about is raised."""
        with self.exchange(method, path, **sent) as response:
            if not response.is_success:
                with our_errors(self.address):
                    response.read()
                raise complaint(response, self.address)
            yield response

    @contextmanager
    def exchange(
        self,
        method: str,
        path: str = "",
        *,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[httpx2.Response]:
        """The answer to a request while it arrives, whatever it says."""
        url = f"{self.address.url}/{path}" if path else self.address.url
        pause = {} if timeout is None else {"timeout": httpx2.Timeout(timeout, connect=CONNECT_S)}
        with our_errors(self.address):
            request = self.client.build_request(
                method,
                url,
                content=content,
                headers=headers,
                params=params,
                **pause,  # type: ignore[arg-type]
            )
            self.meter.sending(request)
            response = self.client.send(request, stream=True)
        self.meter.arriving(response)
        try:
            yield response
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def read_bounded(response: httpx2.Response, address: Address, most: int) -> bytes | None:
    """The body of an answer; None if it has more than `most` bytes, of which no more are read."""
    text = bytearray()
    with our_errors(address):
        for chunk in response.iter_bytes():
            text += chunk
            if len(text) > most:
                return None
    return bytes(text)


def complaint(response: httpx2.Response, address: Address) -> ReplicaError:
    """What a server that answered with an error means: by our own code if it is one of ours, else by the status."""
    body = _json_of(response)
    kind = _BY_CODE.get(str(body.get("code"))) or _BY_STATUS.get(response.status_code)
    if kind is None:
        kind = TransportError if response.status_code >= 500 else NotAllowed
    reason = body.get("reason") or response.reason_phrase
    hint = body.get("hint")
    error = kind(f"{address}: {reason} ({response.status_code})", hint=hint if isinstance(hint, str) else None)
    if isinstance(error, NotFound):
        error.deleted = body.get("reason") == "deleted"
    return error


def is_our_complaint(response: httpx2.Response) -> bool:
    """Whether a server of ours says so, and not another one."""
    return str(_json_of(response).get("code")) in _BY_CODE


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


def _is_about_trust(error: BaseException | None) -> bool:
    """Whether a certificate is at the root of it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
