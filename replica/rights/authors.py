"""Whose a document is, for those who may change their own alone: its items `$Authors` and `$UpdatedBy`. Pure.

It is judged by the leaves that are here, and never by what is brought.
"""

from __future__ import annotations

import functools

from replica.canonical import Json, canonical
from replica.conflict import live
from replica.errors import BadDocument, Corrupt
from replica.leaf import Leaf
from replica.naming import AUTHORS, SAVERS_IN_BYTES, UPDATED_BY, listed
from replica.revision import Ancestor


def is_theirs(before: list[Leaf], after: Leaf, name: str | None, names: frozenset[str]) -> bool:
    """Whether the leaves that `after` replaces are those of somebody whom `names` mean, by `name` if they have logged in.

    What comes beside the leaves that are here may come to be what the document shows: then all live ones have to be, or
    if it is deleted, all stubs.
    """
    replaced = [leaf for leaf in before if after.covers(Ancestor.of(leaf.revision))]
    return all(_is_author(leaf, name, names) for leaf in replaced or live(before) or before)


def _is_author(leaf: Leaf, name: str | None, names: frozenset[str]) -> bool:
    """Whether a leaf names them in `$Authors`; where that is empty or not there, whether they alone saved it."""
    items = _items(leaf)
    authors = None if items is None else listed(items.get(AUTHORS))
    if items is None or authors is None:
        return False
    return not names.isdisjoint(authors) if authors else name is not None and listed(items.get(UPDATED_BY)) == [name]


def is_relayed(leaf: Leaf, name: str | None) -> bool:
    """Whether a leaf says that it was saved by anybody else. It is read only where its bytes do not tell: they are canonical."""
    named = leaf.body.count(SAVERS_IN_BYTES)
    if not named or (named == 1 and name is not None and _alone(name) in leaf.body):
        return False
    items = _items(leaf)
    return items is None or (UPDATED_BY in items and listed(items[UPDATED_BY]) != [name])


@functools.lru_cache
def _alone(name: str) -> bytes:
    """What stands in a document that somebody alone saved."""
    return canonical({UPDATED_BY: [name]})[1:-1]


def _items(leaf: Leaf) -> dict[str, Json] | None:
    """None: they cannot be read, and so say nothing for anybody."""
    try:
        return leaf.items
    except (BadDocument, Corrupt):
        return None
