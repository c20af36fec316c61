"""Somebody who asks for something. A value."""

from __future__ import annotations

from typing import NamedTuple

ADMIN = "_admin"  # CouchDB's word; no role that people name begins with `_`


class Principal(NamedTuple):
    """Somebody who asks. `databases` and `read_only` are what a token narrows: it never gives what its user has not."""

    name: str | None  # None: nobody in particular
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    databases: frozenset[str] | None = None  # None: all
    read_only: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether the user is an administrator; a token may still narrow what he may do with it."""
        return ADMIN in self.roles

    def reaches(self, database: str) -> bool:
        """Whether the token that was shown, if it was one, is for this database too."""
        return self.databases is None or database in self.databases


ANONYMOUS = Principal(None)
