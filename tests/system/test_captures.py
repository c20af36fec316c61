"""CouchDB's replicator as it was captured, request by request: with us as its source, as its target, and for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.asking import Database, House, house, revision

pytestmark = pytest.mark.system

REPLICATION = "5c2a4d6e8f0a1b3c5d7e9f1a3b5c7d9e"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def db(server: House) -> Database:
    return server.database()


def begin(db: Database) -> None:
    """What it asks of both ends: to be let in, what is there, and four names under which there may be a checkpoint."""
    login = db.client.post("/_session", content=b"name=a&password=b", headers={"Content-Type": FORM})
    assert login.status_code == 404, "after anything else it would not go on with a password in each request"
    for _ in range(2):
        about = db.get("/", Content_Length="0")
        assert 200 == about.status
        assert isinstance(about.body["instance_start_time"], str)
        assert "update_seq" in about.body
    for name in range(4):
        assert (404, "not_found", "missing") == db.get(f"/_local/{REPLICATION[:-1]}{name}").error


FORM = "application/x-www-form-urlencoded"


def checkpoint(db: Database, last: Any, rev: str | None = None) -> str:
    """It wants to be sure of what is there, then notes how far it came; the revision of the note."""
    start = db.get("/").body["instance_start_time"]
    full = db.ask("POST", "/_ensure_full_commit", content=b"", Content_Type="application/json")
    assert (201, {"ok": True, "instance_start_time": start}) == (full.status, full.body)
    note: dict[str, Any] = {
        "_id": f"_local/{REPLICATION}",
        "session_id": "8a1f",
        "source_last_seq": last,
        "replication_id_version": 4,
        "history": [{"session_id": "8a1f", "recorded_seq": last}],
    }
    if rev is not None:
        note["_rev"] = rev
    saved = db.put(f"/_local/{REPLICATION}", note)
    assert 201 == saved.status
    found = db.get(f"/_local/{REPLICATION}").body
    members = [name for name in note if name[:1] != "_"]
    assert members == [name for name in found if name[:1] != "_"], "it compares the text, in order"
    return str(saved.body["rev"])


def test_couchdb_pulls_from_us_as_it_was_captured(db: Database) -> None:
    db.pushed(revision("a", "2-b", "a", n=1), revision("a", "2-c", "a", n=2), revision("gone", "1-x", _deleted=True))
    first = db.saved("plain", {"n": 3})
    db.saved("_design/d", {"language": "query"})
    begin(db)
    feed = db.get("/_changes?feed=normal&style=all_docs&since=0&timeout=10000")
    assert "results" == next(iter(feed.body))
    rows = {row["id"]: [each["rev"] for each in row["changes"]] for row in feed.body["results"]}
    assert {"a": ["2-c", "2-b"], "gone": ["1-x"], "plain": [first]} == {
        unid: revs for unid, revs in rows.items() if unid[:1] != "_"
    }
    asked = [{"id": unid, "rev": rev} for unid in ("a", "plain", "gone") for rev in rows[unid]]
    got = db.post("/_bulk_get?latest=true&revs=true&attachments=false", {"docs": asked, "atts_since": []})
    assert (200, ["results"]) == (got.status, list(got.body))
    assert [each["id"] for each in asked] == [each["id"] for each in got.body["results"]]
    for each, result in zip(asked, got.body["results"], strict=True):
        (found,) = result["docs"]
        assert (["ok"], each["rev"]) == (list(found), found["ok"]["_rev"])
        assert found["ok"]["_revisions"]["start"] == int(each["rev"].partition("-")[0])
    single = f'/_design/d?revs=true&open_revs=["{rows["_design/d"][0]}"]&latest=true'
    parts = db.get(single, Accept="multipart/mixed")
    assert 200 == parts.status
    assert parts.headers["content-type"].startswith('multipart/mixed; boundary="')
    assert "Content-Type: application/json\r\n\r\n" in parts.body
    rev = checkpoint(db, feed.body["last_seq"])
    again = db.get(f"/_changes?feed=normal&style=all_docs&since={feed.body['last_seq']}&timeout=10000")
    assert [] == again.body["results"]
    assert "0-2" == checkpoint(db, again.body["last_seq"], rev)


def test_couchdb_pushes_to_us_as_it_was_captured(db: Database) -> None:
    begin(db)
    assert 412 == db.client.put(f"/{db.name}").status_code, "which it takes for an answer that all is well"
    revs = {"a": ["2-c", "2-b"], "b": ["1-x"]}
    assert {unid: {"missing": each} for unid, each in revs.items()} == db.post("/_revs_diff", revs).body
    docs = [revision("a", "2-b", "a", n=1), revision("a", "2-c", "a", n=2), revision("b", "1-x", _deleted=True)]
    for _ in range(2):  # where the target seems empty it does not ask before
        sent = db.ask(
            "POST",
            "/_bulk_docs",
            {"new_edits": False, "docs": docs},
            X_Couch_Full_Commit="false",
        )
        assert (201, []) == (sent.status, sent.body)
    assert {} == db.post("/_revs_diff", revs).body
    above = db.post("/_revs_diff", {"a": ["3-d"]}).body
    assert {"2-b", "2-c"} == set(above["a"]["possible_ancestors"])
    design = db.put("/_design%2Fd?new_edits=false", revision("_design/d", "1-d", language="query"))
    assert (201, "1-d") == (design.status, design.body["rev"])
    assert [("2-b", False), ("2-c", False)] == db.leaves("a")
    checkpoint(db, "17-g1AAAA")


def test_couchdb_follows_us_for_ever_as_it_was_captured(db: Database) -> None:
    """When nothing came for a while the feed ends with where it was, and is asked for again from there."""
    rev = db.saved("a", {"n": 1})
    lines: list[Any] = []
    url = f"/{db.name}/_changes?feed=continuous&style=all_docs&since=0&timeout=300"
    with db.client.stream("GET", url) as feed:
        lines = [json.loads(line) for line in feed.iter_lines() if line.strip()]
    assert [("a", [{"rev": rev}])] == [(line["id"], line["changes"]) for line in lines[:-1]]
    assert {"last_seq", "pending"} == lines[-1].keys()
    assert 0 == lines[-1]["pending"]
    count = db.get(f"/_changes?limit=0&since={lines[-1]['last_seq']}&style=all_docs").body
    assert ([], 0) == (count["results"], count["pending"])
