"""Laws where random histories do not go: damage, refusals, long ancestries, backups made at the worst moment.

Each test needs nothing but a folder, so that `tests.planted.hunt` can call it without pytest.
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import replica
from replica.engine.peer import Batch
from replica.errors import SuddenlyEmpty
from replica.files import read_document
from replica.leaf import next_revision
from replica.store.callbacks import nobody
from replica.store.sessions import KEPT, Session
from replica.transports.fetched_copy import fetch_copy
from tests.behind_http import behind_http
from tests.saboteurs import LANES, Cut, CutBefore, Meddler
from tests.saboteurs import replicate as by_lane
from tests.world import World, expect, revisions, small_batches

LIMIT = 1000


def pair(folder: Path) -> tuple[replica.Replica, replica.Replica]:
    """A hub and a laptop, both empty, in a folder of their own."""
    home = tempfile.mkdtemp(dir=folder)
    hub = replica.create(f"{home}/hub.db")
    return hub, hub.copy(f"{home}/laptop.db")


def test_law_1_verified_bytes_reach_every_replica(tmp_path: Path) -> None:
    """JavaScript made 1.0 into 1 on the way to the hub; whoever got that from there gets the right bytes later."""
    saved = next_revision("d", [], b'{"n":1.0}', 1, LIMIT)
    mangled = next_revision("d", [], b'{"n":1}', 1, LIMIT)._replace(revision=saved.revision, verified=False)
    for lane in LANES:
        hub, laptop = pair(tmp_path)
        with hub, laptop, laptop.copy(f"{laptop.path}.far") as far:
            for where, leaf in ((hub, mangled), (laptop, saved)):
                where.peer.accept(Batch([leaf], {}, Session("s", "in", "elsewhere", 0, 1, 0, {}), LIMIT), False)
            by_lane(far, hub, lane=lane)
            by_lane(laptop, hub, lane=lane)
            by_lane(far, hub, lane=lane)
            assert ['{"n":1.0}'] * 3 == [replica.Document(each.get("d").items).to_json() for each in (hub, laptop, far)]
            assert hub.compare(far)["ok"]
            assert [1, 1, 1] == [len(each.revisions("d")) for each in (hub, laptop, far)]


def test_law_2_a_losing_leaf_stays_however_long_the_winner_is_edited(tmp_path: Path) -> None:
    hub, laptop = pair(tmp_path)
    with hub, laptop:
        laptop.put({"n": "once"}, unid="d")
        with hub.batch():
            document = hub.put({"n": 0}, unid="d")
            for n in range(1, hub.settings["ancestry-limit"] + 2):
                document["n"] = n
                document = hub.put(document)
        replica.replicate(laptop, hub)
        for each in (laptop, hub):
            assert [[{"n": [1001, "once"]}]] == [[leaf.differs for leaf in found.leaves] for found in each.conflicts()]


def test_law_3_a_retried_import_adds_nothing(tmp_path: Path) -> None:
    hub, laptop = pair(tmp_path)
    line = b'{"_id": "d", "n": 1}'
    with hub, laptop:
        assert 1 == hub.load([(1, lambda: read_document(1, line))]).added
        before = revisions(hub)
        assert 1 == hub.load([(1, lambda: read_document(1, line))]).unchanged
        assert before == revisions(hub)


def test_law_5_what_was_not_taken_is_not_remembered(tmp_path: Path) -> None:
    """The receiving side fails while it takes the documents in: it has nothing then, and remembers nothing."""

    def broken() -> int:
        raise Cut

    hub, laptop = pair(tmp_path)
    hub.put({"n": 1}, unid="d")
    before = laptop.history()
    laptop.close()
    for lane in LANES:
        with replica.open(laptop.path, clock=broken) as failing:
            expect(Cut, lambda failing=failing, lane=lane: by_lane(failing, hub, lane=lane))
            assert before == failing.history()
            assert "d" not in failing
    hub.close()


def test_law_5_a_page_that_was_cut_between_its_parts_goes_on_with_the_next(tmp_path: Path) -> None:
    """What is remembered is how far the documents of a part go, and not one further."""
    for step in range(2, 20):
        hub, laptop = pair(tmp_path)
        with hub, laptop, small_batches(3):  # three documents are a page, two of them too much for one part
            hub.put_many(replica.Document({"pad": "x" * 40}, unid=str(n)) for n in range(3))
            with suppress(Cut):
                by_lane(laptop, hub, "pull", trouble=CutBefore(step))
            by_lane(laptop, hub, "pull")
            assert laptop.compare(hub)["ok"], step


def test_law_5_of_many_sessions_the_newest_are_kept_and_count(tmp_path: Path) -> None:
    for lane in LANES:
        hub, laptop = pair(tmp_path)
        with hub, laptop:
            for number in range(KEPT + 5):
                hub.put({}, unid=str(number))
                report = by_lane(laptop, hub, "pull", lane=lane).pull
                assert report is not None
                assert 1 == report.read
            kept = [[session.id for session in each.history() if session.position > 0] for each in (hub, laptop)]
            assert kept[0] == kept[1]
            assert KEPT == len(kept[0])


def test_law_6_a_backup_from_the_middle_of_a_session_catches_up(tmp_path: Path) -> None:
    """Whichever side is restored from a backup made after any step of a session: nothing is skipped because of it."""
    with small_batches(2):
        for at in range(4, 24, 2):
            for restored in (0, 1):
                check_restored(tmp_path, at, restored)


def check_restored(folder: Path, at: int, restored: int) -> None:
    hub, laptop = ends = pair(folder)
    backup = f"{ends[restored].path}.backup"
    laptop.put({"n": -1}, unid="-1")  # an empty file is another story
    by_lane(laptop, hub)
    for n in range(6):
        hub.put({"n": n}, unid=str(n))

    def meanwhile() -> None:
        ends[restored].backup(backup)
        hub.put({"n": 6}, unid="6")

    by_lane(laptop, hub, "pull", trouble=Meddler(at, meanwhile))
    ends[restored].close()
    if Path(backup).exists():
        shutil.copyfile(backup, ends[restored].path)
    again = replica.open(ends[restored].path)
    hub, laptop = (again, laptop) if restored == 0 else (hub, again)
    with hub, laptop:
        hub.put({"n": 7}, unid="7")
        by_lane(laptop, hub, "pull")
        assert set(revisions(hub)) <= set(revisions(laptop)), at
        by_lane(laptop, hub)
        assert hub.compare(laptop)["ok"], at


def test_law_6_a_file_that_meets_its_copy_takes_a_new_name(tmp_path: Path) -> None:
    hub, laptop = pair(tmp_path)
    assert hub.identity.instance_id != laptop.identity.instance_id
    hub.close()
    laptop.close()
    shutil.copyfile(laptop.path, f"{laptop.path}.copy")
    with replica.open(laptop.path) as laptop, replica.open(f"{laptop.path}.copy") as copy:
        assert copy.identity == laptop.identity
        replica.replicate(laptop, copy)
        assert copy.identity.instance_id != laptop.identity.instance_id


def test_law_6_a_copy_remembers_its_original_and_nobody_else(tmp_path: Path) -> None:
    hub, laptop = pair(tmp_path)
    with hub, laptop:
        hub.put({"n": 1})
        replica.replicate(laptop, hub)
        with laptop.copy(f"{laptop.path}.copy") as copy:
            assert {laptop.identity.instance_id} == {session.peer for session in copy.history()}


def test_law_6_a_restored_file_takes_a_new_name(tmp_path: Path) -> None:
    """It does so when it meets somebody who knows more of it than it does itself."""
    hub, laptop = pair(tmp_path)
    with hub:
        name = laptop.identity.instance_id
        for n in range(2):
            hub.put({"n": n})
            replica.replicate(laptop, hub)
            if n == 0:
                laptop.backup(f"{laptop.path}.backup")
        laptop.close()
        shutil.copyfile(f"{laptop.path}.backup", laptop.path)
        with replica.open(laptop.path) as restored:
            replica.replicate(restored, hub)
            assert name != restored.identity.instance_id
            assert (name,) == restored.identity.former_ids


def test_law_6_a_source_that_cannot_remember_is_known_by_all_its_last_entries(tmp_path: Path) -> None:
    """Restored, and edited until its feed is as long as it was: some of what it held then is still there, and not all."""
    for lane in LANES:
        with World(2) as world:
            world.put(0, 2, {"n": "before"})
            world.back_up(0)
            world.put(0, 0, {"n": 1})
            world.edit(0, 1, 0, {"n": 2})
            world.read_only(1, 0, lane)
            world.restore(0)
            world.put(0, 1, {"n": "after"})
            world.edit(0, 1, 0, {"n": "after that"})
            world.read_only(1, 0, lane)


def test_law_6_a_replica_that_lost_everything_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    """Restored from a backup made before the first document, and renamed for that: nothing moves until somebody says so."""
    for who, direction in itertools.product((0, 1), ("pull", "push", "both")):
        with World(2) as world:
            world.back_up(who)
            world.put(0, 0, {"n": 1})
            world.replicate(0, 0, "both", "attached")
            world.restore(who)
            here, there = (twin.library for twin in world.twins)
            held = [revisions(each) for each in (here, there)]
            for _ in range(2):
                expect(SuddenlyEmpty, partial(replica.replicate, here, there, direction))
                assert held == [revisions(each) for each in (here, there)]
            assert replica.replicate(here, there, force=True).ok
            assert replica.replicate(here, there, direction).ok
            assert 1 == len(here) == len(there)


def test_law_8_what_was_refused_comes_when_it_may(tmp_path: Path) -> None:
    for lane in LANES:
        hub, laptop = pair(tmp_path)
        with hub, laptop:
            hub.put({"text": "x" * 500}, unid="long")
            hub.put({"text": "x"}, unid="short")
            laptop.settings["document-size-max"] = 100
            report = by_lane(laptop, hub, lane=lane)
            assert not report.ok
            assert ["long"] == [failure.unid for failure in laptop.refused()]
            laptop.settings["document-size-max"] = 1000
            assert by_lane(laptop, hub, lane=lane).ok
            assert [] == laptop.refused()
            assert hub.compare(laptop)["ok"]


def test_law_9_damage_does_not_travel(tmp_path: Path) -> None:
    """A byte of a stored document changes: the others are replicated, it is named, and comes when it is sound again."""
    for lane in LANES:
        hub, laptop = pair(tmp_path)
        sound, damaged = (hub.put({"n": n}, unid=str(n)) for n in range(2))
        hub.close()
        rewrite(hub.path, damaged, '{"n":7}')
        with laptop, replica.open(hub.path) as hub:
            report: Any = by_lane(laptop, hub, "pull", lane=lane).pull
            assert (1, 1, ["1"]) == (report.added, report.failed, [failure.unid for failure in report.failures])
            assert {"0": [sound.revision]} == revisions(laptop)
        rewrite(hub.path, damaged, '{"n":1}')
        with replica.open(laptop.path) as laptop, replica.open(hub.path) as hub:
            by_lane(laptop, hub, "pull", lane=lane)
            assert hub.compare(laptop)["ok"]


def test_law_9_damage_does_not_travel_in_a_file_that_is_sent(tmp_path: Path) -> None:
    """A first copy from a server is looked at row by row; what is not sound in it is asked for later, by name."""
    hub, laptop = pair(tmp_path)
    sound, damaged = (hub.put({"n": n}, unid=str(n)) for n in range(2))
    laptop.close()
    hub.close()
    rewrite(hub.path, damaged, '{"n":7}')
    with behind_http(hub.path) as peer:
        peer.greet(None)
        fetch_copy(peer, f"{hub.path}.copy", 0, nobody)
    with replica.open(f"{hub.path}.copy") as copy:
        assert {"0": [sound.revision]} == revisions(copy)
        assert ["1"] == [failure.unid for failure in copy.refused()]
        rewrite(hub.path, damaged, '{"n":1}')
        assert replica.replicate(copy, hub.path).ok
        assert {"0": [sound.revision], "1": [damaged.revision]} == revisions(copy)


def rewrite(path: str, document: replica.Document, body: str) -> None:
    """Change stored bytes behind the library's back."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE leaf SET body = ? WHERE unid = ?", (body, document.unid))
    connection.close()
