"""What belongs to a database as a whole, and what is not offered."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import replica
from tests.asking import Database, House, house, revision

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture
def db(server: House) -> Database:
    return server.database()


def test_a_full_commit_is_answered_with_the_start_time_as_text(db: Database) -> None:
    """CouchDB takes exactly 201, and a text that is the same as in the description of the database."""
    answer = db.post("/_ensure_full_commit", {})
    assert (201, {"ok": True, "instance_start_time": db.get("").body["instance_start_time"]}) == answer[:2]
    assert isinstance(answer.body["instance_start_time"], str)
    assert 201 == db.ask("POST", "/_ensure_full_commit", content=b"").status


def test_compacting_forgets_superseded_revisions(db: Database) -> None:
    first = db.saved("a", {"x": 1})
    db.saved("a", {"x": 2, "_rev": first})
    assert 200 == db.get(f"/a?rev={first}").status
    assert (202, {"ok": True}) == db.post("/_compact", {})[:2]
    assert 404 == db.get(f"/a?rev={first}").status
    assert (202, {"ok": True}) == db.post("/_view_cleanup", {})[:2]


def test_the_limit_of_ancestries_only_grows(db: Database) -> None:
    assert (200, 1000) == db.get("/_revs_limit")[:2]
    assert (200, {"ok": True}) == db.put("/_revs_limit", 2000)[:2]
    assert 2000 == db.get("/_revs_limit").body
    answer = db.put("/_revs_limit", 5)
    assert (400, "bad_request") == answer.error[:2]
    assert "only grows" in answer.error[2]
    for bad in ("5", -1, 0, None, {}):
        assert 400 == db.put("/_revs_limit", bad).status
    assert 2000 == db.get("/_revs_limit").body


def test_who_may_do_what_is_said_in_the_access_list(db: Database) -> None:
    assert {} == db.get("/_security").body
    rights = {"admins": {"names": ["ann"], "roles": []}, "members": {"names": [], "roles": ["staff"]}, "more": 5}
    assert (200, {"ok": True}) == db.put("/_security", rights)[:2]
    assert rights == db.get("/_security").body
    for bad in ([], 5, {"admins": 5}, {"admins": {"names": "ann"}}, {"members": {"roles": [5]}}):
        assert (400, "bad_request") == db.put("/_security", bad).error[:2]
    assert rights == db.get("/_security").body
    listed = [
        {"name": "ann", "level": "manager"},
        {"name": "role:staff", "level": "editor"},
        {"name": "-default-", "level": "none"},
    ]
    assert listed == db.get("/_design/access").body["entries"]
    assert [] == db.get("/_local_docs").body["rows"]
    before = db.get("/_design/access").body["_rev"]
    db.put("/_security", rights)
    assert before == db.get("/_design/access").body["_rev"], "nothing has changed"


def test_who_may_do_what_is_told_by_the_entries_when_they_have_changed(db: Database) -> None:
    db.put("/_security", {"admins": {"names": ["ann"]}, "more": 5})
    kept = db.get("/_design/access").body
    assert {"admins": {"names": ["ann"]}, "more": 5} == db.get("/_security").body
    kept["entries"][0]["name"] = "bob"
    assert 201 == db.put("/_design/access", kept).status
    people = {"names": [], "roles": []}
    assert {"admins": {"names": ["bob"], "roles": []}, "members": people} == db.get("/_security").body
    groups = {"name": "group:x", "level": "reader"}
    kept |= {"_rev": db.get("/_design/access").body["_rev"], "entries": [groups]}
    assert 201 == db.put("/_design/access", kept).status
    assert 200 == db.put("/_security", {"members": {"names": ["eve"]}}).status
    assert [groups, {"name": "eve", "level": "editor"}] == db.get("/_design/access").body["entries"][:2]


@pytest.mark.parametrize("name", ["group:x", "role:x", "-default-", "anonymous", "", "_x", "a:b"])
def test_a_name_that_no_user_can_have_is_refused_as_one(name: str, db: Database) -> None:
    answer = db.put("/_security", {"members": {"names": [name]}})
    assert (400, "bad_request") == answer.error[:2]
    assert {} == db.get("/_security").body


def test_clashing_lists_are_told_as_what_both_say_and_not_written_over(db: Database) -> None:
    db.put("/_security", {"admins": {"names": ["ann", "bob"]}})
    (base,) = [rev for rev, _ in db.leaves("_design/access")]
    entry = {"level": "manager"}
    for name, rev in (("ann", "2-a"), ("bob", "2-b")):
        items = {"entries": [entry | {"name": name}, entry | {"name": "eve"}, {"name": "-default-", "level": "editor"}]}
        assert [] == db.pushed(revision("_design/access", rev, base.partition("-")[2], **items))
    people = {"names": [], "roles": []}
    assert {"admins": {"names": ["eve"], "roles": []}, "members": people} == db.get("/_security").body
    assert (409, "conflict") == db.put("/_security", {}).error[:2]
    assert 200 == db.delete("/_design/access?rev=2-b").status
    assert 200 == db.put("/_security", {}).status
    assert {} == db.get("/_security").body


def test_rights_that_are_said_at_the_same_time_by_many_leave_one_whole_list(db: Database) -> None:
    def say(n: int) -> int:
        return db.put("/_security", {"admins": {"names": [f"admin{n}"]}, "members": {"names": [f"member{n}"]}}).status

    with ThreadPoolExecutor(8) as pool:
        assert {200} == set(pool.map(say, range(24)))
    said = db.get("/_security").body
    assert said["admins"]["names"][0][5:] == said["members"]["names"][0][6:]
    assert 1 == len(db.leaves("_design/access"))
    assert 3 == len(db.get("/_design/access").body["entries"])


NOT_OFFERED = [
    ("POST", "/_purge", {}),
    ("GET", "/_purged_infos", None),
    ("PUT", "/_purged_infos_limit", 5),
    ("POST", "/_temp_view", {}),
    ("GET", "/_partition/p/_all_docs", None),
    ("GET", "/_design/d/_view/v", None),
    ("POST", "/_design/d/_view/v/queries", {}),
    ("GET", "/_design/d/_show/s/a", None),
    ("GET", "/_design/d/_list/l/v", None),
    ("PUT", "/_design/d/_update/u/a", {}),
    ("GET", "/_design/d/_rewrite/x", None),
    ("GET", "/_design/d/_info", None),
    ("GET", "/_design/d/_search/s", None),
    ("GET", "/_design/d/_nouveau/s", None),
    ("GET", "/a/file.txt", None),
    ("PUT", "/a/folder/file.txt?rev=1-a", {}),
    ("DELETE", "/a/file.txt", None),
    ("GET", "/_design/d/file.txt", None),
    ("COPY", "/a", None),
    ("COPY", "/_design/d", None),
]


@pytest.mark.parametrize(("method", "path", "body"), NOT_OFFERED)
def test_what_is_not_offered_says_so_with_the_reason(db: Database, method: str, path: str, body: Any) -> None:
    db.saved("a", {})
    answer = db.ask(method, path, body)
    assert (501, "not_implemented") == answer.error[:2]
    assert answer.body["hint"]
    assert len(answer.error[2]) > 10


def test_the_server_replicates_when_the_other_side_asks(server: House) -> None:
    assert 501 == server.client.get("/_replicate").status_code
    answer = server.client.post("/_replicate", json={"source": "a", "target": "b"})
    assert (501, "not_implemented") == (answer.status_code, answer.json()["error"])
    assert 501 == server.client.get("/_replicate").status_code, "and not the database of that name"


def test_a_database_that_is_not_there_is_not_found(server: House) -> None:
    nothing = Database(server.client, "nothing", server.folder)
    for method, path in (
        ("GET", "/a"),
        ("POST", "/_bulk_docs"),
        ("GET", "/_all_docs"),
        ("PUT", "/_local/x"),
        ("POST", "/_purge"),
    ):
        answer = nothing.ask(method, path, {})
        assert (404, "not_found", "Database does not exist.") == answer.error


def test_what_clients_did_is_sound_and_replicates(db: Database, server: House) -> None:
    rev = db.saved("a", {"x": 1})
    db.put("/a", {"_rev": rev, "_deleted": True, "kept": 1})
    db.pushed({"_id": "b", "_rev": "1-abc", "x": 1}, {"_id": "b", "_rev": "1-abd", "x": 1})
    db.put("/_local/x", {})
    with replica.open(db.path) as hub, hub.copy(server.folder / "copied.db") as laptop:
        assert hub.verify()["ok"]
        laptop.put({"y": 1}, unid="c")
        assert replica.replicate(laptop, hub).ok
        assert laptop.compare(hub)["ok"]
    assert 1 == db.get("/c").body["y"]
