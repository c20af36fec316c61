"""The planted bugs: each a patch to a copy of the package, and the history or law test that kills it.

`python -m tests.planted.bugs` writes the table in docs/planted-bugs.md; with names of bugs, it looks for the first
history that kills them and notes it in their patches.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
PAGE = ROOT / "docs" / "planted-bugs.md"
HEADER = re.compile(r"(?P<what>[^\n]+)\n\nLaw: (?P<law>[1-9])\nKilled by: (?P<killer>\w+/\w+)\n\n--- a/")
HISTORIES_MOST = 1000


class Bug(NamedTuple):
    """A planted bug: what its patch says in front of the changes. `killer`: as `tests.planted.hunt` takes it."""

    name: str
    what: str
    law: str
    killer: str

    @property
    def patch(self) -> Path:
        """The file."""
        return FOLDER / f"{self.name}.patch"

    @property
    def family(self) -> str:
        """Whose history kills it, or the file of the law test."""
        return self.killer.partition("/")[0]

    @property
    def is_killed_by_history(self) -> bool:
        """Else by a law test."""
        return not self.family.startswith("test_")

    @property
    def histories(self) -> int:
        """How many are needed, counted from the first."""
        return int(self.killer.partition("/")[2]) + 1 if self.is_killed_by_history else 1


def bugs() -> list[Bug]:
    """All of them, in the order of the laws."""
    found = []
    for path in FOLDER.glob("*.patch"):
        header = HEADER.match(path.read_text(encoding="utf-8"))
        assert header, f"{path.name} does not say what it is, which law it breaks, and what kills it"
        found.append(Bug(path.stem, **header.groupdict()))
    return sorted(found, key=lambda bug: (bug.law, bug.name))


def plant(bug: Bug, folder: Path) -> None:
    """Make a copy of the package in `folder`, with the bug in it; `CalledProcessError` if the patch does not apply."""
    for name in ("replica", "migrations"):
        shutil.copytree(ROOT / name, folder / name)  # with what is compiled already
    (folder / "tests").symlink_to(ROOT / "tests")
    outside = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}  # it would look for a repository
    subprocess.run(["git", "apply", str(bug.patch)], cwd=folder, env=outside, check=True, capture_output=True)


def hunt(folder: Path, *killers: str) -> list[dict[str, Any]]:
    """What these find in the package that is in `folder`, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.planted.hunt", *killers], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def table() -> str:
    """What docs/planted-bugs.md says."""
    rows = ["| bug | what it is | law | killed by | histories |", "|---|---|---|---|---|"]
    for bug in bugs():
        by = f"{bug.family} {bug.histories - 1}" if bug.is_killed_by_history else f"`{bug.killer.partition('/')[2]}`"
        rows.append(f"| `{bug.name}` | {bug.what} | {bug.law} | {by} | {bug.histories} |")
    return "\n".join(rows) + "\n"


def _search(bug: Bug) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plant(bug, Path(folder))
        found = hunt(Path(folder), f"{bug.family}/0:{HISTORIES_MOST}")
    assert found, f"{bug.name} survives {HISTORIES_MOST} histories"
    text = bug.patch.read_text(encoding="utf-8")
    bug.patch.write_text(text.replace(f"Killed by: {bug.killer}\n", f"Killed by: {found[0]['killer']}\n", 1))


def main() -> None:
    """Search, and write the table."""
    for bug in bugs():
        if bug.name in sys.argv[1:] and bug.is_killed_by_history:
            _search(bug)
    before, _, _ = PAGE.read_text(encoding="utf-8").partition("| bug |")
    PAGE.write_text(before + table(), encoding="utf-8")


if __name__ == "__main__":
    main()
