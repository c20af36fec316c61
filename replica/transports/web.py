"""Requests to one database on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypedDict, TypeVar, Unpack

import httpx2

from replica.errors import Garbled
from replica.transports.address import Address
from replica.transports.complaints import complaint, our_errors
from replica.transports.network import PLAIN, patience
from replica.transports.retrying import Patience
from replica.transports.throttled import Meter

T = TypeVar("T")

ANSWER_BYTES_MAX = 2**28  # of CouchDB's protocol; nothing that is asked for comes near
COMPLAINT_BYTES_MAX = 2**20


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

    def call(self, method: str, path: str = "", **sent: Unpack[Sent]) -> bytes:
        """What is answered to a request, whole; what the server complains about is raised. `Garbled` if there is no end to it.

        Where there is patience, it is tried again if that may help and the content can be sent again.
        """

        def attempt() -> bytes:
            with self.stream(method, path, **sent) as response:
                text = read_bounded(response, self.address, ANSWER_BYTES_MAX)
            if text is None:
                raise Garbled(f"the answer of {self.address} has more than {ANSWER_BYTES_MAX:,} bytes")
            return text

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
                raise complaint(response, complaint_text(response, self.address), self.address)
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
        pause = {} if timeout is None else {"timeout": patience(timeout)}
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


def complaint_text(response: httpx2.Response, address: Address) -> bytes:
    """What an answer that is an error says; nothing if it has too much to say for one."""
    return read_bounded(response, address, COMPLAINT_BYTES_MAX) or b""


def read_bounded(response: httpx2.Response, address: Address, most: int) -> bytes | None:
    """The body of an answer; None if it has more than `most` bytes, of which no more are read."""
    text = bytearray()
    with our_errors(address):
        for chunk in response.iter_bytes():
            text += chunk
            if len(text) > most:
                return None
    return bytes(text)
