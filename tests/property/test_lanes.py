"""The general lane defines what a replication does; the attached lane and the snapshot give the same, only faster."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import replica
from replica.store.callbacks import nobody
from replica.transports.fetched_copy import fetch_copy
from tests.behind_http import behind_http
from tests.property.machine import WAYS, changes, histories, number, who
from tests.saboteurs import replicate
from tests.world import World, changed, small_batches

steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([*WAYS, "edit", "edit"]), who, number, number, changes),
        st.tuples(st.just("replicate"), who, who, st.sampled_from(["pull", "push"])),
    ),
    min_size=1,
    max_size=25,
)
limits = st.sampled_from([10, 25, 2**20])


def live_through(world: World, steps: list[Any]) -> None:
    """Let the world have a history."""
    for how, at, *rest in steps:
        if how == "replicate":
            world.replicate(at, *rest)
            continue
        doc, branch, change = rest
        if how == "put":
            world.put(at, doc, changed({}, change))
        elif how == "edit":
            world.edit(at, doc, branch, change)
        elif how == "delete":
            world.delete(at, doc, branch)
        elif how == "resolve":
            world.resolve(at, doc, branch)
        elif how == "load":
            world.load(at, doc, changed({}, change))
        elif how == "batch":
            world.batch(at, doc, change)
        else:
            world.end_conflict(at, doc, change if branch > 1 else None)


def everything(hub: replica.Replica) -> list[Any]:
    """What there is to see of a replica, in which order it came, and what was refused."""
    return [
        [document.to_json() for document in hub.documents(conflicts=True, deleted=True)],
        [conflict.to_dict() for conflict in hub.conflicts()],
        {change.unid: change.leaves for change in hub.changes()},
        [failure.revision for failure in hub.refused()],
        hub.verify()["ok"],
    ]


@histories(40)
@given(
    steps, st.sampled_from([("conflict",), ("merge",), ("merge", "conflict")]), limits, st.sampled_from([1, 2, 5, 1000])
)
def test_both_lanes_and_the_dry_run_give_the_same(
    steps: list[Any], policies: tuple[str, ...], limit: int, batch: int
) -> None:
    """The same leaves, bytes, winners, conflict documents, refusals and counts, whatever the batches are."""
    with World(3, policies=policies) as world:
        live_through(world, steps)
        outcomes = []
        for way in ("general", "attached", "dry run"):
            with world.clones() as (here, there, _), small_batches(batch):
                here.library.settings["document-size-max"] = limit
                before = everything(here.library)
                if way == "dry run":
                    report = replica.replicate(here.library, there.library, "pull", dry_run=True)
                    assert before == everything(here.library)
                    report.dry_run = False
                else:
                    report = replicate(here.library, there.library, "pull", lane=way)
                    outcomes.append((everything(here.library), here.library.compare(there.library)))
                report.seconds = 0
                outcomes.append(report.to_dict())
        general, counts, attached, same_counts, foreseen = outcomes
        assert general == attached
        assert counts == same_counts == foreseen


@histories(40)
@given(steps, st.sampled_from([1, 20, 2**20]), st.sampled_from([1, 2, 5, 1000]), st.sampled_from([1, 300, 2**20]))
def test_what_is_poured_into_an_empty_replica_is_what_is_asked_for(
    steps: list[Any], limit: int, batch: int, size: int
) -> None:
    """The feed with its documents brings what the feed, the choice and the documents bring one after the other."""
    with World(3) as world, pytest.MonkeyPatch.context() as patch:
        source, empty, other = (twin.library for twin in world.twins)
        world.twins = world.twins[:1]
        live_through(world, [(how, 0, *rest) for how, _, *rest in steps if how != "replicate"])
        patch.setattr("replica.engine.replicate.BATCH_BYTES", size)
        outcomes = []
        for way, target in (("general", empty), ("whole", other)):
            target.settings["document-size-max"] = limit
            with small_batches(batch):
                report = replicate(target, source, "pull", lane=way)
            report.seconds = 0
            outcomes.append((report.to_dict(), everything(target), target.compare(source)))
            target.close()
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("way", ["file", "http"])
@histories(15)
@given(steps=steps)
def test_a_snapshot_is_what_replication_makes_of_an_empty_replica(way: str, steps: list[Any]) -> None:
    with World(3) as world:
        source, _, empty = (twin.library for twin in world.twins)
        world.twins.pop()
        live_through(world, steps)
        replicate(empty, source, "pull", lane="attached")
        with copied(source, way) as copy:
            assert everything(source) == everything(copy) == everything(empty)
            assert source.compare(copy)["ok"]
            assert source.identity.replica_id == copy.identity.replica_id
            assert source.identity.instance_id != copy.identity.instance_id
            for target in (copy, empty):
                report = replica.replicate(target, source)
                assert (0, 0) == (report.pull and report.pull.read, report.push and report.push.added)
        empty.close()


def copied(source: replica.Replica, way: str) -> replica.Replica:
    """A new replica of the same database, beside it."""
    path = f"{source.path}.copy"
    if way == "file":
        return source.copy(path)
    with behind_http(source.path) as peer:
        peer.greet(None)
        fetch_copy(peer, path, 0, nobody)
    return replica.open(path)
