"""Which documents: CouchDB's selectors (Mango), compiled once, decided exactly in Python, narrowed by SQL.

The semantics are those of https://docs.couchdb.org/en/stable/ddocs/mango.html:

* A condition selects only documents that have the item ("the field must exist"), so ``$ne``, ``$nin`` and ``$lt`` never
  select a document without it; only ``$exists: false`` does, and that only if the object around the item exists.
* ``$not`` and ``$nor`` turn conditions into their opposites, which again ask for the item: ``{"$not": {"a": 1}}`` is
  ``{"a": {"$ne": 1}}``.
* Comparisons work across types, by the order in `collation`.
* ``$and``, ``$or`` and ``$nor`` of nothing select everything; ``$in`` and ``$all`` of nothing select nothing.
* ``$in`` and ``$nin`` look at the elements if the item is an array.

Different here: strings compare by code point; ``$all`` takes 1 and 1.0 as equal, like every other operator; an unknown
``$type`` is refused; ``{}`` beside other selectors (``{"$or": [{}, …]}``) selects everything, as it does alone; an
escaped backslash in an item name is a backslash; ``$text`` is not offered; ``$regex`` is RE2's, without back references
and look-around.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import NamedTuple

from replica.canonical import Json, canonical, check, parse
from replica.errors import BadDocument, BadSelector
from replica.selection.collation import TYPES, Path, parse_path, rank
from replica.selection.conditions import All, AnyOf, Node, condition, nested
from replica.selection.narrowing import Narrowing, narrow
from replica.selection.operators import NESTED, OPERATORS

LEVELS_MAX = 50  # of nesting; operands of conditions are not counted
NODES_MAX = 1000  # item names and operators


class Selector:
    """A compiled selector. It has its own copy: changing what it was compiled from does not change it."""

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        self._node = node

    def matches(self, document: Mapping[str, Json]) -> bool:
        """Whether it selects a document, given as its items with `_id` and `_rev` beside them."""
        return self._node.matches(document if isinstance(document, dict) else dict(document))

    def narrow(
        self, body_column: str = "leaf.body", unid_column: str | None = "leaf.unid", without: Collection[str] = ()
    ) -> Narrowing:
        """An SQL condition that holds for every document that `matches`, and for as few others as is cheap.

        `body_column` holds the canonical JSON of the items as text, `unid_column` the UNID. Nothing is said about the
        items in `without`, nor about `_id` if `unid_column` is None: for documents shown otherwise than stored.
        """
        return narrow(self._node, body_column, unid_column, without)


def compile_selector(selector: object) -> Selector:
    """The selector, ready for use; `BadSelector` if it is none."""
    if not isinstance(selector, dict):
        raise BadSelector(f"a selector is an object, not {type(selector).__name__}")
    try:
        check(selector)
        copy = parse(canonical(selector))
    except BadDocument as error:
        raise BadSelector(f"the selector is not JSON: {error}") from error
    return Selector(_Compiler().selector(copy, _Place((), False, False, 1)))


class _Place(NamedTuple):
    """Where in a selector the compiler is. `inside`: below $elemMatch and its like, where a value needs no name."""

    path: Path
    inside: bool
    negated: bool
    level: int


class _Compiler:
    """Compiles one selector, counting its nodes."""

    def __init__(self) -> None:
        self.nodes = 0

    def selector(self, value: Json, place: _Place) -> Node:
        """Anything that stands where a selector may stand. Below a name, a bare value asks for equality."""
        if place.level > LEVELS_MAX:
            raise BadSelector(f"the selector is nested deeper than {LEVELS_MAX} levels")
        place = place._replace(level=place.level + 1)
        if isinstance(value, dict) and value:
            return _joined([self._entry(name, value[name], place) for name in value], place.negated)
        if place.path or place.inside:
            return condition(place.path, "$eq", value, place.negated)
        if isinstance(value, dict):
            return AnyOf(()) if place.negated else All(())
        raise BadSelector(f"a selector is an object, not {TYPES[rank(value)]} {str(value)[:40]!r}")

    def _entry(self, name: str, value: Json, place: _Place) -> Node:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            raise BadSelector(f"the selector has more than {NODES_MAX:,} item names and operators")
        if not name.startswith("$"):
            return self.selector(value, place._replace(path=place.path + parse_path(name)))
        if name in _COMBINATIONS:
            return self._combination(name, value, place)
        if name not in OPERATORS and name not in NESTED:
            raise BadSelector(f"unknown operator {name[:40]!r}{_suggestion(name)}")
        if not place.path and not place.inside:
            raise BadSelector(f'{name} belongs to an item: {{"item name": {{"{name}": …}}}}')
        if name in OPERATORS:
            return condition(place.path, name, value, place.negated)
        if not isinstance(value, dict):
            raise BadSelector(f"the operand of {name} is a selector, not {TYPES[rank(value)]} {str(value)[:40]!r}")
        inside = self.selector(value, _Place((), True, False, place.level))
        return nested(place.path, name, inside, place.negated)

    def _combination(self, name: str, value: Json, place: _Place) -> Node:
        if name == "$not":
            if not isinstance(value, dict):
                raise BadSelector(f"the operand of $not is a selector, not {TYPES[rank(value)]}")
            return self.selector(value, place._replace(negated=not place.negated))
        if not isinstance(value, list):
            raise BadSelector(f"the operand of {name} is an array of selectors, not {TYPES[rank(value)]}")
        if not value:
            return All(())  # CouchDB: a combination of nothing selects everything, negated or not
        inner = place._replace(negated=place.negated != (name == "$nor"))
        parts = [self.selector(part, inner) for part in value]
        return _joined(parts, place.negated != (name == "$or"))


_COMBINATIONS = ("$and", "$nor", "$not", "$or")


def _joined(parts: list[Node], alternatives: bool) -> Node:
    if len(parts) == 1:
        return parts[0]
    if alternatives:
        return AnyOf(tuple(parts))
    flat: list[Node] = []
    for part in parts:  # so that all conditions on one item stand side by side
        flat.extend(part.parts if isinstance(part, All) else [part])
    return All(tuple(flat))


def _suggestion(name: str) -> str:
    known = {word.lower(): word for word in (*OPERATORS, *NESTED, *_COMBINATIONS)}
    close = difflib.get_close_matches(name[:40].lower(), known, n=1)
    return f"; did you mean {known[close[0]]!r}?" if close else ""
