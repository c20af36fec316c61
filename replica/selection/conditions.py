"""What a compiled selector is made of: conditions on single items, and their combinations.

There is no node for negation: a negated condition is its opposite, and asks for the item like any other.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from replica.canonical import Json
from replica.selection.collation import MISSING, NOWHERE, Path, look_up
from replica.selection.operators import NESTED, OPERATORS, Test


class Node(Protocol):
    """A compiled selector or a part of one."""

    def matches(self, value: Json) -> bool:
        """Whether it selects a document, or an element of an array."""


class All(NamedTuple):
    """Selects what every part selects; everything if there is none."""

    parts: tuple[Node, ...]

    def matches(self, value: Json) -> bool:
        """Whether it selects a document, or an element of an array."""
        return all(part.matches(value) for part in self.parts)


class AnyOf(NamedTuple):
    """Selects what one part at least selects; nothing if there is none."""

    parts: tuple[Node, ...]

    def matches(self, value: Json) -> bool:
        """Whether it selects a document, or an element of an array."""
        return any(part.matches(value) for part in self.parts)


class Condition(NamedTuple):
    """One operator on one item. Without that item nothing is selected, except by ``$exists: false``.

    `negated` is for operators that have no opposite; `test` has taken it into account.
    """

    path: Path
    operator: str
    operand: Json
    negated: bool
    test: Test

    def matches(self, value: Json) -> bool:
        """Whether it selects a document, or an element of an array."""
        found = look_up(value, self.path)
        if found is MISSING:
            return self.operator == "$exists" and not self.operand
        return found is not NOWHERE and self.test(found)


_OPPOSITES = {
    "$lt": "$gte",
    "$gte": "$lt",
    "$gt": "$lte",
    "$lte": "$gt",
    "$eq": "$ne",
    "$ne": "$eq",
    "$in": "$nin",
    "$nin": "$in",
}


def condition(path: Path, name: str, operand: Json, negated: bool) -> Condition:
    """The condition, or its opposite; `BadSelector` if the operand is none."""
    test = OPERATORS[name](operand)
    if negated and name == "$exists":
        return condition(path, name, not operand, False)
    if negated and name in _OPPOSITES:
        return condition(path, _OPPOSITES[name], operand, False)
    return Condition(path, name, operand, negated, _opposite(test) if negated else test)


def nested(path: Path, name: str, inside: Node, negated: bool) -> Condition:
    """The condition of an operator whose operand is a selector of its own, for elements or names."""
    test = NESTED[name](inside.matches)
    return Condition(path, name, inside, negated, _opposite(test) if negated else test)


def _opposite(test: Test) -> Test:
    return lambda value: not test(value)
