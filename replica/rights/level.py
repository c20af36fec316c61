"""Levels and privileges: how much somebody may do in a database."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import reduce
from typing import NamedTuple


class Level(IntEnum):
    """How much somebody may do in a database; each includes those before it, but that a depositor adds what a reader does not."""

    NONE = 0
    DEPOSITOR = 1  # adds documents, reads none
    READER = 2
    AUTHOR = 3  # reads all, adds documents and changes their own
    EDITOR = 4  # changes all
    DESIGNER = 5  # design documents too
    MANAGER = 6  # and the access list

    @property
    def word(self) -> str:
        """The name as it is written in access lists."""
        return self.name.lower()


PRIVILEGES = ("create", "delete", "replicate")
_AT_MOST: dict[Level, tuple[str, ...]] = {
    Level.NONE: (),
    Level.DEPOSITOR: ("create",),
    Level.READER: ("replicate",),
}


class Rights(NamedTuple):
    """What somebody may do in one database. `roles` are those that the access list gives there."""

    level: Level
    roles: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    @property
    def privileges(self) -> list[str]:
        """Those that the level brings and that are not denied, in their order."""
        return [name for name in _AT_MOST.get(self.level, PRIVILEGES) if name not in self.denied]

    @property
    def are_all(self) -> bool:
        """Whether everything is allowed."""
        return self.level is Level.MANAGER and not self.denied


NO_RIGHTS = Rights(Level.NONE)
ALL_RIGHTS = Rights(Level.MANAGER)


def lowest(given: Iterable[Rights]) -> Rights:
    """What all of these give: the lowest level, the roles in which all agree, no privilege that one of them denies."""
    return reduce(lambda a, b: Rights(min(a.level, b.level), a.roles & b.roles, a.denied | b.denied), given)


def highest(given: Iterable[Rights]) -> Rights:
    """What these give together: the highest level, all roles, the privileges that any of those with that level leaves."""
    listed = list(given)
    level = max(rights.level for rights in listed)
    roles = frozenset[str]().union(*(rights.roles for rights in listed))
    denied = frozenset.intersection(*(rights.denied for rights in listed if rights.level is level))
    return Rights(level, roles, denied)
