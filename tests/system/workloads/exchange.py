"""Two files, edited apart and brought together; `parts` gives the functions of a workload for one lane.

The documents of two replicas, and who saved the leaves that both must have in the end:

- `a/n`, `b/n`: made by one; `old/n`: there before; `changed/a`: changed by a; `gone/a`, `gone/b`: deleted by one
- `clash`: changed by both; `kept`: deleted by a, changed by b
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import replica
from replica.engine import replicate as loop
from replica.engine.history import common_position
from replica.store.sessions import START
from replica.transports import attached
from tests.system.oracle import ALL, STUB, Found, Token, assert_kept, assert_works, look, saved, tips

NEW, OLD = 6, 4
PAD = "x" * 200
BATCH = 8  # feed entries in one transaction, so that an exchange takes several
SHARED = [*(f"old/{n}" for n in range(OLD)), "changed/a", "gone/a", "gone/b", "clash", "kept", "later/a", "later/b"]
PROMISED = {"later a": saved(("later/a", "later a")), "later b": saved(("later/b", STUB))}

Bring = Callable[[replica.Replica, replica.Replica], replica.Report]  # together, in one lane
Tips = dict[str, list[Token]]


def parts(bring: Bring) -> tuple[Callable[..., None], ...]:
    """`prepare`, `work`, `recover`, `check`."""

    def work(folder: Path, attempt: Any) -> None:
        loop.PAGE = attached.ROWS = BATCH
        with open_in(folder, "a") as a, open_in(folder, "b") as b:
            with attempt("first"):
                assert bring(a, b).ok
            with attempt("later a"):
                a.put(changed(a, "later/a", "later a"))
            with attempt("later b"):
                b.delete("later/b")
            with attempt("second"):
                assert bring(a, b).ok

    def recover(folder: Path, attempt: Any) -> None:
        loop.PAGE = attached.ROWS = BATCH
        with open_in(folder, "a") as a, open_in(folder, "b") as b, attempt("again"):
            assert bring(a, b).ok

    def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
        with open_in(folder, "a") as a, open_in(folder, "b") as b:
            found = look(a), look(b)
            assert_nothing_missing(found, acknowledged, unknown)
            assert_true_memory(a, b)
            assert_true_memory(b, a)
            assert bring(a, b).ok
            assert final_tips(found) == tips(a), "lost on the way"
            assert a.compare(b)["ok"]
            assert b.verify()["ok"]
            assert_works(a)
            assert_works(b)

    return prepare, work, recover, check


def open_in(folder: Path, name: str) -> replica.Replica:
    return replica.open(str(folder / f"{name}.db"))


def changed(hub: replica.Replica, unid: str, by: str) -> replica.Document:
    document = hub.get(unid)
    document["by"] = by
    return document


def prepare(folder: Path) -> None:
    with replica.create(str(folder / "a.db")) as a:
        a.put_many(replica.Document({"by": "before", "pad": PAD}, unid=unid) for unid in SHARED)
        with a.copy(str(folder / "b.db")) as b:
            for hub, by in ((a, "a"), (b, "b")):
                hub.put_many(replica.Document({"by": by, "pad": PAD}, unid=f"{by}/{n}") for n in range(NEW))
                hub.put(changed(hub, "clash", by))
                hub.delete(f"gone/{by}")
            a.put(changed(a, "changed/a", "a"))
            a.delete("kept")
            b.put(changed(b, "kept", "b"))


def final_tips(found: tuple[Found, Found]) -> Tips:
    """Who saved the leaves of each document when all is exchanged, given which of the later edits were done."""
    wanted: Tips = {f"{by}/{n}": [by] for by in "ab" for n in range(NEW)}
    wanted |= {f"old/{n}": ["before"] for n in range(OLD)} | {"gone/a": [STUB], "gone/b": [STUB]}
    wanted |= {"changed/a": ["a"], "clash": ["a", "b"], "kept": sorted([STUB, "b"])}
    wanted["later/a"] = ["later a" if ("later/a", "later a") in found[0].marks else "before"]
    wanted["later/b"] = [STUB if ("later/b", STUB) in found[1].marks else "before"]
    return wanted


def assert_nothing_missing(found: tuple[Found, Found], acknowledged: list[str], unknown: list[str]) -> None:
    a, b = found
    for one, name in zip(found, "ab", strict=True):
        own = {(f"{name}/{n}", name) for n in range(NEW)} | {("clash", name), (f"gone/{name}", STUB)}
        assert own <= one.marks, f"{name} lost {own - one.marks}"
    assert_kept(a, {"later a": PROMISED["later a"]}, acknowledged, unknown)
    assert_kept(b, {"later b": PROMISED["later b"]}, acknowledged, unknown)
    wanted = final_tips(found)
    sure = {"first": wanted.keys() - {"later/a", "later/b"}, "second": wanted.keys(), "again": wanted.keys()}
    for token in sure.keys() & set(acknowledged):
        for one in found:
            there = one.tips
            lost = [unid for unid in sure[token] if there.get(unid) != wanted[unid]]
            assert not lost, f"acknowledged as exchanged, but not there: {lost}"


def assert_true_memory(target: replica.Replica, source: replica.Replica) -> None:
    """Everything up to the position that both remember is there."""
    hello = source.peer.greet(None)
    to = target.peer.greet(hello)
    position = common_position(to, source.peer.greet(to)).number
    entries = [entry for entry in source.peer.changes(START, ALL).entries if entry.sequence <= position]
    missing = target.peer.missing([offer for entry in entries for offer in entry.offers])
    assert not missing, f"remembered up to {position}, but not there: {[offer.unid for offer in missing]}"
