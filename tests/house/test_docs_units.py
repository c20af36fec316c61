"""The systemd units in the documents are units."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.pages import blocks, name_of, pages
from tests.needs import need

UNITS = [(page, block.text) for page in pages() for block in blocks(page, "ini") if "[Service]" in block.text]


@pytest.mark.parametrize(("page", "unit"), UNITS, ids=[name_of(page) for page, _ in UNITS])
def test_a_unit_is_one(page: Path, unit: str, tmp_path: Path) -> None:
    program = need("systemd-analyze")
    there = re.sub(r"=/usr/local/bin/replicate\b", "=/bin/true", unit)  # a program has to be there
    assert there != unit
    path = tmp_path / "replica.service"
    path.write_text(there, encoding="utf-8")
    done = subprocess.run([program, "verify", "--man=no", path], capture_output=True, text=True, check=False)
    assert ("", 0) == (done.stderr, done.returncode)


def test_there_are_some() -> None:
    assert len(UNITS) >= 3
