"""Faults while two files are brought together through the verbs of peers."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestGeneralLane(FaultTests):
    workload = "exchange_general"
    replicas = ("a.db", "b.db")
    kill_every = 6  # of some 350 calls; all of them in the soak
    cut_every = 30
    compound_every = (150, 60)
