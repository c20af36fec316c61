"""Item marks: which revision last changed an item, and the short text that says so."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replica.canonical import Json, canonical, parse
from replica.errors import BadDocument
from replica.leaf import Leaf, next_revision
from replica.marks import Marks, check_marks, read_marks, write_marks
from replica.revision import Ancestor

LIMIT = 1000
OWN = Ancestor(7, b"\x07" * 16)
EARLIER = Ancestor(3, b"\x03" * 16)
OTHER = Ancestor(2, b"\x02" * 16)
HEX = {own: str(own) for own in (OWN, EARLIER, OTHER)}

names = st.text(st.characters(codec="utf-8"), max_size=3)
marks_by_name = st.dictionaries(names, st.sampled_from([OWN, EARLIER, OTHER]), max_size=8)


@st.composite
def marked(draw: st.DrawFn) -> tuple[Marks, set[str]]:
    """Marks of all items that are there, and of some that were removed."""
    marks = draw(marks_by_name)
    removed = draw(st.sets(st.sampled_from(sorted(marks)))) if marks else set()
    return marks, set(marks) - removed


def test_marks_that_would_be_too_long_are_not_known_and_not_read() -> None:
    marks = {f"{n:09}{'x' * 1000}": (OWN, EARLIER)[n % 2] for n in range(1100)}
    assert write_marks(marks, marks, OWN) is not None
    assert write_marks(marks, [], OWN) is None
    text = canonical({str(EARLIER): sorted(marks)}).decode()
    with pytest.raises(BadDocument, match="more than"):
        check_marks(text)


@given(marked())
@example(({}, set()))
@example(({"": OWN}, set()))
@example(({"a": EARLIER, "b": OWN}, {"b"}))
def test_what_is_written_reads_back(case: tuple[Marks, set[str]]) -> None:
    marks, present = case
    text = write_marks(marks, present, OWN)
    assert marks == read_marks(text, present, OWN)
    check_marks(text)


@given(marked())
def test_the_text_is_the_same_whatever_the_order(case: tuple[Marks, set[str]]) -> None:
    marks, present = case
    backwards = dict(reversed(marks.items()))
    assert write_marks(marks, sorted(present), OWN) == write_marks(backwards, sorted(present, reverse=True), OWN)


@given(marked())
def test_the_text_is_canonical(case: tuple[Marks, set[str]]) -> None:
    text = write_marks(*case, OWN)
    assert not text or text.encode() == canonical(parse(text))


@pytest.mark.parametrize(
    ("marks", "present", "text"),
    [
        ({}, "", ""),
        ({"a": OWN, "b": OWN}, "ab", ""),
        ({"a": EARLIER}, "a", f'{{"{HEX[EARLIER]}":true}}'),
        ({"a": EARLIER, "b": EARLIER, "c": OWN}, "abc", f'{{"{HEX[EARLIER]}":true,"{HEX[OWN]}":["c"]}}'),
        ({"a": EARLIER, "b": OWN}, "ab", f'{{"{HEX[EARLIER]}":["a"],"{HEX[OWN]}":true}}'),
        ({"a": OWN}, "", f'{{"{HEX[OWN]}":["a"]}}'),
        ({"a": OWN, "b": OWN}, "a", f'{{"{HEX[OWN]}":["a","b"]}}'),
        ({"a": OTHER, "b": OWN}, "b", f'{{"{HEX[OTHER]}":["a"],"{HEX[OWN]}":true}}'),
    ],
    ids=[
        "no items",
        "all changed here",
        "all changed earlier",
        "the largest group is not listed",
        "of two groups the higher revision is not listed",
        "a removed item is listed",
        "a group with a removed item is listed whole",
        "an item removed earlier",
    ],
)
def test_the_text_is_short(marks: Marks, present: str, text: str) -> None:
    assert text == write_marks(marks, present, OWN)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "1",
        '"x"',
        "{",
        '{"x":true}',
        '{"1-zz":true}',
        '{"1-":true}',
        '{"1-07":true}',
        f'{{"0{HEX[OWN]}":true}}',
        f'{{" {HEX[OWN]}":true}}',
        f'{{"-{HEX[OWN]}":true}}',
        f'{{"{HEX[OWN]}":false}}',
        f'{{"{HEX[OWN]}":null}}',
        f'{{"{HEX[OWN]}":"abc"}}',
        f'{{"{HEX[OWN]}":[1]}}',
        f'{{"{HEX[OWN]}":[["a"]]}}',
        f'{{"{HEX[OWN]}":{{"a":true}}}}',
        f'{{"{HEX[OWN]}":[],"{HEX[OWN]}":[]}}',
    ],
)
def test_what_is_not_the_text_of_marks_is_refused(text: str) -> None:
    with pytest.raises(BadDocument):
        check_marks(text)


# -- as revisions carry them


def saved(items: dict[str, Json], *parents: Leaf, time_ms: int = 1) -> Leaf:
    return next_revision("u", list(parents), canonical(items), time_ms, LIMIT)


def mark_of(leaf: Leaf) -> Ancestor:
    return Ancestor.of(leaf.revision)


def test_a_first_revision_marks_all_its_items() -> None:
    first = saved({"a": 1, "b": 2})
    assert "" == first.marks
    assert {"a": mark_of(first), "b": mark_of(first)} == first.read_marks()


def test_only_what_changed_is_marked() -> None:
    first = saved({"a": 1, "b": 2, "c": 3})
    second = saved({"a": 1, "b": 7, "d": 4}, first)
    expected = {"a": mark_of(first), **dict.fromkeys("bcd", mark_of(second))}
    assert expected == second.read_marks()


@pytest.mark.parametrize(
    ("before", "after"), [(1, 1.0), (1, True), (0.0, -0.0), (None, 0), ("é", "e\u0301"), ([1], [1.0])]
)
def test_another_value_that_python_finds_equal_is_a_change(before: Json, after: Json) -> None:
    first = saved({"a": before})
    second = saved({"a": after}, first)
    assert {"a": mark_of(second)} == second.read_marks()


def test_an_item_set_to_an_equal_value_has_not_changed() -> None:
    first = saved({"a": {"x": 1, "y": [2]}})
    second = saved({"a": {"y": [2], "x": 1}}, first)
    assert {"a": mark_of(first)} == second.read_marks()


def test_removing_and_setting_to_null_are_different_changes() -> None:
    first = saved({"a": None})
    second = saved({}, first)
    third = saved({"a": None}, second)
    assert {"a": mark_of(second)} == second.read_marks()
    assert {"a": mark_of(third)} == third.read_marks()


def test_a_deletion_stub_marks_all_items_as_removed() -> None:
    first = saved({"a": 1, "b": 2})
    stub = next_revision("u", [first], b"{}", 2, LIMIT, deleted=True)
    assert dict.fromkeys("ab", mark_of(stub)) == stub.read_marks()


def test_a_resolution_marks_what_differs_from_any_of_its_parents() -> None:
    first = saved({"a": 1, "b": 1, "c": 1})
    left, right = saved({"a": 2, "b": 1, "c": 1}, first), saved({"a": 1, "b": 3, "c": 1}, first, time_ms=2)
    resolved = saved({"a": 2, "b": 1, "c": 1}, left, right)
    assert {"a": mark_of(resolved), "b": mark_of(resolved), "c": mark_of(first)} == resolved.read_marks()


def test_nothing_is_known_of_what_descends_from_a_revision_without_marks() -> None:
    foreign = saved({"a": 1})._replace(marks=None)
    assert saved({"a": 2}, foreign).marks is None
    assert saved({"a": 2}, saved({"a": 3}), foreign).marks is None
    assert None is foreign.read_marks()


@given(st.integers(0, 2**32))
def test_a_mark_is_the_latest_revision_on_the_line_that_changed_the_item(seed: int) -> None:
    chance = random.Random(seed)
    leaf, truth = None, dict[str, Ancestor]()
    before: dict[str, Json] = {}
    for step in range(8):
        items = {name: chance.choice([0, 1, 1.0, True]) for name in "abcd" if chance.random() < 0.7}
        leaf = saved(items, *([leaf] if leaf else []), time_ms=step)
        own = mark_of(leaf)
        for name in items.keys() | before.keys():
            if (name in items, repr(items.get(name))) != (name in before, repr(before.get(name))):
                truth[name] = own
        before = items
        assert truth == leaf.read_marks()
