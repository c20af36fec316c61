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
from tests.system.command import done, run

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


def test_two_replicas_are_compared_with_a_server_between_them(
    hub: replica.Replica, laptop: replica.Replica, middle: Middleman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replica.transports.inventory.PAGE", 3)
    address = f"{middle.url}/hub"
    hub.put_many(
        replica.Document({"n": n}, unid=name) for n, name in enumerate(["z", "é", "\U0001f600", "a", "\uffff"])
    )
    hub.delete("a")
    replica.replicate(laptop, address)
    assert {"ok": True, "only_here": [], "only_there": [], "different": []} == done(
        "verify", laptop.path, address, "--json"
    ).value
    edit(laptop, a=7)
    edit(hub, a=8)
    hub.put({}, unid="there")
    laptop.put({}, unid="here")
    found = {"ok": False, "only_here": ["here"], "only_there": ["there"], "different": ["x"]}
    with replica.open(address) as remote:
        assert found == laptop.compare(remote) == laptop.compare(hub)
        assert {**found, "only_here": ["there"], "only_there": ["here"]} == remote.compare(laptop)
    outcome = run("verify", laptop.path, address, "--json")
    assert (6, found) == (outcome.code, outcome.value)


def test_with_a_server_that_is_none_of_ours_they_are_not(laptop: replica.Replica, middle: Middleman) -> None:
    outcome = run("verify", laptop.path, f"couchdb+{middle.url}/hub", "--json")
    assert (8, "not_supported") == (outcome.code, outcome.error["code"])
