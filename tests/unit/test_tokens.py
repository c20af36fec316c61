"""Tokens: their form, what is kept of them, and when they end."""

from __future__ import annotations

from typing import Any

import pytest

from replica.access.tokens import Token, id_of, iso, new_token, read_token, token_items
from replica.errors import BadDocument


def kept(secret: str, **changes: Any) -> Token:
    items = token_items(secret, "anna", 1000, 2000, frozenset({"orders"}), True) | changes
    return read_token("0123456789ab", items)


def test_a_token_holds_its_id_and_256_random_bits() -> None:
    tokens = [new_token() for _ in range(100)]
    assert all(token_id == id_of(secret) for token_id, secret in tokens)
    assert 100 == len({secret[21:] for _, secret in tokens})
    assert {8 + 12 + 1 + 43} == {len(secret) for _, secret in tokens}


NEARLY = [lambda s: "", lambda s: s[:-1], lambda s: s + "a", lambda s: s + "\n", str.upper, lambda s: " " + s]


@pytest.mark.parametrize("change", NEARLY)
def test_what_is_nearly_a_token_is_none(change: Any) -> None:
    _, secret = new_token()
    assert id_of(change(secret)) is None
    assert not kept(secret).is_of(change(secret))


def test_a_token_says_in_its_document_what_it_is_for_and_not_what_it_is() -> None:
    _, secret = new_token()
    items = token_items(secret, "anna", 1000, None, None, False)
    assert secret not in repr(items)
    assert secret[21:] not in repr(items)
    assert ("1970-01-01T00:00:01.000Z", None, None) == (items["created"], items["expires"], items["databases"])
    token = kept(secret)
    assert ("anna", 1000, 2000, {"orders"}, True) == token[1:6]
    assert token.is_of(secret)
    assert token.hash not in repr(token)


def test_a_token_ends_at_the_millisecond() -> None:
    _, secret = new_token()
    assert not kept(secret).is_over(1999)
    assert kept(secret).is_over(2000)
    assert not kept(secret, expires=None).is_over(2**47)
    assert kept(secret, expires="1970-01-01T01:00:01+01:00").is_over(1000)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "user"},
        {"user": None},
        {"hash": ""},
        {"hash": "0" * 63},
        {"hash": None},
        {"databases": "orders"},
        {"databases": [None]},
        {"read_only": 0},
        {"expires": "tomorrow"},
        {"expires": 99999999999999},
        {"expires": "2030-01-01T00:00:00"},
        {"created": []},
    ],
)
def test_a_document_that_is_no_token_opens_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(BadDocument):
        kept(new_token()[1], **changes)


def test_no_database_is_none_and_not_all() -> None:
    assert set() == kept(new_token()[1], databases=[]).databases


def test_times_are_written_to_the_millisecond() -> None:
    assert "2026-11-25T01:14:03.007Z" == iso(1795569243007)
