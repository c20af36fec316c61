"""SQL never loses a document that a selector selects, and selectors are either compiled or refused."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replica.canonical import canonical
from replica.errors import BadSelector
from replica.selection import compile_selector
from replica.selection.collation import collation_key
from replica.selection.narrowing import Narrowing, item_expression

NUMBERS = [
    *(0, 1, -1, 2, -2, 5, -0.0, 1.0, 0.5, -0.5, 1.5, 0.1, 0.30000000000000004, 5e-324, -5e-324, 1e16, 1e22, 1e23),
    *(
        2**53,
        2**53 + 1,
        9007199254740992.0,
        2**63 - 1,
        2**63,
        -(2**63),
        -(2**63) - 1,
        9.223372036854775807e18,
        2**64 + 1,
    ),
    *(10**18, 1e18, 10**30, 1e30, 10**308, 1e308, 1.7976931348623157e308, 10**400, 10**400 + 1, -(10**400), -1e308),
]
STRINGS = [
    *(
        "",
        "a",
        "b",
        "ab",
        "A",
        "z",
        "{",
        "[",
        "[1]",
        "[~",
        "{}",
        "{~",
        "|",
        "~",
        "1",
        "true",
        "null",
        "é",
        "\x7f",
        "a'b",
    ),
    *(
        "\0",
        "a\0",
        "a\0b",
        "a\0c",
        "a\x01",
        "a\0\0",
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\U0010ffff",
        "a\U0010ffff",
        "\U0001f600",
    ),
]
NAMES = ["a", "b", "a.b", "0", "$c", "it's", 'q"q', "ba\\ck", "n\n", "é", "x:y", "_", "~", "[0]"]
UNIDS = [text for text in STRINGS if text and "\0" not in text]

numbers = st.sampled_from(NUMBERS) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.sampled_from(STRINGS) | st.text(max_size=3)
scalars = st.sampled_from([None, True, False]) | numbers | st.sampled_from(STRINGS) | texts


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)


values = st.recursive(scalars, containers, max_leaves=5)
plain_values = st.recursive(
    scalars, lambda inner: st.dictionaries(st.sampled_from(["a", "b", "0", "é"]), inner, max_size=2), max_leaves=3
)  # what may stand below a name without an operator
item_names = st.sampled_from(NAMES[:2] * 3 + [name for name in NAMES if name != "_"])
documents = st.dictionaries(item_names, values, max_size=4)


def escaped(name: str) -> str:
    return "".join("\\" + character if character in "\\.$" else character for character in name)


paths = st.sampled_from(["a", "b"]) | st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(
    lambda steps: ".".join(map(escaped, steps))
)
comparisons = st.sampled_from(["$lt", "$lte", "$eq", "$ne", "$gt", "$gte"])
operators = st.one_of(
    st.tuples(comparisons, values),
    st.tuples(comparisons, numbers),
    st.tuples(comparisons, st.sampled_from(STRINGS)),
    st.tuples(st.sampled_from(["$in", "$nin", "$all"]), st.lists(values, max_size=3)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.just("$type"), st.sampled_from(["null", "boolean", "number", "string", "array", "object"])),
    st.tuples(st.just("$size"), st.integers(0, 3)),
    st.tuples(st.just("$mod"), st.sampled_from([[2, 0], [2, 1], [-2, 1], [10**30, 0]])),
    st.tuples(st.just("$regex"), st.sampled_from(["", "a", "^a.b$", "[\\x00]"])),
    st.tuples(st.just("$beginsWith"), texts),
)


def with_negation_and_nesting(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    nested = st.sampled_from(["$elemMatch", "$allMatch", "$keyMapMatch", "$not"])
    several = st.sampled_from(["$and", "$or", "$nor"])
    return st.one_of(
        st.tuples(nested, inner).map(lambda pair: {pair[0]: pair[1]}),
        st.tuples(several, st.lists(inner, max_size=3)).map(lambda pair: {pair[0]: pair[1]}),
    )


tests = st.recursive(
    st.lists(operators, min_size=1, max_size=3).map(dict), with_negation_and_nesting, max_leaves=4
)  # what may stand below a name
conditions = st.one_of(
    st.tuples(paths, tests | plain_values).map(lambda pair: {pair[0]: pair[1]}),
    st.tuples(st.just("_id"), st.lists(operators, min_size=1, max_size=2).map(dict) | texts).map(
        lambda p: {p[0]: p[1]}
    ),
)


def combinations(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.tuples(st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, max_size=3))
    return st.one_of(
        several.map(lambda pair: {pair[0]: pair[1]}),
        inner.map(lambda selector: {"$not": selector}),
        st.lists(inner, max_size=2).map(lambda parts: {name: part[name] for part in parts for name in part}),
    )


simple = st.tuples(
    st.sampled_from(["a", "a", "b", "b.a", "_id"]), st.lists(operators, min_size=1, max_size=2).map(dict)
).map(lambda pair: {pair[0]: pair[1]})
selectors = st.recursive(conditions, combinations, max_leaves=4)


INSIDE = [[], {}, [1], ["a"], [None], [True], [[1]], [{"a": 1}], {"a": 1}, {"b": "a"}, {"{": 1}, {"~": 0}, {"0": [1]}]
EVERY = [None, True, False, *NUMBERS, *STRINGS, *INSIDE]


def catalogue() -> list[dict[str, Any]]:
    """Documents with every value that SQL may see otherwise, as an item, inside another, and under odd names."""
    return [
        {},
        *({"a": value} for value in EVERY),
        *({"a": value, "b": other} for value, other in zip(EVERY, EVERY[7:] + EVERY[:7], strict=True)),
        *({"b": {"a": value}} for value in EVERY),
        *({"a": [value, 1]} for value in EVERY),
        *({name: value, "b": [value]} for name in NAMES[2:] if name != "_" for value in EVERY[::7]),
        *({"a": {name: 1}} for name in NAMES),
    ]


def open_tables(documents: list[dict[str, Any]]) -> sqlite3.Connection:
    """The same documents twice: without indexes, and with one on every item that can have one."""
    connection = sqlite3.connect(":memory:")
    rows = [(UNIDS[number % len(UNIDS)], canonical(items).decode()) for number, items in enumerate(documents)]
    for table in ("plain", "indexed"):
        connection.execute(f"CREATE TABLE {table} (unid TEXT, body TEXT)")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    for number, name in enumerate(["a", "b", "b.a", "it's", "a\\.b"]):
        connection.execute(f"CREATE INDEX by_{number} ON indexed ({item_expression(name)})")
    return connection


STORED = catalogue()


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = open_tables(STORED)
    yield connection
    connection.close()


def found(connection: sqlite3.Connection, table: str, narrowing: Narrowing) -> set[int]:
    rows = connection.execute(f"SELECT rowid FROM {table} AS leaf WHERE {narrowing.sql}", narrowing.parameters)
    return {row for (row,) in rows}


def assert_none_is_lost(
    connection: sqlite3.Connection, selector: dict[str, Any], stored: list[dict[str, Any]] = STORED
) -> None:
    compiled = compile_selector(selector)
    selected = {
        row
        for row, items in enumerate(stored, 1)
        if compiled.matches(items | {"_id": UNIDS[(row - 1) % len(UNIDS)], "_rev": "1-a"})
    }
    for table in ("plain", "indexed"):
        lost = selected - found(connection, table, compiled.narrow())
        assert [] == [stored[row - 1] for row in sorted(lost)], selector


@settings(max_examples=400)
@given(simple | selectors, documents)
def test_sql_finds_every_document_that_the_selector_selects(
    connection: sqlite3.Connection, selector: dict[str, Any], new: dict[str, Any]
) -> None:
    row = len(STORED) + 1
    for table in ("plain", "indexed"):
        connection.execute(f"DELETE FROM {table} WHERE rowid = {row}")
        values = (row, UNIDS[(row - 1) % len(UNIDS)], canonical(new).decode())
        connection.execute(f"INSERT INTO {table} (rowid, unid, body) VALUES (?, ?, ?)", values)
    assert_none_is_lost(connection, selector, [*STORED, new])


@pytest.mark.parametrize("operator", ["$lt", "$lte", "$eq", "$ne", "$gt", "$gte", "$in", "$nin"])
def test_sql_loses_nothing_whatever_the_operand(connection: sqlite3.Connection, operator: str) -> None:
    for value in EVERY:
        assert_none_is_lost(connection, {"a": {operator: [value] if operator.endswith("in") else value}})


def test_sql_loses_nothing_in_any_range(connection: sqlite3.Connection) -> None:
    ends = [
        None,
        False,
        True,
        -(10**400),
        -1,
        0,
        1,
        5e-324,
        2**63,
        10**400,
        "",
        "a",
        "a\0b",
        "[",
        "{",
        "\U0010ffff",
        [1],
        {"a": 1},
    ]
    for low, high in itertools.combinations(ends, 2):
        assert_none_is_lost(connection, {"a": {"$gte": low, "$lt": high}})


def test_sql_loses_nothing_under_any_name(connection: sqlite3.Connection) -> None:
    names = [*map(escaped, NAMES), "b.a", "_rev", "_id", "a.0", "a.0.a", *("a." + escaped(name) for name in NAMES)]
    for name in names:
        for test in ({"$exists": True}, {"$exists": False}, {"$ne": 5}, {"$eq": 1}, {"$type": "number"}, {"$lt": "b"}):
            assert_none_is_lost(connection, {name: test})


def test_sql_loses_nothing_by_any_prefix(connection: sqlite3.Connection) -> None:
    for prefix in STRINGS:
        assert_none_is_lost(connection, {"$or": [{"a": {"$beginsWith": prefix}}, {"_id": {"$beginsWith": prefix}}]})
        assert_none_is_lost(connection, {"a": {"$beginsWith": prefix}})


@settings(max_examples=500)
@given(documents, paths, operators)
def test_a_condition_or_its_opposite_selects_a_document_that_has_the_item(
    items: dict[str, Any], path: str, operator: tuple[str, Any]
) -> None:
    selector = {path: dict([operator])}
    choices = [compile_selector(each).matches(items) for each in (selector, {"$not": selector})]
    if compile_selector({path: {"$exists": True}}).matches(items):
        assert [False, True] == sorted(choices)
    elif operator[0] != "$exists":
        assert [False, False] == choices


@settings(max_examples=500)
@given(values, values, values)
def test_the_collation_is_an_order(a: Any, b: Any, c: Any) -> None:
    x, y, z = collation_key(a), collation_key(b), collation_key(c)
    assert 1 == (x < y) + (x == y) + (x > y)
    assert x <= z or not (x <= y <= z)
    assert (x == y) == compile_selector({"v": {"$eq": a}}).matches({"v": b})
    assert x != y or hash(x) == hash(y)


words = ["$and", "$or", "$not", "$nor", "$in", "$all", "$elemMatch", "$gt", "$regex", "$mod", "$size", "$no", "", "."]
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(words) | texts, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=500)
@given(anything | st.dictionaries(st.sampled_from(["a", *words]), anything, max_size=2))
def test_anything_is_compiled_or_refused_as_a_bad_selector(connection: sqlite3.Connection, selector: Any) -> None:
    try:
        compiled = compile_selector(selector)
    except BadSelector:
        return
    compiled.matches({"a": 1, "_id": "u"})
    found(connection, "plain", compiled.narrow())
