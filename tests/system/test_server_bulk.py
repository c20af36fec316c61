"""`_bulk_docs`, `_bulk_get`, `_revs_diff`: what replicators do all day."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.server.app import Limits
from tests.asking import Database, House, house, revision

pytestmark = pytest.mark.system

CONFLICT = {"error": "conflict", "reason": "Document update conflict."}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data"), limits=Limits(documents_max=300)) as made:
        yield made


@pytest.fixture
def db(server: House) -> Database:
    return server.database()


def bulk(db: Database, *documents: Any, **options: Any) -> list[Any]:
    answer = db.post("/_bulk_docs", {"docs": documents, **options})
    assert 201 == answer.status, answer
    rows: list[Any] = answer.body
    return rows


# -- _bulk_docs, new edits


def test_each_document_is_saved_or_refused_by_itself_in_order(db: Database) -> None:
    rev = db.saved("old", {"x": 1})
    rows = bulk(
        db,
        {"_id": "a", "x": 1},
        {"_id": "old", "x": 2},
        {"_id": "old", "_rev": rev, "x": 3},
        {"x": 4},
        {"_id": "b", "_rev": "1-abc"},
        {"_id": "c", "_attachments": {"a.txt": {"data": "YQ=="}}},
        {"_id": "d", "_deleted": True},
    )
    assert ["a", "old", "old", rows[3]["id"], "b", "c", "d"] == [row["id"] for row in rows]
    assert [True, False, True, True, False, False, True] == [row.get("ok", False) for row in rows]
    assert [{"id": "old", **CONFLICT}, {"id": "b", **CONFLICT}] == [rows[1], rows[4]]
    assert ("forbidden", True) == (rows[5]["error"], rows[5]["reason"].startswith("attachments_not_supported: "))
    assert (3, 4) == (db.get("/old").body["x"], db.get(f"/{rows[3]['id']}").body["x"])
    assert {404} == {db.get(f"/{unid}").status for unid in "bcd"}


def test_of_two_documents_of_one_unid_the_second_sees_the_first(db: Database) -> None:
    rows = bulk(db, {"_id": "a", "x": 1}, {"_id": "a", "x": 2}, {"_id": "b", "_deleted": True}, {"_id": "b", "x": 3})
    assert {"id": "a", **CONFLICT} == rows[1]
    assert ("1-", "2-") == (rows[2]["rev"][:2], rows[3]["rev"][:2])
    assert (1, 3) == (db.get("/a").body["x"], db.get("/b").body["x"])
    with replica.open(db.path) as hub:
        assert hub.verify()["ok"]


def test_a_document_too_large_is_refused_by_itself(db: Database) -> None:
    with replica.open(db.path) as hub:
        hub.settings["document-size-max"] = 1000
    rows = bulk(db, {"_id": "a", "x": "y" * 1000}, {"_id": "b"})
    assert (("a", "too_large"), True) == ((rows[0]["id"], rows[0]["error"]), rows[1]["ok"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "bad_request"),
        ({"docs": 5}, "bad_request"),
        ({"docs": [{"_id": "a"}, 5]}, "bad_request"),
        ({"docs": [{"_id": "a"}, []]}, "bad_request"),
        ({"docs": [{"_id": "a"}, {"_id": "_x"}]}, "illegal_docid"),
        ({"docs": [{"_id": "a"}, {"_id": 5}]}, "illegal_docid"),
        ({"docs": [{"_id": "a"}, {"_id": "b", "_rev": "x"}]}, "bad_request"),
        ({"docs": [{"_id": "a"}, {"_id": "b", "_deleted": 1}]}, "bad_request"),
        ({"docs": [], "new_edits": "no"}, "bad_request"),
        ({"docs": [{"_id": "a", "_rev": "1-a"}, {"_id": "q"}], "new_edits": False}, "bad_request"),
        ({"docs": [{"_id": "a", "_rev": "1-a"}, {"_id": "q", "_rev": "1-"}], "new_edits": False}, "bad_request"),
        ({"docs": [{"_id": "a", "_rev": "1-a"}, {"_id": "_q", "_rev": "1-a"}], "new_edits": False}, "illegal_docid"),
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(db: Database, body: Any, error: str) -> None:
    assert (400, error) == db.post("/_bulk_docs", body).error[:2]
    assert 404 == db.get("/a").status


def test_a_batch_may_be_empty_compressed_and_has_a_limit(db: Database) -> None:
    assert [] == bulk(db)
    body = gzip.compress(json.dumps({"docs": [{"_id": "a"}]}).encode())
    assert 201 == db.ask("POST", "/_bulk_docs", content=body, Content_Encoding="gzip").status
    many = [{"_id": f"{number}"} for number in range(301)]
    assert (413, "too_large") == db.post("/_bulk_docs", {"docs": many}).error[:2]
    assert 1 == db.get("").body["doc_count"]


def test_all_or_nothing_is_not_offered(db: Database) -> None:
    assert 501 == db.post("/_bulk_docs", {"docs": [{"_id": "a"}], "all_or_nothing": True}).status
    assert 404 == db.get("/a").status


# -- _bulk_docs, made elsewhere

CAPTURED = [
    revision("a", "1-abc", x=1),
    revision("a", "2-zzz", "abc", x=2),
    revision("a", "2-d0df8c7b9a5ae3cf7ca1d0ba3e2d1ba3", "abc", x=3),
    revision("b", "3-c", "b", "a", _deleted=True),
]


def test_only_what_fails_is_listed_and_taking_in_again_changes_nothing(db: Database) -> None:
    assert [] == db.pushed(*CAPTURED)
    sequence = db.get("").body["update_seq"]
    assert [] == db.pushed(*reversed(CAPTURED), *CAPTURED)
    assert sequence == db.get("").body["update_seq"]
    assert [("2-d0df8c7b9a5ae3cf7ca1d0ba3e2d1ba3", False), ("2-zzz", False)] == db.leaves("a")
    assert [("3-c", True)] == db.leaves("b")
    assert "2-zzz" == db.get("/a").body["_rev"]  # the greater text wins, byte by byte


def test_an_older_revision_after_its_descendant_adds_nothing(db: Database) -> None:
    db.pushed(revision("a", "3-c", "b", "a", x=3))
    db.pushed(revision("a", "2-b", "a", x=2), revision("a", "1-a", x=1))
    assert [("3-c", False)] == db.leaves("a")


def test_what_a_rule_refuses_is_named_and_the_rest_goes_on(db: Database) -> None:
    """As forbidden: PouchDB gives up the replication after any other word."""
    with replica.open(db.path) as hub:
        hub.settings["document-size-max"] = 1000
    rows = db.pushed(
        revision("a", "1-a", _attachments={"a.txt": {"data": "YQ=="}}),
        revision("b", "1-b", x="y" * 1000),
        revision("c", "1-c", x=1),
    )
    assert [("a", "1-a", "forbidden"), ("b", "1-b", "forbidden")] == [
        (row["id"], row["rev"], row["error"]) for row in rows
    ]
    assert ["attachments_not_supported", "too_large"] == [row["reason"].partition(":")[0] for row in rows]
    assert 200 == db.get("/c").status
    with replica.open(db.path) as hub:
        refused = {(failure.unid, failure.code) for failure in hub.refused()}
        assert {("a", "attachments_not_supported"), ("b", "too_large")} == refused


def test_a_revision_of_ours_that_comes_back_is_verified_and_a_changed_one_is_not(db: Database, server: House) -> None:
    other = server.database()
    db.saved("a", {"x": 1})
    pushed = db.get("/a?revs=true").body
    other.pushed({**pushed, "x": 2})
    assert 2 == other.get("/a").body["x"]
    other.pushed(pushed)
    assert 1 == other.get("/a").body["x"]
    with replica.open(other.path) as hub:
        assert hub.get("a").sequence_time is not None


FORGED = [
    {"_id": "a", "_rev": "2-b", "_revisions": {"start": 3, "ids": ["b", "a"]}},
    {"_id": "a", "_rev": "2-b", "_revisions": {"start": 1, "ids": ["b", "a"]}},
    {"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": []}},
    {"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": ["c", "a"]}},
    {"_id": "a", "_rev": "2-b", "_revisions": {"start": "2", "ids": ["b", "a"]}},
    {"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": "ba"}},
    {"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": [5, 6]}},
    {"_id": "a", "_rev": "2-b", "_revisions": []},
    {"_id": "a", "_rev": "1000000000000000000-b"},
    {"_id": "a", "_rev": f"{2**53 - 1}-b"},
    {"_id": "a", "_rev": "1-" + "b" * 300},
    {"_id": "a", "_rev": "-1-b"},
    {"_id": "a", "_rev": "0-b"},
    {"_id": "a", "_rev": "1-\n"},
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_history_is_refused(db: Database, forged: Any) -> None:
    assert 400 == db.post("/_bulk_docs", {"docs": [forged], "new_edits": False}).status
    assert 404 == db.get("/a").status


def test_thousands_of_ancestors_are_taken_up_to_the_limit(db: Database) -> None:
    ids = [f"x{number}" for number in range(5000)]
    assert [] == db.pushed({"_id": "a", "_rev": "5000-x0", "_revisions": {"start": 5000, "ids": ids}})
    assert 1001 == len(db.get("/a?revs=true").body["_revisions"]["ids"])


def test_versions_merge_where_that_is_the_policy(db: Database) -> None:
    with replica.open(db.path) as hub:
        hub.settings["conflict-policy"] = "merge"
    first = db.saved("a", {"x": 1, "y": 1})
    second = db.saved("a", {"x": 2, "y": 1, "_rev": first})
    digits = first.partition("-")[2]
    db.pushed(revision("a", "2-zzz", digits, x=1, y=2))  # foreign: it has no marks, and is left to people
    assert {(second, False), ("2-zzz", False)} == set(db.leaves("a"))


# -- _bulk_get


def test_every_revision_asked_for_has_one_entry_in_the_same_order(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a", x=1), revision("a", "3-d", "c", "a", x=2), revision("z", "1-y"))
    asked = [
        {"id": "z", "rev": "1-y"},
        {"id": "a", "rev": "2-b"},
        {"id": "a", "rev": "9-x"},
        {"id": "nothing", "rev": "1-a"},
        {"id": "a", "rev": "3-d", "atts_since": ["1-a"]},
        {"id": "a", "rev": "2-b"},
    ]
    body = {"docs": asked, "revs": True, "latest": True, "attachments": False}
    answer = db.post("/_bulk_get?revs=true&latest=true&attachments=false", body)
    assert (200, ["results"]) == (answer.status, list(answer.body))
    results = answer.body["results"]
    assert [one["id"] for one in asked] == [result["id"] for result in results]
    assert {1} == {len(result["docs"]) for result in results}
    (docs,) = [[result["docs"][0] for result in results]]
    assert ["1-y", "2-b", "3-d", "2-b"] == [doc["ok"]["_rev"] for doc in docs if "ok" in doc]
    assert {"start": 3, "ids": ["d", "c", "a"]} == docs[4]["ok"]["_revisions"]
    for doc, unid, rev in ((docs[2], "a", "9-x"), (docs[3], "nothing", "1-a")):
        assert {"error": {"id": unid, "rev": rev, "error": "not_found", "reason": "missing"}} == doc


def test_latest_gives_one_leaf_also_where_several_follow(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a"), revision("a", "2-c", "a"), revision("a", "3-d", "b", "a"))
    for rev, latest in (("1-a", "3-d"), ("2-b", "3-d"), ("2-c", "2-c")):
        (result,) = db.post("/_bulk_get?latest=true", {"docs": [{"id": "a", "rev": rev}]}).body["results"]
        assert [latest] == [doc["ok"]["_rev"] for doc in result["docs"]]
    (result,) = db.post("/_bulk_get", {"docs": [{"id": "a", "rev": "1-a"}]}).body["results"]
    assert "not_found" == result["docs"][0]["error"]["error"]


def test_without_a_revision_all_leaves_come(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a"), revision("a", "2-c", "a"))
    result, missing = db.post("/_bulk_get", {"docs": [{"id": "a"}, {"id": "b"}]}).body["results"]
    assert {"2-b", "2-c"} == {doc["ok"]["_rev"] for doc in result["docs"]}
    assert {"id": "b", "rev": "undefined", "error": "not_found", "reason": "missing"} == missing["docs"][0]["error"]


def test_an_entry_that_is_none_is_an_error_of_its_own(db: Database) -> None:
    db.saved("a", {})
    asked = [
        5,
        {},
        {"rev": "1-a"},
        {"id": 5},
        {"id": "_x"},
        {"id": "a", "rev": "x"},
        {"id": "a", "rev": 5},
        {"id": "a"},
    ]
    results = db.post("/_bulk_get", {"docs": asked}).body["results"]
    errors = [result["docs"][0].get("error", {}).get("error") for result in results]
    assert ["bad_request"] * 3 + ["illegal_docid"] * 2 + ["bad_request"] * 2 + [None] == errors


def test_bulk_get_needs_a_list_and_has_a_limit(db: Database) -> None:
    assert {"results": []} == db.post("/_bulk_get", {"docs": []}).body
    for body in ({}, {"docs": 5}, {"docs": {}}):
        assert (400, "bad_request") == db.post("/_bulk_get", body).error[:2]
    assert (413, "too_large") == db.post("/_bulk_get", {"docs": [{"id": "a"}] * 301}).error[:2]


def test_more_than_a_page_comes_whole(db: Database) -> None:
    rows = bulk(db, *({"_id": f"d{number}", "n": number} for number in range(250)))
    results = db.post("/_bulk_get", {"docs": [{"id": row["id"], "rev": row["rev"]} for row in rows]}).body["results"]
    assert list(range(250)) == [result["docs"][0]["ok"]["n"] for result in results]


def test_a_damaged_document_does_not_stop_the_others(db: Database) -> None:
    revs = {unid: db.saved(unid, {"x": 1}) for unid in ("a", "b")}
    damage(db.path, "a")
    asked = {"docs": [{"id": unid, "rev": rev} for unid, rev in revs.items()]}
    first, second = db.post("/_bulk_get", asked).body["results"]
    assert ("store_error", 1) == (first["docs"][0]["error"]["error"], second["docs"][0]["ok"]["x"])
    assert 500 == db.get("/a").status
    rows = db.get("/_all_docs?include_docs=true").body["rows"]
    assert ("store_error", 1) == (rows[0]["error"], rows[1]["doc"]["x"])


def damage(path: Path, unid: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE leaf SET body = '{\"x\":9}' WHERE unid = ?", (unid,))
    connection.close()


# -- _revs_diff


def test_a_revision_is_missing_unless_a_leaf_covers_it(db: Database) -> None:
    db.pushed(revision("a", "3-c", "b", "a"), revision("a", "2-d", "a"))
    diff = db.post("/_revs_diff", {"a": ["1-a", "2-b", "3-c", "2-d", "1-z", "2-c", "4-e"], "b": ["1-x"], "c": []}).body
    assert {"missing": ["1-z", "2-c", "4-e"]} == {"missing": diff["a"]["missing"]}
    assert {"3-c", "2-d"} == set(diff["a"]["possible_ancestors"])
    assert {"missing": ["1-x"]} == diff["b"]
    assert {"a", "b"} == diff.keys()


def test_only_lower_leaves_are_possible_ancestors(db: Database) -> None:
    db.pushed(revision("a", "3-c", "b", "a"), revision("a", "2-d", "a"))
    assert {"a": {"missing": ["3-x"], "possible_ancestors": ["2-d"]}} == db.post("/_revs_diff", {"a": ["3-x"]}).body
    assert {"a": {"missing": ["2-x"]}} == db.post("/_revs_diff", {"a": ["2-x"]}).body


def test_nothing_missing_is_an_empty_answer(db: Database) -> None:
    rev = db.saved("a", {})
    assert (200, {}) == db.post("/_revs_diff", {"a": [rev]})[:2]
    assert (200, {}) == db.post("/_revs_diff", {})[:2]
    assert (200, {"missing_revs": {"b": ["1-x"]}}) == db.post("/_missing_revs", {"a": [rev], "b": ["1-x"]})[:2]


def test_what_was_merged_is_not_missing(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a", x=1), revision("a", "2-c", "a", x=2))
    with replica.open(db.path) as hub:
        hub.resolve("a", items={"x": 3})
    stub = next(rev for rev, deleted in db.leaves("a") if deleted)
    assert {} == db.post("/_revs_diff", {"a": ["2-b", "2-c", "1-a", stub]}).body


@pytest.mark.parametrize("body", [[], 5, {"a": 5}, {"a": ["x"]}, {"a": [5]}, {"a": None}])
def test_what_asks_for_no_revisions_is_refused(db: Database, body: Any) -> None:
    assert (400, "bad_request") == db.post("/_revs_diff", body).error[:2]


def test_revs_diff_has_a_limit(db: Database) -> None:
    assert (413, "too_large") == db.post("/_revs_diff", {f"{n}": [] for n in range(301)}).error[:2]
    assert (413, "too_large") == db.post("/_revs_diff", {"a": [f"{n}-a" for n in range(1, 4000)]}).error[:2]


@pytest.mark.parametrize("path", ["/_bulk_docs", "/_bulk_get", "/_revs_diff", "/_find", "/_index"])
def test_a_body_of_another_kind_is_refused(db: Database, path: str) -> None:
    """A browser sends text/plain to any address without asking."""
    answer = db.ask("POST", path, content=b'{"docs":[]}', Content_Type="text/plain")
    assert (415, "bad_content_type") == answer.error[:2]
