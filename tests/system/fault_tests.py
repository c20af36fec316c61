"""The tests that every workload of the library undergoes; a file of tests makes a class of them for its workload."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.faults import Fault, Mode, Outcome, Rig, failures

WORKLOADS = Path(__file__).with_name("workloads")

DISKS: dict[str, tuple[Mode, int]] = {
    "one error": ("error", errno.EIO),
    "broken": ("sticky", errno.EIO),
    "full": ("sticky", errno.ENOSPC),
    "full in the middle of a write": ("short", errno.ENOSPC),
}

# What SQLite may fail to do without a word: the copy from the write-ahead log into the file, while everything still is in
# the log, and the removal of a log that has been copied.
CHECKPOINT = {
    "pwrite {}",
    "ftruncate {}",
    "fdatasync {}",
    "fdatasync {}-wal",
    "unlink {}-wal",
    "unlink {}-shm",
}
FOLDER = "fdatasync ."  # SQLite never looks whether it could sync a folder; only a power cut after that could do harm


class FaultTests:
    """Kills, failing and full disks, power cuts, and errors after a kill."""

    workload: ClassVar[str]
    replicas: ClassVar[tuple[str, ...]] = ("a.db",)  # whose checkpoints may fail unnoticed
    unnoticed: ClassVar[frozenset[str]] = frozenset()  # what else may
    kill_every: ClassVar[int] = 1
    cut_every: ClassVar[int] = 7
    compound_every: ClassVar[tuple[int, int]] = (50, 20)

    @pytest.fixture(scope="class")
    @classmethod
    def rig(cls) -> Iterator[Rig]:
        with Rig(WORKLOADS / f"{cls.workload}.py") as rig:
            yield rig

    @pytest.fixture(scope="class")
    @classmethod
    def killed(cls, rig: Rig) -> list[Outcome]:
        return rig.sweep("kill", every=cls.kill_every)

    @pytest.fixture
    def note(self, record_property: Callable[[str, object], None]) -> Callable[[str, list[Outcome]], None]:
        return lambda kind, outcomes: record_property("note", f"{self.workload}: {len(outcomes)} runs, {kind}")

    def test_a_kill_loses_nothing(self, killed: list[Outcome], note: Callable[..., None]) -> None:
        assert_none(failures(killed))
        assert {"exit code -9"} == {outcome.end for outcome in killed}
        note("killed at every call" if self.kill_every == 1 else f"killed at one call of {self.kill_every}", killed)

    @pytest.mark.parametrize("disk", DISKS)
    def test_a_failing_disk_loses_nothing_and_is_reported(
        self, rig: Rig, killed: list[Outcome], disk: str, note: Callable[..., None]
    ) -> None:
        mode, error = DISKS[disk]
        turn = [*DISKS].index(disk)
        points = spread(killed) if turn == 0 else spread(killed)[turn - 1 :: 3]  # the lasting ones share the calls
        outcomes = rig.sweep(mode, error, points=points)
        self.assert_reported(outcomes)
        note(f"the disk is {disk}", outcomes)

    def test_a_power_cut_loses_nothing(self, rig: Rig, note: Callable[..., None]) -> None:
        outcomes = rig.power_cuts(every=self.cut_every, random_states=2)
        assert_none(failures(outcomes))
        note("power cuts", outcomes)

    def test_an_error_while_recovering_from_a_kill_loses_nothing(self, rig: Rig, note: Callable[..., None]) -> None:
        every, then_every = self.compound_every
        outcomes = rig.compound("error", every=every, then_every=then_every)
        assert_none(failures(outcomes))
        assert any(outcome.call for outcome in outcomes)
        note("an error after a kill", outcomes)

    @pytest.mark.soak
    def test_a_kill_at_every_call(self, rig: Rig, note: Callable[..., None]) -> None:
        outcomes = rig.sweep("kill")
        assert_none(failures(outcomes))
        note("killed at every call", outcomes)

    @pytest.mark.soak
    @pytest.mark.parametrize("disk", DISKS)
    def test_a_failing_disk_at_every_call(self, rig: Rig, disk: str, note: Callable[..., None]) -> None:
        mode, error = DISKS[disk]
        outcomes = rig.sweep(mode, error)
        self.assert_reported(outcomes)
        note(f"the disk is {disk}", outcomes)

    @pytest.mark.soak
    def test_a_power_cut_at_every_step(self, rig: Rig, note: Callable[..., None]) -> None:
        outcomes = rig.power_cuts(random_states=20)
        assert_none(failures(outcomes))
        note("power cuts", outcomes)

    @pytest.mark.soak
    def test_a_power_cut_after_any_sync_that_failed_unnoticed(self, rig: Rig, note: Callable[..., None]) -> None:
        syncs = [outcome.at for outcome in rig.sweep("kill") if "sync" in outcome.call and outcome.call != FOLDER]
        assert syncs
        silent = [outcome.at for outcome in rig.sweep("error", points=syncs) if outcome.silent]
        cuts = [rig.power_cuts(every=2, random_states=1, fault=Fault("error", at)) for at in silent]
        outcomes = [outcome for cut in cuts for outcome in cut]  # none where every sync that fails is noticed
        assert all(cuts)
        assert_none(failures(outcomes))
        note("power cuts after an unnoticed error", outcomes)

    @pytest.mark.soak
    @pytest.mark.parametrize("disk", DISKS)
    def test_a_failing_disk_while_recovering_from_many_kills(
        self, rig: Rig, disk: str, note: Callable[..., None]
    ) -> None:
        mode, error = DISKS[disk]
        outcomes = rig.compound(mode, error, every=9, then_every=5)
        assert_none(failures(outcomes))
        note(f"the disk is {disk} after a kill", outcomes)

    def assert_reported(self, outcomes: list[Outcome]) -> None:
        """Nothing is lost or torn, and what the disk refused is reported, unless it may go unnoticed."""
        assert_none(failures(outcomes))
        errors = [(outcome, text) for outcome in outcomes for text in outcome.errors]
        assert errors
        assert_none(f"{outcome}: {text}" for outcome, text in errors if not text.startswith("DiskError: "))
        may = self.unnoticed | {FOLDER} | {call.format(name) for call in CHECKPOINT for name in self.replicas}
        silent = [outcome for outcome in outcomes if outcome.silent]
        assert_none(f"unnoticed: {outcome}" for outcome in silent if plain(outcome.call) not in may)


def assert_none(problems: Iterable[str]) -> None:
    found = list(problems)
    assert not found, "\n".join([f"{len(found)} problems", *found[:10]])


def plain(call: str) -> str:
    """A call without the random part in the name of an unfinished file."""
    return re.sub(r"\.[0-9a-f]{8}\.new", ".new", call)


def spread(outcomes: list[Outcome]) -> list[int]:
    """Where to strike so that every kind of call is struck, such as one of all writes to one file."""
    places: dict[str, list[int]] = {}
    for outcome in outcomes:
        places.setdefault(plain(outcome.call), []).append(outcome.at)
    return sorted(at[len(at) // 2] for at in places.values())
