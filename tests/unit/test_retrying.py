"""Trying again: how often, after which pauses, and when no more."""

from __future__ import annotations

import itertools

import pytest

from replica.errors import NotAllowed, TimedOut, Unreachable
from replica.transports.retrying import ATTEMPTS, Patience, Pauses


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    pauses = Pauses(1.0, 60.0, lambda: 0.5)
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == [pauses.next() for _ in range(9)]
    pauses.reset()
    assert 1 == pauses.next()


def test_pauses_vary_by_chance_by_half_at_most() -> None:
    assert 0.5 == Pauses(1.0, 60.0, lambda: 0.0).next()
    assert 1.5 == Pauses(1.0, 60.0, lambda: 1.0).next()


def test_pauses_have_no_end() -> None:
    pauses = Pauses(0.1, 60.0, lambda: 0.5)
    assert 60 == [pauses.next() for _ in range(5000)][-1]


def failing(error: Exception, patience: Patience) -> int:
    """How often it was tried by one who reached the other before."""
    patience.call(lambda: None)
    tries = itertools.count()

    def fail() -> None:
        next(tries)
        raise error

    with pytest.raises(type(error)):
        patience.call(fail)
    return next(tries)


def test_what_may_get_better_is_tried_a_few_times() -> None:
    slept: list[float] = []
    assert ATTEMPTS == failing(Unreachable("no"), Patience(lambda: 0.5, slept.append))
    assert [0.25, 0.5, 1, 2] == slept
    assert 1 == failing(NotAllowed("no"), Patience(lambda: 0.5, slept.append))


def test_who_was_silent_for_long_is_not_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.transports.retrying.ENOUGH_S", -1.0)
    assert 1 == failing(TimedOut("no"), Patience(lambda: 0.5, lambda pause: None))
