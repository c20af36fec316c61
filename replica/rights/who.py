"""Whose rights are asked for."""

from __future__ import annotations

from typing import Protocol


class Who(Protocol):
    """Somebody as the access list looks at them; a `Principal` is one. Without a name: nobody who has logged in."""

    @property
    def name(self) -> str | None:
        """The name of the user."""

    @property
    def roles(self) -> frozenset[str]:
        """The roles that the directory gives."""

    @property
    def groups(self) -> frozenset[str]:
        """The groups of the directory that the user is in."""
