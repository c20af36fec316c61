"""`_changes` of a real server: what is told, in which form, from where, and which documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import replica
from replica import Replica
from tests.servers import serving

pytestmark = pytest.mark.system


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Replica]:
    with replica.create(tmp_path / "db.db") as made:
        yield made


@pytest.fixture
def client(tmp_path: Path, db: Replica) -> Iterator[httpx2.Client]:
    with serving(tmp_path) as url, httpx2.Client(base_url=url, timeout=20) as made:
        yield made


def feed(client: httpx2.Client, body: Any = None, **query: Any) -> dict[str, Any]:
    got = client.post("/db/_changes", params=query, json=body) if body else client.get("/db/_changes", params=query)
    assert got.status_code == 200, got.text
    return dict(got.json())


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["id"] for row in answer["results"]]


def fill(db: Replica, count: int) -> None:
    db.put_many(replica.Document({"n": n, "even": n % 2 == 0}, unid=f"d{n:04}") for n in range(count))


def clash(db: Replica, tmp_path: Path, unid: str) -> tuple[str, str]:
    """A document with a conflict; the revisions, the winner first."""
    db.put({"at": "first"}, unid=unid)
    with db.copy(tmp_path / "elsewhere.sqlite") as there:
        for side in (db, there):
            document = side.get(unid)
            document["at"] = side.path
            side.put(document)
        replica.replicate(db, there)
    winner, loser = (document.revision for document in db.revisions(unid)[:2])
    assert winner
    assert loser
    return winner, loser


# -- places


def test_the_feed_names_each_document_once_at_its_latest_change(client: httpx2.Client, db: Replica) -> None:
    fill(db, 3)
    document = db.get("d0000")
    document["n"] = 7
    db.put(document)
    answer = feed(client)
    assert ids(answer) == ["d0001", "d0002", "d0000"]
    assert [row["seq"].split("-")[0] for row in answer["results"]] == ["2", "3", "4"]
    assert answer["last_seq"] == answer["results"][-1]["seq"] == client.get("/db").json()["update_seq"]
    assert answer["pending"] == 0


def test_every_place_ever_told_can_be_gone_on_from(client: httpx2.Client, db: Replica) -> None:
    fill(db, 5)
    for at, row in enumerate(feed(client)["results"]):
        for since in (row["seq"], json.dumps(row["seq"]), row["seq"].split("-")[0]):
            assert ids(feed(client, since=since)) == [f"d{n:04}" for n in range(at + 1, 5)]
    assert ids(feed(client, since="now")) == []


def test_a_malformed_place_is_a_bad_request(client: httpx2.Client) -> None:
    got = client.get("/db/_changes", params={"since": "1-nonsense"})
    assert (got.status_code, got.json()["error"]) == (400, "bad_request")


def test_a_place_in_a_database_of_the_same_name_that_is_gone_skips_nothing(client: httpx2.Client, db: Replica) -> None:
    fill(db, 5)
    place = feed(client)["last_seq"]
    client.delete("/db").raise_for_status()
    client.put("/db").raise_for_status()
    with replica.open(db.path) as again:
        fill(again, 7)
    assert len(ids(feed(client, since=place))) == 7


def test_a_place_that_a_restored_backup_has_not_reached_skips_nothing(
    client: httpx2.Client, db: Replica, tmp_path: Path
) -> None:
    fill(db, 5)
    db.backup(tmp_path / "backup.sqlite")
    db.put({"n": 5})
    place = feed(client)["last_seq"]
    (tmp_path / "backup.sqlite").replace(db.path)
    assert len(ids(feed(client, since=place))) == 5


# -- limit, pending, direction


def test_pages_are_full_and_pending_counts_down(client: httpx2.Client, db: Replica) -> None:
    fill(db, 1100)
    since, seen, pending = "0", [], []
    while True:
        page = feed(client, since=since, limit=300)
        seen += ids(page)
        pending.append(page["pending"])
        since = page["last_seq"]
        if len(page["results"]) < 300:
            break
    assert seen == [f"d{n:04}" for n in range(1100)]
    assert pending == [800, 500, 200, 0]


def test_pending_is_right_while_documents_are_written_and_change(client: httpx2.Client, db: Replica) -> None:
    fill(db, 10)
    first = feed(client, limit=3)
    assert first["pending"] == 7
    document = db.get("d0009")
    document["n"] = 0
    db.put(document)
    db.put({"n": 11})
    second = feed(client, since=first["last_seq"], limit=3)
    assert second["pending"] == 5
    assert feed(client, since=second["last_seq"], limit=3)["pending"] == 2


def test_no_rows_are_told_for_limit_zero_only_how_many_there_would_be(client: httpx2.Client, db: Replica) -> None:
    fill(db, 10)
    assert feed(client, since="4", limit=0)["results"] == []
    assert feed(client, since="4", limit=0)["pending"] == 6
    assert feed(client, since="4", limit=0)["last_seq"].startswith("4-")


def test_a_long_feed_tells_all_that_was_there(client: httpx2.Client, db: Replica) -> None:
    fill(db, 3000)
    with client.stream("GET", "/db/_changes") as streamed:
        chunks = streamed.iter_bytes()
        text = next(chunks)
        for n in range(0, 3000, 7):
            db.delete(f"d{n:04}")
        text += b"".join(chunks)
    first = json.loads(text)
    assert set(ids(first)) == {f"d{n:04}" for n in range(3000)}
    then = feed(client, since=first["last_seq"])
    assert sum("deleted" in row for row in then["results"]) + sum("deleted" in row for row in first["results"]) == 429


def test_descending_begins_with_the_newest(client: httpx2.Client, db: Replica) -> None:
    fill(db, 1200)
    answer = feed(client, descending="true", limit=1100)
    assert ids(answer) == [f"d{n:04}" for n in range(1199, 99, -1)]
    assert feed(client, descending="true", limit=2, feed="longpoll")["last_seq"].startswith("1199-")
    assert len(ids(feed(client, descending="true"))) == 1200


def test_places_may_be_told_now_and_then_only(client: httpx2.Client, db: Replica) -> None:
    fill(db, 5)
    answer = feed(client, seq_interval=2)
    assert [row["seq"] is None for row in answer["results"]] == [False, True, False, True, False]
    assert answer["last_seq"].startswith("5-")


# -- leaves and documents


def test_the_winner_alone_is_told_unless_all_leaves_are_asked_for(
    client: httpx2.Client, db: Replica, tmp_path: Path
) -> None:
    winner, loser = clash(db, tmp_path, "x")
    assert feed(client)["results"][0]["changes"] == [{"rev": winner}]
    assert feed(client, style="all_docs")["results"][0]["changes"] == [{"rev": winner}, {"rev": loser}]


def test_documents_come_with_their_rows(client: httpx2.Client, db: Replica, tmp_path: Path) -> None:
    winner, loser = clash(db, tmp_path, "x")
    [row] = feed(client, include_docs="true", conflicts="true")["results"]
    assert row["doc"] == {"_id": "x", "_rev": winner, "_conflicts": [loser], "at": db.get("x")["at"]}
    assert "_conflicts" not in feed(client, include_docs="true")["results"][0]["doc"]


def test_a_deletion_is_told_as_one(client: httpx2.Client, db: Replica) -> None:
    db.put({"n": 1}, unid="x")
    stub = db.delete("x")
    [row] = feed(client, include_docs="true")["results"]
    assert row["deleted"] is True
    assert row["doc"] == {"_id": "x", "_rev": stub.revision, "_deleted": True}


def test_a_resolution_tells_also_the_stubs_that_close_the_branches(
    client: httpx2.Client, db: Replica, tmp_path: Path
) -> None:
    winner, loser = clash(db, tmp_path, "x")
    resolved = db.resolve("x", keep=winner).revision
    [row] = feed(client, style="all_docs")["results"]
    told = [change["rev"] for change in row["changes"]]
    assert told[0] == resolved
    assert [revision.split("-")[0] for revision in told[1:]] == [str(int(loser.split("-")[0]) + 1)]
    assert "deleted" not in row
    [with_documents] = feed(client, style="all_docs", include_docs="true", conflicts="true")["results"]
    assert [change["rev"] for change in with_documents["changes"]] == told
    assert "_conflicts" not in with_documents["doc"]


# -- filters


def test_a_selector_fills_the_limit_and_moves_on_where_nothing_matches(client: httpx2.Client, db: Replica) -> None:
    fill(db, 1300)
    page = feed(client, {"selector": {"n": {"$gte": 700}, "even": True}}, filter="_selector", limit=10)
    assert ids(page) == [f"d{n:04}" for n in range(700, 720, 2)]
    assert page["last_seq"] == page["results"][-1]["seq"]
    nothing = feed(client, {"selector": {"n": -1}}, filter="_selector", limit=10)
    assert nothing["results"] == []
    assert nothing["last_seq"].startswith("1300-")
    assert nothing["pending"] == 0


def test_documents_are_looked_up_by_their_unids(client: httpx2.Client, db: Replica) -> None:
    fill(db, 1300)
    wanted = {"doc_ids": ["d1200", "d0003", "absent", "d0700"]}
    assert ids(feed(client, wanted, filter="_doc_ids")) == ["d0003", "d0700", "d1200"]
    assert ids(feed(client, wanted, filter="_doc_ids", limit=2, since="4")) == ["d0700", "d1200"]
    assert ids(feed(client, wanted, filter="_doc_ids", descending="true")) == ["d1200", "d0700", "d0003"]
    assert ids(feed(client, filter="_doc_ids", doc_ids='["d0003"]')) == ["d0003"]
    nothing = feed(client, {"doc_ids": ["absent"]}, filter="_doc_ids")
    assert (nothing["results"], nothing["last_seq"].split("-")[0]) == ([], "1300")
    assert ids(feed(client, {"doc_ids": []}, filter="_doc_ids")) == []


def test_design_documents_can_be_asked_for(client: httpx2.Client, db: Replica) -> None:
    fill(db, 3)
    db.put({"views": {}}, unid="_design/x")
    db.put({"n": 1}, unid="e")
    assert ids(feed(client, filter="_design")) == ["_design/x"]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder = tmp_path_factory.mktemp("refusing")
    with replica.create(folder / "db.db") as db:
        db.put({"filters": {"there": "function…"}, "views": {"there": {"map": "function…"}}}, unid="_design/design")
    with serving(folder) as url, httpx2.Client(base_url=url, timeout=20) as made:
        yield made


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({"feed": "sometimes"}, 400, "bad_request"),
        ({"style": "nice"}, 400, "bad_request"),
        ({"limit": "-1"}, 400, "bad_request"),
        ({"limit": "many"}, 400, "bad_request"),
        ({"heartbeat": "0"}, 400, "bad_request"),
        ({"heartbeat": "soon"}, 400, "bad_request"),
        ({"timeout": "1e3"}, 400, "bad_request"),
        ({"descending": "1"}, 400, "bad_request"),
        ({"filter": "_doc_ids"}, 400, "bad_request"),
        ({"filter": "_doc_ids", "doc_ids": '{"a": 1}'}, 400, "bad_request"),
        ({"filter": "_selector"}, 400, "bad_request"),
        ({"filter": "_selector", "selector": '{"n": {"$near": 1}}'}, 400, "invalid_selector"),
        ({"filter": "_view"}, 400, "bad_request"),
        ({"filter": "name"}, 400, "bad_request"),
        ({"filter": "a/b/c"}, 400, "bad_request"),
        ({"filter": "absent/name"}, 404, "not_found"),
        ({"filter": "design/absent"}, 404, "not_found"),
        ({"view": "design/absent"}, 404, "not_found"),
        ({"filter": "design/there"}, 501, "not_implemented"),
        ({"view": "design/there"}, 501, "not_implemented"),
    ],
)
@pytest.mark.parametrize("kind", ["normal", "longpoll"])
def test_what_cannot_be_answered_is_refused_before_anything_is_sent(
    refusing: httpx2.Client, query: dict[str, str], status: int, error: str, kind: str
) -> None:
    got = refusing.get("/db/_changes", params={"feed": kind, **query})
    assert (got.status_code, got.json()["error"]) == (status, error)
