"""A batch in two, for whoever does not take as much at a time."""

from __future__ import annotations

from collections import deque

from replica.leaf import Leaf
from replica.rows import Rows


def halves(rows: Rows) -> tuple[list[Leaf], list[Leaf]]:
    """The leaves in two parts of about the same size, those of one document together; all in the first if there is but one."""
    documents: dict[str, list[Leaf]] = {}
    for leaf in rows:
        documents.setdefault(leaf.unid, []).append(leaf)
    first: list[Leaf] = []
    rest = deque(documents.values())
    room = sum(map(len, rows.bodies)) // 2
    while rest and (not first or room >= sum(len(leaf.body) for leaf in rest[0])):
        leaves = rest.popleft()
        room -= sum(len(leaf.body) for leaf in leaves)
        first += leaves
    return first, [leaf for leaves in rest for leaf in leaves]
