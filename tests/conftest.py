"""What holds for every test: Hypothesis profiles, a clean environment, the notes at the end of a run."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.couchdbs"]

SOAK = os.environ.get("REPLICA_SOAK") == "1"

# `quick` tries the same examples in every run and on every machine: a red run is red again when it is repeated.
# `thorough` looks for new ones; `make soak` prints the seed that repeats it. No deadlines: machines are busy.
settings.register_profile(
    "quick", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=10_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("thorough" if SOAK else "quick")

FOR_TESTS = {"REPLICA_SOAK", "REPLICA_REQUIRE_ALL"}


def pytest_configure() -> None:
    """The command reads REPLICA_… variables; those of whoever runs the tests are not part of any test."""
    for name in [name for name in os.environ if name.startswith("REPLICA_")]:
        if name not in FOR_TESTS:
            del os.environ[name]


def pytest_report_header() -> str:
    """Which examples this run tries."""
    profile = "thorough: new examples, 10,000 each" if SOAK else "quick: the same examples every time"
    return f"hypothesis profile {profile}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soak tests out of every run but `make soak`."""
    if SOAK:
        return
    soaking = [item for item in items if item.get_closest_marker("soak")]
    if soaking:
        config.hook.pytest_deselected(items=soaking)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests recorded with `record_property("note", …)`: information, not a verdict."""
    passed = terminalreporter.getreports("passed")
    notes = [text for report in passed for name, text in report.user_properties if name == "note"]
    if notes:
        terminalreporter.section("notes")
        for note in notes:
            terminalreporter.line(str(note))
