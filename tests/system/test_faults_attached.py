"""Faults while two files are brought together by SQL."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestAttachedLane(FaultTests):
    workload = "exchange_attached"
    replicas = ("a.db", "b.db")
    unnoticed = frozenset({"open a.db-wal", "open b.db-wal"})  # of the source: an existing log is then only read
    kill_every = 6  # of some 350 calls; all of them in the soak
    cut_every = 30
    compound_every = (150, 60)
