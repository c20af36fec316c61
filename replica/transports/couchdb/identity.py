"""Which database on which server this is."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from replica.errors import NotAuthenticated, Refused, TransportError, Unreachable
from replica.transports.couchdb.words import ask
from replica.transports.web import Web


class Root(msgspec.Struct):
    """What the server says of itself."""

    uuid: str | None = None


class Database(msgspec.Struct):
    """What it says of the database."""

    update_seq: Any = 0
    db_name: str | None = None
    doc_count: int = 0
    doc_del_count: int | None = None


def identify(web: Web, database: Database) -> str:
    """The name under which both sides remember the database: made from the server's uuid, or its address if it tells none."""
    name = database.db_name or web.address.url.rpartition("/")[2]
    server = _uuid(web) or web.address.root.url
    return hashlib.sha256(f"couchdb\0{server}\0{name}".encode()).hexdigest()[:32]


def _uuid(web: Web) -> str | None:
    try:
        return ask(web.root, "", Root).uuid
    except (Refused, NotAuthenticated):  # the way to the database may be the only one that is open
        return None
    except TransportError as error:
        if isinstance(error, Unreachable) or type(error) is not TransportError:
            raise
        return None  # an answer, and not CouchDB's
