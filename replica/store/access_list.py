"""The access list as it is in the file."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from replica.conflict import ACCESS_LIST
from replica.rights import InForce, InSight, Rights, Rule, Who, in_force, rule_of, sight_of
from replica.store.leaves import leaves_of
from replica.store.sighted import has_readers

Ruling = Callable[[Connection], Rule | None]
"""What somebody may bring here, as it is in a transaction; None: everything."""


def everything(_: Connection) -> Rule | None:
    """The ruling of whoever opens the file."""
    return None


def ruling_by(who: Who, rights_of: Callable[[InForce], Rights]) -> Ruling:
    """The ruling for somebody whose rights depend on the access list."""

    def ruling(connection: Connection) -> Rule | None:
        rights = rights_of(read_in_force(connection))
        rule = rule_of(rights, who)
        return InSight(sight_of(who, rights.roles), rule) if has_readers(connection) else rule

    return ruling


def read_in_force(connection: Connection) -> InForce:
    """The access list that counts in this transaction."""
    return in_force(row.leaf for row in leaves_of(connection, ACCESS_LIST))
