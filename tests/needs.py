"""What a test needs from the machine it runs on: `from tests.needs import need`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

PEERS = Path(__file__).parents[1] / "benchmarks/peers"


def need(program: str) -> str:
    """The path of a program a test cannot run without; may be called in a test, a fixture or at the top of a file.

    Where it is absent the test is skipped and the summary names the program. With REPLICA_REQUIRE_ALL=1 (as `.ci/run`
    sets it) the test fails instead, so that a machine which claims to check everything cannot skip anything.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    absent(f"the program {program!r}")


def need_packages(*packages: str) -> Path:
    """The folder in whose `node_modules` these npm packages are; as `need` where they are not."""
    need("node")
    for package in packages:
        if not (PEERS / "node_modules" / package).is_dir():
            absent(f"the npm package {package!r} (cd benchmarks/peers && npm install)")
    return PEERS


def absent(what: str) -> NoReturn:
    """Skip the test that cannot run without it, or fail it, as `need` does."""
    if os.environ.get("REPLICA_REQUIRE_ALL") == "1":
        pytest.fail(f"this test needs {what}, which is not there", pytrace=False)
    pytest.skip(f"needs {what}", allow_module_level=True)
