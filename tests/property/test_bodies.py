"""What is taken of a peer's bytes is what would be taken of a person's, and in the same form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replica.canonical import canonical, parse
from replica.document import canonical_items
from replica.errors import BadDocument
from replica.wire.bodies import is_canonical
from tests.laws.test_law_9_bad_input_is_refused import NOT_JSON

numbers = st.integers() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
items = st.dictionaries(st.text(max_size=4).filter(lambda name: not name.startswith("_")), values, max_size=4)


@given(items)
def test_canonical_bytes_are_taken(value: dict[str, Any]) -> None:
    assert is_canonical(canonical(value))


@given(items, st.integers(0), st.sampled_from([*b'"{}[],:0123456789.eE+- \\u\x00\xff_']))
@example({"n": 1e222}, 8, ord("0"))  # other programs write it without the plus
def test_changed_bytes_are_taken_only_if_they_are_canonical_again(value: dict[str, Any], at: int, byte: int) -> None:
    body = bytearray(canonical(value))
    body[at % len(body)] = byte
    assert oracle(bytes(body)) == is_canonical(bytes(body))


def oracle(body: bytes) -> bool:
    try:
        found = parse(body)
        return isinstance(found, dict) and canonical_items(found) == body
    except BadDocument:
        return False


OTHER_FORMS = [
    b'{"a": 1}',
    b'{"b":1,"a":2}',
    b'{"a":"\\u0041"}',
    b'{"a":"\\/"}',
    b'{"a":1e2}',
    b'{"a":1e222}',
    b'{"a":100000000000000000000000.0}',
    b'{"a":-0}',
    b'{"_a":1}',
    b"[]",
    b"",
]


@pytest.mark.parametrize(
    "body", [*(text.encode() if isinstance(text, str) else text for text in NOT_JSON.values()), *OTHER_FORMS]
)
def test_what_is_no_document_or_not_in_the_form_is_not_taken(body: bytes) -> None:
    assert not is_canonical(body)
