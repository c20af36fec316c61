"""Conflicts come to their end in each of the ways there are.

Both replicas changed `c/0` to `c/6`; here one conflict after the other is resolved, in a, and the rest by one call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import replica
from tests.system.oracle import STUB, Effect, Found, Token, assert_kept, assert_works, look, tips

REST = ["c/4", "c/5", "c/6"]


def tip(unid: str, *by: Token) -> Effect:
    return lambda found: found.tips[unid] == sorted(by, key=str)


def one_stub(unid: str) -> Effect:
    """One of the two clashing leaves is closed, the other is what it was."""
    return lambda found: found.tips[unid] in ([STUB, "a"], [STUB, "b"])


def of_its_own(found: Found) -> bool:
    return ["saved"] in found.tips.values()


PROMISED = {
    "kept": [lambda found: len(found.leaves["c/0"]) == 1],
    "items": [tip("c/1", "items")],
    "dropped": [one_stub("c/2")],
    "saved": [one_stub("c/3"), of_its_own],
}


def prepare(folder: Path) -> None:
    unids = [f"c/{n}" for n in range(7)]
    with replica.create(str(folder / "a.db")) as a:
        a.put_many(replica.Document({"by": "before"}, unid=unid) for unid in unids)
        with a.copy(str(folder / "b.db")) as b:
            for hub, by in ((a, "a"), (b, "b")):
                hub.put_many(with_items(hub.get(unid), by) for unid in unids)
            assert replica.replicate(a, b).pull.conflicts == len(unids)


def with_items(document: replica.Document, by: str) -> replica.Document:
    document["by"] = by
    return document


def work(folder: Path, attempt: Any) -> None:
    with replica.open(str(folder / "a.db")) as a:
        with attempt("kept"):
            a.resolve("c/0", keep=losing(a, "c/0").revision)
        with attempt("items"):
            a.resolve("c/1", items={"by": "items"})
        with attempt("dropped"):
            a.delete(a.get(losing(a, "c/2").unid))
        with attempt("saved"):
            a.put(with_items(a.get(losing(a, "c/3").unid), "saved"))
        with attempt("rest"):
            assert set(REST) <= set(a.resolve_all(keep="newest"))


def losing(hub: replica.Replica, unid: str) -> replica.ConflictLeaf:
    [conflict] = [conflict for conflict in hub.conflicts() if conflict.unid == unid]
    return conflict.leaves[0]


def recover(folder: Path, attempt: Any) -> None:
    with replica.open(str(folder / "a.db")) as a, attempt("rest"):
        a.resolve_all(keep="newest")


def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    with replica.open(str(folder / "a.db")) as a, replica.open(str(folder / "b.db")) as b:
        found = look(a)
        assert {(f"c/{n}", by) for n in range(7) for by in ("before", "a", "b")} <= found.marks
        clashing = [unid for unid in found.leaves if found.tips[unid] == ["a", "b"]]
        if "rest" in (*acknowledged, *unknown):  # then it may have ended the others too
            assert_kept(
                found, {token: PROMISED[token] for token in PROMISED.keys() & set(acknowledged)}, acknowledged, ()
            )
        else:
            assert_kept(found, PROMISED, acknowledged, unknown)
            assert set(REST) <= set(clashing)
        assert "rest" not in acknowledged or not clashing, f"acknowledged as resolved: {clashing}"
        assert replica.replicate(a, b).ok
        assert a.compare(b)["ok"]
        assert found.tips == tips(b), "lost on the way"
        a.resolve_all()
        assert not list(a.conflicts())
        assert_works(a)
