"""Two replicas of ours with a server between them, as users see it. What the line may do to them is tested elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import replica
from replica.errors import NotAReplica
from tests.middleman import Middleman, between
from tests.servers import serving

pytestmark = pytest.mark.system


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[replica.Replica]:
    (tmp_path / "srv").mkdir()
    with replica.create(str(tmp_path / "srv" / "hub.db")) as hub:
        hub.put({"a": 1, "b": 1}, unid="x")
        yield hub


@pytest.fixture
def laptop(hub: replica.Replica, tmp_path: Path) -> Iterator[replica.Replica]:
    with hub.copy(str(tmp_path / "laptop.db")) as laptop:
        yield laptop


@pytest.fixture
def middle(hub: replica.Replica) -> Iterator[Middleman]:
    with serving(os.path.dirname(hub.path)) as url, between(url) as middle:
        yield middle


def edit(hub: replica.Replica, **items: int) -> None:
    document = hub.get("x")
    document.items |= items
    hub.put(document)


def test_when_nothing_is_new_one_question_is_asked_and_nothing_written(
    hub: replica.Replica, laptop: replica.Replica, middle: Middleman
) -> None:
    replica.replicate(laptop, f"{middle.url}/hub")
    before = (hub.history(), laptop.history(), os.stat(hub.path).st_mtime_ns)
    del middle.asked[:]
    replica.replicate(laptop, f"{middle.url}/hub")
    assert ["POST /hub/_replica/greet"] == middle.paths()
    assert before == (hub.history(), laptop.history(), os.stat(hub.path).st_mtime_ns)


def test_marks_travel_so_that_edits_of_different_items_are_joined(
    hub: replica.Replica, laptop: replica.Replica, middle: Middleman
) -> None:
    for each in (hub, laptop):
        each.settings["conflict-policy"] = "merge"
    edit(hub, a=2)
    edit(laptop, b=2)
    report = replica.replicate(laptop, f"{middle.url}/hub")
    assert report.pull is not None
    assert 1 == report.pull.merged
    assert {"a": 2, "b": 2} == laptop.get("x").items == hub.get("x").items
    assert hub.compare(laptop)["ok"]


def test_a_clash_is_the_same_conflict_document_at_both_ends(
    hub: replica.Replica, laptop: replica.Replica, middle: Middleman
) -> None:
    edit(hub, a=2)
    edit(laptop, a=3)
    report = replica.replicate(laptop, f"{middle.url}/hub")
    assert report.pull is not None
    assert 1 == report.pull.conflicts
    assert [conflict.to_dict() for conflict in hub.conflicts()] == [each.to_dict() for each in laptop.conflicts()]
    assert hub.compare(laptop)["ok"]


def test_what_went_over_the_wire_is_counted(hub: replica.Replica, laptop: replica.Replica, middle: Middleman) -> None:
    hub.put({"text": "x" * 5000})
    edit(laptop, a=3)
    report = replica.replicate(laptop, f"{middle.url}/hub")
    assert report.pull is not None
    assert report.push is not None
    assert 100 < report.pull.wire_bytes < 5000 < report.pull.bytes  # it is compressed
    assert 100 < report.push.wire_bytes


def test_both_ends_may_be_addresses(hub: replica.Replica, laptop: replica.Replica, middle: Middleman) -> None:
    edit(laptop, a=4)
    with serving(os.path.dirname(laptop.path)) as url:
        report = replica.replicate(f"{middle.url}/hub", f"{url}/laptop", "pull")
    assert report.ok
    assert hub.compare(laptop)["ok"]


def test_couchdbs_protocol_can_be_asked_for(hub: replica.Replica, middle: Middleman, tmp_path: Path) -> None:
    with replica.create(str(tmp_path / "other.db")) as other:
        other.put({"n": 1}, unid="y")
        with pytest.raises(NotAReplica):
            replica.replicate(other, f"{middle.url}/hub")
        assert replica.replicate(other, f"couchdb+{middle.url}/hub", "push").ok
    assert not any("_replica" in path for path in middle.paths()[2:])
    assert 1 == hub.get("y")["n"]


def test_a_replica_at_an_address_says_which_database_it_belongs_to(hub: replica.Replica, middle: Middleman) -> None:
    hub.settings["title"] = "Orders"
    with replica.open(f"{middle.url}/hub") as remote:
        assert (hub.identity.replica_id, "Orders") == (remote.info()["replica_id"], remote.info()["title"])
