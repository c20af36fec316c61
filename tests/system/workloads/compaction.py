"""A replica with superseded revisions, a conflict and stubs gives its space back, twice, with saves between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import replica
from replica.revision import Ancestor, Revision
from tests.system.oracle import STUB, Token, assert_kept, assert_works, look, saved, tips

PAD = "x" * 1000
REVISIONS = 4
CHANGED = [f"changed/{n}" for n in range(6)]
PROMISED = {"save": saved(("new", "save")), "change": saved(("changed/0", "change"))}


def prepare(folder: Path) -> None:
    """Every revision there ever was is written into `expected.json`, and who saved the leaves."""
    with replica.create(str(folder / "a.db")) as a:
        a.put_many(replica.Document({"by": 1, "pad": PAD}, unid=unid) for unid in (*CHANGED, "clash", "gone"))
        for by in range(2, REVISIONS + 1):
            a.put_many(changed(a, unid, by) for unid in CHANGED)
        a.delete("gone")
        with a.copy(str(folder / "b.db")) as b:
            for hub, by in ((a, "a"), (b, "b")):
                hub.put(changed(hub, "clash", by))
            assert replica.replicate(a, b).ok
        revisions = {
            unid: [document.revision for document in a.revisions(unid)] for unid in (*CHANGED, "clash", "gone")
        }
        expected = {"revisions": revisions, "tips": tips(a), "bytes": a.info()["bytes"]}
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


def changed(hub: replica.Replica, unid: str, by: Token) -> replica.Document:
    document = hub.get(unid)
    document["by"] = by
    return document


def work(folder: Path, attempt: Any) -> None:
    with replica.open(str(folder / "a.db")) as a:
        with attempt("compact"):
            a.compact()
        with attempt("save"):
            a.put({"by": "save", "pad": PAD}, unid="new")
        with attempt("change"):
            a.put(changed(a, "changed/0", "change"))
        with attempt("compact again"):
            a.compact()


def recover(folder: Path, attempt: Any) -> None:
    with replica.open(str(folder / "a.db")) as a, attempt("compact again"):
        a.compact()


def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    with replica.open(str(folder / "a.db")) as a, replica.open(str(folder / "b.db")) as b:
        found = look(a)
        wanted = expected["tips"] | ({"new": ["save"]} if ("new", "save") in found.marks else {})
        if "change" in found.tips["changed/0"]:
            wanted["changed/0"] = ["change"]
        assert wanted == found.tips, "leaves were lost"
        for unid, revisions in expected["revisions"].items():
            ancestors = [Ancestor.of(Revision.parse(revision)) for revision in revisions]
            lost = [one for one in ancestors if not any(leaf.covers(one) for leaf in found.leaves[unid])]
            assert not lost, f"{unid} forgot that it descends from {lost}"
        if "compact again" not in (*acknowledged, *unknown):
            assert_kept(found, PROMISED, acknowledged, unknown)
        forgotten = {(unid, 2) in found.marks for unid in CHANGED}
        assert len(forgotten) == 1, "torn: some superseded revisions are there, some not"
        if {"compact", "compact again"} & set(acknowledged):
            assert not any((unid, by) in found.marks for unid in CHANGED[1:] for by in range(1, REVISIONS)), (
                "not compacted"
            )
            assert ("gone", STUB) in found.marks
        assert replica.replicate(a, b).ok
        assert a.compare(b)["ok"]
        a.compact()
        assert a.info()["bytes"] <= expected["bytes"]
        assert_works(a)
