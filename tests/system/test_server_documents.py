"""`/{db}/{id}` and `POST /{db}`, with CouchDB's status codes and words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

import replica
from tests.asking import Database, House, house, revision

pytestmark = pytest.mark.system

CONFLICT = (409, "conflict", "Document update conflict.")
MISSING = (404, "not_found", "missing")
DELETED = (404, "not_found", "deleted")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture
def db(server: House) -> Database:
    return server.database()


# -- saving


def test_a_new_document_is_created_under_the_unid_in_the_path(db: Database) -> None:
    answer = db.put("/a", {"Total": 1})
    assert (201, True, "a") == (answer.status, answer.body["ok"], answer.body["id"])
    assert answer.body["rev"].startswith("1-")
    assert f'"{answer.body["rev"]}"' == answer.headers["ETag"]
    assert f"/{db.name}/a" == answer.headers["Location"]
    assert {"_id": "a", "_rev": answer.body["rev"], "Total": 1} == db.get("/a").body


def test_a_posted_document_gets_a_unid_or_keeps_its_own(db: Database) -> None:
    made, named = db.post("", {"x": 1}), db.post("", {"_id": "named", "x": 1})
    assert (201, 201, "named") == (made.status, named.status, named.body["id"])
    assert {"_id": made.body["id"], "_rev": made.body["rev"], "x": 1} == db.get(f"/{made.body['id']}").body
    assert CONFLICT == db.post("", {"_id": "named", "x": 1}).error
    assert 201 == db.post("/", {"x": 2}).status  # a slash at the end means nothing
    assert 201 == db.post("?batch=ok", {"x": 2}).status


@pytest.mark.parametrize("base", [None, "1-abc", "2-0190d6f4c1aa0190d6f4c1aa0190d6f4"])
def test_a_save_on_anything_but_a_leaf_is_a_conflict(db: Database, base: str | None) -> None:
    first = db.saved("a", {"x": 1})
    db.saved("a", {"x": 2, "_rev": first})
    for rev in (base, first):
        assert CONFLICT == db.put("/a", {"x": 3} | ({"_rev": rev} if rev else {})).error
    assert 2 == db.get("/a").body["x"]


def test_a_revision_on_a_document_that_is_not_there_is_a_conflict(db: Database) -> None:
    assert CONFLICT == db.put("/a", {"_rev": "1-abc"}).error
    assert MISSING == db.get("/a").error


def test_the_revision_may_stand_in_the_query_or_the_header(db: Database) -> None:
    rev = db.saved("a", {"x": 1})
    second = db.put(f"/a?rev={rev}", {"x": 2}).body["rev"]
    third = db.put("/a", {"x": 3}, If_Match=f'"{second}"').body["rev"]
    assert 3 == db.get("/a").body["x"]
    assert (400, "bad_request") == db.put(f"/a?rev={rev}", {"x": 4, "_rev": third}).error[:2]
    assert (400, "bad_request") == db.put("/a", {"x": 4, "_rev": third}, If_Match=rev).error[:2]
    assert 200 == db.delete("/a", If_Match=third).status


def test_an_edit_follows_any_leaf_and_only_that_one(db: Database) -> None:
    """Also where another leaf holds the same: CouchDB's clients see both."""
    assert [] == db.pushed(revision("a", "2-b", "a", x=1), revision("a", "2-c", "a", x=1))
    saved = db.saved("a", {"_rev": "2-b", "x": 2})
    assert {"2-c", saved} == {rev for rev, _ in db.leaves("a")}
    deleted = db.delete("/a?rev=2-c").body["rev"]
    assert {(saved, False), (deleted, True)} == set(db.leaves("a"))


def test_a_save_without_revision_goes_on_from_a_deletion(db: Database) -> None:
    rev = db.saved("a", {"x": 1})
    stub = db.delete(f"/a?rev={rev}").body["rev"]
    assert db.saved("a", {"x": 2}).startswith("3-")
    again = db.delete(f"/a?rev={db.get('/a').body['_rev']}").body["rev"]
    assert again.startswith("4-")
    assert db.saved("a", {"x": 3, "_rev": again}).startswith("5-")  # or with the deletion's
    assert CONFLICT == db.put("/a", {"_rev": stub}).error


def test_a_deletion_may_keep_members(db: Database) -> None:
    rev = db.saved("a", {"x": 1})
    answer = db.put("/a", {"_rev": rev, "_deleted": True, "why": "sold"})
    assert 200 == answer.status
    expected = {"_id": "a", "_rev": answer.body["rev"], "_deleted": True, "why": "sold"}
    assert DELETED == db.get("/a").error
    assert expected == db.get(f"/a?rev={answer.body['rev']}").body
    assert expected == db.get("/a?deleted=true").body
    with replica.open(db.path) as hub:
        assert hub.verify()["ok"]


def test_what_is_saved_over_http_is_a_revision_of_ours(db: Database) -> None:
    first = db.saved("a", {"x": 1})
    second = db.saved("a", {"x": 2, "_rev": first})
    with replica.open(db.path) as hub:
        assert [second, first] == [document.revision for document in hub.revisions("a")]
        assert hub.get("a").sequence_time is not None  # it is verified
        assert hub.verify()["ok"]


def test_the_unid_in_the_body_must_be_that_of_the_path(db: Database) -> None:
    assert 201 == db.put("/a", {"_id": "a"}).status
    assert (400, "bad_request") == db.put("/b", {"_id": "c"}).error[:2]


@pytest.mark.parametrize("unid", ["_foo", "_design/", "_", "__", "_localx"])
def test_reserved_unids_are_refused(db: Database, unid: str) -> None:
    assert (400, "illegal_docid") == db.put(f"/{quote(unid, safe='')}", {}).error[:2]
    assert (400, "illegal_docid") == db.post("", {"_id": unid}).error[:2]
    assert MISSING == db.get(f"/{quote(unid, safe='')}").error


@pytest.mark.parametrize("unid", ["", 5, None, [], "x" * 5000, "a\0b"])
def test_what_is_no_unid_is_refused(db: Database, unid: object) -> None:
    assert (400, "illegal_docid") == db.post("", {"_id": unid}).error[:2]


NAMES = ["a/b", "a+b", "a b", "ä€😀", "%", "%2F", "a?b#c", "==", "a&b", '"', "..", "a//b", "\\", "\n", "AbC=="]


@pytest.mark.parametrize("unid", NAMES)
def test_every_unid_can_be_written_in_a_path(db: Database, unid: str) -> None:
    path = f"/{quote(unid, safe='')}"
    if unid == "..":
        path = "/%2E%2E"
    answer = db.put(path, {"x": 1})
    assert (201, unid) == (answer.status, answer.body["id"])
    assert unid == db.get(path).body["_id"]
    rev = answer.body["rev"]
    assert 200 == db.client.get(answer.headers["Location"]).status_code
    assert 200 == db.delete(f"{path}?rev={rev}").status


@pytest.mark.parametrize("path", ["/_design/views", "/_design%2Fviews", "/_design/a%2Fb"])
def test_design_documents_are_documents(db: Database, path: str) -> None:
    rev = db.put(path, {"language": "javascript", "views": {"v": {"map": "function () {}"}}}).body["rev"]
    assert {rev} == {db.get(path).body["_rev"], db.get(path.replace("%2Fviews", "/views")).body["_rev"]}
    assert 200 == db.delete(f"{path}?rev={rev}").status


@pytest.mark.parametrize("name", ["_foo", "_attachment", "_", "_replication_id"])
def test_members_that_are_reserved_are_refused(db: Database, name: str) -> None:
    expected = (400, "doc_validation", f"Bad special document member: {name}")
    assert expected == db.put("/a", {name: 1}).error
    assert expected == db.put("/a?new_edits=false", {"_rev": "1-a", name: 1}).error
    assert expected == db.post("/_bulk_docs", {"docs": [{"_id": "a", name: 1}]}).error


def test_what_couchdb_tells_about_a_document_may_come_back_with_it(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a"), revision("a", "2-c", "a"))
    told = db.get("/a?meta=true&revs=true&local_seq=true").body
    assert {"_revisions", "_revs_info", "_conflicts", "_local_seq"} < told.keys()
    rev = db.saved("a", {**told, "x": 1})
    assert {"_id": "a", "_rev": rev, "x": 1} == db.get("/a").body


BAD_BODIES = [
    b"",
    b"{",
    b"[1]",
    b'"text"',
    b"5",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":1e999}',
    b'{"a":"\xff"}',
    b'{"a":"\\ud800"}',
    b"[" * 300 + b"]" * 300,
    b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    b'{"_deleted":"yes"}',
    b'{"_rev":5}',
    b'{"_rev":"abc"}',
    b'{"_rev":"0-abc"}',
    b'{"_revisions":5}',
    b'{"_revisions":{"start":"1","ids":["a"]}}',
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_what_is_no_document_is_refused_and_harms_nothing(db: Database, body: bytes) -> None:
    db.saved("a", {"x": 1})
    for method, path in (("PUT", "/b"), ("POST", ""), ("PUT", "/b?new_edits=false")):
        answer = db.ask(method, path, content=body)
        assert 400 == answer.status, (method, path, answer)
        assert {"error", "reason"} <= answer.body.keys()
    assert MISSING == db.get("/b").error
    assert 1 == db.get("/a").body["x"]


def test_a_document_with_attachments_is_refused_by_itself(db: Database) -> None:
    """As forbidden: PouchDB and CouchDB go on with the rest after that, and after no other word."""
    refused = {"_attachments": {"a.txt": {"content_type": "text/plain", "data": "YQ=="}}}
    assert (403, "forbidden") == db.put("/a", refused).error[:2]
    assert (403, "forbidden") == db.put("/a?new_edits=false", {"_rev": "1-a", **refused}).error[:2]
    answer = db.ask("PUT", "/a", content=b"--x\r\n\r\n--x--", Content_Type='multipart/related; boundary="x"')
    assert (403, "forbidden", "attachments_not_supported") == (*answer.error[:2], answer.body["code"])
    assert MISSING == db.get("/a").error
    assert 201 == db.put("/a", {"_attachments": {}}).status


def test_a_document_beyond_the_limit_is_too_large(db: Database) -> None:
    with replica.open(db.path) as hub:
        hub.settings["document-size-max"] = 1000
    assert (413, "too_large") == db.put("/a", {"x": "y" * 1000}).error[:2]
    assert (413, "too_large") == db.put("/a?new_edits=false", {"_rev": "1-a", "x": "y" * 1000}).error[:2]
    assert 201 == db.put("/a", {"x": "y" * 900}).status


# -- revisions made elsewhere


def test_a_revision_made_elsewhere_is_taken_as_it_is_and_again(db: Database) -> None:
    for _ in range(2):
        answer = db.put("/a?new_edits=false", revision("a", "3-c", "b", "a", x=1))
        assert (201, "3-c") == (answer.status, answer.body["rev"])
    assert [("3-c", False)] == db.leaves("a")
    body = db.get("/a?revs=true").body
    assert {"start": 3, "ids": ["c", "b", "a"]} == body["_revisions"]


def test_a_revision_may_be_named_by_its_ancestry_alone(db: Database) -> None:
    answer = db.put("/a?new_edits=false", {"_revisions": {"start": 2, "ids": ["b", "a"]}})
    assert (201, "2-b") == (answer.status, answer.body["rev"])
    first = db.saved("b", {"x": 1})
    db.saved("b", {"_revisions": {"start": 1, "ids": [first.partition("-")[2]]}, "x": 2})
    assert 2 == db.get("/b").body["x"]


def test_a_revision_made_elsewhere_must_be_named(db: Database) -> None:
    assert (400, "bad_request") == db.put("/a?new_edits=false", {"x": 1}).error[:2]
    assert (400, "bad_request") == db.put("/a?new_edits=maybe", {"x": 1}).error[:2]


def test_a_database_whose_replication_is_switched_off_takes_only_edits(db: Database) -> None:
    with replica.open(db.path) as hub:
        hub.settings["paused"] = True
    assert (403, "forbidden") == db.put("/a?new_edits=false", {"_rev": "1-a"}).error[:2]
    assert 201 == db.put("/a", {}).status


# -- reading


def test_what_is_not_there_is_missing_and_what_was_deleted_is_deleted(db: Database) -> None:
    assert MISSING == db.get("/a").error
    rev = db.saved("a", {"x": 1})
    stub = db.delete(f"/a?rev={rev}").body["rev"]
    assert DELETED == db.get("/a").error
    assert {"_id": "a", "_rev": stub, "_deleted": True} == db.get(f"/a?rev={stub}").body


def test_a_superseded_revision_is_there_until_compaction(db: Database) -> None:
    first = db.saved("a", {"x": 1})
    second = db.saved("a", {"x": 2, "_rev": first})
    third = db.saved("a", {"x": 3, "_rev": second})
    old = db.get(f"/a?rev={second}&revs=true").body
    ids = [rev.partition("-")[2] for rev in (second, first)]
    assert (2, {"start": 2, "ids": ids}) == (old["x"], old["_revisions"])
    statuses = [(row["rev"], row["status"]) for row in db.get("/a?revs_info=true").body["_revs_info"]]
    assert [(third, "available"), (second, "available"), (first, "available")] == statuses
    assert 202 == db.post("/_compact", {}).status
    assert MISSING == db.get(f"/a?rev={second}").error
    statuses = [(row["rev"], row["status"]) for row in db.get("/a?revs_info=true").body["_revs_info"]]
    assert [(third, "available"), (second, "missing"), (first, "missing")] == statuses
    assert MISSING == db.get("/a?rev=9-nothing").error
    assert (400, "bad_request", "Invalid rev format") == db.get("/a?rev=nothing").error


def test_conflicts_are_told_when_asked_for(db: Database) -> None:
    db.pushed(
        revision("a", "2-b", "a"),
        revision("a", "2-d", "a"),
        revision("a", "2-c", "a"),
        revision("a", "3-e", "c", "a", _deleted=True),
    )
    assert {"_id": "a", "_rev": "2-d"} == db.get("/a").body
    body = db.get("/a?conflicts=true&deleted_conflicts=true").body
    assert ("2-d", ["2-b"], ["3-e"]) == (body["_rev"], body["_conflicts"], body["_deleted_conflicts"])
    meta = db.get("/a?meta=true").body
    assert (["2-b"], ["3-e"]) == (meta["_conflicts"], meta["_deleted_conflicts"])
    lone = db.saved("b", {})
    assert {"_id": "b", "_rev": lone} == db.get("/b?conflicts=true&deleted_conflicts=true").body


def tree(db: Database) -> None:
    db.pushed(
        revision("a", "2-b1", "a", v="b1"),
        revision("a", "3-c1", "b1", "a", v="c1"),
        revision("a", "4-d1", "c1", "b1", "a", v="d1"),
        revision("a", "2-b2", "a", v="b2"),
        revision("a", "3-c2", "b2", "a", v="c2"),
    )


@pytest.mark.parametrize(
    ("asked", "answered"), [("2-b2", "3-c2"), ("2-b1", "4-d1"), ("1-a", "4-d1"), ("3-c2", "3-c2"), ("4-d1", "4-d1")]
)
def test_latest_gives_the_leaf_that_follows(db: Database, asked: str, answered: str) -> None:
    tree(db)
    assert answered == db.get(f"/a?rev={asked}&latest=true").body["_rev"]


def test_open_revs_gives_each_revision_or_says_that_it_is_missing(db: Database) -> None:
    tree(db)
    rows = db.get('/a?open_revs=["3-c2","9-z","4-d1"]&revs=true').body
    assert [{"missing": "9-z"}] == rows[1:2]
    assert ["3-c2", "4-d1"] == [row["ok"]["_rev"] for row in rows if "ok" in row]
    assert {"start": 3, "ids": ["c2", "b2", "a"]} == rows[0]["ok"]["_revisions"]
    assert ["4-d1", "3-c2"] == [row["ok"]["_rev"] for row in db.get("/a?open_revs=all").body]
    latest = db.get('/a?open_revs=["2-b2","3-c2","2-b1"]&latest=true').body
    assert ["3-c2", "4-d1"] == [row["ok"]["_rev"] for row in latest]
    assert [{"missing": "1-a"}] == db.get('/nothing?open_revs=["1-a"]').body
    assert MISSING == db.get("/nothing?open_revs=all").error
    for bad in ("5", '"all"', "[5]", '["x"]', "{", "[" * 300):
        assert 400 == db.get(f"/a?open_revs={quote(bad)}").status


def test_open_revs_comes_in_parts_to_those_who_take_them(db: Database) -> None:
    tree(db)
    for accepted in ("multipart/mixed", "*/*", "multipart/*"):
        answer = db.get('/a?open_revs=["3-c2","9-z"]&revs=true&latest=true', Accept=accepted)
        kind, _, boundary = answer.headers["Content-Type"].partition("; boundary=")
        assert (200, "multipart/mixed") == (answer.status, kind)
        parts = answer.body.split(f"--{boundary.strip(chr(34))}")
        assert ("", "--") == (parts[0], parts[-1])
        heads, bodies = zip(*(part.strip("\r\n").split("\r\n\r\n") for part in parts[1:-1]), strict=True)
        assert ("Content-Type: application/json", 'Content-Type: application/json; error="true"') == heads
        assert ("3-c2", {"missing": "9-z"}) == (json.loads(bodies[0])["_rev"], json.loads(bodies[1]))
    answer = db.get("/a?open_revs=all", Accept="application/json, multipart/mixed")
    assert "application/json" == answer.headers["Content-Type"]


def test_the_etag_is_the_revision_and_saves_sending_the_document_again(db: Database) -> None:
    rev = db.saved("a", {"x": 1})
    etag = db.get("/a").headers["ETag"]
    assert f'"{rev}"' == etag
    for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = db.get("/a", If_None_Match=sent)
        assert (304, "", etag) == (answer.status, answer.body, answer.headers["ETag"])
    assert 200 == db.get("/a", If_None_Match='"1-other"').status
    for option in ("conflicts", "deleted_conflicts", "revs_info", "meta", "local_seq"):  # these depend on other things
        answer = db.get(f"/a?{option}=true", If_None_Match=etag)
        assert (200, None) == (answer.status, answer.headers.get("ETag"))


def test_a_revision_that_no_header_can_hold_has_an_etag_all_the_same(db: Database) -> None:
    db.pushed({"_id": "a", "_rev": "1-ä%€"})
    etag = db.get("/a").headers["ETag"]
    assert 304 == db.get("/a", If_None_Match=etag).status
    assert 201 == db.put("/a", {"x": 1}, If_Match=etag).status


def test_head_says_the_same_without_the_document(db: Database) -> None:
    rev = db.saved("a", {"x": 1})
    answer = db.ask("HEAD", "/a")
    assert (200, "", f'"{rev}"') == (answer.status, answer.body, answer.headers["ETag"])
    assert len(json.dumps({"_id": "a", "_rev": rev, "x": 1}, separators=(",", ":"))) + 1 == int(
        answer.headers["Content-Length"]
    )
    assert 404 == db.ask("HEAD", "/nothing").status


@pytest.mark.parametrize(
    "flag", ["revs", "revs_info", "conflicts", "deleted_conflicts", "local_seq", "meta", "latest", "deleted"]
)
def test_a_flag_is_true_or_false(db: Database, flag: str) -> None:
    db.saved("a", {})
    assert 200 == db.get(f"/a?{flag}=false").status
    assert (400, "bad_request") == db.get(f"/a?{flag}=maybe").error[:2]


def test_options_about_attachments_mean_nothing(db: Database) -> None:
    rev = db.saved("a", {})
    assert {"_id": "a", "_rev": rev} == db.get('/a?attachments=true&att_encoding_info=true&atts_since=["1-a"]').body


def test_numbers_keep_every_digit(db: Database) -> None:
    body = b'{"big":123456789012345678901234567890,"float":1.0,"small":1e-7}'
    assert 201 == db.ask("PUT", "/a", content=body).status
    text = db.client.get(f"/{db.name}/a").text
    assert '"big":123456789012345678901234567890,"float":1.0,"small":1e-07' in text


# -- deleting


def test_deleting_needs_the_revision_and_a_document(db: Database) -> None:
    rev = db.saved("a", {"x": 1})
    assert CONFLICT == db.delete("/a").error
    assert CONFLICT == db.delete("/a?rev=1-abc").error
    answer = db.delete(f"/a?rev={rev}")
    assert (200, True, "a") == (answer.status, answer.body["ok"], answer.body["id"])
    assert f'"{answer.body["rev"]}"' == answer.headers["ETag"]
    assert DELETED == db.delete(f"/a?rev={rev}").error
    assert MISSING == db.delete("/b?rev=1-a").error
    assert MISSING == db.delete("/b").error


def test_a_document_that_never_was_may_be_put_as_deleted(db: Database) -> None:
    answer = db.put("/a", {"_deleted": True})
    assert 200 == answer.status
    assert DELETED == db.get("/a").error


# -- what was merged or resolved with the library


def test_a_resolved_conflict_is_closed_for_couchdbs_clients(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a", x=1), revision("a", "2-c", "a", x=2))
    with replica.open(db.path) as hub:
        resolved = hub.resolve("a", items={"x": 3}).revision
    body = db.get("/a?conflicts=true&deleted_conflicts=true").body
    (stub,) = body["_deleted_conflicts"]
    assert (resolved, False) == (body["_rev"], "_conflicts" in body)
    assert {"_id": "a", "_rev": stub, "_deleted": True} == db.get(f"/a?rev={stub}").body
    closed = db.get(f'/a?open_revs=["{stub}"]&revs=true').body[0]["ok"]
    assert ["b", "a"] == closed["_revisions"]["ids"][1:]
    assert stub == db.get("/a?rev=2-b&latest=true").body["_rev"]
    assert resolved == db.get("/a?rev=2-c&latest=true").body["_rev"]


def test_a_closed_branch_can_be_gone_on_with(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a", x=1), revision("a", "2-c", "a", x=2))
    with replica.open(db.path) as hub:
        resolved = hub.resolve("a", items={"x": 3}).revision
    stub = next(rev for rev, deleted in db.leaves("a") if deleted)
    revived = db.saved("a", {"_rev": stub, "x": 4})
    assert {(resolved, False), (revived, False)} == set(db.leaves("a"))


def test_conflict_documents_are_not_shown(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a", x=1), revision("a", "2-c", "a", x=2))
    with replica.open(db.path) as hub:
        (conflict,) = hub.conflicts()
        unid = conflict.leaves[0].unid
    assert MISSING == db.get(f"/{unid}").error
    assert ["a"] == [row["id"] for row in db.get("/_all_docs").body["rows"]]


def test_a_new_edit_wakes_those_who_wait(db: Database, tmp_path: Path) -> None:
    before = db.get("").body["update_seq"]
    db.saved("a", {})
    assert before != db.get("").body["update_seq"]
