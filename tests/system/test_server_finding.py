"""`_find`, `_explain` and `_index`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import replica
from replica.server.app import Limits
from replica.server.couchdb import finding
from tests.asking import Database, House, house, revision

pytestmark = pytest.mark.system

ORDERS = [{"_id": f"{n}", "Form": "Order", "Total": n, "by": {"name": f"n{n % 3}"}} for n in range(10)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data"), limits=Limits(documents_max=100)) as made:
        yield made


@pytest.fixture
def db(server: House) -> Database:
    made = server.database()
    made.post("/_bulk_docs", {"docs": [*ORDERS, {"_id": "_design/d", "Form": "Order"}, {"_id": "x", "Form": "Memo"}]})
    return made


def found(db: Database, selector: Any, **options: Any) -> list[str]:
    answer = db.post("/_find", {"selector": selector, **options})
    assert 200 == answer.status, answer
    return [document["_id"] for document in answer.body["docs"]]


def test_documents_that_match_are_found_without_design_documents(db: Database) -> None:
    assert [f"{n}" for n in range(10)] == found(db, {"Form": "Order"})
    assert ["8", "9"] == found(db, {"Total": {"$gt": 7}})
    assert ["x"] == found(db, {"_id": {"$gt": "9"}})
    assert 11 == len(found(db, {}))


def test_a_found_document_is_whole_or_the_wanted_part_of_it(db: Database) -> None:
    whole = db.post("/_find", {"selector": {"_id": "4"}}).body["docs"]
    assert [db.get("/4").body] == whole
    some = {"selector": {"_id": "4"}, "fields": ["_id", "Total", "by.name", "no", "no.where"]}
    assert [{"_id": "4", "Total": 4, "by": {"name": "n1"}}] == db.post("/_find", some).body["docs"]


def test_no_more_come_than_wanted_and_25_where_nothing_is_said(db: Database) -> None:
    db.post("/_bulk_docs", {"docs": [{"_id": f"m{n}", "Form": "Many"} for n in range(40)]})
    assert 25 == len(found(db, {"Form": "Many"}))
    assert 40 == len(found(db, {"Form": "Many"}, limit=50))
    assert ["2", "3"] == found(db, {"Form": "Order"}, skip=2, limit=2)
    assert [] == found(db, {"Form": "Order"}, limit=0)


@pytest.mark.parametrize("sort", [None, [{"Total": "desc"}]])
def test_a_bookmark_goes_on_where_the_answer_ended(db: Database, sort: Any) -> None:
    options = {"limit": 4, **({"sort": sort} if sort else {})}
    seen, mark = [], None
    for _ in range(4):
        body = db.post(
            "/_find", {"selector": {"Form": "Order"}, **options, **({"bookmark": mark} if mark else {})}
        ).body
        seen += [document["_id"] for document in body["docs"]]
        mark = body["bookmark"]
    expected = [f"{n}" for n in range(10)]
    assert (expected[::-1] if sort else expected) == seen
    assert "nil" == mark


def test_what_is_sorted_has_the_items_it_is_sorted_by(db: Database) -> None:
    """As in CouchDB, whose index of an item leaves out the documents that lack it."""
    assert [f"{n}" for n in range(9, -1, -1)] == found(db, {}, sort=[{"Total": "desc"}])
    assert ["0", "3", "6", "9", "1"] == found(db, {}, sort=["by.name", "Total"], limit=5)
    assert ["9", "x"] == found(db, {}, sort=["_id"], skip=9)


def test_conflicts_come_when_asked_for(db: Database) -> None:
    db.pushed(revision("c", "2-b", "a", k=1), revision("c", "2-c", "a", k=1))
    (document,) = db.post("/_find", {"selector": {"k": 1}, "conflicts": True}).body["docs"]
    assert ("2-c", ["2-b"]) == (document["_rev"], document["_conflicts"])


def test_the_statistics_say_how_many_were_looked_at(db: Database) -> None:
    stats = db.post("/_find", {"selector": {"Total": 5}, "execution_stats": True}).body["execution_stats"]
    assert (True, 1) == (stats["total_docs_examined"] >= 1, stats["results_returned"])
    assert stats["execution_time_ms"] >= 0


BAD = [
    ({}, "bad_request"),
    ({"selector": 5}, "invalid_selector"),
    ({"selector": {"a": {"$no": 1}}}, "invalid_selector"),
    ({"selector": {"a": {"$regex": "(.)\\1"}}}, "invalid_selector"),
    ({"selector": {}, "limit": -1}, "bad_request"),
    ({"selector": {}, "limit": "5"}, "bad_request"),
    ({"selector": {}, "skip": 1.5}, "bad_request"),
    ({"selector": {}, "sort": "a"}, "bad_request"),
    ({"selector": {}, "sort": [{"a": "up"}]}, "invalid_selector"),
    ({"selector": {}, "sort": [5]}, "invalid_selector"),
    ({"selector": {}, "fields": [5]}, "bad_request"),
    ({"selector": {}, "fields": "a"}, "bad_request"),
    ({"selector": {}, "bookmark": "?"}, "bad_request"),
    ({"selector": {}, "bookmark": "eyJhIjoxfQ=="}, "bad_request"),
    ({"selector": {}, "bookmark": 5}, "bad_request"),
    ({"selector": {}, "conflicts": 1}, "bad_request"),
    ({"selector": {}, "use_index": 5}, "bad_request"),
    ({"selector": {}, "unknown": 5}, "bad_request"),
]


@pytest.mark.parametrize(("body", "error"), BAD)
def test_what_is_no_question_is_refused(db: Database, body: Any, error: str) -> None:
    assert (400, error) == db.post("/_find", body).error[:2]
    assert (400, error) == db.post("/_explain", body).error[:2]


def test_more_than_the_server_puts_in_order_is_refused(db: Database) -> None:
    assert (413, "too_large") == db.post("/_find", {"selector": {}, "sort": ["a"], "limit": 101}).error[:2]
    assert 200 == db.post("/_find", {"selector": {}, "limit": 10**6}).status


def test_a_pattern_made_to_be_slow_is_answered_quickly(db: Database) -> None:
    db.saved("slow", {"text": "a" * 100_000 + "!"})
    assert [] == found(db, {"text": {"$regex": "^(a+)+$"}})


def test_a_search_that_takes_too_long_is_ended(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "FIND_S_MAX", 0.0)
    assert (429, "limit_reached") == db.post("/_find", {"selector": {"Form": "Order"}}).error[:2]
    monkeypatch.undo()
    assert 10 == len(found(db, {"Form": "Order"}))


# -- indexes

SPECIAL = {
    "ddoc": None,
    "name": "_all_docs",
    "type": "special",
    "partitioned": False,
    "def": {"fields": [{"_id": "asc"}]},
}


def test_an_index_is_made_listed_used_and_removed(db: Database) -> None:
    assert {"total_rows": 1, "indexes": [SPECIAL]} == db.get("/_index").body
    wanted = {"index": {"fields": ["Total", {"Form": "asc"}]}, "ddoc": "orders", "name": "by-total"}
    assert (200, {"result": "created", "id": "_design/orders", "name": "by-total"}) == db.post("/_index", wanted)[:2]
    assert "exists" == db.post("/_index", wanted).body["result"]
    listed = db.get("/_index").body
    fields = [{"Total": "asc"}, {"Form": "asc"}]
    expected = {
        "ddoc": "_design/orders",
        "name": "by-total",
        "type": "json",
        "partitioned": False,
        "def": {"fields": fields},
    }
    assert (2, expected) == (listed["total_rows"], listed["indexes"][1])
    assert [expected] == db.get("/_index?skip=1&limit=1").body["indexes"]
    told = db.post("/_explain", {"selector": {"Total": 5}}).body
    assert ("by-total", db.name) == (told["index"]["name"], told["dbname"])
    assert "warning" not in db.post("/_find", {"selector": {"Total": 5}}).body
    assert "warning" in db.post("/_find", {"selector": {"Form": "Order"}}).body
    assert ["5"] == found(db, {"Total": 5}, use_index=["orders", "by-total"])
    assert (200, {"ok": True}) == db.delete("/_index/orders/json/by-total")[:2]
    assert (404, "not_found") == db.delete("/_index/_design/orders/json/by-total").error[:2]
    assert {"total_rows": 1, "indexes": [SPECIAL]} == db.get("/_index").body
    assert 404 == db.get("/_design/orders").status
    assert "_all_docs" == db.post("/_explain", {"selector": {"Total": 5}}).body["index"]["name"]


def test_an_index_is_a_design_document_as_in_couchdb_and_replicates(db: Database, server: House) -> None:
    db.post("/_index", {"index": {"fields": ["Total"]}, "ddoc": "_design/dd", "name": "one"})
    db.post("/_index", {"index": {"fields": ["Form"]}, "ddoc": "dd", "name": "two"})
    document = db.get("/_design/dd?revs=true").body
    assert ("query", ["one", "two"]) == (document["language"], sorted(document["views"]))
    other = server.database()
    other.pushed(document)
    assert [("_design/dd", "one"), ("_design/dd", "two")] == [
        (index["ddoc"], index["name"]) for index in other.get("/_index").body["indexes"][1:]
    ]
    db.delete("/_index/dd/json/one")
    assert ["two"] == list(db.get("/_design/dd").body["views"])


def test_an_index_without_a_name_is_named_after_what_it_is(db: Database) -> None:
    first = db.post("/_index", {"index": {"fields": ["Total"]}}).body
    again = db.post("/_index", {"index": {"fields": ["Total"]}}).body
    assert ("created", "exists", first["id"]) == (first["result"], again["result"], again["id"])
    assert f"_design/{first['name']}" == first["id"]


def test_another_definition_under_the_same_name_takes_its_place(db: Database) -> None:
    for fields, result in ((["Total"], "created"), (["Form"], "created"), (["Form"], "exists")):
        assert result == db.post("/_index", {"index": {"fields": fields}, "ddoc": "d2", "name": "n"}).body["result"]
    (index,) = db.get("/_index").body["indexes"][1:]
    assert {"fields": [{"Form": "asc"}]} == index["def"]


def test_a_partial_index_narrows_those_who_name_it(db: Database) -> None:
    partial = {"fields": ["Total"], "partial_filter_selector": {"by.name": "n1"}}
    db.post("/_index", {"index": partial, "ddoc": "part", "name": "n"})
    assert ["1", "4", "7"] == found(db, {"Total": {"$gte": 0}}, use_index="part")
    assert ["1", "4", "7"] == found(db, {"Total": {"$gte": 0}}, use_index=["_design/part", "n"])
    assert 10 == len(found(db, {"Total": {"$gte": 0}}))
    assert {"by.name": "n1"} == db.get("/_index").body["indexes"][1]["def"]["partial_filter_selector"]


def test_an_index_of_what_sqlite_cannot_index_is_kept_all_the_same(db: Database) -> None:
    assert (
        "created"
        == db.post("/_index", {"index": {"fields": ["_id", 'a"b']}, "ddoc": "odd", "name": "n"}).body["result"]
    )
    assert 200 == db.delete("/_index/odd/json/n").status


def test_many_indexes_are_removed_at_once(db: Database) -> None:
    for name in ("one", "two"):
        db.post("/_index", {"index": {"fields": ["Total"]}, "ddoc": name, "name": name})
    body = db.post("/_index/_bulk_delete", {"docids": ["_design/one", "two", "three"]}).body
    assert (["_design/one", "two"], ["three"]) == tuple(
        [row["id"] for row in body[kind]] for kind in ("success", "fail")
    )
    assert 400 == db.post("/_index/_bulk_delete", {}).status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"index": {"fields": []}}, 400),
        ({"index": {"fields": [5]}}, 400),
        ({"index": {"fields": [{"a": "up"}]}}, 400),
        ({"index": {"fields": ["a"]}, "ddoc": 5}, 400),
        ({"index": {"fields": ["a"]}, "ddoc": "_design/"}, 400),
        ({"index": {"fields": ["a"]}, "name": ""}, 400),
        ({"index": {"fields": ["a"], "partial_filter_selector": {"$no": 1}}}, 400),
        ({"index": {"fields": ["a"]}, "type": "text"}, 501),
    ],
)
def test_what_is_no_index_is_refused(db: Database, body: Any, status: int) -> None:
    assert status == db.post("/_index", body).status


def test_a_design_document_in_another_language_keeps_its_own(db: Database) -> None:
    db.saved("_design/js", {"language": "javascript", "views": {"v": {"map": "…"}}})
    assert 400 == db.post("/_index", {"index": {"fields": ["a"]}, "ddoc": "js"}).status
    assert 1 == db.get("/_index").body["total_rows"]


def test_odd_design_documents_from_elsewhere_are_passed_over(db: Database) -> None:
    for number, views in enumerate(
        [5, {"a": 5}, {"a": {"options": {"def": {"fields": 5}}}}, {"a": {"options": {"def": {"fields": [5]}}}}]
    ):
        db.saved(f"_design/odd{number}", {"language": "query", "views": views})
    assert {"total_rows": 1, "indexes": [SPECIAL]} == db.get("/_index").body
    assert 10 == len(found(db, {"Form": "Order"}, use_index="odd0"))


def test_indexes_made_and_dropped_by_the_library_are_noticed(db: Database) -> None:
    def used() -> Any:
        return db.post("/_explain", {"selector": {"Form": "Order"}}).body["index"]["name"]

    with replica.open(db.path) as hub:
        assert "_all_docs" == used()
        hub.create_index(["Form"])
        assert "Form" == used()
        hub.drop_index("Form")
        assert "_all_docs" == used()
