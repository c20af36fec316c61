"""Law 4: a clock that is wrong by years, stands still or runs backwards changes at most who wins a tie."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import replica
from tests.property.machine import direction, histories, lane, number, who
from tests.world import CLOCKS, START, YEARS_10, World

steps = st.lists(
    st.one_of(
        st.tuples(st.just("save"), who, number),
        st.tuples(st.just("save"), who, number),
        st.tuples(st.just("delete"), who, number),
        st.tuples(st.just("resolve"), who, number),
        st.tuples(st.just("replicate"), who, who, direction, lane),
    ),
    min_size=5,
    max_size=30,
)
clocks = st.lists(st.sampled_from(sorted(CLOCKS)), min_size=3, max_size=3).map(tuple)


@histories(15)
@given(steps, clocks)
def test_law_4_clocks_do_not_matter(steps: list[Any], clocks: tuple[str, ...]) -> None:
    """The same history by right clocks and by wrong ones: the same versions remain, and who saved more often wins."""
    assert remaining(steps, ("right",)) == remaining(steps, clocks)


def remaining(steps: list[Any], clocks: tuple[str, ...]) -> list[set[int]]:
    """The live versions at the end of a history in which people choose by content, not by who happens to win."""
    saves = itertools.count()
    with World(3, clocks=clocks) as world:
        for name, who, *rest in steps:
            if name == "replicate":
                world.replicate(who, *rest)
            else:
                do(name, world, who, rest[0], next(saves))
        world.settle(0)
        for twin in world.twins:
            assert_that_more_saves_win(twin.library)
        return [set(versions(twin.library)) for twin in world.twins]


def versions(hub: replica.Replica) -> dict[int, str]:
    """Who saved the live versions of the document, and their revisions."""
    leaves = [hub.get("d", revision=revision) for change in hub.changes() for revision in change.leaves]
    return {leaf["save"]: leaf.revision for leaf in leaves if not leaf.deleted}


def do(name: str, world: World, who: int, which: int, save: int) -> None:
    twin = world.twin(who)
    found = versions(twin.library)
    chosen = sorted(found)[which % len(found)] if found else None
    items = {"save": save}
    rev = None if chosen is None else Rev(found[chosen])
    texts = {"save": str(save)}
    if name == "resolve" and len(found) > 1:
        twin.library.resolve("d", items=items)
        leaf = twin.model.resolve("d", texts, twin.clock())
    elif name == "delete" and chosen is not None:
        twin.library.delete(replica.Document({}, unid="d", revision=found[chosen]))
        leaf = twin.model.save("d", rev, {}, twin.clock(), deleted=True)
    elif chosen is not None:
        twin.library.put(replica.Document(items, unid="d", revision=found[chosen]))
        leaf = twin.model.save("d", rev, texts, twin.clock())
    else:
        twin.library.put(items, unid="d")
        leaf = twin.model.save("d", None, texts, twin.clock())
    world.written["d", leaf.rev] = leaf.ancestry


def Rev(text: str) -> tuple[int, str]:
    """A revision as the model has it."""
    number, _, digits = text.partition("-")
    return (int(number), digits)


def assert_that_more_saves_win(hub: replica.Replica) -> None:
    for change in hub.changes():
        live = [revision for revision in change.leaves if not hub.get(change.unid, revision=revision).deleted]
        if live:
            assert max(live, key=Rev) == change.revision


def test_a_clock_that_jumps_by_years_forgets_nothing() -> None:
    """No session, deletion stub or lock gets old because a clock says so."""
    with World(2) as world:
        hub, laptop = world.twins
        for n in range(5):
            world.put(0, n, {"n": n})
        world.replicate(0, 0)
        world.delete(0, 0, 0)
        for jump in (YEARS_10, -YEARS_10, 0):
            hub.clock.now_ms = START + jump
            hub.library.compact()
            report = replica.replicate(laptop.library, hub.library)
            assert report.pull is not None
            assert (report.pull.deleted, 0) in ((1, 0), (0, 0))
            assert report.pull.read <= 1
        assert 1 == laptop.library.info()["deleted"] == hub.library.info()["deleted"]
