"""Documents that stay in this file: what CouchDB's clients keep beside a database (`_local/…`), and `_security`."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

_READ = text("SELECT number, body FROM local_document WHERE name = :name")
_WRITE = text("INSERT OR REPLACE INTO local_document VALUES (:name, :number, :body)")
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


def write_local(connection: Connection, name: str, document: LocalDocument) -> None:
    """Keep it, in the place of what was there."""
    connection.execute(_WRITE, {"name": name, **document._asdict()})


def delete_local(connection: Connection, name: str) -> bool:
    """Remove it; whether it was there."""
    return connection.execute(_DELETE, {"name": name}).rowcount > 0
