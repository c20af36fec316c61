"""Nobody changes what they cannot see. A rule around another one. Pure."""

from __future__ import annotations

from replica.errors import NotAllowed
from replica.leaf import Leaf
from replica.rights.readers import Sight
from replica.rights.ruling import Rule


class InSight:
    """The rule for somebody of this `sight`, where else another rule holds; None: where else everything is allowed."""

    def __init__(self, sight: Sight, rule: Rule | None) -> None:
        self._sight = sight
        self.rule = rule

    def __call__(self, before: list[Leaf], after: Leaf) -> str | None:
        """As a `Rule`: so a revision that claims to descend from one that its sender cannot see does not bury it."""
        if self.hides(before):
            return NotAllowed.code
        return None if self.rule is None else self.rule(before, after)

    def hides(self, before: list[Leaf]) -> bool:
        """Whether these leaves of a document are not theirs to see."""
        return not self._sight.sees(before)


def hides(rule: Rule | None, before: list[Leaf]) -> bool:
    """Whether whoever is under this rule does not see the document with these leaves: then nothing is said of it."""
    return isinstance(rule, InSight) and rule.hides(before)


def is_unlimited(rule: Rule | None) -> bool:
    """Whether everything is allowed to whoever is under this rule, in all that they see."""
    return rule is None or (isinstance(rule, InSight) and rule.rule is None)
