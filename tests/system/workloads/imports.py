"""An import of sixty documents in batches: new ones, changed ones, deletions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import replica
from replica.canonical import canonical
from replica.store import loading
from replica.store.loading import Entry, Reader
from tests.system.oracle import STUB, Mark, assert_kept, assert_works, look, saved
from tests.system.workloads.stages import stages

SIZE = 10  # of a batch
PAD = "x" * 200
SAVES, LOADS = range(3), range(3, 6)  # the batches of put_many, and of load


def batch(token: int) -> list[Mark]:
    """What a batch saves. Those of `load` change four documents, delete two and bring four new ones."""
    first = SIZE * token
    if token in SAVES:
        return [(f"new/{n}", token) for n in range(first, first + SIZE)]
    changed = [(f"old/{n}", token) for n in range(first, first + 4)]
    deleted = [(f"old/{n}", STUB) for n in range(first + 4, first + 6)]
    return [*changed, *deleted, *((f"new/{n}", token) for n in range(first, first + 4))]


PROMISED = {token: saved(*batch(token)) for token in (*SAVES, *LOADS)}


def prepare(folder: Path) -> None:
    old = [replica.Document({"by": "before", "pad": PAD}, unid=f"old/{n}") for n in range(6 * SIZE)]
    with replica.create(str(folder / "a.db")) as hub:
        assert hub.put_many(old).ok


def work(folder: Path, attempt: Any) -> None:
    loading.BATCH = SIZE
    with replica.open(str(folder / "a.db")) as hub:
        with stages(attempt, SAVES) as done:
            new = [replica.Document({"by": by, "pad": PAD}, unid=unid) for n in SAVES for unid, by in batch(n)]
            assert hub.put_many(new, on_progress=done).ok
        with stages(attempt, LOADS) as done:
            assert hub.load(entries(), on_progress=done).ok


def entries() -> Iterator[tuple[int, Reader]]:
    for token in LOADS:
        for unid, by in batch(token):
            items = None if by == STUB else canonical({"by": by, "pad": PAD})
            yield token, partial(Entry, token, unid, items)


def recover(folder: Path, attempt: Any) -> None:
    """The import again: what is there is not saved twice."""
    loading.BATCH = SIZE
    with replica.open(str(folder / "a.db")) as hub, stages(attempt, [f"again {n}" for n in LOADS]) as done:
        hub.load(entries(), on_progress=done)


def check(folder: Path, acknowledged: list[Any], unknown: list[Any]) -> None:
    both = [token if isinstance(token, int) else int(token.split()[1]) for token in (*acknowledged, *unknown)]
    acknowledged = both[: len(acknowledged)]
    with replica.open(str(folder / "a.db")) as hub:
        found = look(hub)
        assert_kept(found, PROMISED, acknowledged, both)
        assert {(f"old/{n}", "before") for n in range(6 * SIZE)} <= found.marks
        assert all(len(of_one) == 1 for of_one in found.leaves.values()), "saved beside itself"
        assert {1, 2} >= {leaf.revision.number for [leaf] in found.leaves.values()}, "saved twice"
        assert hub.load(entries()).ok
        wanted = {unid: by for token in LOADS for unid, by in batch(token)}
        there = {document.unid: document["by"] for document in hub.documents()}
        assert all(there.get(unid, STUB) == by for unid, by in wanted.items()), "cannot be imported again"
        assert_works(hub)
