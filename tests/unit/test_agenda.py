"""What is due: each moment once whoever asks whenever, what was missed, what failed, clocks that are wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.service.agenda import (
    AHEAD,
    BACKLOG_MAX,
    FIRST_PAUSE,
    GRACE,
    RETRIED_FOR,
    due,
    forgotten,
    fraction,
    moments,
)
from replica.service.connection import Connection
from replica.service.past import NEVER, Past, Switch, Trouble
from replica.service.reading import read_connection

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
# Six days around both clock changes of each zone, and an ordinary week
BEGINNINGS = [
    datetime(2026, *day, tzinfo=UTC) for day in ((3, 6), (3, 27), (4, 3), (10, 2), (10, 23), (10, 30), (7, 1))
]
NOW = datetime(2026, 11, 25, 12, 7, 30, tzinfo=UTC)  # a Wednesday


def made(**keys: Any) -> Connection:
    table = {"name": "hub", "here": "/data/hub.db", "peer": "/mnt/hub.db", **keys}
    return read_connection({key.replace("_", "-"): value for key, value in table.items()})


def local(text: str) -> datetime:
    """That time on the Wednesday."""
    hour, minute = map(int, text.split(":"))
    return NOW.replace(hour=hour, minute=minute, second=0)


def trouble(may_retry: bool) -> Trouble:
    return Trouble("unreachable", "nobody is there", may_retry)


class Machine:
    """Asks what is due, does it at once, and remembers it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.past = NEVER
        self.ran: list[datetime] = []

    def asks(self, now: datetime, may_retry: bool | None = None) -> list[datetime]:
        """Ask at that time; runs go well, or fail as told."""
        found = [each.moment for each in due([self.connection], {self.connection.name: self.past}, now)]
        for moment in found:
            self.past = Past.from_dict(self.past.begun(moment, now).to_dict())
            self.past = self.ended(now, may_retry)
        self.ran += found
        return found

    def ended(self, now: datetime, may_retry: bool | None) -> Past:
        if may_retry is None:
            return self.past.done(now, now)
        return self.past.failed(now, now, trouble(may_retry))


# -- each moment once

schedules = st.sampled_from(
    ["*/15 * * * *", "30 2 * * *", "0 */2 * * *", "*/20 1-3 * * *", "5 0 * * mon-fri", "@daily"]
)
asked = st.lists(st.integers(1, 6 * 86400 * 1000), min_size=2, max_size=60).map(sorted)
connections = st.builds(
    lambda schedule, zone, on_missed, jitter: made(
        schedule=schedule, timezone=zone, on_missed=on_missed, jitter=jitter
    ),
    schedules,
    st.sampled_from(ZONES),
    st.sampled_from(["skip", "once", "all"]),
    st.sampled_from(["0s", "90s", "3h"]),
)


def all_moments(connection: Connection, after: datetime, until: datetime) -> list[datetime]:
    """What the schedule says, moved by the connection's share of the jitter."""
    assert connection.schedule is not None
    shift = timedelta(seconds=int(fraction(connection.name) * connection.jitter))
    found = connection.schedule.between(after - shift, until - shift, connection.timezone)
    return [moment + shift for moment in found]


@given(connection=connections, begin=st.sampled_from(BEGINNINGS), times=asked)
def test_a_moment_happens_at_most_once_and_none_is_missed_that_should_not_be(
    connection: Connection, begin: datetime, times: list[int]
) -> None:
    machine = Machine(connection)
    first, *later = [begin + timedelta(milliseconds=ms) for ms in times]
    machine.asks(first)
    before = first
    for now in later:
        new = all_moments(connection, before, now)
        found = machine.asks(now)
        assert {
            "all": new,
            "once": new[-1:],
            "skip": [moment for moment in new[-1:] if now - moment <= GRACE],
        }[connection.on_missed] == found
        before = now
    assert len(machine.ran) == len(set(machine.ran))
    if connection.on_missed == "all":
        assert machine.ran[1:] == all_moments(connection, first, before) or first < begin


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", (3, 28)),
        ("Europe/Berlin", (10, 24)),
        ("America/New_York", (3, 7)),
        ("America/New_York", (10, 31)),
        ("Australia/Lord_Howe", (4, 3)),
        ("Australia/Lord_Howe", (10, 2)),
    ],
)
@pytest.mark.parametrize("on_missed", ["skip", "once", "all"])
def test_who_asks_every_minute_gets_every_moment_once(zone: str, day: tuple[int, int], on_missed: str) -> None:
    connection = made(schedule="10,40 1-3 * * *", timezone=zone, on_missed=on_missed)
    begin = datetime(2026, *day, tzinfo=UTC)
    machine = Machine(connection)
    machine.past = replace(NEVER, moment=begin)
    for minute in range(1, 2 * 24 * 60):
        machine.asks(begin + minute * MINUTE + timedelta(seconds=1.3))
    assert all_moments(connection, begin, begin + 2 * DAY) == machine.ran


def test_after_a_year_asleep_all_is_done_in_parts() -> None:
    machine = Machine(made(schedule="* * * * *", on_missed="all"))
    machine.past = replace(NEVER, moment=NOW - 2 * DAY)
    counts = [len(machine.asks(NOW)) for _ in range(4)]
    assert [BACKLOG_MAX, BACKLOG_MAX, 2 * 24 * 60 - 2 * BACKLOG_MAX, 0] == counts


def test_what_never_ran_is_due_for_its_latest_moment() -> None:
    for on_missed in ("once", "all"):
        assert [local("12:00")] == moments(made(schedule="0 * * * *", on_missed=on_missed), NEVER, NOW)
    assert [] == moments(made(schedule="0 * * * *", on_missed="skip"), NEVER, NOW)
    assert [NOW] == moments(made(every="1h"), NEVER, NOW)


def test_a_run_by_name_does_for_what_was_missed_before_it() -> None:
    past = replace(NEVER, moment=local("10:00"), ending="done").done(local("12:03"), local("12:04"))
    assert [] == moments(made(schedule="0 * * * *"), past, NOW)
    assert [local("13:00")] == moments(made(schedule="0 * * * *"), past, NOW + HOUR)
    assert 2 == len(moments(made(schedule="0 * * * *", on_missed="all"), past, NOW))


# -- what never is due


def test_what_is_switched_off_or_has_no_schedule_is_never_due() -> None:
    off = replace(NEVER, switch=Switch(NOW, "anna", ""))
    assert [] == due([made(schedule="* * * * *", enabled=False), made(name="by-name")], {}, NOW)
    assert [] == due([made(schedule="* * * * *")], {"hub": off}, NOW)
    assert [] == due([made(every="1s")], {"hub": off}, NOW)


# -- the order


def test_priority_goes_first_then_age_then_the_name() -> None:
    found = [
        made(name="b", schedule="0 * * * *"),
        made(name="a", schedule="0 * * * *"),
        made(name="old", schedule="0 0 * * *"),
        made(name="late", schedule="*/5 * * * *", priority="high"),
        made(name="last", schedule="0 0 * * *", priority="low"),
    ]
    assert ["late", "old", "a", "b", "last"] == [each.connection.name for each in due(found, {}, NOW)]


# -- failures


def test_what_may_get_better_is_tried_again_with_growing_pauses_for_an_hour() -> None:
    machine = Machine(made(schedule="0 12 * * *"))
    tried = []
    for second in range(0, 3 * 3600, 10):
        now = local("12:00") + timedelta(seconds=second)
        if machine.asks(now, may_retry=True):
            tried.append(now)
    pauses = [later - before for before, later in pairwise(tried)]
    assert 5 <= len(pauses) <= 8
    assert pauses == sorted(pauses)
    assert FIRST_PAUSE / 2 <= pauses[0] <= FIRST_PAUSE + timedelta(seconds=10)
    assert tried[-1] <= local("12:00") + RETRIED_FOR
    assert {local("12:00")} == set(machine.ran)


def test_what_will_not_get_better_waits_for_the_next_moment() -> None:
    machine = Machine(made(schedule="0 * * * *"))
    assert [local("12:00")] == machine.asks(NOW, may_retry=False)
    assert [] == [each for minute in range(52) for each in machine.asks(NOW + minute * MINUTE)]
    assert [local("13:00")] == machine.asks(NOW + 53 * MINUTE)


@pytest.mark.parametrize("on_missed", ["skip", "once", "all"])
def test_the_next_moment_takes_the_place_of_one_that_failed(on_missed: str) -> None:
    machine = Machine(made(schedule="*/15 * * * *", on_missed=on_missed))
    machine.past = replace(NEVER, moment=local("11:45"))
    assert [local("12:00")] == machine.asks(local("12:00"), may_retry=True)
    assert [local("12:00")] == machine.asks(local("12:14"), may_retry=True)
    assert [local("12:15")] == machine.asks(local("12:15"))
    assert [] == machine.asks(local("12:29"))


def test_failures_at_one_peer_are_tried_again_at_different_times() -> None:
    ended = {}
    for number in range(20):
        machine = Machine(made(name=f"site{number}", every="1h"))
        machine.asks(NOW, may_retry=True)
        ended[number] = next(
            s for s in range(120) if moments(machine.connection, machine.past, NOW + timedelta(seconds=s))
        )
    assert len(set(ended.values())) > 10
    assert all(30 <= pause <= 60 for pause in ended.values())


# -- runs that were cut off


@pytest.mark.parametrize(
    ("on_missed", "minutes", "expected"),
    [("once", 1, True), ("once", 300, True), ("all", 300, True), ("skip", 1, True), ("skip", 300, False)],
)
def test_a_run_that_was_cut_off_is_due_again(on_missed: str, minutes: int, expected: bool) -> None:
    past = NEVER.begun(local("0:00"), local("0:00"))
    found = moments(made(schedule="@daily", on_missed=on_missed), past, local("0:00") + minutes * MINUTE)
    assert ([local("0:00")] if expected else []) == found


def test_a_newer_moment_does_for_one_that_was_cut_off_unless_all_are_wanted() -> None:
    past = NEVER.begun(local("11:00"), local("11:00"))
    assert [local("12:00")] == moments(made(schedule="0 * * * *"), past, NOW)
    assert [local("11:00"), local("12:00")] == moments(made(schedule="0 * * * *", on_missed="all"), past, NOW)


def test_an_interval_that_was_cut_off_is_due_at_once() -> None:
    past = NEVER.begun(local("11:00"), local("11:00"))
    assert [local("11:00")] == moments(made(every="6h"), past, local("11:01"))


# -- intervals


def test_an_interval_counts_from_the_last_success() -> None:
    """As in Domino: it went well at 8:30, so with two hours the next is at 10:30."""
    machine = Machine(made(every="2h"))
    assert [local("8:00")] == machine.asks(local("8:00"), may_retry=True)
    assert machine.asks(local("8:30"))
    assert [] == machine.asks(local("10:29"))
    assert [local("10:30")] == machine.asks(local("10:30"))


def test_an_interval_of_minutes_does_not_drift_when_cron_is_a_moment_early_or_late() -> None:
    machine = Machine(made(every="15m"))
    late = [1.3, 0.9, 2.1, 0.2]
    ran = []
    for minute in range(4 * 60):
        now = local("8:00") + minute * MINUTE + timedelta(seconds=late[minute % 4])
        if machine.asks(now):
            ran.append(minute)
    assert list(range(0, 240, 15)) == ran


def test_an_interval_counts_from_the_start_of_a_run_however_long_it_was() -> None:
    past = NEVER.begun(local("8:00"), local("8:00")).done(local("8:00"), local("8:10"))
    assert [] == moments(made(every="15m"), past, local("8:14"))
    assert [local("8:15")] == moments(made(every="15m"), past, local("8:16"))


def test_an_interval_of_seconds_counts_in_seconds() -> None:
    past = NEVER.begun(NOW, NOW).done(NOW, NOW)
    assert [] == moments(made(every="90s"), past, NOW + timedelta(seconds=89))
    assert [NOW + timedelta(seconds=90)] == moments(made(every="90s"), past, NOW + timedelta(seconds=90))


def test_an_interval_only_counts_within_its_times_and_days() -> None:
    connection = made(every="15m", within={"times": ["08:00-09:00", "20:00-21:00"], "days": "wed"}, timezone="UTC")
    machine = Machine(connection)
    for minute in range(2 * 24 * 60):
        machine.asks(local("0:00") + minute * MINUTE)
    expected = [f"{hour}:{minute:02}" for hour in (8, 20) for minute in (0, 15, 30, 45)]
    assert [local(text) for text in expected] == machine.ran


def test_an_interval_over_midnight_goes_on_over_midnight() -> None:
    connection = made(every="1h", within={"times": "22:00-02:00", "days": "wed"}, timezone="UTC")
    machine = Machine(connection)
    for minute in range(2 * 24 * 60):
        machine.asks(local("0:00") + minute * MINUTE)
    assert [22, 23, 0, 1] == [moment.hour for moment in machine.ran]


def test_a_failure_is_tried_again_within_the_times_only() -> None:
    connection = made(every="1h", within={"times": "08:00-09:00"}, timezone="UTC")
    machine = Machine(connection)
    ran = []
    for minute in range(24 * 60):
        now = local("0:00") + minute * MINUTE
        if machine.asks(now, may_retry=True):
            ran.append(now.hour)
    assert {8} == set(ran)
    assert len(ran) > 4


def test_jitter_moves_what_begins_at_one_time_for_all_and_never_out_of_its_times() -> None:
    within = {"times": "08:00-08:10"}
    opened = []
    for number in range(20):
        machine = Machine(made(name=f"site{number}", every="1h", within=within, jitter="5h", timezone="UTC"))
        for second in range(0, 3600, 20):
            machine.asks(local("8:00") + timedelta(seconds=second))
        opened += machine.ran
    assert 20 == len(opened)
    assert all(local("8:00") <= moment < local("8:10") for moment in opened)
    assert len(set(opened)) > 10


# -- clocks


@pytest.mark.parametrize("ahead", [2 * MINUTE, HOUR, 400 * DAY])
@pytest.mark.parametrize(
    "keys", [{"schedule": "*/5 * * * *"}, {"every": "5m"}, {"schedule": "@hourly", "on_missed": "all"}]
)
@pytest.mark.parametrize("ending", ["done", "failed", "cut off"])
def test_a_clock_that_was_set_back_stops_nothing(ahead: timedelta, keys: dict[str, str], ending: str) -> None:
    machine = Machine(made(**keys))
    now = NOW + ahead
    machine.past = {
        "done": lambda past: past.done(now, now),
        "failed": lambda past: past.failed(now, now, trouble(True)),
        "cut off": lambda past: past,
    }[ending](NEVER.begun(now, now))
    assert machine.asks(NOW), "it is due at once"
    assert [] == machine.asks(NOW + timedelta(seconds=1)), "and then remembered as usual"
    assert machine.asks(NOW + HOUR)


def test_another_process_a_moment_ahead_is_not_a_clock_that_was_set_back() -> None:
    later = NOW + AHEAD
    for keys in ({"schedule": "*/5 * * * *"}, {"every": "5m"}):
        assert [] == moments(made(**keys), NEVER.begun(NOW, later).done(later, later), NOW)


# -- without a memory


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"schedule": "*/15 * * * *"}, [0, 15, 30, 45]),
        ({"schedule": "*/30 * * * *", "on_missed": "all"}, [0, 30]),
        ({"schedule": "*/30 * * * *", "on_missed": "skip"}, [0, 30]),
        ({"every": "20m"}, [0, 20, 40]),
    ],
)
def test_who_cannot_remember_runs_as_often_as_it_should(keys: dict[str, str], expected: list[int]) -> None:
    connection = made(**keys)
    ran = []
    for minute in range(60):
        now = local("12:00") + minute * MINUTE + timedelta(seconds=1.3)
        if moments(connection, forgotten(connection, now), now):
            ran.append(minute)
    assert expected == ran


# -- what is remembered


pasts: st.SearchStrategy[Past] = st.builds(
    Past,
    moment=st.none() | st.just(NOW),
    started=st.none() | st.just(NOW),
    ended=st.none() | st.just(NOW),
    ending=st.sampled_from([None, "done", "again", "over", "running"]),
    failures=st.integers(0, 100),
    succeeded=st.none() | st.just(NOW),
    switch=st.none() | st.builds(Switch, st.just(NOW), st.text(), st.text()),
    trouble=st.none() | st.builds(Trouble, st.text(), st.text(), st.booleans()),
)


@given(past=pasts)
def test_what_is_remembered_is_read_as_it_was_written(past: Past) -> None:
    assert past == Past.from_dict(past.to_dict() | {"of a newer version": 1})


@given(past=pasts, connection=connections, offset=st.timedeltas(-400 * DAY, 400 * DAY))
def test_any_memory_at_any_time_gives_an_answer_and_none_in_the_future(
    past: Past, connection: Connection, offset: timedelta
) -> None:
    now = NOW + offset
    assert all(moment <= now for moment in moments(connection, past, now) if moment != past.moment)
