"""What a peer is called: a file, or an address on the network."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from replica.errors import Mistake

SCHEMES = ("http", "https")
_UNIX = "http+unix"
_COUCHDB = "couchdb+"  # in front of a scheme: speak CouchDB's protocol, whatever is there
_HINT = "Addresses look like https://host/database."


class Address(NamedTuple):
    """A database on a server. `url` has no user and no slash at its end; a password never stays in an address."""

    url: str
    user: str | None = None
    password: str | None = None
    as_couchdb: bool = False
    socket: str | None = None  # the path of a Unix socket behind which the server is

    @property
    def root(self) -> Address:
        """The server: what is above the database."""
        return self._replace(url=self.url.rpartition("/")[0])

    def __str__(self) -> str:
        if self.socket is None:
            return self.url
        return f"{_UNIX}://{quote(self.socket, safe='')}{urlsplit(self.url).path}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r}, user={self.user!r})"


def is_address(name: object) -> bool:
    """Whether a name is an address on the network, and not that of a file."""
    return isinstance(name, str) and "://" in name


def parse_address(text: str) -> Address:
    """The address in `text`; `Mistake` if it is none.

    ``https://NAME@host/db``, ``http+unix://%2Frun%2Freplica.sock/db``, and with ``couchdb+`` in front.
    """
    as_couchdb = text.startswith(_COUCHDB)
    shown = without_password(text)
    try:
        parts = urlsplit(text.removeprefix(_COUCHDB))
        host, port = parts.netloc.rpartition("@")[2], parts.port
    except ValueError:  # which may quote a password
        raise Mistake(f"{shown} is not an address", hint=_HINT) from None
    if parts.scheme not in (*SCHEMES, _UNIX) or not host or port == 0:
        raise Mistake(f"{shown} is not an address", hint=_HINT)
    if parts.query or parts.fragment or not parts.path.strip("/"):
        raise Mistake(f"{shown} names no database", hint=_HINT)
    user, password = (None if x is None else unquote(x) for x in (parts.username, parts.password))
    socket = unquote(host) if parts.scheme == _UNIX else None
    server = f"{parts.scheme}://{host}" if socket is None else "http://localhost"
    return Address(f"{server}{parts.path.rstrip('/')}", user, password, as_couchdb, socket)


def without_password(text: str) -> str:
    """A name as it may be shown: if it is an address, without the user and what follows the user."""
    scheme, there, rest = text.partition("://")
    return f"{scheme}{there}{rest.rpartition('@')[2]}" if there else text
