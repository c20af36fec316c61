"""How to get to servers: secrets, certificates, how fast; and the client that goes there so."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.request import getproxies

import httpx2

from replica.errors import BadSettings
from replica.transports.address import Address

CONNECT_S = 15.0
SILENCE_S = 60.0


def patience(silence_s: float) -> httpx2.Timeout:
    """How long a server may say nothing, in seconds; for a connection it has `CONNECT_S` at most."""
    return httpx2.Timeout(silence_s, connect=min(CONNECT_S, silence_s))


class Secret(NamedTuple):
    """Who asks, and what proves it."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Secret({self.user!r})"


@dataclass(frozen=True, slots=True)
class Network:
    """How to get to servers.

    `password`: of the user that an address names. `token`: sent to every server instead. `find_secret` is asked for an
    address that brings no password and for which there is none. `ca_file`: a file of certificates that are trusted, beside
    nobody else. `client_cert`: a file with a certificate and its key. `bytes_per_second`: a bound in each direction.
    `silence_s`: how long a server may say nothing.
    """

    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    find_secret: Callable[[Address], Secret | None] = field(default=lambda address: None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    bytes_per_second: float | None = None
    silence_s: float = SILENCE_S

    def client(self, address: Address) -> httpx2.Client:
        """A client that proves who asks, and trusts as told; it goes through the proxies that the environment names."""
        transport = None if address.socket is None else httpx2.HTTPTransport(uds=address.socket)
        verify = self._trust() if address.url.startswith("https:") else _trust_on_the_way()
        return httpx2.Client(
            timeout=patience(self.silence_s), auth=self._auth(address), verify=verify, transport=transport
        )

    def _auth(self, address: Address) -> httpx2.Auth | None:
        if self.token is not None:
            return _Bearer(self.token)
        password = address.password if address.password is not None else self.password
        if address.user is not None and password is not None:
            return httpx2.BasicAuth(address.user, password)
        secret = self.find_secret(address)
        if secret is not None:
            return httpx2.BasicAuth(*secret)
        return None if address.user is None else httpx2.BasicAuth(address.user, "")

    def _trust(self) -> ssl.SSLContext:
        if self.ca_file is None and self.client_cert is None:
            return _usual_trust()
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise BadSettings(f"{self.ca_file} holds no certificates: {error}", hint="Name a PEM file.") from error
        if self.client_cert is not None:
            try:
                context.load_cert_chain(self.client_cert)
            except OSError as error:
                hint = "Name a PEM file with a certificate and its key."
                raise BadSettings(f"{self.client_cert} is no certificate with a key: {error}", hint=hint) from error
        return context


def _trust_on_the_way() -> ssl.SSLContext:
    """Whom to trust where the server is not asked for a certificate, and only a proxy may be."""
    through_tls = any(proxy.startswith("https:") for proxy in getproxies().values())
    return _usual_trust() if through_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@functools.cache
def _usual_trust() -> ssl.SSLContext:
    """The certificates that this machine trusts: reading them takes longer than to replicate when nothing is new."""
    return httpx2.create_ssl_context()


class _Bearer(httpx2.Auth):
    """A token that proves who asks."""

    def __init__(self, token: str) -> None:
        if not token or token != token.strip() or not all(" " <= letter <= "~" for letter in token):
            hint = "Give it as it was printed, on one line."
            raise BadSettings("the token is empty, or holds what a header cannot", hint=hint)
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send it with every request."""
        request.headers["Authorization"] = self._header
        yield request


PLAIN = Network()
