"""The progress of both directions in a line: what it says, and that it fits."""

from __future__ import annotations

import pytest

from replica.cli.ways import Ways, clock, number
from replica.engine.replicate import Progress
from replica.tally import Tally

WIDE = 200


def told(ways: Ways, seconds: float, way: Progress, other: Progress | None = None) -> str:
    ways.note(way._replace(other=other), seconds)
    return ways.said(WIDE)


def test_a_direction_alone_says_what_is_done_and_pending_how_fast_and_the_time_left() -> None:
    assert "pull 1,000 done, 3,000 pending; 500/s, 0:06 left" == told(
        Ways(), 2.0, Progress("pull", 1000, 4000, Tally(read=1000))
    )
    assert "push 20 done; 10/s" == told(Ways(), 2.0, Progress("push", 20, 20, Tally(read=20)))


def test_the_other_direction_is_told_before_it_begins_and_after_it_ended() -> None:
    ways, pulled, pushed = Ways(), Tally(read=30), Tally()
    pull, push = Progress("pull", 30, 40, pulled), Progress("push", 0, 10, pushed)
    assert "pull 30 done, 10 pending; push 10 pending; 15/s, 0:01 left" == told(ways, 2.0, pull, push)
    assert (30, 50) == (ways.done, ways.total)
    pulled.read = 40
    pull = pull._replace(done=40)
    assert "pull 40 done; push 10 pending; 10/s, 0:01 left" == told(ways, 4.0, pull, push)
    pushed.read = 5
    push = push._replace(done=5)
    assert "pull 40 done; push 5 done, 5 pending; 5/s, 0:01 left" == told(ways, 5.0, push, pull), (
        "since the other ended"
    )


def test_a_direction_with_nothing_to_do_says_so() -> None:
    push = Progress("push", 1, 1, Tally(read=1))
    assert "pull 0 done; push 1 done; 1/s" == told(Ways(), 1.0, push, Progress("pull", 0, 0, Tally()))


def test_rounds_add_up_and_the_pace_is_that_of_this_one() -> None:
    ways = Ways()
    told(ways, 10.0, Progress("pull", 100, 100, Tally(read=100)), Progress("push", 0, 0, Tally()))
    assert "pull 100 done; push 0 done" == ways.so_far()
    tally, none = Tally(read=10), Progress("push", 0, 0, Tally())
    assert "pull 110 done, 20 pending; push 0 done" == told(ways, 60.0, Progress("pull", 10, 30, tally), none)
    tally.read = 20
    assert "pull 120 done, 10 pending; push 0 done; 10/s, 0:01 left" == told(
        ways, 61.0, Progress("pull", 20, 30, tally), none
    )


@pytest.mark.parametrize("factor", [1, 10**3, 10**6])
def test_the_line_beside_the_bar_fits_a_narrow_terminal(factor: int) -> None:
    ways = Ways()
    tally = Tally(read=99_999 * factor)
    ways.note(Progress("pull", tally.read, 2 * tally.read, tally, Progress("push", 0, tally.read, tally)), 36_000.0)
    whole = ways.said(WIDE)
    assert whole.endswith(" left")
    assert len(whole) <= 92
    assert len(ways.said(73)) <= 73
    assert ways.said(0) == ways.so_far() == whole[: len(ways.so_far())], "what is done and pending is said in any case"


def test_large_numbers_are_short() -> None:
    shown = [
        number(count) for count in (0, 99_999, 100_000, 999_999, 1_234_567, 12_345_678, 123_456_789, 2_000_000_000)
    ]
    assert ["0", "99,999", "100k", "1000k", "1.2M", "12M", "123M", "2.0G"] == shown


def test_times_are_read_as_on_a_clock() -> None:
    assert ["0:00", "1:05", "10:02:33"] == [clock(0.4), clock(65), clock(36_153)]
