"""What `pip install` brings is complete."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.source import NOT_OURS, ROOT, modules

NEEDED = ("pyproject.toml", "README.md", "LICENSE", "replica", "migrations")


@pytest.mark.system
def test_the_wheel_holds_the_package_its_types_and_the_migrations(tmp_path: Path) -> None:
    """Built from a copy, without the network, with the build back end of the development group."""
    copy = tmp_path / "source"
    copy.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(*NOT_OURS))
        else:
            shutil.copy(ROOT / name, copy / name)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check", "--no-index"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(tmp_path), str(copy)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == built.returncode, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    scripts = {path.relative_to(ROOT / "migrations").as_posix() for path in (ROOT / "migrations").rglob("*.py")}
    expected = {module.name for module in modules()} | {f"replica/_migrations/{name}" for name in scripts}
    assert set() == (expected | {"replica/py.typed"}) - held
