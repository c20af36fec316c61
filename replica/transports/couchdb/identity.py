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
    features: Any = ()

    @property
    def is_of_ours(self) -> bool:
        """Whether it holds replicas of ours, and so understands more than CouchDB's protocol."""
        return isinstance(self.features, list) and "replica" in self.features


class Database(msgspec.Struct):
    """What it says of the database."""

    update_seq: Any = 0
    db_name: str | None = None
    doc_count: int = 0
    doc_del_count: int | None = None


def identify(web: Web, database: Database, root: Root | None = None) -> str:
    """The name under which both sides remember the database: made from the server's uuid, or its address if it tells none.

    `root`: what the server said of itself, if it was asked before.
    """
    name = database.db_name or web.address.url.rpartition("/")[2]
    server = (root or root_of(web)).uuid or web.address.root.url
    return hashlib.sha256(f"couchdb\0{server}\0{name}".encode()).hexdigest()[:32]


def root_of(web: Web) -> Root:
    """What the server says of itself; nothing where it does not let us ask, or is no CouchDB at its root."""
    try:
        return ask(web.root, "", Root)
    except (Refused, NotAuthenticated):  # the way to the database may be the only one that is open
        return Root()
    except TransportError as error:
        if isinstance(error, Unreachable) or type(error) is not TransportError:
            raise
        return Root()  # an answer, and not CouchDB's
