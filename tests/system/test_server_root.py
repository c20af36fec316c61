"""The server itself, and databases as a whole: made, looked at, removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import replica
from tests.asking import Database, House, house

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data")) as made:
        yield made


def root(server: House) -> Database:
    return Database(server.client, "", server.folder)


def test_the_server_has_the_same_name_for_ever(tmp_path: Path) -> None:
    """Clients name their checkpoints after it: another one would make all of them begin anew."""
    names = set()
    for _ in range(2):
        with house(tmp_path) as server:
            answer = server.client.get("/").json()
            names.add(answer["uuid"])
            assert "Welcome" == answer["couchdb"]
    assert 1 == len(names)


def test_the_server_answers_that_it_is_up_and_who_asks(server: House) -> None:
    assert "ok" == server.client.get("/_up").json()["status"]
    assert {"name": None, "roles": ["_admin"]} == server.client.get("/_session").json()["userCtx"]


@pytest.mark.parametrize(("query", "count"), [("", 1), ("?count=7", 7), ("?count=0", 0), ("?count=1000", 1000)])
def test_new_unids_are_given_out(server: House, query: str, count: int) -> None:
    assert count == len(set(server.client.get(f"/_uuids{query}").json()["uuids"]))


@pytest.mark.parametrize("query", ["?count=1001", "?count=-1", "?count=x"])
def test_too_many_unids_are_refused(server: House, query: str) -> None:
    assert 400 == server.client.get(f"/_uuids{query}").status_code


@pytest.mark.parametrize("path", ["made", "made2/", "folder%2Fmade", "a%2Bb", "x_$()+-9"])
def test_a_database_is_made_once_listed_and_removed(server: House, path: str) -> None:
    client = server.client
    assert 404 == client.get(f"/{path}").status_code
    assert (404, "Database does not exist.") == (
        client.delete(f"/{path}").status_code,
        client.delete(f"/{path}").json()["reason"],
    )
    made = client.put(f"/{path}")
    assert (201, {"ok": True}) == (made.status_code, made.json())
    again = client.put(f"/{path}")
    assert (412, "file_exists") == (again.status_code, again.json()["error"])
    shown = client.get(f"/{path}").json()
    assert shown["db_name"] in client.get("/_all_dbs").json()
    assert (0, 0, "0") == (shown["doc_count"], shown["doc_del_count"], shown["instance_start_time"])
    assert isinstance(shown["update_seq"], str)
    assert 200 == client.head(f"/{path}").status_code
    assert {"ok": True} == client.delete(f"/{path}").json()
    assert 404 == client.get(f"/{path}").status_code


@pytest.mark.parametrize(
    "path", ["Upper", "9", "_users", "a%00b", "a%2F..%2Fb", "..%2Fa", "%2Fa", "a" * 300, "%FF", ".a"]
)
def test_a_name_that_a_database_cannot_have_is_refused(server: House, path: str) -> None:
    answer = server.client.put(f"/{path}")
    assert 400 == answer.status_code
    assert answer.json()["error"] in ("illegal_database_name", "bad_request")
    assert server.client.get(f"/{path}").status_code in (400, 404)


def test_counts_are_those_of_the_documents(server: House) -> None:
    db = server.database()
    db.saved("a", {})
    db.saved("b", {})
    db.delete(f"/b?rev={db.get('/b').body['_rev']}")
    shown = db.get("").body
    assert (1, 1) == (shown["doc_count"], shown["doc_del_count"])
    with replica.open(db.path) as hub:
        assert hub.identity.replica_id == shown["replica_id"]


def test_a_method_that_is_not_offered_says_which_are(server: House) -> None:
    db = server.database()
    for method, path in (("POST", "/_revs_limit"), ("PUT", "/_compact/x/y/z"), ("PATCH", "/a")):
        answer = db.ask(method, path)
        assert answer.status in (405, 501), (method, path, answer)
        assert {"error", "reason"} <= answer.body.keys()
    answer = db.ask("PATCH", "")
    assert (405, "Only DELETE,GET,HEAD,POST,PUT allowed") == (answer.status, answer.body["reason"])
    assert ["DELETE", "GET", "HEAD", "POST", "PUT"] == sorted(answer.headers["allow"].split(", "))


def test_what_is_nothing_is_not_found(server: House) -> None:
    assert 404 == root(server).get("_nothing").status
