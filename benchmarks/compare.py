"""Ratios and goals, from the results: the same figures for the table and for the picture."""

from __future__ import annotations

from typing import Any

from plan import GOALS, ROWS, Goal, Row

Results = dict[str, Any]
STARTUP_BOUND = 5.0
OPENING_BOUND_MS = 10.0


def measured(results: Results, key: str | None) -> dict[str, Any] | None:
    """The measurement of that name, or None where it was not made."""
    found: dict[str, Any] | None = results["measurements"].get(key) if key else None
    return found if found and "seconds" in found else None


def ratio(results: Results, row: Row, other: str | None) -> float | None:
    """How many times as fast ours is as the other; None where one of them was not measured."""
    ours, theirs = measured(results, row.ours), measured(results, other)
    return theirs["seconds"] / ours["seconds"] if ours and theirs else None


def _value(results: Results, goal: Goal) -> float | None:
    row = next(row for row in ROWS if row.title == goal.row)
    if goal.measure == "megabytes":
        ours = measured(results, row.ours)
        return ours["peak_bytes"] / 1e6 if ours else None
    return ratio(results, row, row.limit if goal.measure == "limit" else row.peer)


def _startup(results: Results) -> float | None:
    startup = results.get("startup")
    return startup["help"] / startup["pass"] if startup else None


def _opening_ms(results: Results) -> float | None:
    opening = measured(results, "replica/open")
    return opening["seconds"] * 1000 if opening else None


def verdicts(results: Results) -> list[tuple[str, str, str, str]]:
    """Each goal as (what, bound, measured, met), in words."""
    checks = [(goal.title, goal.bound, goal.at_least, _value(results, goal)) for goal in GOALS]
    checks.append(("opening a database, first in the process (ms)", OPENING_BOUND_MS, False, _opening_ms(results)))
    checks.append(("`replicate --help` against `python -c pass`", STARTUP_BOUND, False, _startup(results)))
    return [verdict(*check) for check in checks]


def verdict(title: str, bound: float, at_least: bool, value: float | None) -> tuple[str, str, str, str]:
    """A goal in words: what, bound, measured, met."""
    sign = "≥" if at_least else "<"
    if value is None:
        return title, f"{sign} {bound:g}", "not measured", ""
    met = value >= bound if at_least else value < bound
    return title, f"{sign} {bound:g}", f"{value:.3g}", "yes" if met else "**no**"
