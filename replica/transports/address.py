"""What a peer is called: a file, or an address on the network."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from replica.errors import Mistake

SCHEMES = ("http", "https")
_COUCHDB = "couchdb+"  # in front of a scheme: speak CouchDB's protocol, whatever is there


class Address(NamedTuple):
    """A database on a server. `url` has no user and no slash at its end; a password never stays in an address."""

    url: str
    user: str | None = None
    password: str | None = None
    as_couchdb: bool = False

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"Address({self.url!r}, user={self.user!r})"


def is_address(name: str) -> bool:
    """Whether a name is an address on the network, and not that of a file."""
    return "://" in name


def parse_address(text: str) -> Address:
    """The address in `text`: ``https://NAME@host/db``, or ``couchdb+https://…``. `Mistake` if it is none."""
    as_couchdb = text.startswith(_COUCHDB)
    parts = urlsplit(text.removeprefix(_COUCHDB))
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise Mistake(f"{_without_password(text)} is not an address", hint="Addresses look like https://host/database.")
    if parts.query or parts.fragment or not parts.path.strip("/"):
        raise Mistake(f"{_without_password(text)} names no database", hint="Addresses look like https://host/database.")
    host = parts.netloc.rpartition("@")[2]
    user, password = (None if x is None else unquote(x) for x in (parts.username, parts.password))
    return Address(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", user, password, as_couchdb)


def _without_password(text: str) -> str:
    scheme, _, rest = text.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
