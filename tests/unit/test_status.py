"""How a connection is doing: when it runs next, when it is late, and which state that is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from replica.service.agenda import GRACE, is_late, moments, upcoming
from replica.service.connection import Connection
from replica.service.lock import Holder
from replica.service.past import NEVER, Past, Switch, written
from replica.service.standing import UNKNOWN
from replica.service.status import STILL, Status, judged
from tests.unit.test_agenda import BEGINNINGS, DAY, HOUR, MINUTE, NOW, ZONES, Machine, local, made, trouble

SECOND = timedelta(seconds=1)
HOLDER = Holder(7, "site", written(NOW))

when = st.sampled_from(
    [
        {"schedule": "*/15 * * * *"},
        {"schedule": "30 2 * * *"},
        {"schedule": "*/20 1-3 * * *", "jitter": "90s"},
        {"schedule": "5 0 * * mon-fri", "on_missed": "all"},
        {"schedule": "0 */2 * * *", "on_missed": "skip"},
        {"every": "15m"},
        {"every": "90s"},
        {"every": "2h", "within": {"times": ["08:00-12:00", "22:00-02:00"], "days": "mon-fri"}, "jitter": "20m"},
    ]
)
connections = st.builds(lambda keys, zone: made(timezone=zone, **keys), when, st.sampled_from(ZONES))
minutes = st.integers(0, 6 * 24 * 60).map(lambda count: count * MINUTE)


# -- when it runs next


@given(
    connection=connections,
    begin=st.sampled_from(BEGINNINGS),
    offset=minutes,
    ending=st.sampled_from([None, True, False]),
    seconds=st.integers(0, 3600) | st.integers(0, 3 * 86400),
)
def test_what_is_said_to_be_next_is_when_it_is_due(
    connection: Connection, begin: datetime, offset: timedelta, ending: bool | None, seconds: int
) -> None:
    machine = Machine(connection)
    machine.asks(begin + offset, may_retry=ending)
    assume(machine.ran)
    now = begin + offset + seconds * SECOND
    coming, waiting = upcoming(connection, machine.past, now), moments(connection, machine.past, now)
    assert coming is not None
    if waiting:
        assert waiting[0] == coming
        return
    assert coming > now
    assert moments(connection, machine.past, coming + timedelta(microseconds=1))
    for between in range(1, 40):
        assert not moments(connection, machine.past, now + (coming - now) * between / 40)


def test_what_is_switched_off_or_has_no_schedule_never_runs() -> None:
    off = replace(NEVER, switch=Switch(NOW, "anna", ""))
    for connection, past in (
        (made(schedule="* * * * *", enabled=False), NEVER),
        (made(schedule="* * * * *"), off),
        (made(), NEVER),
    ):
        assert upcoming(connection, past, NOW) is None


# -- when it is late


@given(connection=connections, begin=st.sampled_from(BEGINNINGS), offset=minutes)
def test_a_machine_that_runs_what_is_due_is_never_late_and_one_that_stops_is(
    connection: Connection, begin: datetime, offset: timedelta
) -> None:
    machine, now = Machine(connection), begin + offset
    machine.asks(now)
    assume(machine.past != NEVER)
    for _ in range(10):
        coming = upcoming(connection, machine.past, now)
        assert coming is not None
        assert not is_late(connection, machine.past, coming + GRACE - SECOND)
        assert is_late(connection, machine.past, coming + GRACE + SECOND)
        now = max(coming, now) + SECOND
        machine.asks(now)


@pytest.mark.parametrize("keys", [{"schedule": "*/15 * * * *", "on_missed": "skip"}, {"every": "15m"}])
def test_silence_is_noticed_although_what_was_missed_is_not_due_any_more(keys: dict[str, Any]) -> None:
    past = NEVER.begun(local("9:00"), local("9:00")).done(local("9:00"), local("9:01"))
    assert not is_late(made(**keys), past, local("9:19"))
    assert is_late(made(**keys), past, local("9:21"))
    assert is_late(made(**keys), past, local("9:29"))
    assert is_late(made(**keys), past, NOW + 400 * DAY)


def test_runs_that_end_at_their_limit_again_and_again_are_late() -> None:
    connection, past = made(schedule="*/15 * * * *"), NEVER
    for minute in (0, 15, 30, 45):
        now = local("11:00") + minute * MINUTE
        past = past.begun(now, now).limited(now, now + 10 * MINUTE)
    assert "late" == judged(connection, past, None, None, local("11:56")).state


def test_a_success_that_a_wrong_clock_put_into_the_future_hides_nothing() -> None:
    later = NOW + 400 * DAY
    assert is_late(made(schedule="*/15 * * * *"), NEVER.begun(later, later).done(later, later), NOW)


# -- states

WELL = NEVER.begun(local("12:00"), local("12:00")).done(local("12:00"), local("12:01"))
EVERY = {"schedule": "*/15 * * * *"}


@pytest.mark.parametrize(
    ("keys", "past", "runner", "minutes", "state"),
    [
        (EVERY, NEVER, None, 0, "due"),
        (EVERY, WELL, None, 0, "ok"),
        (EVERY, WELL, None, 8, "due"),
        (EVERY, WELL, HOLDER, 8, "running"),
        (EVERY, WELL, None, 14, "late"),
        (EVERY, WELL.failed(NOW, NOW, trouble(True)), None, 0, "failing"),
        (EVERY, WELL.failed(NOW, NOW, trouble(False)), None, 0, "blocked"),
        (EVERY, WELL.failed(NOW, NOW, trouble(True)), HOLDER, 0, "failing"),
        (EVERY, WELL.failed(NOW, NOW, trouble(False)).done(NOW, NOW), None, 0, "ok"),
        (EVERY, WELL.troubled(trouble(False)), None, 0, "blocked"),
        (EVERY, WELL.switched(Switch(NOW, "anna", "")), None, 0, "disabled"),
        (EVERY | {"enabled": False}, WELL.troubled(trouble(False)), None, 0, "disabled"),
        ({}, NEVER, None, 0, "ok"),
        ({}, WELL, None, 10_000, "ok"),
        ({}, NEVER.troubled(trouble(True)), None, 0, "failing"),
    ],
)
def test_states(keys: dict[str, Any], past: Past, runner: Holder | None, minutes: int, state: str) -> None:
    assert state == judged(made(**keys), past, runner, None, NOW + minutes * MINUTE).state


def test_a_run_that_exchanges_nothing_for_long_is_late_and_one_that_does_is_not() -> None:
    connection, now = made(**EVERY), NOW + HOUR
    assert "late" == judged(connection, WELL, HOLDER, None, now).state
    assert "late" == judged(connection, WELL, HOLDER, now - STILL - SECOND, now).state
    assert "running" == judged(connection, WELL, HOLDER, now - STILL + SECOND, now).state


@pytest.mark.parametrize(
    ("keys", "past", "max_age_s", "expected"),
    [
        (EVERY, WELL, None, None),
        (EVERY, WELL, 3600.0, None),
        (EVERY, WELL, 60.0, "it last went well at"),
        (EVERY, NEVER, None, "it has never gone well"),
        ({}, NEVER, None, None),
        ({}, NEVER, 60.0, "it has never gone well"),
        ({}, WELL, 60.0, "it last went well at"),
        (EVERY, WELL.troubled(trouble(False)), None, "nobody is there"),
        (EVERY | {"enabled": False}, NEVER, 60.0, None),
    ],
)
def test_what_is_found(keys: dict[str, Any], past: Past, max_age_s: float | None, expected: str | None) -> None:
    connection = made(**keys)
    status = Status(connection, judged(connection, past, None, None, NOW), past, UNKNOWN, NOW)
    found = status.finding(max_age_s)
    assert found is None if expected is None else expected in (found or "")
