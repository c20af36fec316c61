"""`_all_docs` and its kin: lists of documents by UNID."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from replica.server.app import Limits
from tests.asking import Database, House, house, revision

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data"), limits=Limits(documents_max=1000)) as made:
        yield made


@pytest.fixture
def db(server: House) -> Database:
    return server.database()


@pytest.fixture(scope="module")
def letters(server: House) -> Database:
    """a to f, of which c is deleted."""
    made = server.database()
    for unid in "fbdace":
        made.saved(unid, {"is": unid})
    made.delete(f"/c?rev={made.get('/c').body['_rev']}")
    return made


def listed(db: Database, **options: Any) -> list[str]:
    query = "&".join(f"{name}={quote(json.dumps(value))}" for name, value in options.items())
    answer = db.get(f"/_all_docs?{query}")
    assert 200 == answer.status, answer
    return [row.get("id") or f"!{row['key']}" for row in answer.body["rows"]]


def test_a_row_names_the_document_and_its_winner(db: Database) -> None:
    rev = db.saved("a", {"x": 1})
    row = {"id": "a", "key": "a", "value": {"rev": rev}}
    assert {"total_rows": 1, "offset": 0, "rows": [row]} == db.get("/_all_docs").body
    doc = {"_id": "a", "_rev": rev, "x": 1}
    assert [{**row, "doc": doc}] == db.get("/_all_docs?include_docs=true").body["rows"]


RANGES = [
    ({}, "abdef"),
    ({"startkey": "b", "endkey": "e"}, "bde"),
    ({"start_key": "b", "end_key": "e"}, "bde"),
    ({"startkey": "b", "endkey": "e", "inclusive_end": False}, "bd"),
    ({"startkey": "c"}, "def"),
    ({"endkey": "c"}, "ab"),
    ({"startkey": "e", "endkey": "b"}, ""),
    ({"descending": True}, "fedba"),
    ({"descending": True, "startkey": "e", "endkey": "b"}, "edb"),
    ({"descending": True, "startkey": "e", "endkey": "b", "inclusive_end": False}, "ed"),
    ({"descending": True, "startkey": "c"}, "ba"),
    ({"descending": True, "endkey": "c"}, "fed"),
    ({"skip": 1, "limit": 2}, "bd"),
    ({"limit": 0}, ""),
    ({"skip": 10}, ""),
    ({"descending": True, "skip": 1, "limit": 2}, "ed"),
    ({"startkey": "b", "skip": 1, "limit": 2}, "de"),
    ({"key": "b"}, "b"),
    ({"key": "c"}, ""),
    ({"key": 5}, ""),
    ({"key": None}, ""),
    ({"startkey": None}, "abdef"),
    ({"startkey": 5}, "abdef"),
    ({"startkey": {}}, ""),
    ({"startkey": ["a"]}, ""),
    ({"endkey": {}}, "abdef"),
    ({"endkey": 5}, ""),
    ({"endkey": None}, ""),
    ({"descending": True, "startkey": {}}, "fedba"),
    ({"descending": True, "endkey": 5}, "fedba"),
    ({"descending": True, "startkey": 5}, ""),
    ({"keys": ["b", "b", "a"]}, "bba"),
    ({"keys": ["b", "d", "a"], "descending": True}, "adb"),
    ({"keys": ["b", "d", "a"], "skip": 1, "limit": 1}, "d"),
    ({"keys": []}, ""),
]


@pytest.mark.parametrize(("options", "expected"), RANGES)
def test_a_range_in_the_query_or_in_the_body(letters: Database, options: dict[str, Any], expected: str) -> None:
    assert list(expected) == listed(letters, **options)
    answer = letters.post("/_all_docs", options)
    assert (200, list(expected)) == (answer.status, [row["id"] for row in answer.body["rows"]])


def test_the_query_goes_before_the_body(letters: Database) -> None:
    answer = letters.post("/_all_docs?limit=1", {"limit": 2, "startkey": "b"})
    assert ["b"] == [row["id"] for row in answer.body["rows"]]


@pytest.mark.parametrize(
    ("options", "offset"),
    [
        ({"startkey": "d"}, 2),
        ({"startkey": "d", "skip": 1}, 3),
        ({"descending": True, "startkey": "d"}, 2),
        ({"key": "e"}, 3),
        ({"skip": 99}, 5),
        ({"keys": ["a"]}, None),
    ],
)
def test_the_offset_counts_what_comes_before(letters: Database, options: dict[str, Any], offset: int | None) -> None:
    body = letters.post("/_all_docs", options).body
    assert (5, offset) == (body["total_rows"], body["offset"])


def test_keys_answer_for_each_in_order_also_for_what_is_not_there(letters: Database) -> None:
    rows = letters.post("/_all_docs?include_docs=true", {"keys": ["d", "c", "nothing", 5, "d"]}).body["rows"]
    assert ["d", "c", "nothing", 5, "d"] == [row["key"] for row in rows]
    assert ["d", None, None, None, "d"] == [(row.get("doc") or {}).get("is") for row in rows]
    assert (True, None) == (rows[1]["value"]["deleted"], rows[1]["doc"])
    assert [{"key": "nothing", "error": "not_found"}, {"key": 5, "error": "not_found"}] == rows[2:4]
    assert letters.get('/_all_docs?keys=["d"]').body["rows"] == letters.post("/_all_docs", {"keys": ["d"]}).body["rows"]


def test_conflicts_come_with_the_documents_when_asked_for(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a"), revision("a", "2-c", "a"), revision("b", "1-a"))
    rows = db.get("/_all_docs?include_docs=true&conflicts=true").body["rows"]
    assert [["2-b"], None] == [row["doc"].get("_conflicts") for row in rows]
    assert ["2-b"] == db.post("/_all_docs?include_docs=true&conflicts=true", {"keys": ["a"]}).body["rows"][0]["doc"][
        "_conflicts"
    ]
    assert "_conflicts" not in db.get("/_all_docs?include_docs=true").body["rows"][0]["doc"]


def test_the_update_sequence_comes_when_asked_for(db: Database) -> None:
    db.saved("a", {})
    body = db.get("/_all_docs?update_seq=true").body
    assert db.get("").body["update_seq"] == body["update_seq"]
    assert "update_seq" not in db.get("/_all_docs").body


def test_design_documents_have_a_list_of_their_own(db: Database) -> None:
    for unid in ("_design/a", "_design/b", "a", "zz", "Z"):
        db.saved(unid, {"is": unid})
    assert ["Z", "_design/a", "_design/b", "a", "zz"] == listed(db)  # byte by byte
    body = db.get("/_design_docs?include_docs=true").body
    assert (2, ["_design/a", "_design/b"]) == (body["total_rows"], [row["doc"]["is"] for row in body["rows"]])
    assert ["_design/b"] == [row["id"] for row in db.get('/_design_docs?startkey="_design/b"').body["rows"]]
    assert ["_design/b"] == [row["id"] for row in db.get("/_design_docs?descending=true&limit=1").body["rows"]]


def test_several_lists_in_one_answer(letters: Database) -> None:
    body = letters.post("/_all_docs/queries", {"queries": [{"keys": ["a"]}, {"limit": 1}, {"startkey": "e"}]}).body
    assert [["a"], ["a"], ["e", "f"]] == [[row["id"] for row in one["rows"]] for one in body["results"]]
    for bad in ({}, {"queries": 5}, {"queries": [5]}, {"queries": [{"limit": "x"}]}, {"queries": [{"keys": 5}]}):
        assert (400, "bad_request") == letters.post("/_all_docs/queries", bad).error[:2]


@pytest.mark.parametrize(
    "query",
    ["limit=x", "limit=-1", "skip=1e3", "descending=yes", "include_docs=1", "startkey=a", "keys=5", "keys={}", 'key="a',
     "startkey=" + "[" * 300],
)  # fmt: skip
def test_what_makes_no_list_is_refused(letters: Database, query: str) -> None:
    assert (400, "bad_request") == letters.get(f"/_all_docs?{query}").error[:2]


@pytest.mark.parametrize("body", [{"limit": "x"}, {"skip": -1}, {"descending": 1}, {"keys": 5}, [], {"limit": 1.5}])
def test_a_body_that_makes_no_list_is_refused(letters: Database, body: Any) -> None:
    assert (400, "bad_request") == letters.post("/_all_docs", body).error[:2]


def test_more_keys_than_the_server_takes_are_refused(letters: Database) -> None:
    assert (413, "too_large") == letters.post("/_all_docs", {"keys": ["a"] * 1001}).error[:2]


def test_a_list_of_many_pages_is_whole(db: Database) -> None:
    unids = [f"{number:05}" for number in range(990)]
    random.Random(5).shuffle(unids)
    db.post("/_bulk_docs", {"docs": [{"_id": unid, "n": unid} for unid in unids]})
    for descending in (False, True):
        expected = sorted(unids, reverse=descending)
        assert expected == listed(db, descending=descending)
        rows = db.get(f"/_all_docs?include_docs=true&descending={json.dumps(descending)}").body["rows"]
        assert expected == [row["doc"]["n"] for row in rows]
        assert expected[7:750] == listed(db, descending=descending, skip=7, limit=743, include_docs=True)
    rows = db.post("/_all_docs", {"keys": unids}).body["rows"]
    assert unids == [row["id"] for row in rows]
