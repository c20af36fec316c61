"""What a request shows to prove who asks. Read, not judged; nothing here is ever printed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import MutableMapping
from typing import Any, NamedTuple

from replica.errors import NotAuthenticated
from replica.server.connection import connection_of
from replica.server.gate.headers import sole

COOKIE = "AuthSession"  # CouchDB's name for it
_HINT = "Send `Authorization: Basic …` with name and password, or `Authorization: Bearer …` with a token."


class Password(NamedTuple):
    """A name and its password."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"Password({self.name!r})"


class Token(NamedTuple):
    """A token."""

    secret: str

    def __repr__(self) -> str:
        return "Token()"


class Cookie(NamedTuple):
    """What was given to somebody who logged in."""

    text: str

    def __repr__(self) -> str:
        return "Cookie()"


class Certificate(NamedTuple):
    """The name in a certificate that an authority of ours has signed."""

    name: str


Credentials = Password | Token | Cookie | Certificate


def shown(scope: MutableMapping[str, Any]) -> list[Credentials]:
    """What counts of it: a header `Authorization` alone; else a cookie, and if that is none any more, a certificate.

    `BadRequest` if the header is there twice, `NotAuthenticated` if it cannot be understood.
    """
    header = sole(scope, "authorization")
    if header is not None:
        return [_authorization(header)]
    found: list[Credentials] = []
    cookies = _cookies(scope)
    if len(cookies) == 1:  # of two, one was put there by somebody else
        found.append(Cookie(cookies[0]))
    certificate = connection_of(scope).certificate
    if certificate is not None:
        found.append(Certificate(certificate))
    return found


def _authorization(header: str) -> Credentials:
    scheme, _, rest = header.partition(" ")
    rest = rest.strip(" ")
    if scheme.lower() == "bearer" and rest.isascii():
        return Token(rest)
    if scheme.lower() == "basic":
        try:
            name, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            colon = ""
        if colon:
            return Password(name, password)
    raise NotAuthenticated("the header Authorization is none that is understood", hint=_HINT)


def _cookies(scope: MutableMapping[str, Any]) -> list[str]:
    texts = [value.decode("latin-1") for key, value in scope["headers"] if key == b"cookie"]
    pairs = [pair.strip().partition("=") for text in texts for pair in text.split(";")]
    return [value for name, _, value in pairs if name == COOKIE and value]
