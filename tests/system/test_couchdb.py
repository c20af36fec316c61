"""Replication with a server that is not ours, over real sockets; what it holds is read without any code of ours."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.errors import (
    BadDocument,
    NotAllowed,
    NotAReplica,
    NotFound,
    ReadOnly,
    SuddenlyEmpty,
    TransportError,
    WithItself,
)
from replica.transports.couchdb import documents, writing
from tests.couchdbs import CouchDB, running
from tests.middleman import Asked, Middleman, Told, Way, between

pytestmark = pytest.mark.system


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[replica.Replica]:
    with replica.create(tmp_path / "hub.db") as made:
        yield made


@pytest.fixture
def middle(couchdb: CouchDB) -> Iterator[Middleman]:
    with between(couchdb.url) as middleman:
        yield middleman


def leaves(hub: replica.Replica) -> dict[str, set[tuple[str, bool, str]]]:
    """All leaves by UNID in the form of `CouchDB.leaves`."""
    found: dict[str, set[tuple[str, bool, str]]] = {}
    for change in hub.changes():
        found[change.unid] = {
            (revision, document.deleted, json.dumps(document.items, sort_keys=True))
            for revision in change.leaves
            for document in [hub.get(change.unid, revision=revision)]
        }
    return found


def counts(tally: Any) -> dict[str, int]:
    return {name: n for name, n in tally.to_dict().items() if n and name not in ("read", "bytes", "wire_bytes")}


def test_what_is_new_at_either_end_is_afterwards_at_both(hub: replica.Replica, server: CouchDB) -> None:
    address = server.make()
    hub.put({"n": 1}, unid="here")
    server.ask(f"{address}/there", "PUT", {"n": 2})
    report = replica.replicate(hub, address)
    assert report.pull is not None
    assert report.push is not None
    assert {"added": 1} == counts(report.pull)
    assert {"added": 1} == counts(report.push)
    assert report.ok
    assert {"here", "there"} == server.leaves(address).keys()
    assert server.leaves(address) == leaves(hub)


def test_deletions_travel_both_ways(hub: replica.Replica, server: CouchDB) -> None:
    address = server.make()
    for name in ("a", "b"):
        hub.put({}, unid=name)
    replica.replicate(hub, address)
    hub.delete("a")
    server.ask(f"{address}/b", "DELETE", rev=hub.get("b").revision)
    report = replica.replicate(hub, address)
    assert report.pull is not None
    assert report.push is not None
    assert (1, 1) == (report.pull.deleted, report.push.deleted)
    assert 0 == len(hub)
    assert [] == server.ask(f"{address}/_all_docs")["rows"]
    assert server.leaves(address) == leaves(hub)


def test_a_clash_is_a_conflict_with_the_same_winner_at_both_ends(hub: replica.Replica, server: CouchDB) -> None:
    address = server.make()
    document = hub.put({"n": 0}, unid="x")
    replica.replicate(hub, address)
    document["n"] = 1
    hub.put(document)
    server.ask(f"{address}/x", "PUT", {"n": 2, "_rev": server.ask(f"{address}/x")["_rev"]})
    report = replica.replicate(hub, address)
    assert report.pull is not None
    assert report.push is not None
    assert (1, 1) == (report.pull.conflicts, report.push.conflicts)
    shown = server.ask(f"{address}/x", conflicts="true")
    assert shown["_rev"] == hub.get("x").revision
    (conflict,) = hub.conflicts()
    assert shown["_conflicts"] == [leaf.revision for leaf in conflict.leaves]


def test_a_resolution_here_ends_the_conflict_there(hub: replica.Replica, server: CouchDB) -> None:
    """CouchDB knows no revision with two parents: the other branch is closed by a stub, which comes before."""
    address = server.make()
    test_a_clash_is_a_conflict_with_the_same_winner_at_both_ends(hub, server=_Only(server, address))
    hub.resolve("x", items={"n": 3})
    replica.replicate(hub, address)
    shown = server.ask(f"{address}/x", conflicts="true")
    assert (3, hub.get("x").revision) == (shown["n"], shown["_rev"])
    assert "_conflicts" not in shown
    assert [] == list(hub.conflicts())
    quiet(hub, address)


def test_a_resolution_there_ends_the_conflict_here(hub: replica.Replica, server: CouchDB) -> None:
    address = server.make()
    test_a_clash_is_a_conflict_with_the_same_winner_at_both_ends(hub, server=_Only(server, address))
    with replica.open(address) as remote:
        remote.resolve("x", items={"n": 3})
        assert [] == list(remote.conflicts())
    replica.replicate(hub, address)
    assert 3 == hub.get("x")["n"]
    assert [] == list(hub.conflicts())
    quiet(hub, address)


class _Only(CouchDB):
    """A server whose next new database is one that is there."""

    def __init__(self, server: CouchDB, address: str) -> None:
        super().__init__(server.url)
        self._address = address

    def make(self, name: str = "") -> str:
        return self._address


def quiet(hub: replica.Replica, address: str) -> None:
    """When what was pushed has been seen in the feed there is nothing to do, and nothing is written at either end."""
    replica.replicate(hub, address)
    replica.replicate(hub, address)
    before = hub.history(), CouchDB.ask(address)["update_seq"]
    report = replica.replicate(hub, address)
    assert report.pull is not None
    assert report.push is not None
    assert {} == counts(report.pull) | counts(report.push)
    assert before == (hub.history(), CouchDB.ask(address)["update_seq"])


def test_when_nothing_has_changed_little_is_asked_and_nothing_written(hub: replica.Replica, middle: Middleman) -> None:
    address = middle.url + "/" + CouchDB(middle.url).make().rpartition("/")[2]
    hub.put({}, unid="a")
    quiet(hub, address)
    del middle.asked[:]
    replica.replicate(hub, address)
    assert middle.paths()[0].endswith("/_replica/greet")  # it might have been one of ours
    assert len(middle.asked[1:]) <= 5
    assert {"GET"} == {each.method for each in middle.asked[1:]}


def test_two_thousand_documents_are_copied_and_come_back(hub: replica.Replica, server: CouchDB, tmp_path: Path) -> None:
    address = server.make()
    hub.put_many({"n": n, "text": "x" * (n % 700)} for n in range(2000))
    report = replica.replicate(hub, address, "push")
    assert report.push is not None
    assert 2000 == report.push.added
    with replica.open(address) as remote, remote.copy(tmp_path / "again.db") as again:
        assert 2000 == len(again)
        assert again.identity.replica_id == hub.identity.replica_id
        assert leaves(again) == leaves(hub) == server.leaves(address)


def test_what_javascript_makes_of_numbers_does_not_come_back(hub: replica.Replica, couchdb: CouchDB) -> None:
    """1.0 becomes 1 there, and 2^53+1 another number; here the revision keeps the bytes that its id tells."""
    address = couchdb.make()
    items = {"float": 1.0, "large": 2**53 + 1, "larger": 10**40, "text": "\u2028é😀"}
    hub.put(items, unid="x")
    quiet(hub, address)
    assert {"float": 1, "large": 2**53} == {n: couchdb.ask(f"{address}/x")[n] for n in ("float", "large")}
    assert items == hub.get("x").items
    assert isinstance(hub.get("x")["float"], float)


@pytest.mark.parametrize(
    "unid",
    [
        "a/b",
        "a b",
        "a+b",
        "a%2Fb",
        "é",
        "😀",
        "a?b#c",
        '"',
        "\\",
        "a\nb",
        "~",
        "A",
        "a&b=c",
        "x" * 1000,
        "_design/x",
    ],
)
def test_any_unid_travels_both_ways(hub: replica.Replica, couchdb: CouchDB, tmp_path: Path, unid: str) -> None:
    address = couchdb.make()
    hub.put({"n": 1}, unid=unid)
    replica.replicate(hub, address)
    assert {unid} == couchdb.leaves(address).keys()
    with replica.open(address) as remote:
        assert 1 == remote.get(unid)["n"]
        with remote.copy(tmp_path / "copy.db") as copy:
            assert leaves(hub) == leaves(copy)


@pytest.mark.parametrize("unid", [".", "..", "_design/.."])
def test_a_unid_that_would_be_another_path_travels_and_is_not_asked_for_by_name(
    hub: replica.Replica, couchdb: CouchDB, unid: str
) -> None:
    address = couchdb.make()
    hub.put({"n": 1}, unid=unid)
    replica.replicate(hub, address)
    assert {unid} == couchdb.leaves(address).keys()
    with replica.open(address) as remote, pytest.raises(BadDocument):
        remote.get(unid)
    with replica.open(address) as remote, pytest.raises(BadDocument):
        remote.put({}, unid=unid)
    assert couchdb.ask(address)["doc_count"] == 1


def test_a_document_with_attachments_is_refused_by_itself(hub: replica.Replica, couchdb: CouchDB) -> None:
    address = couchdb.make()
    attached = {"_attachments": {"a.txt": {"content_type": "text/plain", "data": "aGVsbG8="}}}
    for name in ("a", "b", "c"):
        couchdb.ask(f"{address}/{name}", "PUT", attached if name == "b" else {})
    for _ in range(2):
        report = replica.replicate(hub, address, "pull")
        assert report.pull is not None
        assert {"attachments_not_supported": 1} == report.pull.refused
        assert ["b"] == [failure.unid for failure in hub.refused()]
        assert not report.ok
    assert {"a", "c"} == leaves(hub).keys()
    couchdb.ask(f"{address}/b", "PUT", {"_rev": couchdb.ask(f"{address}/b")["_rev"]})
    assert replica.replicate(hub, address, "pull").ok
    assert [] == hub.refused()
    assert "b" in hub


def test_what_a_server_forbids_is_counted_listed_and_offered_again(hub: replica.Replica, couchdb: CouchDB) -> None:
    address = couchdb.make()
    rule = "function (doc) { if (doc.secret) { throw({forbidden: 'no secrets'}); } }"
    couchdb.ask(f"{address}/_design/rules", "PUT", {"validate_doc_update": rule})
    for name in ("a", "b", "c"):
        hub.put({"secret": name == "b"}, unid=name)
    for _ in range(2):
        report = replica.replicate(hub, address, "push")
        assert report.push is not None
        assert {"not_allowed": 1} == report.push.refused
        assert ["b"] == [failure.unid for failure in report.push.failures]
    assert {"a", "c", "_design/rules"} == couchdb.leaves(address).keys()
    rules = couchdb.ask(f"{address}/_design/rules")
    couchdb.ask(f"{address}/_design/rules", "DELETE", rev=rules["_rev"])
    report = replica.replicate(hub, address, "push")
    assert report.push is not None
    assert (1, {}) == (report.push.added, report.push.refused)
    assert replica.replicate(hub, address).ok


def test_another_database_of_ours_is_not_let_into_it(hub: replica.Replica, server: CouchDB) -> None:
    address = server.make()
    replica.replicate(hub, address)
    with replica.create(":memory:") as other, pytest.raises(NotAReplica):
        replica.replicate(other, address)


def test_another_database_at_the_same_address_is_unsafe(hub: replica.Replica, tmp_path: Path) -> None:
    """The server was set up anew: it has another uuid."""
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()
    with running(folders[0]) as server:
        address, port = server.make("orders"), int(server.url.rpartition(":")[2])
        hub.put({"n": 1}, unid="a")
        replica.replicate(hub, address)
    with running(folders[1], port) as server:
        server.make("orders")
        server.ask(f"{address}/b", "PUT", {})
        with pytest.raises(NotAReplica):
            replica.replicate(hub, address)
        assert {"b"} == server.leaves(address).keys()
        assert replica.replicate(hub, address, force=True).ok
        assert {"a", "b"} == server.leaves(address).keys() == leaves(hub).keys()
        assert replica.replicate(hub, address).ok


def test_a_database_that_is_suddenly_empty_is_noticed(hub: replica.Replica, server: CouchDB) -> None:
    address = server.make("emptied")
    hub.put({"n": 1}, unid="a")
    replica.replicate(hub, address)
    server.ask(address, "DELETE")
    server.make("emptied")
    with pytest.raises(SuddenlyEmpty):
        replica.replicate(hub, address)
    assert replica.replicate(hub, address, force=True).ok
    assert {"a"} == server.leaves(address).keys()


def test_a_database_that_was_made_anew_is_compared_from_the_beginning(hub: replica.Replica, couchdb: CouchDB) -> None:
    address = couchdb.make("anew")
    for n in range(5):
        hub.put({}, unid=str(n))
    replica.replicate(hub, address)
    couchdb.ask(address, "DELETE")
    couchdb.make("anew")
    couchdb.ask(f"{address}/x", "PUT", {})
    assert replica.replicate(hub, address).ok
    assert {*"01234", "x"} == couchdb.leaves(address).keys() == leaves(hub).keys()


def test_a_database_that_is_not_there_is_not_made(hub: replica.Replica, couchdb: CouchDB) -> None:
    with pytest.raises(NotFound):
        replica.replicate(hub, f"{couchdb.url}/never-made")
    with pytest.raises(NotFound):
        replica.open(f"{couchdb.url}/never-made")


def test_a_database_is_not_replicated_with_itself(couchdb: CouchDB) -> None:
    address = couchdb.make()
    with pytest.raises(WithItself):
        replica.replicate(address, address.replace("127.0.0.1", "localhost"))


def test_two_servers_replicate_through_us(couchdb: CouchDB) -> None:
    a, b = couchdb.make(), couchdb.make()
    couchdb.ask(f"{a}/x", "PUT", {"at": "a"})
    couchdb.ask(f"{b}/y", "PUT", {"at": "b"})
    assert replica.replicate(a, b).ok
    assert {"x", "y"} == couchdb.leaves(a).keys()
    assert couchdb.leaves(a) == couchdb.leaves(b)


def test_a_dry_run_counts_and_writes_nothing_at_either_end(hub: replica.Replica, middle: Middleman) -> None:
    address = middle.url + "/" + CouchDB(middle.url).make().rpartition("/")[2]
    CouchDB.ask(f"{address}/there", "PUT", {})
    hub.put({}, unid="here")
    before = hub.info()
    del middle.asked[:]
    report = replica.replicate(hub, address, dry_run=True)
    assert report.pull is not None
    assert report.push is not None
    assert (1, 1) == (report.pull.added, report.push.added)
    assert before == hub.info()
    assert not [each for each in middle.paths() if "_bulk_docs" in each or each.startswith("PUT")]


# -- servers of other kinds, played by a middleman


def at(middle: Middleman) -> str:
    return f"{middle.url}/{CouchDB(middle.url).make().rpartition('/')[2]}"


def test_a_server_that_may_not_be_written_is_pulled_from(hub: replica.Replica, middle: Middleman) -> None:
    """Only this side remembers; the last entries of the feed are the witnesses."""
    address = at(middle)
    CouchDB.fill(address, [{"_id": f"{n:02}"} for n in range(50)])

    def read_only(asked: Asked, ask: Any) -> Told:
        return Told(403, b'{"error":"forbidden","reason":"no"}') if asked.method == "PUT" else ask(asked)

    middle.way = read_only
    with pytest.raises(ReadOnly):
        replica.replicate(hub, address)
    report = replica.replicate(hub, address, "pull")
    assert report.pull is not None
    assert 50 == report.pull.added
    for round in range(3):  # the document that changes again is no witness any more
        middle.way = lambda asked, ask: ask(asked)
        before = CouchDB.ask(f"{address}/00")
        CouchDB.ask(f"{address}/00", "PUT", {"round": round, "_rev": before["_rev"]})
        middle.way = read_only
        report = replica.replicate(hub, address, "pull")
        assert report.pull is not None
        assert (1, 1) == (report.pull.updated, report.pull.read)
        report = replica.replicate(hub, address, "pull")
        assert report.pull is not None
        assert 0 == report.pull.read


def test_a_read_only_server_with_another_past_is_compared_from_the_beginning(
    hub: replica.Replica, middle: Middleman
) -> None:
    CouchDB(middle.url).make("past")
    address = f"{middle.url}/past"
    CouchDB.fill(address, [{"_id": f"{n:02}", "before": True} for n in range(40)])
    replica.replicate(hub, address, "pull")
    CouchDB.ask(address, "DELETE")
    CouchDB(middle.url).make("past")
    CouchDB.fill(address, [{"_id": f"{n:02}-new", "after": True} for n in range(40)])
    middle.way = lambda asked, ask: Told(403, b"{}") if asked.method == "PUT" else ask(asked)
    replica.replicate(hub, address, "pull")
    assert 80 == len(hub)


def test_a_server_without_bulk_get_is_asked_one_by_one(hub: replica.Replica, middle: Middleman) -> None:
    address = at(middle)
    for name in ("a", "a/b", "é"):
        with replica.open(address) as remote:
            remote.put({"n": 1}, unid=name)
    middle.way = lambda asked, ask: (
        Told(404, b'{"error":"not_found","reason":"missing"}') if "_bulk_get" in asked.path else ask(asked)
    )
    replica.replicate(hub, address, "pull")
    assert {"a", "a/b", "é"} == leaves(hub).keys()


@pytest.mark.parametrize("sagging", [0, 3])
def test_sequences_that_are_not_numbers_are_only_handed_back(
    hub: replica.Replica, middle: Middleman, sagging: int
) -> None:
    """As those of a cluster: each answer names the same place otherwise, and the number in front may be a smaller one."""
    address = at(middle)
    luck = random.Random(1)
    said: dict[str, int] = {}

    def opaque(text: str) -> str:
        name = f"{max(0, int(text) - luck.randint(0, sagging))}-g1AAAA{luck.getrandbits(80):x}"
        said[name] = int(text)
        return name

    def clustered(asked: Asked, ask: Any) -> Told:
        path = re.sub(r"since=(\d+-\w+)", lambda hit: f"since={said[hit[1]]}", asked.path)
        assert not re.search(r"since=[1-9]\d*(&|$)", asked.path), "a sequence was made up"
        told = ask(asked._replace(path=path))
        if asked.method == "GET" and "_local" not in path:
            pattern = rb'"(seq|last_seq|update_seq)":(\d+)'
            body = re.sub(pattern, lambda m: b'"%b":"%b"' % (m[1], opaque(m[2].decode()).encode()), told.body)
            return told._replace(body=body)
        return told

    middle.way = clustered
    for n in range(12):
        CouchDB.ask(f"{address}/there{n}", "PUT", {"n": n})
        hub.put({"n": n}, unid=f"here{n}")
        if n % 3 == 0:
            assert replica.replicate(hub, address).ok
    assert replica.replicate(hub, address).ok
    assert 24 == len(hub)
    assert leaves(hub) == couch_leaves(middle, address)
    report = replica.replicate(hub, address)
    assert report.pull is not None
    assert report.pull.read < 12


def couch_leaves(middle: Middleman, address: str) -> dict[str, set[tuple[str, bool, str]]]:
    middle.way = lambda asked, ask: ask(asked)
    return CouchDB.leaves(address)


def test_a_batch_that_is_too_large_is_halved_and_a_document_that_is_too_large_refused(
    hub: replica.Replica, middle: Middleman
) -> None:
    address = at(middle)
    for n in range(20):
        hub.put({"text": "x" * (5000 if n == 7 else 100)}, unid=f"{n:02}")
    middle.way = lambda asked, ask: (
        Told(413, b'{"error":"too_large"}') if "_bulk_docs" in asked.path and len(asked.body) > 1000 else ask(asked)
    )
    report = replica.replicate(hub, address, "push")
    assert report.push is not None
    assert (19, {"too_large": 1}) == (report.push.added, report.push.refused)
    middle.way = lambda asked, ask: ask(asked)
    report = replica.replicate(hub, address, "push")
    assert report.push is not None
    assert (1, {}) == (report.push.added, report.push.refused)


def test_documents_that_are_too_many_for_the_memory_come_in_parts(
    hub: replica.Replica, couchdb: CouchDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "ENOUGH", 3000)
    monkeypatch.setattr(documents, "AIM", 1000)
    monkeypatch.setattr(documents, "MOST", 10_000)
    monkeypatch.setattr(writing, "BYTES", 4000)
    address = couchdb.make()
    couchdb.fill(address, [{"_id": f"{n:02}", "text": "x" * (20_000 if n == 50 else 400)} for n in range(100)])
    report = replica.replicate(hub, address, "pull")
    assert report.pull is not None
    assert (99, {"too_large": 1}) == (report.pull.added, report.pull.refused)
    assert report.pull.read == 100
    monkeypatch.setattr(documents, "MOST", 100_000)
    assert replica.replicate(hub, address, "pull").ok
    assert leaves(hub) == couchdb.leaves(address)


def test_what_is_temporary_is_tried_again(hub: replica.Replica, middle: Middleman) -> None:
    address = at(middle)
    hub.put({}, unid="a")
    moods = iter([None, None, None, 503, 429, None, "cut", 500] + [None] * 1000)

    def moody(asked: Asked, ask: Any) -> Told:
        mood = next(moods)
        if mood == "cut":
            return ask(asked)._replace(cut=1)
        return Told(mood, b"{}") if isinstance(mood, int) else ask(asked)

    middle.way = moody
    assert replica.replicate(hub, address).ok
    assert {"a"} == couch_leaves(middle, address).keys()


def test_what_is_not_temporary_is_not_tried_again(hub: replica.Replica, middle: Middleman) -> None:
    address = at(middle)
    middle.way = lambda asked, ask: Told(403, b'{"error":"forbidden","reason":"no"}')
    with pytest.raises(NotAllowed):
        replica.replicate(hub, address)
    assert len(middle.asked) <= 3


def test_what_is_no_couchdb_is_said_to_be_none(hub: replica.Replica, middle: Middleman) -> None:
    middle.way = lambda asked, ask: Told(200, b"<html>hello</html>")
    with pytest.raises(TransportError, match="does not answer as CouchDB"):
        replica.replicate(hub, f"{middle.url}/x")


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_interrupted_anywhere_the_next_run_ends_equal(
    hub: replica.Replica, middle: Middleman, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is cut at each request in turn, before it is passed on or after; nothing is lost, nothing made twice."""
    monkeypatch.setattr("replica.transports.retrying.ATTEMPTS", 1)
    monkeypatch.setattr("replica.engine.replicate.PAGE", 4)
    address = at(middle)
    plain = middle.way

    def fill(round: int) -> None:
        middle.way = plain
        names = [f"{round}-{n}" for n in range(7)]
        if direction == "push":
            hub.put_many(replica.Document({}, unid=name) for name in names)
        else:
            CouchDB.fill(address, [{"_id": name} for name in names])

    for at_request in itertools.count(1):  # the one before them asks whether it is one of ours
        fill(at_request)
        middle.way = cutting(at_request, passed_on=bool(at_request % 2))
        try:
            replica.replicate(hub, address, direction)
        except TransportError:
            middle.way = plain
            assert replica.replicate(hub, address, direction).ok
        else:
            break
    assert at_request > 8
    assert leaves(hub) == couch_leaves(middle, address)
    assert {1} == {len(each) for each in leaves(hub).values()}


def cutting(at_request: int, passed_on: bool) -> Way:
    left = itertools.count(at_request, -1)

    def way(asked: Asked, ask: Any) -> Told:
        if next(left):
            return ask(asked)
        if passed_on:
            ask(asked)
        return Told(200, b"{}", cut=0)

    return way


def test_a_server_that_restarts_goes_on_where_it_was(hub: replica.Replica, tmp_path: Path) -> None:
    with running(tmp_path, in_memory=False) as server:
        address, port = server.make("orders"), int(server.url.rpartition(":")[2])
        for n in range(20):
            server.ask(f"{address}/{n}", "PUT", {})
        replica.replicate(hub, address)
    with running(tmp_path, port, in_memory=False) as server:
        hub.put({}, unid="new")
        server.ask(f"{address}/there", "PUT", {})
        report = replica.replicate(hub, address)
        assert report.pull is not None
        assert report.push is not None
        assert (1, 1) == (report.pull.added, report.push.added)
        assert report.pull.read <= 2


@pytest.mark.parametrize("seed", range(3))
def test_two_replicas_with_a_couchdb_between_them_end_equal(tmp_path: Path, server: CouchDB, seed: int) -> None:
    """Edits, deletions, conflicts, resolutions at all three, exchanged in any order, partly between ours directly."""
    luck = random.Random(seed)
    address = server.make()
    with replica.create(tmp_path / "a.db") as a, a.copy(tmp_path / "b.db") as b, replica.open(address) as remote:
        sites = [a, b, remote]
        for _ in range(40):
            site = luck.choice(sites)
            unid = luck.choice("uvwxyz")
            what = luck.random()
            if what < 0.5:
                document = site.get(unid, None)
                if document is None:
                    site.put({"n": luck.randint(0, 9)}, unid=unid)
                else:
                    document["n"] = luck.randint(0, 9)
                    site.put(document)
            elif what < 0.6 and unid in site:
                site.delete(site.get(unid))
            elif what < 0.7 and any(conflict.unid == unid for conflict in site.conflicts()):
                site.resolve(unid, items={"resolved": luck.randint(0, 9)})
            elif what < 0.95:
                replica.replicate(luck.choice([a, b]), address, luck.choice(["both", "pull", "push"]))
            else:
                replica.replicate(a, b)
        for _ in range(3):
            for hub in (a, b):
                replica.replicate(hub, address)
        assert shown(a) == shown(b)
        assert shown(a) == {
            unid: {leaf for leaf in found if not leaf[1]}
            for unid, found in server.leaves(address).items()
            if any(not leaf[1] for leaf in found)
        }
        for unid in shown(a):
            assert a.get(unid).revision == b.get(unid).revision == remote.get(unid).revision


def shown(hub: replica.Replica) -> dict[str, set[tuple[str, bool, str]]]:
    """The live leaves. (How much is known of what was merged differs: CouchDB has no place for a second parent.)"""
    live = {unid: {leaf for leaf in found if not leaf[1]} for unid, found in leaves(hub).items()}
    return {unid: found for unid, found in live.items() if found}
