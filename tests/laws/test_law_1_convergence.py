"""Law 1: when replication goes quiet, all replicas hold the same leaves, for any topology, order and lane."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import replica
from replica.engine.peer import Batch
from replica.leaf import Leaf, next_revision
from replica.store.sessions import Session
from tests.property.machine import edits, histories, number, who
from tests.saboteurs import LANES
from tests.saboteurs import replicate as by_lane
from tests.world import CLOCKS, Twin, World

writes = st.lists(st.tuples(who, number, number, edits), min_size=2, max_size=10)
clocks = st.sampled_from(sorted(CLOCKS))


@histories(20)
@given(writes, clocks, st.sampled_from([2, 3]))
def test_law_1_convergence(writes: list[Any], clock: str, count: int) -> None:
    """Whatever is written where: in each of the n! orders in which the replicas can meet, all of them end the same."""
    assert 1 == len({*ends_of_every_order(writes, clock, count, "conflict")})


@histories(2)
@given(writes, clocks)
def test_law_1_convergence_of_four(writes: list[Any], clock: str) -> None:
    assert 1 == len({*ends_of_every_order(writes, clock, 4, "conflict")})


@histories(10)
@given(writes, clocks)
def test_law_1_convergence_where_leaves_are_merged(writes: list[Any], clock: str) -> None:
    """What is merged with what depends on the order of the meetings; but all replicas end the same."""
    assert 1 <= len({*ends_of_every_order(writes, clock, 3, "merge")})


def ends_of_every_order(writes: list[Any], clock: str, count: int, policy: str) -> Iterator[str]:
    """What is seen at the end, in all replicas alike, for every order in which they meet."""
    with World(count, clocks=("right", clock), policies=(policy,)) as world:
        for who, doc, branch, change in writes:
            world.edit(who, doc, branch, change)
            if branch == 0:
                world.replicate(who, doc, "pull")
        for order in itertools.permutations(range(count)):
            with world.clones() as twins:
                meet([twins[n] for n in order])
                ends = {seen(twin.library) for twin in twins}
            assert 1 == len(ends)
            yield ends.pop()


def meet(line: list[Twin]) -> None:
    """One after the other, and back; twice, because merges that are made on the way have to travel too."""
    links = list(itertools.pairwise(line))
    for lane in LANES:
        for a, b in links + links[::-1]:
            by_lane(a.library, b.library, lane=lane)


def seen(hub: replica.Replica) -> str:
    """All that there is to see, conflict documents and stubs too."""
    documents = [document.to_json() for document in hub.documents(conflicts=True, deleted=True)]
    leaves = sorted((change.unid, change.leaves) for change in hub.changes())
    return "\n".join(map(str, [*documents, *hub.conflicts(), *leaves]))


@pytest.mark.parametrize("lane", LANES)
def test_a_document_with_a_thousand_leaves_is_replicated(lane: str) -> None:
    with World(2) as world:
        hub, laptop = (twin.library for twin in world.twins)
        leaves = [next_revision("d", [], b'{"n":%d}' % n, n, 1000) for n in range(1000)]
        hub.peer.accept(Batch(leaves, {}, Session("s", "in", "elsewhere", 0, 1, 0, {}), 1000), False)
        report = by_lane(laptop, hub, "pull", lane=lane)
        assert report.pull is not None
        assert (1, 1) == (report.pull.added, report.pull.conflicts)
        assert laptop.compare(hub)["ok"]
        assert 999 == laptop.info()["conflicts"]
        laptop.resolve("d", keep=str(leaves[500].revision))
        by_lane(laptop, hub, "push", lane=lane)
        assert {"n": 500} == hub.get("d").items
        assert 0 == hub.info()["conflicts"]


def test_law_1_who_knows_less_of_what_was_merged_learns_it(tmp_path: Path) -> None:
    """Where less is kept of an ancestry, a merge is known with less of it. The other replica's word ends an old branch."""
    first = next_revision("d", [], b'{"n":1}', 1, 1000)
    old = [next_revision("d", [first], b'{"n":%d}' % n, n, 1000) for n in (2, 3, 4)]
    new = [next_revision("d", [leaf], b'{"n":5}', 5, 1000) for leaf in old]
    merged = next_revision("d", new, b'{"n":6}', 6, 1000)
    less = merged._replace(ancestry=merged.ancestry.cut(3))
    assert less.ancestry.line == merged.ancestry.line
    for lane, direction in itertools.product(LANES, ("pull", "push")):
        with World(2) as world:
            hub, laptop = (twin.library for twin in world.twins)
            take(hub, merged)
            take(laptop, less)
            ends = (laptop, hub) if direction == "pull" else (hub, laptop)
            assert by_lane(*ends, direction, lane=lane).ok
            take(laptop, min(old, key=lambda leaf: leaf.revision))
            assert [str(merged.revision)] == [leaf for change in laptop.changes() for leaf in change.leaves]


def take(library: replica.Replica, leaf: Leaf) -> None:
    library.peer.accept(Batch([leaf], {}, Session("s", "in", "elsewhere", 0, 1, 0, {}), 1000), False)
