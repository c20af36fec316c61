"""Documents that stay in this file: what CouchDB's clients keep beside a database (`_local/…`), and `_security`."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from replica.errors import TooLarge
from replica.store.settings import read_setting

_READ = text("SELECT number, body FROM local_document WHERE name = :name")
_WRITE = text("INSERT OR REPLACE INTO local_document VALUES (:name, :number, :body)")
_ALL = text("SELECT name, number, body FROM local_document WHERE name GLOB :prefix || '*' ORDER BY name")
_DELETE = text("DELETE FROM local_document WHERE name = :name")


class LocalDocument(NamedTuple):
    """A document that stays here: its revision is ``0-number``; `body` is JSON as it came, without `_id` and `_rev`."""

    number: int
    body: str

    @property
    def revision(self) -> str:
        """The revision as it is written."""
        return f"0-{self.number}"


def read_local(connection: Connection, name: str) -> LocalDocument | None:
    """The document of that name."""
    row = connection.execute(_READ, {"name": name}).first()
    return None if row is None else LocalDocument(row.number, row.body)


def all_local(connection: Connection, prefix: str) -> dict[str, LocalDocument]:
    """The documents whose names begin so, by name, in order."""
    rows = connection.execute(_ALL, {"prefix": prefix})
    return {row.name: LocalDocument(row.number, row.body) for row in rows}


def save_local(connection: Connection, name: str, number: int, body: str) -> LocalDocument:
    """Keep it as the revision after `number`, which the writer says it had: as in CouchDB, the last writer is right.

    `TooLarge` beyond `document-size-max`.
    """
    size_max: int = read_setting(connection, "document-size-max")
    if len(body.encode()) > size_max:
        raise TooLarge(f"document {name[:80]!r} has {len(body):,} characters; the limit is {size_max:,} bytes")
    document = LocalDocument(number + 1, body)
    write_local(connection, name, document)
    return document


def write_local(connection: Connection, name: str, document: LocalDocument) -> None:
    """Keep it, in the place of what was there."""
    connection.execute(_WRITE, {"name": name, **document._asdict()})


def delete_local(connection: Connection, name: str) -> bool:
    """Remove it; whether it was there."""
    return connection.execute(_DELETE, {"name": name}).rowcount > 0
