"""Whether somebody may bring a leaf into the leaves of a document that are there. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from replica.conflict import ACCESS_LIST, live
from replica.errors import NotAllowed
from replica.leaf import Leaf
from replica.rights.level import Level, Rights

Rule = Callable[[list[Leaf], Leaf], str | None]
"""Of the leaves of a document that are here and one that is to come: the code of the reason why it may not; None if it may."""

DESIGN = "_design/"


def rule_of(rights: Rights) -> Rule | None:
    """The rule for somebody with these rights; None if nothing is forbidden."""
    return None if rights.are_all else partial(refusal, rights)


def refusal(rights: Rights, before: list[Leaf], after: Leaf) -> str | None:
    """Why somebody with these rights may not bring `after` to where the leaves are `before`; None if they may.

    A leaf that adds nothing to what is there is not asked about.
    """
    return None if _may(rights, before, after) else NotAllowed.code


def _may(rights: Rights, before: list[Leaf], after: Leaf) -> bool:
    if rights.level < _needed(after.unid):
        adds = rights.level in (Level.DEPOSITOR, Level.AUTHOR) and not before and not after.deleted
        if not adds or after.unid.startswith(DESIGN):
            return False
    if after.deleted:
        return "delete" not in rights.denied
    return "create" not in rights.denied or bool(live(before))


def _needed(unid: str) -> Level:
    """Who may change a document that is there already, or delete it."""
    if unid == ACCESS_LIST:
        return Level.MANAGER
    return Level.DESIGNER if unid.startswith(DESIGN) else Level.EDITOR
