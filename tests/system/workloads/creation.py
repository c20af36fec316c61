"""Files opened for the first time, and saved in at once: a restored backup, and a new database.

The name of the new one is free afterwards, or a whole replica is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import replica
from tests.system.oracle import Mark, assert_kept, assert_no_litter, assert_works, look, saved

DOCUMENTS: set[Mark] = {(f"d/{n}", "before") for n in range(6)}
PROMISED = (
    {"restored": saved(("restored", "restored"))},
    {"new": saved(("new", "new")), "next": saved(("next", "next"))},
)


def prepare(folder: Path) -> None:
    """`a.db` is a backup that has come into the place of an original."""
    with replica.create(str(folder / "original")) as original:
        original.put_many(replica.Document({"by": by}, unid=unid) for unid, by in sorted(DOCUMENTS))
        original.backup(str(folder / "a.db"))
    for path in folder.glob("original*"):
        path.unlink()


def work(folder: Path, attempt: Any) -> None:
    with attempt("opened"), replica.open(str(folder / "a.db")) as restored, attempt("restored"):
        restored.put({"by": "restored"}, unid="restored")
    with attempt("created"), replica.create(str(folder / "new.db"), title="New") as new:
        for token in PROMISED[1]:
            with attempt(token):
                new.put({"by": token}, unid=token)


def recover(folder: Path, attempt: Any) -> None:
    replica.open(str(folder / "a.db")).close()
    if not (folder / "new.db").exists():
        with attempt("created again"):
            replica.create(str(folder / "new.db"), title="New").close()


def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    assert_no_litter(folder, "a.db", "new.db")
    with replica.open(str(folder / "a.db")) as restored:
        found = look(restored)
        assert found.marks >= DOCUMENTS
        assert_kept(found, PROMISED[0], acknowledged, unknown)
        assert_works(restored)
    there = (folder / "new.db").exists()
    assert there or not {"created", "created again", "new", "next"} & set(acknowledged), "lost: the new database"
    assert not there or {"created", "created again"} & {*acknowledged, *unknown}, "from nowhere: the new database"
    if there:
        with pytest.raises(replica.errors.Exists):
            replica.create(str(folder / "new.db"))
    else:
        replica.create(str(folder / "new.db"), title="New").close()
    with replica.open(str(folder / "new.db")) as new:
        assert new.settings["title"] == "New", "lost: the title"
        assert_kept(look(new), PROMISED[1], acknowledged, unknown)
        assert_works(new)
