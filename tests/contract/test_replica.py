"""What programs are promised by `replica` (the Python part of the interface), line by line, on files and in memory."""

from __future__ import annotations

import inspect
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import replica
from replica import Document, Replica, errors
from replica.document import UNID_MAX
from replica.engine.replicate import Outset
from replica.errors import (
    BadDocument,
    BadSelector,
    BadSettings,
    Exists,
    Mistake,
    NotAReplica,
    NotFound,
    NotSupported,
    Paused,
    ReplicaError,
    StaleRevision,
    TooLarge,
    WithItself,
)

ID = re.compile(r"[0-9a-f]{32}")
REVISION = re.compile(r"[1-9][0-9]*-[0-9a-f]{32}")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., Replica]


@pytest.fixture(params=["file", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Make]:
    """Makes databases of one kind, closed at the end."""
    made: list[Replica] = []

    def new(**options: Any) -> Replica:
        path = ":memory:" if request.param == "memory" else str(tmp_path / f"made {len(made)}.db")
        made.append(replica.create(path, clock=clock, **options))
        return made[-1]

    yield new
    for each in made:
        each.close()


@pytest.fixture
def hub(make: Make) -> Replica:
    return make(title="Orders")


@pytest.fixture
def laptop(hub: Replica, tmp_path: Path) -> Iterator[Replica]:
    """Another replica of the same database."""
    with hub.copy(str(tmp_path / "laptop.db")) as copy:
        yield copy


def clash(hub: Replica, laptop: Replica, clock: Clock, unid: str = "order/1") -> tuple[Document, Document]:
    """Edit one document on both sides and replicate: the winner, which is the laptop's later save, and the loser."""
    hub.put({"Total": 1, "City": "Graz"}, unid=unid)
    replica.replicate(laptop, hub)
    losing = hub.put(changed(hub.get(unid), Total=2))
    clock.ms += 1000
    winning = laptop.put(changed(laptop.get(unid), Total=3))
    replica.replicate(laptop, hub)
    return winning, losing


def changed(document: Document, **items: Any) -> Document:
    document.items.update(items)
    return document


def unids(documents: Iterator[Document]) -> list[str | None]:
    return [document.unid for document in documents]


# -- create and open


def test_a_new_database_has_ids_of_its_own_and_a_title(make: Make) -> None:
    a, b = make(title="Orders").info(), make().info()
    assert ("Orders", "") == (a["title"], b["title"])
    assert all(ID.fullmatch(info[name]) for info in (a, b) for name in ("replica_id", "instance_id"))
    assert 4 == len({info[name] for info in (a, b) for name in ("replica_id", "instance_id")})


def test_create_refuses_a_name_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    replica.create(str(path)).close()
    before = path.read_bytes()
    with pytest.raises(Exists):
        replica.create(str(path))
    assert before == path.read_bytes()
    (tmp_path / "text").write_text("mine")
    for taken in (tmp_path, tmp_path / "text"):
        with pytest.raises(Exists):
            replica.create(str(taken))
    assert "mine" == (tmp_path / "text").read_text()


def test_create_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        replica.create(str(tmp_path / "nowhere" / "hub.db"))
    assert [] == list(tmp_path.iterdir())


def test_a_database_that_could_not_be_finished_was_never_there(tmp_path: Path) -> None:
    def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replica.create(str(tmp_path / "hub.db"), clock=broken)
    assert [] == list(tmp_path.iterdir())


def test_a_title_is_a_text(tmp_path: Path) -> None:
    with pytest.raises(BadSettings):
        replica.create(str(tmp_path / "hub.db"), title=5)  # type: ignore[arg-type]
    assert [] == list(tmp_path.iterdir())


def test_what_was_saved_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    with replica.create(path, title="Orders") as hub:  # type: ignore[arg-type]
        saved = hub.put({"Total": 42}, unid="order/1")
        identity = (hub.info()["replica_id"], hub.info()["instance_id"])
    with replica.open(path) as again:  # type: ignore[arg-type]
        assert isinstance(again.path, str)
        assert os.path.realpath(path) == again.path
        assert saved == again.get("order/1")
        assert identity == (again.info()["replica_id"], again.info()["instance_id"])
        assert "Orders" == again.settings["title"]


def test_two_databases_in_memory_are_two(tmp_path: Path) -> None:
    with replica.create(":memory:") as a, replica.create(":memory:") as b:
        a.put({}, unid="only here")
        assert [] == list(b.documents())
        assert (":memory:", ":memory:") == (a.path, b.path)
    assert [] == list(tmp_path.iterdir())


def test_an_address_of_an_unknown_kind_is_refused(hub: Replica) -> None:
    for address in (
        "ssh://host/orders.db",
        "https://",
        "https://host",
        "http://host:port/orders",
        "couchdb+file://x/y",
    ):
        with pytest.raises(Mistake):
            replica.open(address)
        with pytest.raises(Mistake):
            replica.replicate(hub, address)


def test_open_needs_a_file_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        replica.open(str(tmp_path / "hub.db"))
    assert [] == list(tmp_path.iterdir())


# -- put


def test_put_of_a_dict_makes_a_document_with_a_unid(hub: Replica) -> None:
    document = hub.put({"Form": "Order", "Total": 42})
    assert document.unid is not None
    assert ID.fullmatch(document.unid)
    assert REVISION.fullmatch(document.revision or "")
    assert 1 == document.sequence
    assert {"Form": "Order", "Total": 42} == document.items
    assert document == hub.get(document.unid)


def test_unids_that_are_made_sort_as_they_were_made(hub: Replica, clock: Clock) -> None:
    made = []
    for _ in range(5):
        clock.ms += 1
        made.append(hub.put({}).unid)
    assert made == unids(hub.documents())


def test_put_under_a_unid_creates(hub: Replica) -> None:
    document = hub.put({"Total": 7}, unid="order/1")
    assert "order/1" == document.unid
    with pytest.raises(StaleRevision, match="is there already"):
        hub.put({"Total": 8}, unid="order/1")
    with pytest.raises(StaleRevision):
        hub.put(Document({"Total": 8}, unid="order/1"))
    assert {"Total": 7} == hub.get("order/1").items


def test_changing_a_document_changes_this_object_only(hub: Replica) -> None:
    document = hub.put({"Total": 7}, unid="order/1")
    document["Total"] = 8
    assert 7 == hub.get("order/1")["Total"]


def test_put_of_a_document_makes_the_next_revision_as_a_new_document(hub: Replica) -> None:
    first = hub.put({"Total": 7}, unid="order/1")
    first["Total"] = 8
    second = hub.put(first)
    assert second is not first
    assert (1, 2) == (first.sequence, second.sequence)
    assert second.revision is not None
    assert second.revision.startswith("2-")
    assert {"Total": 8} == hub.get("order/1").items
    assert second == hub.get("order/1")


def test_put_refuses_if_someone_saved_in_between(hub: Replica) -> None:
    mine = hub.put({"Total": 7}, unid="order/1")
    theirs = hub.put(changed(hub.get("order/1"), Total=9))
    with pytest.raises(StaleRevision) as refused:
        hub.put(changed(mine, Total=8))
    assert ("stale_revision", False) == (refused.value.code, refused.value.may_retry)
    assert theirs.revision is not None
    assert theirs.revision in str(refused.value)
    assert {"Total": 9} == hub.get("order/1").items


def test_put_refuses_a_revision_that_was_never_there(hub: Replica) -> None:
    with pytest.raises(StaleRevision):
        hub.put(Document({}, unid="nowhere", revision="1-" + "0" * 32))
    with pytest.raises(BadDocument):
        hub.put(Document({}, unid="nowhere", revision="one"))


def test_saving_equal_items_is_a_revision_too(hub: Replica) -> None:
    document = hub.put({"Total": 7}, unid="order/1")
    assert 2 == hub.put(document).sequence


def test_put_refuses_two_different_unids(hub: Replica) -> None:
    document = hub.put({}, unid="a")
    with pytest.raises(BadDocument):
        hub.put(document, unid="b")
    assert 2 == hub.put(document, unid="a").sequence


def test_put_refuses_a_deleted_document(hub: Replica) -> None:
    hub.put({}, unid="a")
    with pytest.raises(BadDocument, match="marked as deleted"):
        hub.put(hub.delete("a"))


def test_put_on_a_deleted_unid_goes_on_from_the_stub(hub: Replica) -> None:
    hub.put({"Total": 1}, unid="a")
    stub = hub.delete("a")
    again = hub.put({"Total": 2}, unid="a")
    assert (2, 3) == (stub.sequence, again.sequence)
    assert {"Total": 2} == hub.get("a").items


@pytest.mark.parametrize(
    "unid",
    [
        "order/1",
        "a+b c%20",
        "line\nbreak",
        "é",
        "e\u0301",
        "日本 😀",
        "\u2028",
        "\ufeff",
        "'\"\\%_*",
        " ",
        "x" * UNID_MAX,
    ],
    ids=ascii,
)
def test_every_unid_comes_back_exactly(hub: Replica, unid: str) -> None:
    hub.put({"n": 1}, unid=unid)
    assert unid == hub.get(unid).unid
    assert unid in hub
    assert [unid] == unids(hub.documents())
    assert [unid] == unids(hub.find({"_id": unid}))
    assert [unid] == [change.unid for change in hub.changes()]
    assert unid == hub.delete(unid).unid


def test_unids_are_not_normalised(hub: Replica) -> None:
    names = ["\u00e9", "e\u0301", "E", "e", "ﬁ", "fi"]
    for name in names:
        hub.put({"name": name}, unid=name)
    assert 6 == len(hub)
    assert sorted(names, key=str.encode) == unids(hub.documents())


@pytest.mark.parametrize(
    "unid", ["", "_a", "a\0b", "x" * (UNID_MAX + 1), "\ud800", 5, b"a"], ids=lambda u: ascii(u)[:12]
)
def test_put_refuses_what_is_not_a_unid(hub: Replica, unid: Any) -> None:
    for refused in ({"x": 1}, Document({"x": 1}, unid=unid)):
        with pytest.raises(BadDocument):
            hub.put(refused, unid=unid if isinstance(refused, dict) else None)
    assert 0 == hub.info()["update_seq"]


@pytest.mark.parametrize("items", [{"_id": "a"}, {"_x": 1}, {1: 2}, {"a": {1}}, {"a": float("nan")}, [], None, "text"])
def test_put_refuses_what_is_not_a_document(hub: Replica, items: Any) -> None:
    with pytest.raises(BadDocument):
        hub.put(items)
    assert 0 == hub.info()["update_seq"]


def test_put_refuses_what_is_larger_than_the_setting_says(hub: Replica) -> None:
    hub.settings["document-size-max"] = 100
    hub.put({"a": "x" * 91}, unid="fits")  # {"a":"…"} has eight bytes more
    with pytest.raises(TooLarge):
        hub.put({"a": "x" * 93}, unid="larger")
    with pytest.raises(TooLarge):
        hub.put({"a": "é" * 60}, unid="larger in bytes")
    with pytest.raises(TooLarge):
        hub.put(changed(hub.get("fits"), a="x" * 93))
    report = hub.put_many([{"a": "x" * 93}])
    assert [TooLarge.code] == [failure["code"] for failure in report.failures]
    assert ["fits"] == unids(hub.documents())


# -- put_many and batch


def test_put_many_saves_dicts_and_documents(hub: Replica) -> None:
    old = hub.put({"n": 0}, unid="old")
    report = hub.put_many(iter([{"n": 1}, Document({"n": 2}, unid="new"), changed(old, n=3)]))
    assert (True, 3, 2, 1, 0) == (report.ok, report.read, report.added, report.updated, report.failed)
    assert {"n": 3} == hub.get("old").items
    assert 3 == len(hub)


def test_put_many_goes_on_after_what_it_cannot_save(hub: Replica) -> None:
    hub.put({}, unid="there")
    report = hub.put_many([{"a": 1}, {"_x": 1}, Document({}, unid="there"), {"a": float("nan")}, {"a": 2}])
    assert (False, 5, 2, 3) == (report.ok, report.read, report.added, report.failed)
    assert [(2, "bad_document"), (3, "stale_revision"), (4, "bad_document")] == [
        (failure["line"], failure["code"]) for failure in report.failures
    ]
    keys = ["ok", "read", "added", "updated", "deleted", "unchanged", "failed", "failures"]
    assert keys == list(report.to_dict())
    assert {"line", "code", "message"} == set(report.failures[0])
    assert 3 == len(hub)


def test_put_many_saves_more_than_one_batch_and_one_document_twice(hub: Replica) -> None:
    seen: list[int] = []
    report = hub.put_many(({"n": n} for n in range(2500)), on_progress=seen.append)
    assert (2500, 2500) == (report.read, report.added)
    assert 2500 == len(hub)
    assert 2500 == seen[-1]
    assert sorted(seen) == seen
    first = hub.put({}, unid="twice")
    report = hub.put_many([changed(first, n=1), Document({"n": 2}, unid="twice")])
    assert (1, 1) == (report.updated, report.failed)


def test_put_many_of_an_iterable_that_raises_keeps_whole_batches(hub: Replica) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from ({"n": n} for n in range(1500))
        raise KeyError("broken")

    with pytest.raises(KeyError):
        hub.put_many(broken())
    assert 1000 == len(hub)


def test_a_batch_is_saved_as_a_whole(hub: Replica) -> None:
    with hub.batch():
        first = hub.put({"n": 1}, unid="a")
        hub.put(changed(first, n=2))
        hub.put({}, unid="b")
        hub.delete("b")
        assert 2 == hub.get("a")["n"]
    assert {"n": 2} == hub.get("a").items
    assert "b" not in hub


def test_a_batch_that_raises_saves_nothing(hub: Replica) -> None:
    def broken() -> None:
        with hub.batch():
            hub.put({}, unid="a")
            hub.delete("before")
            raise ZeroDivisionError

    hub.put({}, unid="before")
    seq = hub.info()["update_seq"]
    with pytest.raises(ZeroDivisionError):
        broken()
    assert ["before"] == unids(hub.documents())
    assert seq == hub.info()["update_seq"]
    hub.put({}, unid="after")
    assert ["after", "before"] == unids(hub.documents())


def test_a_refusal_inside_a_batch_can_be_caught_and_the_rest_is_saved(hub: Replica) -> None:
    def broken() -> None:
        with hub.batch():
            hub.put({}, unid="inner")
            raise ZeroDivisionError

    with hub.batch():
        hub.put({}, unid="a")
        with pytest.raises(StaleRevision):
            hub.put({}, unid="a")
        with pytest.raises(ZeroDivisionError):
            broken()
        hub.put({}, unid="b")
    assert ["a", "b"] == unids(hub.documents())


# -- get and delete


def test_get_of_what_is_not_there(hub: Replica) -> None:
    with pytest.raises(NotFound) as missing:
        hub.get("x")
    assert not missing.value.deleted
    assert hub.get("x", None) is None
    assert 5 == hub.get("x", 5)


def test_get_of_what_was_deleted_says_so(hub: Replica) -> None:
    hub.put({}, unid="x")
    hub.delete("x")
    with pytest.raises(NotFound, match="was deleted") as missing:
        hub.get("x")
    assert missing.value.deleted
    assert hub.get("x", None) is None


def test_get_of_an_earlier_revision(hub: Replica) -> None:
    first = hub.put({"Total": 1}, unid="x")
    second = hub.put(changed(hub.get("x"), Total=2))
    stub = hub.delete("x")
    for document in (first, second, stub):
        found = hub.get("x", revision=document.revision)
        assert (document.revision, document.items) == (found.revision, found.items)
        assert document.deleted == found.deleted
    with pytest.raises(NotFound):
        hub.get("x", revision="7-" + "0" * 32)
    assert hub.get("x", None, revision="7-" + "0" * 32) is None
    with pytest.raises(BadDocument):
        hub.get("x", revision="seven")


def test_delete_gives_the_stub(hub: Replica) -> None:
    document = hub.put({"Total": 1}, unid="x")
    stub = hub.delete(document)
    assert (True, 2, {}, "x") == (stub.deleted, stub.sequence, stub.items, stub.unid)
    assert "x" not in hub
    assert 0 == len(hub)
    assert [] == list(hub.documents())


def test_delete_by_unid_deletes_whatever_is_there(hub: Replica) -> None:
    hub.put(hub.put({}, unid="x"))
    assert 3 == hub.delete("x").sequence


def test_delete_refuses_as_put_does(hub: Replica) -> None:
    mine = hub.put({"Total": 1}, unid="x")
    hub.put(changed(hub.get("x"), Total=2))
    with pytest.raises(StaleRevision):
        hub.delete(mine)
    assert {"Total": 2} == hub.get("x").items


def test_delete_of_what_is_not_there(hub: Replica) -> None:
    with pytest.raises(NotFound) as missing:
        hub.delete("x")
    assert not missing.value.deleted
    hub.put({}, unid="x")
    stub = hub.delete("x")
    for again in ("x", stub):
        with pytest.raises(NotFound, match="deleted") as missing:
            hub.delete(again)
        assert missing.value.deleted


# -- documents, find, indexes


def test_documents_and_find_are_iterators_in_unid_order(hub: Replica) -> None:
    names = ["b", "a", "é", "a/2", "B", "日", "a0", "😀", "ｚ"]
    for name in names:
        hub.put({"n": 1}, unid=name)
    expected = sorted(names, key=str.encode)
    for found in (hub.documents(), hub.find({}), hub.find({"n": 1})):
        assert isinstance(found, Iterator)
        assert expected == unids(found)


def test_documents_can_be_changed_while_they_are_read(hub: Replica) -> None:
    for n in range(450):
        hub.put({"n": n}, unid=f"{n:04}")
    seen = []
    for document in hub.documents():
        seen.append(document.unid)
        hub.put(changed(document, seen=True))
    assert [f"{n:04}" for n in range(450)] == seen
    assert 450 == sum(1 for _ in hub.find({"seen": True}))


def test_documents_show_conflict_documents_and_stubs_when_asked(hub: Replica, laptop: Replica, clock: Clock) -> None:
    _, losing = clash(hub, laptop, clock)
    hub.put({}, unid="gone")
    stub = hub.delete("gone")
    assert ["order/1"] == unids(hub.documents())
    both = list(hub.documents(conflicts=True))
    (conflict,) = (document for document in both if document.conflict)
    assert sorted(unids(iter(both)), key=str) == unids(iter(both))
    assert (True, True, "order/1", 2) == (conflict.conflict, conflict["$Conflict"], conflict["$Ref"], conflict["Total"])
    assert losing.revision == conflict.revision
    assert ["gone", "order/1"] == unids(hub.documents(deleted=True))
    assert [stub] == [document for document in hub.documents(deleted=True) if document.deleted]
    assert 1 == len(hub)


def test_find_takes_sort_skip_limit_and_conflicts(hub: Replica) -> None:
    for n, form in enumerate(["b", "a", "b", "a", "c"]):
        hub.put({"Total": n, "Form": form}, unid=f"d{n}")
    assert ["d3", "d4"] == unids(hub.find({"Total": {"$gt": 2}}))
    assert ["d4", "d2", "d0", "d3", "d1"] == unids(hub.find({}, sort=[{"Form": "desc"}, {"Total": "desc"}]))
    assert ["d1", "d3", "d0", "d2", "d4"] == unids(hub.find({}, sort=["Form"]))
    assert ["d2", "d3"] == unids(hub.find({}, skip=2, limit=2))
    assert ["d0", "d4"] == unids(hub.find({}, sort=["Form"], skip=2, limit=3))[::2]
    assert [] == unids(hub.find({}, limit=0))
    with pytest.raises(BadSelector):
        hub.find({"Total": {"$gone": 1}})
    with pytest.raises(BadSelector):
        list(hub.find({}, skip=-1))


def test_find_shows_conflict_documents_when_asked(hub: Replica, laptop: Replica, clock: Clock) -> None:
    clash(hub, laptop, clock)
    assert [3] == [document["Total"] for document in hub.find({"City": "Graz"})]
    assert [2, 3] == [document["Total"] for document in hub.find({"City": "Graz"}, sort=["Total"], conflicts=True)]
    assert [2] == [document["Total"] for document in hub.find({"\\$Conflict": True}, conflicts=True)]


def test_in_and_len_see_live_winners(hub: Replica) -> None:
    assert 0 == len(hub)
    assert hub
    hub.put({}, unid="a")
    hub.put({}, unid="b")
    hub.delete("b")
    assert "a" in hub
    assert "b" not in hub
    assert 5 not in hub
    assert 1 == len(hub)


def test_indexes_are_made_listed_and_dropped_and_change_no_answer(hub: Replica) -> None:
    for n in range(20):
        hub.put({"Form": "Order", "Total": n}, unid=f"{n:02}")
    before = unids(hub.find({"Form": "Order", "Total": {"$gt": 15}}))
    name = hub.create_index(["Form", "Total"])
    assert [name] == hub.indexes()
    assert before == unids(hub.find({"Form": "Order", "Total": {"$gt": 15}}))
    with pytest.raises(Exists):
        hub.create_index(["Form", "Total"])
    assert "mine" == hub.create_index(["Total"], name="mine")
    assert {name, "mine"} == set(hub.indexes())
    hub.drop_index(name)
    assert ["mine"] == hub.indexes()
    with pytest.raises(NotFound):
        hub.drop_index(name)
    with pytest.raises(BadSelector):
        hub.create_index([])


def test_indexes_of_items_that_differ_in_case_only_need_two_names(hub: Replica) -> None:
    """SQLite takes the names for one."""
    hub.create_index(["total"])
    with pytest.raises(Exists, match="'total'") as refused:
        hub.create_index(["Total"])
    assert "name" in refused.value.hint
    assert "capital" == hub.create_index(["Total"], name="capital")
    assert hub.verify()["ok"]


@pytest.mark.parametrize("items", ["Form", [5], [f"item {n}" for n in range(200)]], ids=["text", "number", "many"])
def test_what_is_no_list_of_items_is_not_indexed(hub: Replica, items: Any) -> None:
    with pytest.raises(BadSelector):
        hub.create_index(items)
    assert [] == hub.indexes()


# -- changes and revisions


def test_changes_name_each_document_once_at_its_latest(hub: Replica) -> None:
    hub.put({}, unid="a")
    hub.put({}, unid="b")
    a = hub.put(hub.get("a"))
    b = hub.delete("b")
    changes = list(hub.changes())
    assert [("a", a.revision, False, [a.revision]), ("b", b.revision, True, [b.revision])] == [
        tuple(change)[1:] for change in changes
    ]
    assert [3, 4] == [change.sequence for change in changes]
    assert changes[1:] == list(hub.changes(since=3))
    assert [] == list(hub.changes(4))
    assert 4 == hub.info()["update_seq"]
    assert ("sequence", "unid", "revision", "deleted", "leaves") == replica.Change._fields


def test_changes_name_all_leaves_the_winner_first(hub: Replica, laptop: Replica, clock: Clock) -> None:
    winning, losing = clash(hub, laptop, clock)
    (change,) = hub.changes()
    assert (winning.revision, [winning.revision, losing.revision]) == (change.revision, change.leaves)


def test_changes_read_pages_in_order(hub: Replica) -> None:
    hub.put_many({"n": n} for n in range(1300))
    sequences = [change.sequence for change in hub.changes()]
    assert list(range(1, 1301)) == sequences


def test_live_changes_wait_for_more(hub: Replica) -> None:
    hub.put({}, unid="a")
    feed = hub.changes(live=True)
    assert "a" == next(feed).unid
    writer = threading.Timer(0.05, lambda: hub.put({}, unid="b"))
    writer.start()
    assert "b" == next(feed).unid
    writer.join()


def test_revisions_are_what_get_can_take(hub: Replica) -> None:
    saved = [hub.put({"n": 0}, unid="a")]
    for n in range(1, 4):
        saved.append(hub.put(changed(hub.get("a"), n=n)))
    found = hub.revisions("a")
    assert [document.revision for document in reversed(saved)] == [document.revision for document in found]
    assert [3, 2, 1, 0] == [hub.get("a", revision=document.revision)["n"] for document in found]
    with pytest.raises(NotFound):
        hub.revisions("x")


def test_revisions_of_a_deleted_document_can_still_be_read(hub: Replica) -> None:
    first = hub.put({"n": 1}, unid="a")
    stub = hub.delete("a")
    assert [stub.revision, first.revision] == [document.revision for document in hub.revisions("a")]


# -- conflicts


def test_a_clash_is_a_conflict_document_with_the_same_unid_on_both_sides(
    hub: Replica, laptop: Replica, clock: Clock
) -> None:
    winning, losing = clash(hub, laptop, clock)
    for side in (hub, laptop):
        (conflict,) = side.conflicts()
        (leaf,) = conflict.leaves
        assert ("order/1", winning.revision) == (conflict.unid, conflict.winner)
        assert (losing.revision, {"Total": [3, 2]}) == (leaf.revision, leaf.differs)
        document = side.get(leaf.unid)
        assert {"Total": 2, "City": "Graz", "$Conflict": True, "$Ref": "order/1"} == document.items
        assert document.conflict
        assert leaf.unid in side
        assert winning == side.get("order/1")
        assert 1 == len(side)
    assert len({leaf.unid for side in (hub, laptop) for each in side.conflicts() for leaf in each.leaves}) == 1


def test_a_conflict_has_the_shape_of_the_interface(hub: Replica, laptop: Replica, clock: Clock) -> None:
    _, losing = clash(hub, laptop, clock)
    (conflict,) = hub.conflicts()
    shown = conflict.to_dict()
    assert ["_id", "winner", "leaves"] == list(shown)
    assert ["_id", "_rev", "time", "differs"] == list(shown["leaves"][0])
    assert "2023-11-14T22:13:20.000Z" == shown["leaves"][0]["time"]
    assert losing.sequence_time == conflict.leaves[0].time


@pytest.mark.parametrize("which", ["winner", "loser"])
def test_resolve_keeps_one_version(hub: Replica, laptop: Replica, clock: Clock, which: str) -> None:
    winning, losing = clash(hub, laptop, clock)
    kept = winning if which == "winner" else losing
    resolved = hub.resolve("order/1", keep=kept.revision)
    assert (kept.items, 3, "order/1") == (resolved.items, resolved.sequence, resolved.unid)
    assert resolved == hub.get("order/1")
    assert [] == list(hub.conflicts())
    replica.replicate(hub, laptop)
    assert resolved == laptop.get("order/1")
    assert [] == list(laptop.conflicts())
    assert hub.compare(laptop)["ok"]


def test_resolve_takes_items_and_the_unid_of_a_conflict_document(hub: Replica, laptop: Replica, clock: Clock) -> None:
    clash(hub, laptop, clock)
    (conflict,) = hub.conflicts()
    resolved = hub.resolve(conflict.leaves[0].unid, items={"Total": 5})
    assert ("order/1", {"Total": 5}) == (resolved.unid, resolved.items)
    assert conflict.leaves[0].unid not in hub
    assert 0 == hub.info()["conflicts"]


def test_resolve_refuses_what_makes_no_sense(hub: Replica, laptop: Replica, clock: Clock) -> None:
    clash(hub, laptop, clock)
    hub.put({}, unid="fine")
    with pytest.raises(NotFound, match="no conflict"):
        hub.resolve("fine", items={})
    with pytest.raises(NotFound):
        hub.resolve("nowhere", items={})
    with pytest.raises(NotFound, match="none of the clashing revisions") as refused:
        hub.resolve("order/1", keep="2-" + "0" * 32)
    assert "They are 2-" in refused.value.hint
    with pytest.raises(Mistake):
        hub.resolve("order/1")
    with pytest.raises(Mistake):
        hub.resolve("order/1", keep="2-" + "0" * 32, items={})
    with pytest.raises(BadDocument):
        hub.resolve("order/1", items={"_x": 1})
    assert 1 == len(list(hub.conflicts()))


@pytest.mark.parametrize(("keep", "total"), [("winner", 3), ("newest", 3)])
def test_resolve_all_ends_every_conflict(hub: Replica, laptop: Replica, clock: Clock, keep: str, total: int) -> None:
    for unid in ("a", "b", "c"):
        clash(hub, laptop, clock, unid)
    assert ["a", "b", "c"] == hub.resolve_all(keep=keep, dry_run=True)
    assert 3 == len(list(hub.conflicts()))
    assert ["a", "b", "c"] == hub.resolve_all(keep=keep)
    assert [total] * 3 == [document["Total"] for document in hub.documents()]
    assert [] == list(hub.conflicts())
    assert [] == hub.resolve_all(keep=keep)
    with pytest.raises(Mistake):
        hub.resolve_all(keep="oldest")


def test_newest_is_what_was_saved_last_also_when_something_else_won(
    hub: Replica, laptop: Replica, clock: Clock
) -> None:
    hub.put({"Total": 1}, unid="a")
    replica.replicate(laptop, hub)
    hub.put(hub.put(changed(hub.get("a"), Total=2)))
    clock.ms += 1000
    laptop.put(changed(laptop.get("a"), Total=3))
    replica.replicate(laptop, hub)
    assert 2 == hub.get("a")["Total"]
    hub.resolve_all(keep="newest")
    assert 3 == hub.get("a")["Total"]


def test_deleting_a_conflict_document_closes_its_leaf(hub: Replica, laptop: Replica, clock: Clock) -> None:
    winning, _ = clash(hub, laptop, clock)
    document = next(each for each in hub.documents(conflicts=True) if each.conflict)
    stub = hub.delete(document)
    assert (True, "order/1") == (stub.deleted, stub.unid)
    assert [] == list(hub.conflicts())
    assert winning == hub.get("order/1")
    with pytest.raises(NotFound):
        hub.delete(document)


def test_saving_a_conflict_document_makes_it_a_document_of_its_own(hub: Replica, laptop: Replica, clock: Clock) -> None:
    winning, _ = clash(hub, laptop, clock)
    document = next(each for each in hub.documents(conflicts=True) if each.conflict)
    saved = hub.put(changed(document, Note="kept"))
    assert (document.unid, 1) == (saved.unid, saved.sequence)
    assert {"Total": 2, "City": "Graz", "Note": "kept"} == saved.items
    assert [] == list(hub.conflicts())
    assert {"order/1", saved.unid} == set(unids(hub.documents()))
    replica.replicate(hub, laptop)
    assert hub.compare(laptop)["ok"]
    assert winning == laptop.get("order/1")


def test_a_new_document_cannot_hide_a_conflict_document(hub: Replica, laptop: Replica, clock: Clock) -> None:
    """It would take its UNID, and the conflict could not be read any more."""
    clash(hub, laptop, clock)
    document = next(each for each in hub.documents(conflicts=True) if each.conflict)
    with pytest.raises(StaleRevision, match="conflict document"):
        hub.put({"new": True}, unid=document.unid)
    assert document == hub.get(document.unid)
    hub.delete(document)
    assert hub.put({"new": True}, unid=document.unid) == hub.get(document.unid)


def test_equal_edits_are_no_conflict(hub: Replica, laptop: Replica, clock: Clock) -> None:
    hub.put({"Total": 1}, unid="a")
    replica.replicate(laptop, hub)
    for side in (hub, laptop):
        clock.ms += 1
        side.put(changed(side.get("a"), Total=2))
    replica.replicate(laptop, hub)
    (change,) = hub.changes()
    assert 2 == len(change.leaves)
    assert [] == list(hub.conflicts())
    hub.put(changed(hub.get("a"), Total=3))
    (change,) = hub.changes()
    assert 1 == len(change.leaves)


# -- settings


def test_settings_have_defaults_and_keep_what_is_set(hub: Replica) -> None:
    assert {
        "title": "Orders",
        "keep-revisions": 1,
        "keep-days": None,
        "ancestry-limit": 1000,
        "document-size-max": 16 * 2**20,
        "conflict-policy": "conflict",
        "stub-lifetime": None,
        "paused": False,
    } == dict(hub.settings)
    hub.settings["keep-revisions"] = 5
    hub.settings["title"] = "Bestellungen 📦"
    hub.settings["conflict-policy"] = {"Order": "merge", "*": "conflict"}
    assert (5, "Bestellungen 📦") == (hub.settings["keep-revisions"], hub.settings["title"])
    assert {"Order": "merge", "*": "conflict"} == hub.settings["conflict-policy"]
    del hub.settings["keep-revisions"]
    assert 1 == hub.settings["keep-revisions"]
    assert 8 == len(hub.settings)
    assert ("title" in hub.settings, "tilte" in hub.settings) == (True, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", 5),
        ("title", None),
        ("keep-revisions", 0),
        ("keep-revisions", 1.5),
        ("keep-revisions", True),
        ("keep-revisions", "3"),
        ("keep-days", -1),
        ("ancestry-limit", 0),
        ("ancestry-limit", 999),
        ("document-size-max", 0),
        ("conflict-policy", "newest"),
        ("conflict-policy", {"Order": "newest"}),
        ("paused", 1),
        ("paused", None),
    ],
)
def test_settings_refuse_what_they_cannot_take(hub: Replica, name: str, value: Any) -> None:
    before = dict(hub.settings)
    with pytest.raises(BadSettings):
        hub.settings[name] = value
    assert before == dict(hub.settings)


def test_an_unknown_setting_is_refused_with_a_suggestion(hub: Replica) -> None:
    for use in (lambda: hub.settings["keep-revision"], lambda: hub.settings.__setitem__("keep-revision", 1)):
        with pytest.raises(BadSettings, match="did you mean 'keep-revisions'"):
            use()
    with pytest.raises(NotSupported):
        hub.settings["stub-lifetime"] = 90


# -- the replica itself


def test_info_counts(hub: Replica, laptop: Replica, clock: Clock) -> None:
    clash(hub, laptop, clock)
    hub.put({}, unid="gone")
    hub.delete("gone")
    info = hub.info()
    keys = "replica_id instance_id title documents deleted conflicts conflicted update_seq bytes schema"
    assert keys == " ".join(info)
    counts = {name: info[name] for name in ("documents", "deleted", "conflicts", "conflicted", "schema")}
    assert {"documents": 1, "deleted": 1, "conflicts": 1, "conflicted": 1, "schema": 3} == counts
    assert info["bytes"] > 4096


def test_a_copy_is_a_new_replica_of_the_same_database(hub: Replica, tmp_path: Path) -> None:
    saved = hub.put({"n": 1}, unid="a")
    hub.put({}, unid="gone")
    hub.delete("gone")
    with hub.copy(str(tmp_path / "copy.db")) as copy:
        assert hub.info()["replica_id"] == copy.info()["replica_id"]
        assert hub.info()["instance_id"] != copy.info()["instance_id"]
        assert "Orders" == copy.settings["title"]
        assert saved == copy.get("a")
        assert hub.compare(copy)["ok"]
        with pytest.raises(Exists):
            hub.copy(str(tmp_path / "copy.db"))
        report = replica.replicate(copy, hub)
        assert report.pull is not None
        assert (0, 0) == (report.pull.read, report.pull.added)


def test_a_backup_is_an_ordinary_file(hub: Replica, tmp_path: Path, clock: Clock) -> None:
    saved = hub.put({"n": 1}, unid="a")
    path = str(tmp_path / "backup.db")
    hub.backup(path)
    with pytest.raises(Exists):
        hub.backup(path)
    hub.put(changed(hub.get("a"), n=2))
    with replica.open(path, clock=clock) as restored:
        assert saved == restored.get("a")
        assert hub.info()["replica_id"] == restored.info()["replica_id"]
        assert restored.verify()["ok"]
        replica.replicate(restored, hub)
        assert hub.compare(restored)["ok"]


def test_history_remembers_both_sides_of_an_exchange(hub: Replica, laptop: Replica) -> None:
    hub.put({}, unid="a")
    replica.replicate(laptop, hub)
    there, here = hub.history(), laptop.history()
    assert {session.id for session in there} == {session.id for session in here}
    assert {laptop.info()["instance_id"]} == {session.peer for session in there}
    assert {"in", "out"} == {session.direction for session in here}
    assert [] == hub.history(clear=laptop.info()["instance_id"])
    with pytest.raises(NotFound):
        hub.history(clear="nobody")


def test_verify_and_compare_say_what_is_well(hub: Replica, laptop: Replica) -> None:
    hub.put({"n": 1}, unid="a")
    hub.put(changed(hub.get("a"), n=2))
    assert {"ok": True, "checked": 2, "damaged": []} == hub.verify()
    laptop.put({}, unid="b")
    hub.put({}, unid="c")
    assert {"ok": False, "only_here": ["a", "c"], "only_there": ["b"], "different": []} == hub.compare(laptop)
    replica.replicate(hub, laptop)
    laptop.put(laptop.get("a"))
    assert {"ok": False, "only_here": [], "only_there": [], "different": ["a"]} == hub.compare(laptop)
    replica.replicate(hub, laptop)
    assert {"ok": True, "only_here": [], "only_there": [], "different": []} == hub.compare(laptop)


def test_verify_lists_what_sqlite_cannot_read(tmp_path: Path) -> None:
    with replica.create(tmp_path / "hub.db") as hub:
        hub.put_many({"n": n, "text": "x" * 500} for n in range(200))
    whole = (tmp_path / "hub.db").read_bytes()
    middle = len(whole) // 2 // 4096 * 4096
    (tmp_path / "hub.db").write_bytes(whole[:middle] + b"\xa5" * 8192 + whole[middle + 8192 :])
    with replica.open(tmp_path / "hub.db") as hub:
        found = hub.verify()
    assert not found["ok"]
    assert {"corrupt"} == {each["code"] for each in found["damaged"]}


def test_compact_forgets_superseded_revisions_and_nothing_else(hub: Replica) -> None:
    for n in range(5):
        hub.put(changed(hub.get("a", Document(unid="a")), n=n))
    hub.put({}, unid="gone")
    hub.delete("gone")
    hub.settings["keep-revisions"] = 3
    assert ["forgotten", "bytes_before", "bytes_after"] == list(hub.compact())
    assert [4, 3, 2] == [document["n"] for document in hub.revisions("a")]
    hub.settings["keep-revisions"] = 1
    assert 3 == hub.compact()["forgotten"]
    assert [4] == [document["n"] for document in hub.revisions("a")]
    assert ["a", "gone"] == unids(hub.documents(deleted=True))
    assert hub.verify()["ok"]
    assert 0 == hub.compact()["forgotten"]


def test_keep_days_keeps_what_was_superseded_lately(hub: Replica, clock: Clock) -> None:
    hub.put({"n": 0}, unid="a")
    hub.put(changed(hub.get("a"), n=1))
    clock.ms += 10 * 86_400_000
    hub.put(changed(hub.get("a"), n=2))
    hub.settings["keep-days"] = 5
    assert 1 == hub.compact()["forgotten"]
    assert [2, 1] == [document["n"] for document in hub.revisions("a")]


# -- replicate


def test_replicate_pulls_then_pushes(hub: Replica, laptop: Replica) -> None:
    hub.put({}, unid="from hub")
    laptop.put({}, unid="from laptop")
    seen: list[replica.Progress] = []
    report = replica.replicate(laptop, hub, on_progress=seen.append)
    assert report.ok
    assert report.pull is not None
    assert report.push is not None
    assert (1, 1, False) == (report.pull.added, report.push.added, report.dry_run)
    assert report.seconds > 0
    assert ["pull", "push"] == [direction for direction, _ in itertools.groupby(step.direction for step in seen)]
    assert hub.compare(laptop)["ok"]
    shape = report.to_dict()
    assert {"ok", "pull", "push", "seconds", "dry_run"} <= set(shape)
    keys = "added updated deleted conflicts merged replaced resurrected failed refused failures read bytes wire_bytes"
    assert f"{keys} evicted unsent" == " ".join(shape["pull"])


def test_the_progress_of_one_direction_tells_of_the_other_one_too(hub: Replica, laptop: Replica) -> None:
    for number in range(3):
        hub.put({}, unid=f"from hub {number}")
    laptop.put({}, unid="from laptop")
    seen: list[replica.Progress] = []
    replica.replicate(laptop, hub, on_progress=seen.append)
    begun, ended = seen[0], seen[-1]
    assert begun.other is not None
    assert ended.other is not None
    assert ("pull", 3, 3) == begun[:3]
    assert ("push", 0, 1) == begun.other[:3], "before it begins"
    assert ("push", "pull") == (ended.direction, ended.other.direction)
    assert ended.done == ended.total
    assert ("pull", 3, 3, 3) == (*ended.other[:3], ended.other.tally.added), "after it has ended"


def test_the_progress_of_a_single_direction_tells_of_no_other(hub: Replica, laptop: Replica) -> None:
    hub.put({})
    seen: list[replica.Progress] = []
    replica.replicate(laptop, hub, direction="pull", on_progress=seen.append)
    assert [None] == [step.other for step in seen]


def test_what_is_pending_begins_where_the_last_replication_ended(hub: Replica, laptop: Replica) -> None:
    for number in range(3):
        hub.put({}, unid=f"early {number}")
    replica.replicate(laptop, hub)
    hub.put({}, unid="late")
    laptop.put({}, unid="from laptop")
    seen: list[replica.Progress] = []
    replica.replicate(laptop, hub, on_progress=seen.append)
    assert seen[0].other is not None
    assert (1, 1) == (seen[0].total, seen[0].other.total)


def test_each_direction_says_where_it_goes_on_from_before_it_begins(hub: Replica, laptop: Replica) -> None:
    replica.replicate(laptop, hub)
    early = hub.update_sequence
    hub.put({}, unid="from hub")
    begun: list[Outset] = []
    report = replica.replicate(laptop, hub, on_begin=begun.append)
    assert ["pull", "push"] == [each.direction for each in begun]
    assert (early, early + 1) == (begun[0].since.number, begun[0].end.number)
    assert report.pull is begun[0].tally
    again: list[Outset] = []
    replica.replicate(laptop, hub, on_begin=again.append)
    assert [(each.end, each.end) for each in again] == [(each.since, each.end) for each in again], "nothing is new"


def test_what_was_counted_before_an_error_is_still_there(hub: Replica, laptop: Replica) -> None:
    for number in range(3):
        hub.put({}, unid=f"{number}")
    begun: list[Outset] = []

    def fail(progress: replica.Progress) -> None:
        raise errors.Busy("for the test")

    with pytest.raises(errors.Busy):
        replica.replicate(laptop, hub, on_progress=fail, on_begin=begun.append)
    assert 3 == begun[0].tally.added


@pytest.mark.parametrize(("direction", "here", "there"), [("pull", 2, 1), ("push", 1, 2), ("both", 2, 2)])
def test_replicate_goes_one_way_or_both(hub: Replica, laptop: Replica, direction: str, here: int, there: int) -> None:
    hub.put({}, unid="from hub")
    laptop.put({}, unid="from laptop")
    report = replica.replicate(laptop, hub, direction=direction)
    assert (here, there) == (len(laptop), len(hub))
    assert (direction != "push", direction != "pull") == (report.pull is not None, report.push is not None)
    if direction != "both":
        assert report.to_dict()[{"pull": "push", "push": "pull"}[direction]] is None


def test_replicate_takes_paths(tmp_path: Path) -> None:
    with replica.create(str(tmp_path / "a.db")) as a:
        a.copy(str(tmp_path / "b.db")).close()
        a.put({}, unid="x")
    report = replica.replicate(str(tmp_path / "b.db"), str(tmp_path / "a.db"))
    assert report.pull is not None
    assert 1 == report.pull.added


def test_a_dry_run_counts_and_changes_nothing(hub: Replica, laptop: Replica) -> None:
    hub.put({}, unid="a")
    before = laptop.info(), hub.info(), laptop.history()
    report = replica.replicate(laptop, hub, dry_run=True)
    assert report.pull is not None
    assert (True, 1) == (report.dry_run, report.pull.added)
    assert before == (laptop.info(), hub.info(), laptop.history())


def test_replicate_refuses_what_would_hurt(hub: Replica, laptop: Replica, make: Make) -> None:
    with pytest.raises(NotAReplica):
        replica.replicate(hub, make())
    with pytest.raises(WithItself):
        replica.replicate(hub, hub)
    laptop.settings["paused"] = True
    for ends in ((hub, laptop), (laptop, hub)):
        with pytest.raises(Paused):
            replica.replicate(*ends)
    with pytest.raises(Mistake):
        replica.replicate(hub, laptop, direction="sideways")


def test_changes_of_different_items_merge_where_the_policy_says_so(hub: Replica, laptop: Replica, clock: Clock) -> None:
    for side in (hub, laptop):
        side.settings["conflict-policy"] = "merge"
    hub.put({"Total": 1, "City": "Graz"}, unid="a")
    replica.replicate(laptop, hub)
    hub.put(changed(hub.get("a"), Total=2))
    clock.ms += 5
    laptop.put(changed(laptop.get("a"), City="Linz"))
    report = replica.replicate(laptop, hub)
    assert report.pull is not None
    assert 1 == report.pull.merged
    assert [{"Total": 2, "City": "Linz"}] * 2 == [side.get("a").items for side in (hub, laptop)]
    assert hub.get("a") == laptop.get("a")
    assert [] == list(hub.conflicts())


# -- documents


def test_a_document_says_what_it_is(hub: Replica, clock: Clock) -> None:
    document = hub.put({"Total": 1}, unid="a")
    assert datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC) == document.sequence_time
    assert (1, False, False) == (document.sequence, document.deleted, document.conflict)
    assert type(document.items) is dict
    assert document == Document.from_json(document.to_json())


# -- threads, processes, the end


def test_a_replica_may_be_shared_by_threads(hub: Replica) -> None:
    def write(name: int) -> None:
        for n in range(20):
            hub.put({"n": n}, unid=f"{name}/{n}")
            assert n == hub.get(f"{name}/{n}")["n"]

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 80 == len(hub)
    assert list(range(1, 81)) == [change.sequence for change in hub.changes()]


def test_a_closed_replica_says_so(hub: Replica) -> None:
    hub.put({}, unid="a")
    hub.close()
    hub.close()
    for use in (lambda: hub.get("a"), lambda: hub.put({}), lambda: len(hub), hub.verify, hub.info):
        with pytest.raises(Mistake, match="closed"):
            use()


def test_a_replica_is_a_context_manager(make: Make) -> None:
    with make() as here:
        here.put({})
    with pytest.raises(Mistake):
        here.put({})


def test_a_replica_shows_its_path(hub: Replica) -> None:
    assert f"Replica({hub.path!r})" == repr(hub)


# -- the front door


def test_errors_have_the_names_of_the_interface_and_say_what_to_do() -> None:
    names = (
        "NotFound StaleRevision NotAllowed TooLarge BadDocument BadSelector Exists NotAReplica SuddenlyEmpty Stale Busy "
        "NotADatabase TooNew Corrupt Unreachable TimedOut NotAuthenticated NotSupported BadSettings"
    )
    for name in names.split():
        error = getattr(errors, name)("what happened")
        assert isinstance(error, ReplicaError)
        assert error.code
        assert error.hint
        assert error.may_retry in (True, False)
    assert "as I say" == errors.NotFound("x", hint="as I say").hint


def test_the_package_is_typed() -> None:
    assert (Path(inspect.getfile(replica)).parent / "py.typed").is_file()


def test_a_copy_of_a_paused_replica_is_not_paused(tmp_path: Path) -> None:
    with replica.create(str(tmp_path / "hub.db")) as hub:
        hub.settings["paused"] = True
        with hub.copy(str(tmp_path / "laptop.db")) as laptop:
            assert not laptop.settings["paused"]
