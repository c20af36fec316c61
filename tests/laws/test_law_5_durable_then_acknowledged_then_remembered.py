"""Law 5: durable before acknowledged, remembered after durable; an interrupted replication goes on after the last batch."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import replica
from replica.engine.replicate import PAGE
from tests.saboteurs import LANES, Cut, CutAfter, CutBefore, Trouble
from tests.saboteurs import replicate as by_lane
from tests.world import Twin, World, revisions

BATCH = 2
DOCUMENTS = 7
assert PAGE > DOCUMENTS


def world_with_work() -> World:
    """A hub with some documents, and a laptop that has the first of them."""
    world = World(2, batch=BATCH)
    for n in range(DOCUMENTS):
        world.twins[1].library.put({"n": n}, unid=f"d{n}")
        if n == 1:
            replica.replicate(world.twins[0].library, world.twins[1].library)
    return world


def steps_of(lane: str, direction: str) -> list[str]:
    """The steps of an undisturbed replication."""
    trouble = Trouble()
    with world_with_work() as world:
        by_lane(*ends(world, direction), direction, lane=lane, trouble=trouble)
    return trouble.seen


def ends(world: World, direction: str) -> tuple[replica.Replica, replica.Replica]:
    """Here and there, so that the laptop is the target."""
    laptop, hub = world.twins
    return (laptop.library, hub.library) if direction == "pull" else (hub.library, laptop.library)


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("kind", [CutBefore, CutAfter])
def test_law_5_remembered_after_durable(lane: str, direction: str, kind: type[Trouble]) -> None:
    """Cut at every step, before and after it: nobody remembers what the target does not have, and it goes on from there."""
    steps = steps_of(lane, direction)
    assert 3 <= steps.count("remember"), "this needs several batches"
    for at in range(len(steps)):
        with world_with_work() as world:
            with pytest.raises(Cut):
                by_lane(*ends(world, direction), direction, lane=lane, trouble=kind(at))
            laptop, hub = world.twins
            check_memory(laptop, hub)
            had = len(laptop.library)
            report = by_lane(*ends(world, direction), direction, lane=lane)
            tally = report.pull or report.push
            assert tally is not None
            assert DOCUMENTS - had == tally.added
            assert tally.read <= DOCUMENTS - had + BATCH, "more than the batch that was in hand is read again"
            assert laptop.library.compare(hub.library)["ok"]


def check_memory(laptop: Twin, hub: Twin) -> None:
    """What the source remembers the target remembers too, at least as far; and it has everything up to there."""
    known = {session.id: session.position for session in laptop.library.history() if session.direction == "in"}
    for session in hub.library.history():
        if session.direction == "out":
            assert session.position <= known[session.id]
    there = revisions(laptop.library)
    for change in hub.library.changes():
        if change.sequence <= max(known.values()):
            assert change.leaves == there.get(change.unid)


@pytest.mark.parametrize("lane", LANES)
def test_the_receiving_side_remembers_first(lane: str) -> None:
    """Between the two memories: the target holds the session, the source does not, and that hurts nobody."""
    at = steps_of(lane, "pull").index("remember")
    with world_with_work() as world:
        before = len(world.twins[1].library.history())
        with pytest.raises(Cut):
            by_lane(*ends(world, "pull"), "pull", lane=lane, trouble=CutBefore(at))
        laptop, hub = world.twins
        assert before == len(hub.library.history())
        assert before < len(laptop.library.history())
        assert len(laptop.library) > 2
        assert by_lane(laptop.library, hub.library, lane=lane).ok
        assert laptop.library.compare(hub.library)["ok"]


def test_what_was_acknowledged_survives_the_end_of_the_process(tmp_path: Path) -> None:
    """A process is killed without warning; every revision that it had said it saved is there."""
    program = (
        "import os, replica, signal, sys\n"
        "hub = replica.create(sys.argv[1])\n"
        "for n in range(50):\n"
        "    print(hub.put({'n': n}, unid=f'd{n % 5}' if n < 5 else None).revision, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = str(tmp_path / "hub.db")
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert -signal.SIGKILL == done.returncode, done.stderr
    with replica.open(path) as hub:
        assert 50 == len(done.stdout.split())
        assert set(done.stdout.split()) == {change.revision for change in hub.changes()}
