"""Faults during compaction."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestCompaction(FaultTests):
    workload = "compaction"
