"""That the tests can fail: every bug planted in a copy of the package is killed, and by nothing that a sound one fails."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.needs import need
from tests.planted.bugs import HISTORIES_MOST, PAGE, ROOT, Bug, bugs, hunt, plant, table

BUGS = bugs()
BY_HISTORY = [bug for bug in BUGS if bug.is_killed_by_history]

need("git")


@pytest.fixture(scope="module")
def innocent() -> set[str]:
    """The killers that also find something in the package as it is: there should be none."""
    return {found["killer"] for found in hunt(ROOT, *sorted({bug.killer for bug in BUGS}))}


def test_there_are_enough_of_them_for_every_law_that_is_kept() -> None:
    assert len(BUGS) >= 15
    assert {"1", "2", "3", "4", "5", "6", "7", "8", "9"} == {bug.law for bug in BUGS}


def test_what_kills_the_bugs_finds_nothing_in_the_package_as_it_is(innocent: set[str]) -> None:
    assert set() == innocent


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_it_is_killed(bug: Bug, innocent: set[str], tmp_path: Path) -> None:
    plant(bug, tmp_path)
    found = hunt(tmp_path, bug.killer)
    assert bug.killer not in innocent
    assert [bug.killer] == [each["killer"] for each in found], f"python -m tests.planted.bugs {bug.name}"


@pytest.mark.soak
@pytest.mark.parametrize("bug", BY_HISTORY, ids=lambda bug: bug.name)
def test_it_is_killed_by_new_histories(
    bug: Bug, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    plant(bug, tmp_path)
    start = random.randrange(10**9)
    found = hunt(tmp_path, f"{bug.family}/{start}:{start + HISTORIES_MOST}")
    assert 1 == len(found), f"it survives {HISTORIES_MOST} histories from {start}"
    assert [] == hunt(ROOT, found[0]["killer"])
    record_property("note", f"{bug.name}: killed by {found[0]['killer']}, after {found[0]['histories']} histories")


def test_the_table_is_what_the_patches_say() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith("\n\n" + table()), "run: python -m tests.planted.bugs"
