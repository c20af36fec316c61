"""Faults while conflicts are resolved."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestResolving(FaultTests):
    workload = "resolving"
