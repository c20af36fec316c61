"""What a test needs from the machine it runs on: `from tests.needs import need`."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str) -> str:
    """The path of a program a test cannot run without; may be called in a test, a fixture or at the top of a file.

    Where it is absent the test is skipped and the summary names the program. With REPLICA_REQUIRE_ALL=1 (as `.ci/run`
    sets it) the test fails instead, so that a machine which claims to check everything cannot skip anything.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    if os.environ.get("REPLICA_REQUIRE_ALL") == "1":
        pytest.fail(f"this test needs the program {program!r}, which is not installed", pytrace=False)
    pytest.skip(f"needs the program {program!r}", allow_module_level=True)
