"""Places in the feed, as clients of CouchDB's API hold them."""

from __future__ import annotations

import pytest

from replica.errors import BadRequest
from replica.server.sequences import number_of, place

OWN = "0123456789abcdef" * 2
FORMER = "fedcba9876543210" * 2
IDS = (FORMER, OWN)


def test_what_was_told_is_understood() -> None:
    assert place(12, OWN, "") == "12-01234567"
    assert number_of(place(12, OWN, ""), IDS, "", 20) == 12


@pytest.mark.parametrize("word", ["12", '"12"', '"12-01234567"', "0012"])
def test_a_number_and_a_quoted_place_are_understood(word: str) -> None:
    assert number_of(word, IDS, "", 20) == 12


def test_a_place_under_a_former_name_is_still_good() -> None:
    assert number_of(place(12, FORMER, ""), IDS, "", 20) == 12


def test_now_is_the_newest_change() -> None:
    assert number_of("now", IDS, "", 20) == 20


def test_a_place_in_another_replica_means_from_the_start() -> None:
    assert number_of("12-abcdef00", IDS, "", 20) == 0


@pytest.mark.parametrize("word", ["21", "21-01234567", "9999999999999999999"])
def test_a_place_that_is_not_reached_yet_means_from_the_start(word: str) -> None:
    assert number_of(word, IDS, "", 20) == 0


def test_a_place_by_other_eyes_means_from_the_start() -> None:
    """In all directions: seeing everything is a sight of its own."""
    for told, read in (("aa" * 8, "bb" * 8), ("aa" * 8, ""), ("", "aa" * 8)):
        assert (0, 12) == tuple(number_of(place(12, OWN, told), IDS, eyes, 20) for eyes in (read, told))


@pytest.mark.parametrize(
    "word", ["", "x", "-1", "1-", "1-0123456", "1-0123456z", "1.5", "1 ", "٣", "9" * 20, "[1]", "NOW"]
)
def test_anything_else_is_refused(word: str) -> None:
    with pytest.raises(BadRequest, match="since"):
        number_of(word, IDS, "", 20)
