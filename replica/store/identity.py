"""Who a replica is: the database it belongs to, its own instance id, and the ids it had before."""

from __future__ import annotations

import json
import secrets
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from replica.store import tables
from replica.store.settings import write_setting

_IDENTITY = select(tables.replica)


class Identity(NamedTuple):
    """`replica_id` names the database; `instance_id` this copy; `former_ids` what it was called before, oldest first."""

    replica_id: str
    instance_id: str
    former_ids: tuple[str, ...]
    era: int
    created_ms: int

    @property
    def all_ids(self) -> tuple[str, ...]:
        """Every name under which peers may remember this replica, the present one last."""
        return (*self.former_ids, self.instance_id)


def new_id() -> str:
    """A random id: 32 hex digits."""
    return secrets.token_hex(16)


def new_unid(now_ms: int) -> str:
    """A UNID for a document that was given none: 32 hex digits, the first twelve the time, so that they sort as made."""
    return f"{unid_time(now_ms)}{secrets.token_hex(10)}"


def unid_time(at_ms: int) -> str:
    """What a UNID that was made at that time begins with."""
    return f"{at_ms:012x}"


def found(connection: Connection, now_ms: int, title: str, replica_id: str | None = None) -> None:
    """Make the file the first replica of a new database, or another one, still empty, of the database `replica_id`."""
    if title:
        write_setting(connection, "title", title)
    ids = {"replica_id": replica_id or new_id(), "instance_id": new_id(), "former_ids": "[]"}
    values = {**ids, "era": 0, "created_ms": now_ms}
    connection.execute(insert(tables.replica).values(values))


def read_identity(connection: Connection) -> Identity:
    """Who this replica is."""
    row = connection.execute(_IDENTITY).one()
    return Identity(row.replica_id, row.instance_id, tuple(json.loads(row.former_ids)), row.era, row.created_ms)


FORMER_MAX = 100  # ids kept; a file that was copied and restored more often forgets the oldest


def renew(connection: Connection) -> Identity:
    """Take a new instance id, because another file has, or may have, the same one."""
    identity = read_identity(connection)
    former = identity.all_ids[-FORMER_MAX:]
    values = {"instance_id": new_id(), "former_ids": json.dumps(former)}
    connection.execute(update(tables.replica).values(values))
    return read_identity(connection)


def become_copy(connection: Connection, now_ms: int) -> None:
    """Make a copied file a replica of its own: another instance, without a past."""
    values = {"instance_id": new_id(), "former_ids": "[]", "created_ms": now_ms}
    connection.execute(update(tables.replica).values(values))
