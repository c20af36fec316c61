"""The items in which a document names people: `$Readers`, `$Authors`, and `$UpdatedBy`, who saved it. Pure.

Who saved a revision is said where it is saved, by whoever knows it, and never taken from what is brought.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from replica.canonical import Json, canonical, parse
from replica.errors import BadDocument, Mistake
from replica.leaf import Leaf

READERS, AUTHORS, UPDATED_BY = "$Readers", "$Authors", "$UpdatedBy"
NAME_MAX = 200  # bytes
_KEPT = {name: name.encode() + b'"' for name in (AUTHORS, READERS)}  # by a deletion stub; and their bytes in a body
SAVERS_IN_BYTES = UPDATED_BY.encode() + b'"'  # no canonical body that says who saved it is without


class Saving(NamedTuple):
    """A save: when, and by whom. `by` None: nobody is known to save."""

    at_ms: int
    by: str | None = None


def listed(value: Json) -> list[str] | None:
    """The names in one of these items: a text or a list of texts. None: it is not understood."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else None
    return names if names is not None and names == value else None


def saved_by(by: str | None, items: bytes) -> bytes:
    """The canonical bytes of `items` as somebody saves them: who it is stands in `$UpdatedBy`, and nobody else."""
    if by is None and SAVERS_IN_BYTES not in items:
        return items
    said = parse(items)
    said.pop(UPDATED_BY, None)
    return canonical(said if by is None else said | {UPDATED_BY: [by]})


def stub_by(by: str | None, deleted: Leaf | None, items: bytes) -> bytes:
    """The same of a deletion stub that holds `items`. What it does not say itself of readers and authors it has from the
    leaf that it deletes: so it is for those alone who could read that. `Corrupt` if that leaf is damaged.
    """
    if deleted is not None and any(name in deleted.body for name in _KEPT.values()):
        kept = {name: value for name, value in deleted.items.items() if name in _KEPT}
        items = canonical(kept | parse(items))
    return saved_by(by, items)


def content_of(leaf: Leaf) -> bytes:
    """Equal for leaves of equal content, whoever saved them: a hash."""
    if SAVERS_IN_BYTES not in leaf.body:
        return leaf.hash
    try:
        return hashlib.sha256(saved_by(None, leaf.body)).digest()
    except BadDocument:  # damaged
        return leaf.hash


def is_same(a: bytes, b: bytes) -> bool:
    """Whether two canonical bytes hold the same items, whoever saved them."""
    return a == b or ((SAVERS_IN_BYTES in a or SAVERS_IN_BYTES in b) and saved_by(None, a) == saved_by(None, b))


def savers_of_both(a: Json, b: Json) -> list[str] | None:
    """Who saved what was merged from two revisions with these `$UpdatedBy`: all of them. None: one is not understood."""
    mine, theirs = listed(a), listed(b)
    return None if mine is None or theirs is None else sorted({*mine, *theirs})


def check_name(name: str) -> str:
    """`name` itself, or `Mistake`: empty, led by `_`, with `:` or what cannot be printed, or longer than 200 bytes."""
    problem = name_problem(name)
    if problem:
        raise Mistake(f"{name[:80]!r} is no name for a user: it {problem}", hint="Choose another name.")
    return name


def name_problem(name: str) -> str | None:
    """What keeps a text from being the name of a user."""
    if not name:
        return "is empty"
    if name.startswith("_"):
        return "begins with `_`"
    if ":" in name:
        return "holds `:`, which ends the name where a password follows"
    if not name.isprintable() or name != name.strip():
        return "holds what cannot be seen"
    return f"is longer than {NAME_MAX} bytes" if len(name.encode()) > NAME_MAX else None
