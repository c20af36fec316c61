"""`import replica` shows a short, sorted list of names, and nothing else."""

from __future__ import annotations

import types

import replica


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
