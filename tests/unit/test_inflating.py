"""Inflating is bounded and exact."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.errors import BadRequest
from replica.server.inflating import Gunzip


@given(st.binary(max_size=2_000), st.integers(1, 50))
def test_a_stream_in_pieces_is_what_was_compressed(text: bytes, size: int) -> None:
    packed, gunzip = gzip.compress(text), Gunzip()
    pieces = [gunzip.inflate(packed[at : at + size], 10_000) for at in range(0, len(packed), size)]
    gunzip.finish()
    assert text == b"".join(pieces)


def test_a_bomb_is_inflated_no_further_than_it_is_wanted() -> None:
    assert 1_000 == len(Gunzip().inflate(gzip.compress(bytes(10**7)), 1_000))


ONE = gzip.compress(b"x")
BROKEN = {"nothing": b"", "no gzip": b"x", "cut": ONE[:-1], "twice": ONE * 2, "and more": ONE + b"x"}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_one_whole_stream_is_refused(name: str) -> None:
    gunzip = Gunzip()
    with pytest.raises(BadRequest):  # noqa: PT012 - either may notice
        gunzip.inflate(BROKEN[name], 100)
        gunzip.finish()
