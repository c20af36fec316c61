"""Leaves: what is stored and replicated. Values, no I/O."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from replica.canonical import Json, canonical, parse
from replica.errors import BadDocument, Corrupt
from replica.marks import Marks, read_marks, write_marks
from replica.revision import Ancestor, Ancestry, Revision, descend, revision_id

NOTHING = b"{}"  # the canonical bytes of a deletion stub


class Leaf(NamedTuple):
    """One revision as it is stored and replicated. `hash` is the SHA-256 of `body`, the canonical bytes of the items.

    `verified`: the id was seen to match the content. False for all that came through a foreign system; never guessed.
    """

    unid: str
    revision: Revision
    deleted: bool
    verified: bool
    ancestry: Ancestry
    marks: str | None
    hash: bytes
    body: bytes

    def covers(self, other: Ancestor) -> bool:
        """Whether `other` is this revision or an ancestor of it; a parent's closing stub may have the same number as this."""
        number = self.revision.number
        if other.number == number and other.packed == self.revision.packed:
            return True
        return self.ancestry.holds(number, other)

    @property
    def intact_body(self) -> bytes:
        """The canonical bytes of the items. `Corrupt` if they are not those that were saved."""
        if hashlib.sha256(self.body).digest() != self.hash:
            raise Corrupt(f"revision {self.revision} of {self.unid!r} is damaged: its bytes do not match their hash")
        return self.body

    @property
    def items(self) -> dict[str, Json]:
        """The items, as a new dict. `Corrupt` as `intact_body`."""
        return _parse_items(self.intact_body)

    def read_marks(self) -> Marks | None:
        """The marks by item name; None if nothing is known, or if what is written there is damaged."""
        try:
            return None if self.marks is None else read_marks(self.marks, self.items, Ancestor.of(self.revision))
        except BadDocument:
            return None

    def expected_revision(self) -> Revision:
        """The id that a revision of ours with this content has."""
        number = self.revision.number
        return revision_id(number, self.revision.time_ms, self.ancestry.all_parents(number), self.deleted, self.body)


def next_revision(
    unid: str,
    parents: list[Leaf],
    items: bytes,
    time_ms: int,
    limit: int,
    deleted: bool = False,
    marks: Marks | None = None,
) -> Leaf:
    """The leaf that follows `parents` (in any order: the highest goes first) and holds the canonical bytes `items`.

    Without `marks`, every item that differs from a parent's is marked as changed here; with them, every item that has none.
    `limit` bounds the ancestry.
    """
    if not parents:
        revision = revision_id(1, time_ms, (), deleted, items)
        return Leaf(unid, revision, deleted, True, Ancestry(), "", hashlib.sha256(items).digest(), items)
    parents = sorted(parents, key=lambda parent: parent.revision, reverse=True)
    number = parents[0].revision.number + 1
    packed = [Ancestor.of(p.revision) for p in parents]
    revision = revision_id(number, time_ms, packed, deleted, items)
    closing = [Ancestor.of(closing_stub(p, limit).revision) for p in parents[1:]]
    ancestry = descend([(p.revision, p.ancestry) for p in parents], closing, limit)
    text = _marks_text(parents, items, Ancestor.of(revision), marks)
    return Leaf(unid, revision, deleted, True, ancestry, text, hashlib.sha256(items).digest(), items)


def closing_stub(leaf: Leaf, limit: int) -> Leaf:
    """The deletion stub that ends a branch merged into another. It asks no clock: the same stub on every replica."""
    return next_revision(leaf.unid, [leaf], NOTHING, leaf.revision.time_ms, limit, deleted=True)


def _marks_text(parents: list[Leaf], items: bytes, own: Ancestor, marks: Marks | None) -> str | None:
    known = parents[0].read_marks()
    if known is None or any(p.marks is None for p in parents):
        return None
    after = _parse_items(items)
    if marks is None:
        marks = known
        bodies = [p.items for p in parents]
        changed = [name for name in after.keys() | set().union(*bodies) if _changed(name, bodies, after)]
        marks.update(dict.fromkeys(changed, own))
    return write_marks(dict.fromkeys(after, own) | marks, after, own)


def _changed(name: str, before: list[dict[str, Json]], after: dict[str, Json]) -> bool:
    return any(not same_item(items, after, name) for items in before)


def same_item(a: dict[str, Json], b: dict[str, Json], name: str) -> bool:
    """Whether two sets of items hold the same under `name`; missing and null are different."""
    if name in a and name in b:
        x, y = a[name], b[name]
        return x is y or canonical(x) == canonical(y)
    return (name in a) == (name in b)


def _parse_items(body: bytes) -> dict[str, Json]:
    items: dict[str, Json] = parse(body)
    return items
