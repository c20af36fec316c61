"""A copy and a backup of a replica: nothing is under their names afterwards, or all of it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import replica
from tests.system.oracle import Mark, assert_no_litter, look

DOCUMENTS: set[Mark] = {(f"d/{n}", "before") for n in range(6)}
NAMES = {"copy": "copy.db", "backup": "backup.db"}


def prepare(folder: Path) -> None:
    with replica.create(str(folder / "a.db")) as a:
        a.put_many(replica.Document({"by": by}, unid=unid) for unid, by in sorted(DOCUMENTS))


def make(a: replica.Replica, folder: Path, token: str) -> None:
    if token == "copy":
        a.copy(str(folder / "copy.db")).close()
    else:
        a.backup(str(folder / "backup.db"))


def work(folder: Path, attempt: Any) -> None:
    with replica.open(str(folder / "a.db")) as a:
        for token in NAMES:
            with attempt(token):
                make(a, folder, token)


def recover(folder: Path, attempt: Any) -> None:
    """Make what is not there yet."""
    with replica.open(str(folder / "a.db")) as a:
        for token, name in NAMES.items():
            if not (folder / name).exists():
                with attempt(f"{token} again"):
                    make(a, folder, token)


def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    assert_no_litter(folder, "a.db", *NAMES.values())
    done = {token.removesuffix(" again") for token in acknowledged}
    begun = done | {token.removesuffix(" again") for token in unknown}
    with replica.open(str(folder / "a.db")) as a:
        assert look(a).marks == DOCUMENTS
        for token, name in NAMES.items():
            there = (folder / name).exists()
            assert there or token not in done, f"lost: {name}"
            assert not there or token in begun, f"from nowhere: {name}"
            with pytest.raises(replica.errors.Exists) if there else nullcontext():
                make(a, folder, token)
            if there:
                assert_replica(a, folder / name)


def assert_replica(a: replica.Replica, path: Path) -> None:
    """It has all documents and a name of its own, at the latest when it meets the original; both go on from there."""
    with replica.open(str(path)) as other:
        assert DOCUMENTS <= look(other).marks, f"{path.name} is not whole"
        other.put({"by": path.name}, unid=path.name)
        a.put({"by": "a"}, unid=f"beside {path.name}")
        assert replica.replicate(other, a).ok
        assert a.compare(other)["ok"], f"{path.name}: lost on the way"
        mine, its = a.identity, other.identity
    assert (mine.replica_id, True) == (its.replica_id, mine.instance_id != its.instance_id)
