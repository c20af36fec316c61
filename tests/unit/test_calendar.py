"""The moments of schedules, a year long and through every kind of clock change, against every minute looked at one by one."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.service.calendar import MACROS, find_zone, instant, piece_at, read_schedule
from replica.service.units import TimeRange

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

# Clocks go forward and back by an hour at night, by half an hour, at midnight, and over a whole day.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("UTC", date(2026, 3, 29)),
]
BY_THE_HOUR = {"*/15 * * * *": set(range(0, 60, 15)), "0 * * * *": {0}, "30 * * * *": {30}, "7,52 * * * 0-6": {7, 52}}
ON_THE_WALL = {
    "30 2 * * *": [(2, 30)],
    "0 0 * * *": [(0, 0)],
    "*/20 2 * * *": [(2, 0), (2, 20), (2, 40)],
    "15 */2 * * *": [(hour, 15) for hour in range(0, 24, 2)],
    "30 1,2,3 * * *": [(1, 30), (2, 30), (3, 30)],
    "45 1 * * *": [(1, 45)],
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def around(day: date) -> tuple[datetime, datetime]:
    middle = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return middle - 1.5 * DAY, middle + 2.5 * DAY


@cache
def shown(zone: str, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """What clocks show at each minute, and that minute."""
    place, found, moment = find_zone(zone), [], begin + MINUTE
    while moment <= end:
        found.append((moment.astimezone(place).replace(tzinfo=None, fold=0), moment))
        moment += MINUTE
    return found


def first_at(wall: datetime, zone: str, begin: datetime, end: datetime) -> datetime | None:
    """The first minute at which clocks have reached that."""
    found = shown(zone, begin, end)
    latest = list(accumulate((each for each, _ in found), max))
    position = bisect_left(latest, wall)
    return found[position][1] if position < len(found) else None


@pytest.mark.parametrize(("zone", "day"), CHANGES)
@pytest.mark.parametrize("text", BY_THE_HOUR)
def test_every_hour_that_there_is_counts_where_the_hour_is_a_star(zone: str, day: date, text: str) -> None:
    begin, end = around(day)
    place = find_zone(zone)
    expected = [moment for wall, moment in shown(zone, begin, end) if wall.minute in BY_THE_HOUR[text]]
    assert expected == list(read_schedule(text).between(begin, end, place))


@pytest.mark.parametrize(("zone", "day"), CHANGES)
@pytest.mark.parametrize("text", ON_THE_WALL)
def test_a_time_of_day_happens_once_a_day_whatever_clocks_do(zone: str, day: date, text: str) -> None:
    """What clocks go over happens when they have gone over it; what they show twice, the first time."""
    begin, end = around(day)
    place = find_zone(zone)
    expected = set()
    for offset in range(-3, 5):
        for hour, minute in ON_THE_WALL[text]:
            wall = datetime(day.year, day.month, day.day, hour, minute) + offset * DAY
            expected.add(first_at(wall, zone, begin - DAY, end))
    expected = {each for each in expected if each is not None and begin < each}
    assert sorted(expected) == list(read_schedule(text).between(begin, end, place))


@given(
    change=st.sampled_from(CHANGES),
    text=st.sampled_from([*BY_THE_HOUR, *ON_THE_WALL]),
    seconds=st.integers(2 * 86400, 4 * 86400 - 1),
    microseconds=st.sampled_from([0, 1, 500_000]),
)
def test_the_latest_moment_is_the_one_before_the_next(
    change: tuple[str, date], text: str, seconds: int, microseconds: int
) -> None:
    begin, _ = around(change[1])
    zone, schedule = find_zone(change[0]), read_schedule(text)
    moment = begin + timedelta(seconds=seconds, microseconds=microseconds) - DAY
    before = list(schedule.between(moment - 2 * DAY, moment, zone))
    assert before[-1] == schedule.latest(moment, zone)
    following = schedule.next(moment, zone)
    assert following is not None
    assert following > moment
    assert following == schedule.latest(following, zone)
    assert before[-1] == schedule.latest(following - timedelta(microseconds=1), zone)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "UTC"])
def test_a_year_has_every_moment_once(zone: str) -> None:
    begin, place = at("2026-01-01"), find_zone(zone)
    days = list(read_schedule("30 2 * * *").between(begin - DAY, begin + 364 * DAY, place))
    assert 365 == len({each.astimezone(place).date() for each in days}) == len(days)
    quarters = list(read_schedule("*/15 8-22 * * mon-fri").between(begin, begin + 364 * DAY, place))
    assert 60 * 260 == len(quarters)
    hours = list(read_schedule("@hourly").between(begin, begin + 364 * DAY, place))
    assert {timedelta(hours=1)} == {b - a for a, b in pairwise(hours)} or zone == "Australia/Lord_Howe"


def test_moments_in_one_gap_are_one() -> None:
    place = find_zone("Europe/Berlin")
    begin, end = around(date(2026, 3, 29))
    in_it = [each for each in read_schedule("*/20 2 * * *").between(begin, end, place) if each.day == 29]
    assert [at("2026-03-29T01:00")] == in_it


def test_the_end_of_a_gap_is_found_to_the_second() -> None:
    assert at("2026-03-29T01:00") == instant(datetime(2026, 3, 29, 2, 59), find_zone("Europe/Berlin"))
    assert at("2026-10-25T00:30") == instant(datetime(2026, 10, 25, 2, 30), find_zone("Europe/Berlin"))
    assert at("2011-12-30T10:00") == instant(datetime(2011, 12, 30, 23, 0), find_zone("Pacific/Apia"))


@pytest.mark.parametrize(("name", "same"), MACROS.items())
def test_names_stand_for_schedules(name: str, same: str) -> None:
    assert same == read_schedule(name.upper()).expression


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("61 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 32 * *", "bad day-of-month"),
        ("* * * jam *", "bad month"),
        ("* * * * moon", "bad day-of-week"),
        ("@reboot", "@hourly, @daily"),
        ("0 0 31 2 *", "bad day-of-month"),
    ],
)
def test_what_is_no_schedule_is_refused_and_says_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_schedule(text)


@pytest.mark.parametrize("key", ["Europe/Berlyn", "", "../etc/passwd", "/etc/localtime", "CET-1CEST", "Europe"])
def test_what_is_no_zone_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        find_zone(key)


# -- parts of the week

BERLIN = find_zone("Europe/Berlin")
ALL = frozenset(range(7))


def piece(when: str, *times: tuple[int, int], days: frozenset[int] = ALL) -> tuple[str, str]:
    """The piece at a local time, in local time."""
    moment = datetime.fromisoformat(when).replace(tzinfo=BERLIN)
    ranges = tuple(TimeRange(start * 60, end * 60) for start, end in times)
    opening, closing = (f"{each.astimezone(BERLIN):%a %H:%M}" for each in piece_at(moment, ranges, days, BERLIN))
    return opening, closing


def test_a_time_is_in_the_piece_around_it_or_before_the_next() -> None:
    assert ("Wed 08:00", "Wed 22:00") == piece("2026-11-25T08:00", (8, 22))
    assert ("Wed 08:00", "Wed 22:00") == piece("2026-11-25T21:59:59", (8, 22))
    assert ("Thu 08:00", "Thu 22:00") == piece("2026-11-25T22:00", (8, 22))
    assert ("Mon 08:00", "Mon 22:00") == piece("2026-11-27T23:00", (8, 22), days=frozenset({0, 1, 2, 3, 4}))


def test_a_piece_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday = frozenset({4})
    assert ("Fri 22:00", "Sat 06:00") == piece("2026-11-28T05:00", (22, 30), days=friday)
    assert ("Fri 22:00", "Sat 06:00") == piece("2026-11-28T06:00", (22, 30), days=friday)
    assert ("Fri 22:00", "Sat 06:00") == piece("2026-11-27T05:00", (22, 30), days=friday)


def test_pieces_that_touch_are_one() -> None:
    assert ("Wed 08:00", "Wed 20:00") == piece("2026-11-25T15:00", (8, 12), (12, 20))
    assert ("Mon 00:00", "Sat 00:00") == piece("2026-11-25T15:00", (0, 24), days=frozenset({0, 1, 2, 3, 4}))


def test_a_piece_is_as_long_as_clocks_make_it() -> None:
    ranges = (TimeRange(0, 6 * 60),)
    lengths = []
    for day in (at("2026-03-29T02:00"), at("2026-10-25T02:00"), at("2026-11-25T02:00")):
        found = piece_at(day, ranges, ALL, BERLIN)
        lengths.append((found.closing - found.opening) / timedelta(hours=1))
    assert [5, 7, 6] == lengths
