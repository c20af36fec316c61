"""New files appear: a new database, a copy, a backup; and a restored backup is opened for the first time.

A name that was to be taken is free afterwards, or a whole replica is there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import replica
from tests.system.oracle import Mark, assert_works, look

SIZE = 6
NEW = {"new.db": "create", "copy.db": "copy", "backup.db": "backup"}  # and which attempt makes it
LEFT = re.compile(r"\w+\.db\.[0-9a-f]{8}\.new(-journal)?")  # by a process that was killed; in nobody's way
DOCUMENTS: set[Mark] = {(f"d/{n}", "before") for n in range(SIZE)}


def prepare(folder: Path) -> None:
    """`restored.db` is a backup that has come into the place of an original."""
    with replica.create(str(folder / "a.db")) as a:
        a.put_many(replica.Document({"by": by}, unid=unid) for unid, by in sorted(DOCUMENTS))
        a.backup(str(folder / "saved"))
    shutil.move(folder / "saved", folder / "restored.db")


def makers(folder: Path, a: replica.Replica) -> dict[str, Callable[[], None]]:
    def create() -> None:
        replica.create(str(folder / "new.db"), title="New").close()

    def copy() -> None:
        a.copy(str(folder / "copy.db")).close()

    def backup() -> None:
        a.backup(str(folder / "backup.db"))

    return {"create": create, "copy": copy, "backup": backup}


def work(folder: Path, attempt: Any) -> None:
    with replica.open(str(folder / "a.db")) as a:
        for token, make in makers(folder, a).items():
            with attempt(token):
                make()
    with replica.open(str(folder / "restored.db")) as restored, attempt("restored"):
        restored.put({"by": "restored"}, unid="restored")


def recover(folder: Path, attempt: Any) -> None:
    """Make what is not there yet."""
    with replica.open(str(folder / "a.db")) as a:
        for name, token in NEW.items():
            if not (folder / name).exists():
                with attempt(f"{token} again"):
                    makers(folder, a)[token]()


def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    done = {token.removesuffix(" again") for token in acknowledged}
    begun = done | {token.removesuffix(" again") for token in unknown}
    assert_no_litter(folder)
    with replica.open(str(folder / "a.db")) as a:
        assert look(a).marks == DOCUMENTS
        for name, token in NEW.items():
            there = (folder / name).exists()
            assert there or token not in done, f"lost: {name}"
            assert not there or token in begun, f"from nowhere: {name}"
            if there:
                with pytest.raises(replica.errors.Exists):
                    makers(folder, a)[token]()
            else:
                makers(folder, a)[token]()
        assert_own_names(folder, a)
        check_whole(folder, a)
    check_restored(folder, acknowledged, unknown)


def assert_no_litter(folder: Path) -> None:
    ours = {
        f"{name}{suffix}"
        for name in ("a.db", "restored.db", *NEW)
        for suffix in ("", "-wal", "-shm", "-lock", "-journal")
    }
    others = {path.name for path in folder.iterdir()} - ours
    assert all(LEFT.fullmatch(name) for name in others), f"left behind: {others}"


def assert_own_names(folder: Path, a: replica.Replica) -> None:
    """A copy is a replica of its own, a new database is another database; a backup is what it is a backup of."""
    with replica.open(str(folder / "new.db")) as new, replica.open(str(folder / "copy.db")) as copy:
        mine, its, other = a.info(), copy.info(), new.info()
    assert mine["replica_id"] == its["replica_id"]
    assert len({mine["instance_id"], its["instance_id"], other["instance_id"]}) == 3
    assert mine["replica_id"] != other["replica_id"]
    assert other["title"] == "New", "the title of a new database is lost"


def check_whole(folder: Path, a: replica.Replica) -> None:
    with replica.open(str(folder / "new.db")) as new:
        assert not look(new).marks
        assert_works(new)
    for name in ("copy.db", "backup.db"):
        with replica.open(str(folder / name)) as other:
            assert look(other).marks == DOCUMENTS
            assert_works(other)
            assert replica.replicate(other, a).ok
            assert a.compare(other)["ok"], f"{name} lost documents on the way"


def check_restored(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    with replica.open(str(folder / "restored.db")) as restored:
        more = look(restored).marks - DOCUMENTS
        assert len(look(restored).marks & DOCUMENTS) == SIZE
        assert not more or "restored" in (*acknowledged, *unknown)
        assert more or "restored" not in acknowledged, "lost: restored"
        assert_works(restored)
