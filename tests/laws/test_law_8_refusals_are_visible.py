"""Law 8: whatever was refused, or could not be taken, is counted by reason, can be listed, and is asked for again."""

from __future__ import annotations

import sqlite3

import pytest

import replica
from tests.saboteurs import LANES, Trouble
from tests.saboteurs import replicate as by_lane
from tests.world import World

pytestmark = pytest.mark.parametrize("lane", LANES)

SMALL, LARGE = {"text": "x"}, {"text": "x" * 500}


def small_laptop(world: World) -> tuple[replica.Replica, replica.Replica]:
    """A laptop that takes no large documents, and a hub."""
    laptop, hub = (twin.library for twin in world.twins[:2])
    laptop.settings["document-size-max"] = 100
    return laptop, hub


def test_law_8_refusals_are_visible(lane: str) -> None:
    """Too large for one side: counted, named, listed, asked for every time, and taken when the limit is raised."""
    with World(2) as world:
        laptop, hub = small_laptop(world)
        large = hub.put(LARGE, unid="large")
        hub.put(SMALL, unid="small")
        named = [replica.Failure("large", str(large.revision), "too_large")]
        for turn in range(3):
            report = by_lane(laptop, hub, lane=lane)
            assert report.pull is not None
            assert report.push is not None
            assert (not report.ok, report.push.ok) == (True, True)
            assert ({"too_large": 1}, named) == (report.pull.refused, report.pull.failures)
            assert 1 - min(turn, 1) == report.pull.added
            assert named == laptop.refused()
            assert [] == hub.refused()
            assert ["small"] == [document.unid for document in laptop.documents()]
        laptop.settings["document-size-max"] = 1000
        assert by_lane(laptop, hub, lane=lane).ok
        assert [] == laptop.refused()
        assert laptop.compare(hub)["ok"]


def test_a_replica_that_refused_all_it_was_offered_is_not_suddenly_empty(lane: str) -> None:
    with World(2) as world:
        laptop, hub = small_laptop(world)
        hub.put(LARGE, unid="large")
        for _ in range(2):
            report = by_lane(laptop, hub, lane=lane)
            assert report.pull is not None
            assert {"too_large": 1} == report.pull.refused
        assert 0 == len(laptop)


def test_what_was_refused_is_taken_from_another_replica_too(lane: str) -> None:
    with World(3) as world:
        laptop, hub = small_laptop(world)
        third = world.twins[2].library
        hub.put(LARGE, unid="large")
        by_lane(laptop, hub, lane=lane)
        by_lane(third, hub, lane=lane)
        laptop.settings["document-size-max"] = 1000
        assert by_lane(laptop, third, lane=lane).ok
        assert [] == laptop.refused()
        assert laptop.compare(hub)["ok"]


def test_a_copy_knows_what_was_refused(lane: str) -> None:
    """It was made from a replica that lacks a document, but by no session of its own."""
    with World(2) as world:
        laptop, hub = small_laptop(world)
        hub.put(LARGE, unid="large")
        by_lane(laptop, hub, lane=lane)
        world.copy(0)
        copy = world.twins[2].library
        assert laptop.refused() == copy.refused()
        copy.settings["document-size-max"] = 1000
        assert by_lane(copy, hub, lane=lane).ok
        assert copy.compare(hub)["ok"]


@pytest.mark.parametrize("fate", ["made smaller", "deleted", "edited and still too large"])
def test_a_refusal_ends_when_what_was_refused_is_no_leaf_any_more(lane: str, fate: str) -> None:
    with World(2) as world:
        laptop, hub = small_laptop(world)
        document = hub.put(LARGE, unid="large")
        by_lane(laptop, hub, lane=lane)
        if fate == "deleted":
            hub.delete(document)
        else:
            document.items = dict(SMALL) if fate == "made smaller" else LARGE | {"again": True}
            document = hub.put(document)
        report = by_lane(laptop, hub, lane=lane)
        if fate == "edited and still too large":
            assert document.revision in [failure.revision for failure in laptop.refused()]
            laptop.settings["document-size-max"] = 1000
            report = by_lane(laptop, hub, lane=lane)
        assert report.ok
        assert [] == laptop.refused()
        assert laptop.compare(hub)["ok"]


def test_one_leaf_of_a_conflict_may_be_refused_by_itself(lane: str) -> None:
    with World(3) as world:
        laptop, hub = small_laptop(world)
        third = world.twins[2].library
        small, large = third.put(SMALL, unid="d"), hub.put(LARGE, unid="d")
        by_lane(hub, third, lane=lane)
        report = by_lane(laptop, hub, lane=lane)
        assert report.pull is not None
        assert (1, {"too_large": 1}) == (report.pull.added, report.pull.refused)
        assert [small.revision] == [leaf for change in laptop.changes() for leaf in change.leaves]
        laptop.settings["document-size-max"] = 1000
        by_lane(laptop, hub, lane=lane)
        assert {small.revision, large.revision} == {leaf for change in laptop.changes() for leaf in change.leaves}
        assert [] == laptop.refused()


def test_damage_is_counted_named_and_asked_for_again(lane: str) -> None:
    """A bit of a stored document flipped: it stays where it is, the others go on, and when it is repaired it comes."""
    with World(2) as world:
        laptop, hub = (twin.library for twin in world.twins)
        damaged = hub.put({"text": "sound"}, unid="damaged")
        hub.put(SMALL, unid="sound")
        overwrite(hub, "damaged", '{"text":"spund"}')
        named = [replica.Failure("damaged", str(damaged.revision), "corrupt")]
        assert not hub.verify()["ok"]
        for _ in range(2):
            report = by_lane(laptop, hub, lane=lane)
            assert report.pull is not None
            assert (1, named) == (report.pull.failed, report.pull.failures)
            assert named == laptop.refused()
            assert ["sound"] == [document.unid for document in laptop.documents()]
        overwrite(hub, "damaged", '{"text":"sound"}')
        assert by_lane(laptop, hub, lane=lane).ok
        assert [] == laptop.refused()
        assert laptop.compare(hub)["ok"]


@pytest.mark.parametrize(
    "damage",
    [
        "unid = ''",
        "unid = '_d'",
        "unid = CAST(x'ff' AS TEXT)",
        "line = zeroblob(17)",
        "line = zeroblob(160)",
        "side = x'01'",
        "marks = CAST(x'ff' AS TEXT)",
    ],
)
def test_whatever_of_it_is_damaged_stays_where_it_is(lane: str, damage: str) -> None:
    """Replication and the copy by snapshot leave it out alike."""
    with World(2) as world:
        laptop, hub = (twin.library for twin in world.twins)
        hub.put({"text": "damaged"}, unid="d")
        hub.put(SMALL, unid="sound")
        in_file(hub, f"UPDATE leaf SET {damage} WHERE unid = ?", "d")
        report = by_lane(laptop, hub, "pull", lane=lane)
        assert report.pull is not None
        assert (1, 1) == (report.pull.added, report.pull.failed)
        with hub.copy(f"{hub.path}.copy") as copy:
            for replica_of_it in (laptop, copy):
                assert ["sound"] == [change.unid for change in replica_of_it.changes()]
                assert replica_of_it.verify()["ok"]


def test_a_damaged_number_stops_nobody_and_is_forgotten_when_it_is_repaired(lane: str) -> None:
    with World(3) as world:
        laptop, hub, third = (twin.library for twin in world.twins)
        third.put({"text": "of the third"}, unid="d")
        damaged = hub.put({"text": "sound"}, unid="d")
        in_file(hub, "UPDATE leaf SET number = 0 WHERE unid = ?", "d")
        for source, failed in ((hub, 1), (third, 0), (hub, 1)):
            source.put({})
            report = by_lane(laptop, source, "pull", lane=lane)
            assert report.pull is not None
            assert failed == report.pull.failed
            assert 1 == len(laptop.refused())
        in_file(hub, "UPDATE leaf SET number = 1 WHERE unid = ?", "d")
        assert by_lane(laptop, hub, lane=lane).ok
        assert damaged.revision in [leaf for change in laptop.changes() for leaf in change.leaves]
        assert [] == laptop.refused()


def test_what_is_offered_anew_and_again_is_counted_once(lane: str) -> None:
    """Whatever was refused is asked for, and where no session is remembered the feed brings it as well."""
    with World(2) as world:
        laptop, hub = small_laptop(world)
        hub.put(LARGE, unid="large")
        by_lane(laptop, hub, "pull", lane=lane)
        hub.history(clear=laptop.identity.instance_id)
        report = by_lane(laptop, hub, "pull", lane=lane)
        assert report.pull is not None
        assert {"too_large": 1} == report.pull.refused
        hub.history(clear=laptop.identity.instance_id)
        laptop.settings["document-size-max"] = 1000
        foreseen = by_lane(laptop, hub, "pull", lane=lane, dry_run=True)
        report = by_lane(laptop, hub, "pull", lane=lane)
        assert foreseen.pull == report.pull
        assert report.pull is not None
        assert 1 == report.pull.added


def test_many_that_were_refused_are_asked_for_in_few_transactions(lane: str) -> None:
    with World(2) as world:
        laptop, hub = small_laptop(world)
        hub.put_many(LARGE for _ in range(30))
        for _ in range(2):
            trouble = Trouble()
            report = by_lane(laptop, hub, "pull", lane=lane, trouble=trouble)
            assert report.pull is not None
            assert {"too_large": 30} == report.pull.refused
            assert trouble.seen.count("accept") < 4
        assert 30 == len(laptop.refused())


def in_file(hub: replica.Replica, statement: str, *values: str) -> None:
    """Change what is stored as a failing disk would: behind the library's back."""
    connection = sqlite3.connect(hub.path)
    with connection:
        assert 1 == connection.execute(statement, values).rowcount
    connection.close()


def overwrite(hub: replica.Replica, unid: str, body: str) -> None:
    """Change stored bytes as a failing disk would."""
    in_file(hub, "UPDATE leaf SET body = ? WHERE unid = ?", body, unid)


def test_what_an_import_refuses_is_counted_and_named(lane: str) -> None:
    with World(2) as world:
        laptop, hub = small_laptop(world)
        report = laptop.put_many([SMALL, LARGE, {"_bad": 1}, {"fine": True}])
        assert (4, 2, 2, False) == (report.read, report.added, report.failed, report.ok)
        assert [(2, "too_large"), (3, "bad_document")] == [(f["line"], f["code"]) for f in report.failures]
        by_lane(hub, laptop, lane=lane)
        assert 2 == len(hub)


def test_one_who_brings_much_that_is_refused_keeps_no_others_from_being_listed(
    lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is full of what one replica brought; another one's is listed all the same, and comes when it may."""
    monkeypatch.setattr("replica.store.receive.REFUSED_MAX", 10)
    with World(3) as world:
        hub, much, little = (twin.library for twin in world.twins[:3])
        hub.settings["document-size-max"] = 100
        for number in range(30):
            much.put(LARGE, unid=f"much/{number:02}")
        for _ in range(2):
            by_lane(much, hub, lane=lane)
            assert 10 == len(hub.refused())
        wanted = {f"little/{number}" for number in range(3)}
        for unid in sorted(wanted):
            little.put(LARGE, unid=unid)
        report = by_lane(little, hub, lane=lane)
        assert report.push is not None
        assert {"too_large": 3} == report.push.refused
        listed = {failure.unid for failure in hub.refused()}
        assert wanted <= listed
        assert 10 == len(listed)
        by_lane(much, hub, lane=lane)
        assert wanted <= {failure.unid for failure in hub.refused()}, "it gets no more than its share again"
        hub.settings["document-size-max"] = 1000
        by_lane(little, hub, lane=lane)
        assert wanted <= {document.unid for document in hub.documents()}
