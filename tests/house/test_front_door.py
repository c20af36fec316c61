"""`import replica` shows a short, sorted list of names, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import types

import replica
from tests.house.source import ROOT


def test_the_list_of_names_is_sorted() -> None:
    assert sorted(replica.__all__) == list(replica.__all__)


def test_the_list_of_names_is_the_public_namespace() -> None:
    """Submodules that happen to be loaded do not count, nor does what `from __future__` leaves behind."""
    found = {
        name
        for name, value in vars(replica).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name != "annotations"
    }
    listed = set(replica.__all__)
    assert set() == found - listed
    assert set() == {name for name in listed if not hasattr(replica, name)}


def test_every_name_has_one_home() -> None:
    assert list(replica.__all__) == list(replica._HOMES)


def test_importing_the_front_door_loads_nothing_behind_it() -> None:
    look = "import sys, replica; print(sorted({'sqlalchemy', 'sqlite3', 'json', 'msgspec'} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "[]\n" == answer.stdout
