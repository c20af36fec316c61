"""The operators of selectors that ask something of one value: each checks its operand and returns the test."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import re2

from replica.canonical import Json
from replica.errors import BadSelector
from replica.selection.collation import TYPES, collation_key, rank

PATTERN_MAX = 1000  # characters of a $regex
STEPS_MAX = 200_000_000  # states of a pattern times characters of a text: seconds, where a pattern is made to be slow

Test = Callable[[Json], bool]


def _refuse(name: str, wanted: str, operand: Json) -> NoReturn:
    raise BadSelector(f"the operand of {name} is {wanted}, not {TYPES[rank(operand)]} {str(operand)[:40]!r}")


def _is_integer(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _equal(operand: Json) -> Test:
    if operand is None or isinstance(operand, bool):
        return lambda value: value is operand
    if isinstance(operand, str):
        return lambda value: bool(value == operand)
    if isinstance(operand, int | float):
        return lambda value: value == operand and not isinstance(value, bool)
    key = collation_key(operand)
    return lambda value: isinstance(value, list | dict) and collation_key(value) == key


def _not_equal(operand: Json) -> Test:
    equal = _equal(operand)
    return lambda value: not equal(value)


def _ordered(compare: Callable[[Any, Any], Any]) -> Callable[[Json], Test]:
    def make(operand: Json) -> Test:
        key = collation_key(operand)
        return lambda value: bool(compare(collation_key(value), key))

    return make


def _in(operand: Json) -> Test:
    if not isinstance(operand, list):
        _refuse("$in and $nin", "an array", operand)
    keys = {collation_key(wanted) for wanted in operand}

    def test(value: Json) -> bool:
        if isinstance(value, list):  # one element is enough; the array as a whole does not count
            return any(collation_key(element) in keys for element in value)
        return collation_key(value) in keys

    return test


def _not_in(operand: Json) -> Test:
    found = _in(operand)
    return lambda value: not found(value)


def _all(operand: Json) -> Test:
    if not isinstance(operand, list):
        _refuse("$all", "an array", operand)
    keys = {collation_key(wanted) for wanted in operand}
    whole = collation_key(operand[0]) if len(operand) == 1 and isinstance(operand[0], list) else None

    def test(value: Json) -> bool:
        if not isinstance(value, list) or not keys:
            return False
        return collation_key(value) == whole or keys <= {collation_key(element) for element in value}

    return test


def _exists(operand: Json) -> Test:
    if not isinstance(operand, bool):
        _refuse("$exists", "true or false", operand)
    return lambda _: operand


def _type(operand: Json) -> Test:
    if not isinstance(operand, str) or operand not in TYPES:
        _refuse("$type", "one of null, boolean, number, string, array and object", operand)
    return lambda value: TYPES[rank(value)] == operand


def _size(operand: Json) -> Test:
    if not _is_integer(operand) or operand < 0:
        _refuse("$size", "an integer of 0 or more", operand)
    return lambda value: isinstance(value, list) and len(value) == operand


def _mod(operand: Json) -> Test:
    if not isinstance(operand, list) or len(operand) != 2 or not all(_is_integer(number) for number in operand):
        _refuse("$mod", "an array of two integers, [divisor, remainder]", operand)
    divisor, remainder = operand
    if divisor == 0:
        _refuse("$mod", "[divisor, remainder] with a divisor other than 0", operand)
    size = abs(divisor)

    def test(value: Json) -> bool:  # the remainder has the sign of the value, as in Erlang and C
        return _is_integer(value) and (value % size if value >= 0 else -(-value % size)) == remainder

    return test


def _begins_with(operand: Json) -> Test:
    if not isinstance(operand, str):
        _refuse("$beginsWith", "a string", operand)
    return lambda value: isinstance(value, str) and value.startswith(operand)


def _regex(operand: Json) -> Test:
    """RE2, in linear time: selectors come from strangers, too. docs/decisions/0008-regular-expressions.md has the reasons."""
    if not isinstance(operand, str):
        _refuse("$regex", "a string", operand)
    if len(operand) > PATTERN_MAX:
        raise BadSelector(f"the pattern of $regex is longer than {PATTERN_MAX:,} characters")
    try:
        pattern = re2.compile(operand, _quietly())
    except re2.error as error:
        raise BadSelector(f"{operand[:80]!r} is not a regular expression: {_said(error)}", hint=_HINT) from error
    search, size = pattern.search, max(pattern.programsize, 1)

    def test(value: Json) -> bool:
        if not isinstance(value, str):
            return False
        if len(value) * size > STEPS_MAX:
            raise BadSelector(f"the pattern {operand[:80]!r} is too costly for a text of {len(value):,} characters")
        return search(value) is not None

    return test


_HINT = "Patterns are RE2's: without back references and look-around."


def _quietly() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _element_matches(inside: Test) -> Test:
    return lambda value: isinstance(value, list) and any(inside(element) for element in value)


def _every_element_matches(inside: Test) -> Test:
    return lambda value: isinstance(value, list) and bool(value) and all(inside(element) for element in value)


def _name_matches(inside: Test) -> Test:
    return lambda value: isinstance(value, dict) and any(inside(name) for name in value)


OPERATORS: dict[str, Callable[[Json], Test]] = {
    "$all": _all,
    "$beginsWith": _begins_with,
    "$eq": _equal,
    "$exists": _exists,
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$in": _in,
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
    "$mod": _mod,
    "$ne": _not_equal,
    "$nin": _not_in,
    "$regex": _regex,
    "$size": _size,
    "$type": _type,
}

NESTED: dict[str, Callable[[Test], Test]] = {
    "$allMatch": _every_element_matches,
    "$elemMatch": _element_matches,
    "$keyMapMatch": _name_matches,
}
