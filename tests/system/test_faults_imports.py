"""Faults during an import: its batches are there as a whole or not at all, and it can be repeated."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestImport(FaultTests):
    workload = "imports"
