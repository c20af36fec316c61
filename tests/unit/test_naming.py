"""The items that name people: who saved a revision, and what a deletion stub keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.canonical import canonical, parse
from replica.errors import Mistake
from replica.leaf import NOTHING, Leaf, next_revision
from replica.naming import check_name, content_of, is_same, saved_by, savers_of_both, stub_by

names = st.sampled_from(["anna", "bob", "zoë"])
values = st.one_of(st.none(), names, st.lists(names, max_size=3), st.integers(0, 2), st.just({"$UpdatedBy": "anna"}))
documents = st.dictionaries(st.sampled_from(["$UpdatedBy", "$Readers", "$Authors", "a"]), values)


def leaf_of(items: dict[str, Any]) -> Leaf:
    return next_revision("u", [], canonical(items), 1, 1000)


@given(documents, st.none() | names)
def test_who_saved_is_whoever_saves_whatever_was_brought(items: dict[str, Any], by: str | None) -> None:
    saved = saved_by(by, canonical(items))
    expected = {name: value for name, value in items.items() if name != "$UpdatedBy"}
    assert canonical(expected | ({} if by is None else {"$UpdatedBy": [by]})) == saved
    assert saved == saved_by(by, saved)
    assert is_same(saved, canonical(items))


@given(documents)
def test_where_nobody_is_known_and_nobody_named_not_a_byte_changes(items: dict[str, Any]) -> None:
    items.pop("$UpdatedBy", None)
    body = canonical(items)
    assert body == saved_by(None, body)
    assert leaf_of(items).hash == content_of(leaf_of(items))


@given(documents, documents)
def test_content_is_equal_where_nothing_but_who_saved_it_differs(a: dict[str, Any], b: dict[str, Any]) -> None:
    bare = [{name: value for name, value in items.items() if name != "$UpdatedBy"} for items in (a, b)]
    alike = canonical(bare[0]) == canonical(bare[1])
    assert alike == is_same(canonical(a), canonical(b))
    assert alike == (content_of(leaf_of(a)) == content_of(leaf_of(b)))


def test_content_of_what_is_damaged_is_its_bytes() -> None:
    leaf = leaf_of({"$UpdatedBy": ["anna"]})._replace(body=b'{"$UpdatedBy":')
    assert leaf.hash == content_of(leaf)


@given(documents, documents, st.none() | names)
def test_a_stub_keeps_readers_and_authors_unless_it_says_others(
    items: dict[str, Any], said: dict[str, Any], by: str | None
) -> None:
    stub = parse(stub_by(by, leaf_of(items), canonical(said)))
    for name in ("$Readers", "$Authors"):
        assert (name in stub) == (name in items or name in said)
        assert said.get(name, items.get(name)) == stub.get(name)
    assert ([by] if by else None) == stub.get("$UpdatedBy")
    assert said.get("a") == stub.get("a")


def test_a_stub_of_what_names_nobody_is_nothing() -> None:
    assert NOTHING == stub_by(None, leaf_of({"a": {"$Readers": ["anna"]}}), NOTHING)
    assert NOTHING == stub_by(None, None, NOTHING)


@given(values, values)
def test_a_merge_is_saved_by_both_sides_in_whatever_order_they_are_named(a: Any, b: Any) -> None:
    found = savers_of_both(a, b)
    assert found == savers_of_both(b, a)
    if isinstance(a, list) and isinstance(b, list):
        assert sorted({*a, *b}) == found
    if isinstance(a, int | dict):
        assert None is found


@pytest.mark.parametrize("name", ["", "_x", "a:b", " a", "a\n", "x" * 201])
def test_what_no_user_is_called_saves_nothing(name: str) -> None:
    with pytest.raises(Mistake, match="is no name for a user"):
        check_name(name)
