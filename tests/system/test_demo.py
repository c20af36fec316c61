"""The demo does what it shows, and notices when something is not as it should be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT

TIMEOUT_S = 300
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.system


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """`replicate` of this source and this Python first in the path; temporary folders in a place that can be looked at."""
    programs, scratch = tmp_path / "programs", tmp_path / "scratch"
    programs.mkdir()
    scratch.mkdir()
    command = "import sys; from replica.cli import main; sys.exit(main())"
    for name, arguments in (("replicate", f"-c '{command}' "), ("python3", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}


def run(script: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(script)], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def test_the_demo_ends_with_equal_replicas_and_leaves_nothing_behind(
    environment: dict[str, str], tmp_path: Path
) -> None:
    ran = run(EXAMPLES / "demo.sh", environment)
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert 3 == ran.stdout.count(" hold the same\n")
    assert '"important"' in ran.stdout
    assert '"required"' in ran.stdout
    assert "1 resurrected" in ran.stdout
    assert [] == list((tmp_path / "scratch").iterdir())


def test_the_demo_fails_and_says_what_is_wrong_when_a_count_is_not_the_expected_one(
    environment: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    script = tmp_path / "examples" / "demo.sh"
    script.write_text(script.read_text().replace("documents=400", "documents=399"))
    ran = run(script, environment)
    assert 1 == ran.returncode
    assert "documents is 400 and not 399" in ran.stderr
    assert "replicate info hub.db --json" in ran.stderr
