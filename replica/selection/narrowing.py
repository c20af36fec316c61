"""Compiled selectors as SQL: a condition that holds for at least every document selected; Python decides the rest.

Comparisons with strings and integers are written bare, ``json_extract(…) = :p``, for an index on that expression to serve
them. Ranges are closed, and numbers in them have a margin, where SQLite might otherwise lose a document.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from replica.canonical import Json
from replica.errors import BadSelector
from replica.selection.collation import ARRAY, NULL, NUMBER, OBJECT, STRING, TRUE, parse_path, rank
from replica.selection.conditions import All, AnyOf, Condition, Node
from replica.selection.sql_terms import (
    EVERYTHING,
    NOTHING,
    Item,
    Term,
    around,
    both,
    cut,
    either,
    is_plain,
    json_path,
    successor,
)

PARAMETERS_MAX = 10_000  # SQLite takes 32,766 in one statement


class Narrowing(NamedTuple):
    """A condition in SQL, in brackets where it needs them, and its named parameters."""

    sql: str
    parameters: dict[str, object]


def item_expression(name: str, body_column: str = "body") -> str | None:
    """The SQL for an item, the same text in a query and in an index; None if SQL cannot say it.

    That is: names with double quotes, backslashes, colons (bind parameters to some) or control characters, over-long ones,
    those led by `_`, which are not in the body, and paths with steps that may lead into an array.
    """
    try:
        path = json_path(parse_path(name))
    except BadSelector:
        return None
    return None if path is None else f"json_extract({body_column}, '{path}')"


def narrow(node: Node, body_column: str, unid_column: str | None, without: Collection[str]) -> Narrowing:
    """What SQL can say about the documents that `node` selects."""
    writer = _Writer(body_column, unid_column, frozenset(without))
    return Narrowing(writer.term(node).sql, writer.parameters)


class _Writer:
    def __init__(self, body_column: str, unid_column: str | None, without: frozenset[str]) -> None:
        self.body = body_column
        self.unid = unid_column
        self.without = without
        self.parameters: dict[str, object] = {}

    def term(self, node: Node) -> Term:
        if isinstance(node, AnyOf):
            return either(self.term(part) for part in node.parts)
        parts = node.parts if isinstance(node, All) else (node,)
        conditions = [part for part in parts if isinstance(part, Condition)]
        above = {part.path for part in conditions if part.operator in _LOWER and rank(part.operand) >= NUMBER}
        below = {part.path for part in conditions if part.operator in _UPPER and rank(part.operand) <= STRING}
        return both(
            self.condition(part, part.path in above, part.path in below)
            if isinstance(part, Condition)
            else self.term(part)
            for part in parts
        )

    def condition(self, part: Condition, above_booleans: bool, below_arrays: bool) -> Term:
        operands = len(part.operand) if isinstance(part.operand, list) else 1
        if len(self.parameters) + operands > PARAMETERS_MAX or part.path[0] in self.without:
            return EVERYTHING
        if part.path == ("_id",):
            return EVERYTHING if self.unid is None else self.unid_condition(part, self.unid)
        path = json_path(part.path)
        if path is None:
            return EVERYTHING
        value, kind = f"json_extract({self.body}, '{path}')", f"json_type({self.body}, '{path}')"
        item = Item(value, kind, above_booleans, below_arrays)
        if part.negated or part.operator not in _WRITERS:
            return item.exists  # all that can be said
        return _WRITERS[part.operator](self, item, part.operand)

    def unid_condition(self, part: Condition, column: str) -> Term:
        """UNIDs are strings and hold no U+0000, so SQL compares them as Python does."""
        if part.operator in _COMPARISONS and isinstance(part.operand, str):
            return Term(f"{column} {_COMPARISONS[part.operator]} {self.bind(part.operand)}")
        if part.operator == "$in":
            return self.one_of(column, [wanted for wanted in part.operand if isinstance(wanted, str)])
        if part.operator == "$beginsWith" and not part.negated:
            return self.begins_with(column, part.operand)
        return EVERYTHING

    def equal(self, item: Item, operand: Json) -> Term:
        place = rank(operand)
        if place == NULL:
            return item.of_type("null")
        if is_plain(operand):
            return Term(f"{item.value} = {self.bind(_plain(operand))}")
        if place == NUMBER:
            return both([self.number_from(item, operand), self.number_to(item, operand)])
        if place == STRING:
            return both([self.text_from(item, operand), self.text_to(item, operand, "<=")])
        return item.of_type("array" if place == ARRAY else "object")

    def is_in(self, item: Item, operand: list[Json]) -> Term:
        if not operand:
            return NOTHING
        listed = self.one_of(item.value, [_plain(wanted) for wanted in operand if is_plain(wanted)])
        others = [self.equal(item, wanted) for wanted in operand if not is_plain(wanted)]
        return either([listed, item.of_type("array"), *others])

    def above(self, item: Item, operand: Json) -> Term:
        place = rank(operand)
        if place <= TRUE:
            return item.not_null
        if place == NUMBER:
            return self.number_from(item, operand)
        if place == OBJECT:
            return item.of_type("object")
        containers = [item.of_type("array"), item.of_type("object")]
        if place == ARRAY:
            return either(containers)
        return either([self.text_from(item, operand), *([] if item.below_arrays else containers)])

    def from_on(self, item: Item, operand: Json) -> Term:
        return item.exists if operand is None else self.above(item, operand)

    def below(self, item: Item, operand: Json) -> Term:
        return NOTHING if operand is None else self.up_to(item, operand, "<")

    def up_to(self, item: Item, operand: Json, comparison: str = "<=") -> Term:
        place = rank(operand)
        if place == NULL:
            return item.of_type("null")
        if place >= ARRAY:
            return item.exists
        lower = [] if item.above_booleans else [item.of_type("null")]
        if place == STRING:
            return either([self.text_to(item, operand, comparison), *lower])
        if place <= TRUE or (lower and operand < 1):
            lower.append(item.of_type("boolean"))
        return either([*([self.number_to(item, operand)] if place == NUMBER else []), *lower])

    def number_from(self, item: Item, number: int | float) -> Term:
        """All numbers from a little below `number`, and all text."""
        low = around(number)[0]
        return item.not_null if math.isinf(low) else Term(f"{item.value} >= {self.bind(low)}")

    def number_to(self, item: Item, number: int | float) -> Term:
        """All numbers to a little above `number`."""
        high = around(number)[1]
        return item.of_type("number") if math.isinf(high) else Term(f"{item.value} <= {self.bind(high)}")

    def text_from(self, item: Item, text: str) -> Term:
        """All texts from `text`: not only above, for a longer one may be cut to it at a U+0000."""
        return Term(f"{item.value} >= {self.bind(cut(text))}")

    def text_to(self, item: Item, text: str, comparison: str) -> Term:
        """All texts to `text`, and all numbers."""
        if "\0" in text:
            comparison, text = "<", cut(text) + "\x01"
        return Term(f"{item.value} {comparison} {self.bind(text)}")

    def begins_with(self, value: str, prefix: str) -> Term:
        start = cut(prefix)
        after = successor(start)
        lower = Term(f"{value} >= {self.bind(start)}")
        return lower if after is None else both([lower, Term(f"{value} < {self.bind(after)}")])

    def one_of(self, value: str, wanted: Iterable[object]) -> Term:
        names = [self.bind(each) for each in wanted]
        return Term(f"{value} IN ({', '.join(names)})") if names else NOTHING

    def bind(self, value: object) -> str:
        name = f"sel_{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"


def _plain(value: Json) -> str | int:
    return value if isinstance(value, str) else int(value)


_LOWER, _UPPER = ("$gt", "$gte"), ("$lt", "$lte")
_COMPARISONS = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}

_WRITERS: dict[str, Callable[[_Writer, Item, Json], Term]] = {
    "$all": lambda _, item, operand: item.of_type("array") if operand else NOTHING,
    "$allMatch": lambda _, item, __: item.of_type("array"),
    "$beginsWith": lambda writer, item, operand: writer.begins_with(item.value, operand),
    "$elemMatch": lambda _, item, __: item.of_type("array"),
    "$eq": _Writer.equal,
    "$exists": lambda _, item, operand: item.exists if operand else item.is_missing,
    "$gt": _Writer.above,
    "$gte": _Writer.from_on,
    "$in": _Writer.is_in,
    "$keyMapMatch": lambda _, item, __: item.of_type("object"),
    "$lt": _Writer.below,
    "$lte": _Writer.up_to,
    "$mod": lambda _, item, __: item.of_type("number"),
    "$ne": lambda _, item, operand: item.not_null if operand is None else item.exists,
    "$regex": lambda _, item, __: item.of_type("string"),
    "$size": lambda _, item, __: item.of_type("array"),
    "$type": lambda _, item, operand: item.of_type(operand),
}
