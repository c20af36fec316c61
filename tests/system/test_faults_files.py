"""Faults while files are made and first opened: databases, copies, backups."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults import Fault, Outcome, Rig, failures
from tests.system.fault_tests import FaultTests, assert_none

pytestmark = pytest.mark.system


def beginning(name: str) -> set[str]:
    """What may fail unnoticed while a file gets its write-ahead log: it does without until it is opened again."""
    calls = ("pwrite {}-journal", "fdatasync {}-journal", "unlink {}-journal", "pwrite {}", "fdatasync {}")
    return {call.format(name) for call in calls}


def remains(name: str) -> set[str]:
    """What may stay behind of an unfinished file, and is in nobody's way."""
    return {f"unlink {name}.new{suffix}" for suffix in ("", "-journal", "-wal", "-shm")}


class TestCreation(FaultTests):
    workload = "creation"
    kill_every = 2  # of some 150 calls; all of them in the soak
    replicas = ("a.db", "new.db")
    unnoticed = frozenset(beginning("a.db") | beginning("new.db") | remains("new.db"))

    def test_a_file_that_was_refused_its_log_loses_nothing_in_a_power_cut(
        self, rig: Rig, killed: list[Outcome], note: Callable[..., None]
    ) -> None:
        points = [outcome.at for outcome in killed if outcome.call == "fdatasync new.db-journal"]
        [refused] = rig.sweep("error", points=points[:1])
        assert refused.silent
        outcomes = rig.power_cuts(every=2, random_states=0, fault=Fault("error", refused.at))
        assert_none(failures(outcomes))
        note("power cuts of a file without a log", outcomes)


class TestCopies(FaultTests):
    workload = "copies"
    kill_every = 2  # of some 200 calls; all of them in the soak
    cut_every = 10
    replicas = ("a.db", "copy.db", "backup.db")
    unnoticed = frozenset(beginning("copy.db") | remains("copy.db") | remains("backup.db") | {"open a.db-wal"})
    compound_every = (60, 30)
