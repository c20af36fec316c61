"""Faults during compaction."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestCompaction(FaultTests):
    workload = "compaction"
    kill_every = 2  # of some 240 calls; all of them in the soak
    cut_every = 15
