"""`_local/…`: documents that stay in one database, in which replicators keep how far they have come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import replica
from tests.asking import Database, House, house

pytestmark = pytest.mark.system

MISSING = (404, "not_found", "missing")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture
def db(server: House) -> Database:
    return server.database()


@pytest.mark.parametrize("path", ["/_local/x", "/_local%2Fx", "/_local/AbC.d_e%3D%3D", "/_local/_x", "/_local/a%2Fb"])
def test_a_local_document_is_kept_and_counted_on_by_its_writer(db: Database, path: str) -> None:
    assert MISSING == db.get(path).error
    first = db.put(path, {"last_seq": 5})
    assert (201, True, "0-1") == (first.status, first.body["ok"], first.body["rev"])
    second = db.put(path, {"_id": first.body["id"], "_rev": "0-1", "last_seq": 6})
    assert (201, "0-2") == (second.status, second.body["rev"])
    assert {"_id": first.body["id"], "_rev": "0-2", "last_seq": 6} == db.get(path).body
    deleted = db.delete(f"{path}?rev=0-2")
    assert (200, "0-0") == (deleted.status, deleted.body["rev"])
    assert MISSING == db.get(path).error
    assert MISSING == db.delete(f"{path}?rev=0-2").error


def test_a_local_document_never_conflicts(db: Database) -> None:
    """As in CouchDB: the new revision follows what the writer says it had."""
    for sent, kept in ((None, "0-1"), (None, "0-1"), ("0-7", "0-8"), ("0-1", "0-2"), ("3-5", "0-6")):
        answer = db.put("/_local/x", {"_rev": sent} if sent else {})
        assert (201, kept) == (answer.status, answer.body["rev"])


@pytest.mark.parametrize("rev", ["x", "0-", "0-x", 5, "0--1", "0-99999999999999999999"])
def test_a_local_revision_that_is_none_is_refused(db: Database, rev: object) -> None:
    assert (400, "bad_request") == db.put("/_local/x", {"_rev": rev}).error[:2]


def test_the_order_of_members_is_kept(db: Database) -> None:
    """CouchDB compares its checkpoints byte by byte."""
    body = '{"z":1,"a":{"y":1.0,"b":[12345678901234567890]},"history":[{"session_id":"ä€","q":null}]}'
    assert 201 == db.ask("PUT", "/_local/x", content=body.encode()).status
    assert db.client.get(f"/{db.name}/_local/x").text == f'{{"_id":"_local/x","_rev":"0-1",{body[1:]}\n'


def test_local_documents_are_in_no_list_no_feed_no_count_and_no_copy(db: Database, tmp_path: Path) -> None:
    before = db.get("").body
    db.put("/_local/x", {"a": 1})
    assert before == {**db.get("").body, "sizes": before["sizes"]}
    assert [] == db.get("/_all_docs").body["rows"]
    with replica.open(db.path) as hub, hub.copy(tmp_path / "copy.db"):
        assert 0 == len(hub)
        assert [] == list(hub.changes())


def test_the_local_documents_can_be_listed(db: Database) -> None:
    for name in ("b", "a", "c"):
        db.put(f"/_local/{name}", {"of": name})
    db.saved("x", {})
    answer = db.get("/_local_docs").body
    assert (None, None) == (answer["total_rows"], answer["offset"])
    row = {"id": "_local/a", "key": "_local/a", "value": {"rev": "0-1"}}
    assert row == answer["rows"][0]
    assert ["_local/a", "_local/b", "_local/c"] == [row["id"] for row in answer["rows"]]
    body = db.get('/_local_docs?include_docs=true&descending=true&limit=1&startkey="_local/b"').body
    assert [{"_id": "_local/b", "_rev": "0-1", "of": "b"}] == [row["doc"] for row in body["rows"]]
    keys = db.post("/_local_docs", {"keys": ["_local/c", "_local/q"]}).body["rows"]
    assert [("_local/c", None), ("_local/q", "not_found")] == [(row["key"], row.get("error")) for row in keys]


def test_local_documents_may_come_with_others(db: Database) -> None:
    answer = db.post("/_bulk_docs", {"docs": [{"_id": "_local/x", "a": 1}, {"_id": "y"}]})
    assert ["_local/x", "y"] == [row["id"] for row in answer.body]
    assert 1 == db.get("/_local/x").body["a"]
    docs = [{"_id": "_local/x", "_rev": "0-1", "_deleted": True}, {"_id": "_local/no", "_deleted": True}]
    rows = db.post("/_bulk_docs", {"docs": docs}).body
    assert ({"ok": True, "id": "_local/x", "rev": "0-0"}, "not_found") == (rows[0], rows[1]["error"])
    assert 201 == db.put("/_local/z?new_edits=false", {"b": 1}).status
    assert [] == db.pushed({"_id": "_local/w", "c": 1})
    assert 1 == db.get("/_local/w").body["c"]
    assert 201 == db.post("", {"_id": "_local/v"}).status


def test_a_local_document_has_a_name_members_and_a_limit(db: Database) -> None:
    assert (400, "illegal_docid") == db.post("", {"_id": "_local/"}).error[:2]
    assert (400, "doc_validation") == db.put("/_local/x", {"_foo": 1}).error[:2]
    assert (403, "forbidden") == db.put("/_local/x", {"_attachments": {"a": {"data": ""}}}).error[:2]
    with replica.open(db.path) as hub:
        hub.settings["document-size-max"] = 1000
    assert (413, "too_large") == db.put("/_local/x", {"x": "y" * 1000}).error[:2]
