"""Whether somebody may bring a leaf into the leaves of a document that are there. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from replica.conflict import ACCESS_LIST, live
from replica.errors import NotAllowed
from replica.leaf import Leaf
from replica.rights.authors import is_relayed, is_theirs
from replica.rights.level import Level, Rights
from replica.rights.readers import names_of
from replica.rights.who import Who

Rule = Callable[[list[Leaf], Leaf], str | None]
"""Of the leaves of a document that are here and one that is to come: the code of the reason why it may not; None if it may."""

DESIGN = "_design/"
_OWN = (Level.DEPOSITOR, Level.AUTHOR)  # those who bring what is their own


def rule_of(rights: Rights, who: Who) -> Rule | None:
    """The rule for somebody with these rights; None if nothing is forbidden."""
    return None if rights.are_all else partial(refusal, rights, who)


def refusal(rights: Rights, who: Who, before: list[Leaf], after: Leaf) -> str | None:
    """Why somebody with these rights may not bring `after` to where the leaves are `before`; None if they may.

    A leaf that adds nothing to what is there is not asked about.
    """
    return None if _may(rights, who, before, after) else NotAllowed.code


def _may(rights: Rights, who: Who, before: list[Leaf], after: Leaf) -> bool:
    if rights.level < _needed(after.unid) and not _is_own(rights, who, before, after):
        return False
    if after.deleted:
        return "delete" not in rights.denied
    return "create" not in rights.denied or bool(live(before))


def _is_own(rights: Rights, who: Who, before: list[Leaf], after: Leaf) -> bool:
    """Whether somebody who may not change everything brings a new document of their own, or changes one, as authors may."""
    if rights.level not in _OWN or after.unid.startswith(DESIGN) or is_relayed(after, who.name):
        return False
    if not before:
        return not after.deleted
    return rights.level is Level.AUTHOR and is_theirs(before, after, who.name, names_of(who, rights.roles))


def _needed(unid: str) -> Level:
    """Who may change a document that is there already, or delete it."""
    if unid == ACCESS_LIST:
        return Level.MANAGER
    return Level.DESIGNER if unid.startswith(DESIGN) else Level.EDITOR
