"""Durations, rates, times of day and days, as people write them."""

from __future__ import annotations

import pytest

from replica.service import units
from replica.service.units import TimeRange


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("15m", 900), ("1h30m", 5400), ("30d", 2_592_000), ("250ms", 0.25), ("1.5h", 5400)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert seconds == units.duration(text)


@pytest.mark.parametrize("text", ["", "m", "5 m", "-5m", "5w", "1h-30m", "x", "１５m", "9" * 400 + "s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="1h30m"):
        units.duration(text)


@pytest.mark.parametrize("seconds", [0, 0.25, 59, 60, 5400, 86400, 90061])
def test_a_duration_that_is_written_reads_the_same(seconds: float) -> None:
    assert seconds == units.duration(units.written_duration(seconds))


def test_rates_are_bytes_a_second() -> None:
    assert [500_000, 2_097_152, 65_536, 1_000_000] == [units.rate(text) for text in ("500k", "2MiB", "64 KiB/s", "1M")]


@pytest.mark.parametrize("text", ["0", "-1", "fast", "", "2 parsecs"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2M"):
        units.rate(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("08:00-22:00", 480, 1320), ("22:00-06:00", 1320, 1800), ("00:00-24:00", 0, 1440), ("0:30 - 1:00", 30, 60)],
)
def test_a_range_of_times_is_read(text: str, start: int, end: int) -> None:
    assert TimeRange(start, end) == units.time_range(text)
    assert TimeRange(start, end) == units.time_range(str(TimeRange(start, end)))


@pytest.mark.parametrize("text", ["", "8", "08:00", "08:00-08:00", "24:00-08:00", "08:60-09:00", "25:00-26:00", "a-b"])
def test_what_is_no_range_of_times_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="08:00-22:00"):
        units.time_range(text)


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon-fri", {0, 1, 2, 3, 4}), ("Sat, sun", {5, 6}), ("fri-mon", {4, 5, 6, 0}), ("wed", {2}), ("tue-tue", {1})],
)
def test_days_are_read(text: str, days: set[int]) -> None:
    assert days == units.days(text)
    assert days == units.days(units.written_days(frozenset(days)))


@pytest.mark.parametrize("text", ["", "monday", "mon-", "-fri", "1-5", "mon fri"])
def test_what_are_no_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="mon-fri"):
        units.days(text)
