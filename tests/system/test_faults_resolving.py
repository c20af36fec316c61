"""Faults while conflicts are resolved."""

from __future__ import annotations

import pytest

from tests.system.fault_tests import FaultTests

pytestmark = pytest.mark.system


class TestResolving(FaultTests):
    workload = "resolving"
    kill_every = 2  # of some 170 calls; all of them in the soak
    cut_every = 10
