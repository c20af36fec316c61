"""Law 3: replication writes what someone wrote; merges, where chosen, are deterministic."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import replica
from tests.property.machine import edits, histories, lane, number, who
from tests.world import CLOCKS, World, all_leaves

small = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1)
writes = st.lists(st.tuples(who, number, number, edits, st.booleans()), min_size=2, max_size=12)


@histories(20)
@given(writes, st.sampled_from([2, 3, 4]), lane)
def test_law_3_replication_adds_no_opinion(writes: list[Any], count: int, lane: str) -> None:
    """However often it is done: no revision appears that nobody wrote, and once it is quiet not a byte is written."""
    with World(count, clocks=tuple(CLOCKS)) as world:
        for who, doc, branch, change, link in writes:
            world.edit(who, doc, branch, change)
            if link:
                world.replicate(who, branch, "both", lane)
        world.settle(0)
        assert {(leaf.unid, leaf.rev) for leaf in all_leaves(world.twins[0].model)} <= world.written.keys()
        before = [(twin.library.info(), twin.library.history()) for twin in world.twins]
        for twin in world.twins[1:]:
            report = replica.replicate(world.twins[0].library, twin.library)
            assert [(0, 0, 0)] * 2 == [
                (t.added, t.updated, t.deleted) for t in (report.pull, report.push) if t is not None
            ]
        after = [(twin.library.info(), twin.library.history()) for twin in world.twins]
        if count == 2:  # of more, some pairs meet here for the first time, and remember it
            assert before == after
        assert [info["update_seq"] for info, _ in before] == [info["update_seq"] for info, _ in after]


@histories(20)
@given(base=st.integers(0, 2), here=small, there=small)
def test_a_merge_is_the_same_revision_wherever_it_is_made(
    base: int, here: dict[str, int], there: dict[str, int]
) -> None:
    """Two replicas that merge get the same two versions, in different order and at different times."""
    clocks, policies = ("right", "ahead", "frozen", "behind"), ("conflict", "conflict", "merge", "merge")
    with World(4, clocks=clocks, policies=policies) as world:
        start = {"a": base, "b": base}
        world.put(0, 0, start)
        for other in range(3):
            world.replicate(0, other, "push")
        world.edit(0, 0, 0, here)
        world.edit(1, 0, 0, there)
        first, second, merging, also_merging = (twin.library for twin in world.twins)
        for target, sources in ((merging, (first, second)), (also_merging, (second, first))):
            for source in sources:
                replica.replicate(target, source, "pull")
        assert merging.compare(also_merging)["ok"]
        changed_here, changed_there = (
            {name for name in edit if edit[name] != start.get(name)} for edit in (here, there)
        )
        clash = {name for name in changed_here & changed_there if here[name] != there[name]}
        assert bool(clash) == bool(merging.info()["conflicts"])
        if not clash:
            mine = {name: here[name] for name in changed_here}
            theirs = {name: there[name] for name in changed_there}
            assert start | mine | theirs == merging.get("d0").items
