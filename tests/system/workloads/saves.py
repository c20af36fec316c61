"""Saves one by one, in batches, and of what else a replica keeps: settings and indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import replica
from tests.system.oracle import STUB, assert_kept, assert_works, look, saved

PAD = "x" * 1500

PROMISED = {
    "new": saved(("new", "new")),
    "update": saved(("b", "update")),
    "delete": saved(("c", STUB)),
    "back": saved(("gone", "back")),
    "batch": [
        *saved(("b1", "batch"), ("b2", "batch"), ("d", "batch"), ("e", STUB)),
        lambda found: found.hub.settings["keep-revisions"] == 5,
    ],
    "title": [lambda found: found.hub.settings["title"] == "Orders"],
    "index": [lambda found: len(found.hub.indexes()) == 1],
}


def prepare(folder: Path) -> None:
    with replica.create(folder / "a.db") as hub:
        hub.put_many(replica.Document({"by": "before", "pad": PAD}, unid=unid) for unid in "abcdefgh")
        hub.put({"by": "before"}, unid="gone")
        hub.delete("gone")


def work(folder: Path, attempt: Any) -> None:
    with replica.open(folder / "a.db") as hub:
        with attempt("new"):
            hub.put({"by": "new", "pad": PAD}, unid="new")
        with attempt("update"):
            hub.put(changed(hub, "b", "update"))
        with attempt("delete"):
            hub.delete("c")
        with attempt("back"):
            hub.put({"by": "back"}, unid="gone")
        with attempt("batch"), hub.batch():
            hub.put({"by": "batch", "pad": PAD}, unid="b1")
            hub.put(changed(hub, "d", "batch"))
            hub.delete("e")
            hub.settings["keep-revisions"] = 5
            hub.put({"by": "batch", "pad": PAD}, unid="b2")
        with attempt("title"):
            hub.settings["title"] = "Orders"
        with attempt("index"):
            hub.create_index(["by"])


def changed(hub: replica.Replica, unid: str, token: str) -> replica.Document:
    document = hub.get(unid)
    document["by"] = token
    return document


def recover(folder: Path, attempt: Any) -> None:
    with replica.open(folder / "a.db") as hub, attempt("recovered"):
        hub.put({"by": "recovered"}, unid="recovered")


def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    with replica.open(folder / "a.db") as hub:
        found = look(hub)
        assert_kept(found, PROMISED | {"recovered": saved(("recovered", "recovered"))}, acknowledged, unknown)
        assert {(unid, "before") for unid in "abcdefgh"} <= found.marks
        assert_works(hub)
