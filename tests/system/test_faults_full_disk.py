"""A disk that is really full: every error says so, nothing is lost, and work goes on when there is room again."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from replica.cli.exits import Exit
from tests.faults import Outcome, Rig
from tests.faults.rig import files_in
from tests.small_disks import small_disk
from tests.system.command import run
from tests.system.fault_tests import WORKLOADS, assert_none
from tests.system.workloads import full_disk

pytestmark = pytest.mark.system

KB = 1024
LARGE = json.dumps({"by": "large", "pad": "x" * 20_000})
LIMITS = [0, 16, 36, 60, 92, 108, 150, 168, 176, 200, 230, 250, 300, 2000]  # KB a file may have; an empty one has 84
FREE = [0, 20, 40, 64, 90, 130, 200, 350, 600, 2000]  # KB that are free on the disk


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig(WORKLOADS / "full_disk.py") as rig:
        yield rig


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "3m") as folder:
        yield folder


def fill(folder: Path, rig: Rig) -> None:
    """Put into the folder what the workload prepared, and nothing else."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files_in(rig.root / "base").items():
        (folder / name).write_bytes(content)


def runs(rig: Rig, folder: Path, how: str, sizes: list[int]) -> list[Outcome]:
    """The workload in a folder with so many KB, checked each time."""
    outcomes = []
    for size in sizes:
        fill(folder, rig)
        (folder / "room").write_text(f"{how} {size * KB}", encoding="utf-8")
        outcome = rig.run("work", folder)
        assert "finished" == outcome.end, f"{size} KB: {outcome.errors}"
        full_disk.check(folder, outcome.acknowledged, outcome.unknown)
        outcomes.append(outcome)
    return outcomes


def assert_reported(outcomes: list[Outcome]) -> None:
    errors = [text for outcome in outcomes for text in outcome.errors]
    assert_none(text for text in errors if not text.startswith("DiskError: "))
    assert len(errors) > len(outcomes), "the disk was hardly ever full"
    assert not outcomes[-1].errors, "there never was room enough"
    assert len({tuple(outcome.unknown) for outcome in outcomes}) > 4, "it was full at the same place every time"


def test_files_that_may_not_grow_lose_nothing_and_go_on_when_they_may(rig: Rig, tmp_path: Path) -> None:
    assert_reported(runs(rig, tmp_path, "limit", LIMITS))


def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(rig: Rig, disk: Path) -> None:
    assert_reported(runs(rig, disk, "free", FREE))


@pytest.mark.soak
def test_all_sizes_of_files_that_may_not_grow(rig: Rig, tmp_path: Path) -> None:
    assert_reported(runs(rig, tmp_path, "limit", [*range(0, 250, 4), 2000]))


@pytest.mark.soak
def test_all_sizes_of_a_full_disk(rig: Rig, disk: Path) -> None:
    assert_reported(runs(rig, disk, "free", [*range(0, 400, 4), 2000]))


@pytest.mark.parametrize("free", [0, 36])
def test_every_command_says_that_the_disk_is_full_and_works_when_it_is_not(rig: Rig, disk: Path, free: int) -> None:
    a, b = disk / "a.db", disk / "b.db"
    fill(disk, rig)
    commands = {
        "put": ("put", a, "put", LARGE),
        "delete": ("delete", a, "a"),
        "import": ("import", a, "-"),
        "resolve": ("resolve", a, "clash", "--items", LARGE),
        "resolve all": ("resolve", a, "--all", "--keep", "winner"),
        "settings": ("settings", a, "title=Orders"),
        "index": ("index", a, "by"),
        "compact": ("compact", a),
        "backup": ("backup", a, disk / "backup.db"),
        "copy": ("copy", a, disk / "copy.db"),
        "create": ("create", disk / "new.db"),
        "sync": ("sync", a, b),
    }
    (disk / "room").write_text(f"free {free * KB}", encoding="utf-8")
    full_disk.take_room(disk)
    told = {name: run(*words, "--json", stdin=LARGE) for name, words in commands.items()}
    assert dict.fromkeys(commands, (Exit.TEMPORARY, "disk_error")) == {
        name: (outcome.code, outcome.error["code"]) for name, outcome in told.items()
    }
    full_disk.give_room(disk)
    assert dict.fromkeys(commands, 0) == {name: run(*words, stdin=LARGE).code for name, words in commands.items()}
    assert 0 == run("verify", a, b).code


def test_a_batch_that_met_a_full_disk_saves_nothing_even_if_the_error_was_caught(tmp_path: Path) -> None:
    """SQLite gives the whole transaction up by itself then; what follows must not be saved as if it were all of it."""
    script = """
        import resource, sys, replica
        from replica.errors import DiskError
        said = []
        with replica.create(sys.argv[1]) as hub:
            hub.put({}, unid="before")
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, resource.RLIM_INFINITY))
            try:
                with hub.batch():
                    hub.put({}, unid="first")
                    for number in range(100):  # more than the cache holds: it is written before the end
                        try:
                            hub.put({"pad": "x" * 2**20}, unid=f"large/{number}")
                        except DiskError:
                            said.append("full")
                            break
                    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                    try:
                        hub.put({}, unid="last")
                    except DiskError:
                        said.append("given up")
                    hub.get("before")
            except DiskError:
                said.append("nothing saved")
            hub.put({}, unid="after")
            print(*said, *(document.unid for document in hub.documents()), sep=", ")
        """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "hub.db")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "full, given up, nothing saved, after, before\n" == told.stdout
