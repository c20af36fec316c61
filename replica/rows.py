"""Leaves as they lie in the table and on the wire: rows, and beside them the bodies. Values, no I/O.

Most of what is replicated is moved and not looked at; a `Leaf` is made of a row only where somebody has to judge it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from replica.leaf import Leaf
from replica.revision import Ancestry, Revision

Row = tuple[str, int, str, int, int, bytes, bytes, bytes, str | None, bytes, int]
"""UNID; the revision's number and text; deleted and verified, 0 or 1; line, side and parents of the ancestry; marks; the
hash that was stored with the body; how many bytes the body has."""


class Rows(Sequence[Leaf]):
    """A list of leaves that makes each of them when it is asked for. `bodies` are in the order of `rows`."""

    __slots__ = ("bodies", "rows")

    def __init__(self, rows: list[Row], bodies: list[bytes]) -> None:
        self.rows = rows
        self.bodies = bodies

    @classmethod
    def of(cls, leaves: Iterable[Leaf]) -> Rows:
        """The same leaves as rows."""
        if isinstance(leaves, Rows):
            return leaves
        leaves = list(leaves)
        return cls([row_of(leaf) for leaf in leaves], [leaf.body for leaf in leaves])

    def with_bytes(self, wanted: bytes) -> Iterator[Leaf]:
        """The leaves whose bodies have these bytes; none is made of the others."""
        return (self[at] for at, body in enumerate(self.bodies) if wanted in body)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Leaf: ...

    @overload
    def __getitem__(self, at: slice) -> Rows: ...

    def __getitem__(self, at: int | slice) -> Leaf | Rows:
        if isinstance(at, slice):
            return Rows(self.rows[at], self.bodies[at])
        return leaf_of(self.rows[at], self.bodies[at])


def row_of(leaf: Leaf) -> Row:
    """A leaf as a row, without its body."""
    number, text = leaf.revision
    flags = int(leaf.deleted), int(leaf.verified)
    return (leaf.unid, number, text, *flags, *leaf.ancestry, leaf.marks, leaf.hash, len(leaf.body))


def leaf_of(row: Row, body: bytes) -> Leaf:
    """The leaf that a row and a body are."""
    unid, number, text, deleted, verified, line, side, parents, marks, digest, _ = row
    ancestry = Ancestry(line, side, parents)
    return Leaf(unid, Revision(number, text), bool(deleted), bool(verified), ancestry, marks, digest, body)
