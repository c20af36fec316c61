"""Faults while documents are saved one by one and in batches."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestSaves(FaultTests):
    workload = "saves"
