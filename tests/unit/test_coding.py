"""Compressed content: exact, bounded while it is inflated, and never half."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.errors import Garbled, TooLarge, UnsupportedMediaType
from replica.wire import coding

EVERY = (coding.IDENTITY, *coding.CODINGS)


@pytest.mark.parametrize("name", EVERY)
@given(text=st.binary(max_size=2_000), size=st.integers(1, 50))
def test_what_comes_in_pieces_is_what_was_compressed(name: str, text: bytes, size: int) -> None:
    packed = coding.compress(name, text)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert text == coding.inflate(name, pieces or [b""] * (name == coding.IDENTITY), 2_000)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("size", [2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_what_is_larger_than_a_piece_is_whole(name: str, size: int) -> None:
    text = bytes(size)
    assert text == coding.inflate(name, [coding.compress(name, text)], size)


@pytest.mark.parametrize("name", EVERY)
def test_a_stream_that_is_packed_in_parts_is_one(name: str) -> None:
    pack, rest = coding.compressor(name)
    parts = [pack(b"ab"), pack(b""), pack(b"c"), rest()]
    assert b"abc" == coding.inflate(name, parts, 3)


@pytest.mark.parametrize("name", coding.CODINGS)
def test_a_bomb_is_inflated_no_further_than_it_is_wanted(name: str) -> None:
    bomb = coding.compress(name, bytes(200 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            coding.inflate(name, [bomb], 1_000)
        assert 20 * 2**20 > tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", coding.CODINGS)
@pytest.mark.parametrize("how", ["nothing", "none", "cut", "twice", "and more"])
def test_what_is_not_one_whole_stream_is_refused(name: str, how: str) -> None:
    one = coding.compress(name, b"x")
    broken = {"nothing": b"", "none": b"x", "cut": one[:-1], "twice": one * 2, "and more": one + b"x"}[how]
    for pieces in ([broken], [bytes([byte]) for byte in broken]):
        with pytest.raises(Garbled):
            coding.inflate(name, pieces, 100)


def test_many_empty_members_are_refused_at_the_first() -> None:
    with pytest.raises(Garbled):
        coding.inflate(coding.GZIP, [gzip.compress(b"") * 80_000], 100)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "identity"),
        ("gzip", "gzip"),
        ("gzip, deflate, zstd", "zstd"),
        ("ZSTD;q=0.5, gzip;q=1", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
        ("br", "identity"),
    ],
)
def test_the_best_coding_that_both_know_is_chosen(accepted: str, chosen: str) -> None:
    assert chosen == coding.chosen(accepted)


def test_another_coding_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType):
        coding.inflate("br", [b""], 10)
