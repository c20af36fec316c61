"""Law 6: copied with cp, restored from an old backup, moved, opened anew: neither side skips a change because of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import replica
from tests.saboteurs import LANES, CutBefore
from tests.saboteurs import replicate as by_lane
from tests.world import World

FATES: dict[str, Callable[[World], None]] = {
    "copied with cp": lambda world: world.copy_file(0),
    "copied as a replica": lambda world: world.copy(0),
    "restored": lambda world: world.restore(0),
    "moved": lambda world: world.move(0),
    "forgetful": lambda world: world.forget(0, 0),
}
MEETINGS = [(0, 1), (1, 2), (2, 0)]


def edit_everywhere(world: World, value: int) -> None:
    """Everybody changes the same document, and one more of their own."""
    for who in range(len(world.twins)):
        world.edit(who, 0, 0, {"a": value, "by": who})
        world.twins[who].clock.now_ms += who
        world.edit(who, 1 + who % 2, 0, {"b": value, "by": who})


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("early", [True, False])
def test_law_6_a_replica_knows_itself(fate: str, lane: str, early: bool) -> None:
    """It happens to the first of two that know each other; then whoever there is edits, and they meet in any order."""
    for first, second in MEETINGS:
        with World(2) as world:
            world.put(0, 0, {"a": 0})
            world.replicate(0, 0, "both", lane)
            world.back_up(0)
            edit_everywhere(world, 1)
            if early:
                world.replicate(1, 0, "both", lane)
            FATES[fate](world)
            edit_everywhere(world, 2)
            world.replicate(first, 0, "pull", lane)
            edit_everywhere(world, 3)
            world.replicate(second, 1, "both", lane)
            world.settle(first)
            names = {twin.library.identity.instance_id for twin in world.twins}
            assert len(world.twins) == len(names), "two files use one name"


@pytest.mark.parametrize("lane", LANES)
def test_a_file_that_was_copied_in_the_middle_of_a_replication_goes_on_by_itself(lane: str) -> None:
    """The copy has the memory of a session that the original went on with."""
    with World(2, batch=1) as world:
        for doc in range(3):
            world.put(0, doc, {"doc": doc})
        world.cut(1, 0, "pull", lane, CutBefore(12))
        assert 0 < len(world.twins[1].library) < 3
        world.copy_file(1)
        world.replicate(1, 1, "pull", lane)
        world.edit(0, 0, 0, {"late": True})
        world.replicate(2, 0, "pull", lane)
        world.settle(1)


def test_two_files_of_one_name_that_meet_take_two_names() -> None:
    with World(2) as world:
        world.put(0, 0, {"a": 0})
        world.copy_file(0)
        original, _, copy = world.twins
        assert original.library.identity == copy.library.identity
        by_lane(original.library, copy.library)
        ids = [twin.library.identity for twin in (original, copy)]
        assert ids[0].replica_id == ids[1].replica_id
        assert ids[0].instance_id != ids[1].instance_id


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_restored_file_takes_a_new_name_whoever_starts(direction: str, first: int) -> None:
    """It had received, or given, more than it knows now: a peer that remembers that tells it so."""
    with World(2) as world:
        edit_everywhere(world, 0)
        world.replicate(0, 0, direction)
        world.back_up(0)
        edit_everywhere(world, 1)
        world.replicate(0, 0, direction)
        name = world.twins[0].library.identity.instance_id
        world.restore(0)
        world.replicate(first, 0)
        assert name == world.twins[0].library.identity.former_ids[-1]
        assert () == world.twins[1].library.identity.former_ids
        world.settle(0)


def test_the_same_file_is_not_another_replica() -> None:
    with World(2) as world:
        path = world.twins[0].path
        with replica.open(path) as again, pytest.raises(replica.errors.WithItself):
            replica.replicate(world.twins[0].library, again)


def test_a_dry_run_gives_nobody_a_new_name() -> None:
    with World(2) as world:
        world.put(0, 0, {"a": 0})
        world.copy_file(0)
        original, _, copy = (twin.library for twin in world.twins)
        before = original.identity
        replica.replicate(original, copy, dry_run=True)
        assert before == original.identity == copy.identity


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("doc", [0, 1])
def test_a_restored_source_that_cannot_remember_hides_nothing(lane: str, doc: int) -> None:
    """Its feed looks as it did, but for a change made since, in a place or in a leaf that was not there then."""
    with World(2) as world:
        world.back_up(0)
        world.put(0, 0, {"n": 1})
        world.edit(0, 0, 0, {"n": 2})
        world.read_only(1, 0, lane)
        world.restore(0)
        world.put(0, doc, {"n": "after"})
        world.replicate(0, 0, "pull", lane)
        world.read_only(1, 0, lane)
        assert world.twins[1].library.compare(world.twins[0].library)["ok"]
