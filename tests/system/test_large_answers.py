"""Answers that hold much: the server makes them of a few documents at a time, and they are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import replica
import replica.store.enough
from tests.asking import House, house, revision
from tests.system.serving import Served, has_proc, request, server_process

pytestmark = pytest.mark.system

MB = 2**20
SIZE, COUNT = 2 * MB, 60
GROWTH_MAX = 72 * MB  # of the 120 MB
NAMES = [f"{n:02}" for n in range(COUNT)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("data")
    with replica.create(folder / "large.db") as made:
        for name in NAMES:
            made.put({"n": int(name), "text": "x" * SIZE}, unid=name)
    with server_process(folder, "--access-log", "none") as served:
        yield served
        assert 0 == served.stop()


def received(server: Served, method: str, path: str, value: Any) -> int:
    """The bytes of an answer, of which none are kept."""
    body = None if value is None else json.dumps(value).encode()
    count = 0
    with server.connect() as connection:
        connection.settimeout(60)
        connection.sendall(request(method, path, body, Connection="close"))
        while data := connection.recv(MB):
            count += len(data)
    return count


ASKED: dict[str, tuple[str, str, Any]] = {
    "_all_docs": ("GET", "/large/_all_docs?include_docs=true", None),
    "_all_docs by name": ("POST", "/large/_all_docs?include_docs=true", {"keys": NAMES}),
    "_all_docs, one often": ("POST", "/large/_all_docs?include_docs=true", {"keys": ["07"] * COUNT}),
    "_bulk_get": ("POST", "/large/_bulk_get", {"docs": [{"id": name} for name in NAMES]}),
    "_bulk_get, one often": ("POST", "/large/_bulk_get", {"docs": [{"id": "07"}] * COUNT}),
    "_find": ("POST", "/large/_find", {"selector": {}, "limit": COUNT}),
    "_find with SQL": ("POST", "/large/_find", {"selector": {"n": {"$gte": 0}}, "limit": COUNT}),
    "_changes": ("GET", "/large/_changes?include_docs=true", None),
}


@pytest.mark.skipif(not has_proc(), reason="memory is read from /proc")
@pytest.mark.parametrize("name", ASKED)
def test_an_answer_takes_no_more_memory_than_a_few_documents(large: Served, name: str) -> None:
    assert SIZE < received(large, "GET", "/large/07", None)  # what is needed for one is there afterwards
    before = large.memory_bytes("VmRSS")
    large.forget_peak()
    assert received(large, *ASKED[name]) > COUNT * SIZE
    assert GROWTH_MAX > large.memory_bytes("VmHWM") - before


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("small")) as made:
        yield made


QUERIES = ["", "&limit=7", "&skip=3&limit=5", "&descending=true", "&conflicts=true", '&startkey="03"&endkey="11"']


def test_where_it_is_cut_makes_no_difference(server: House, monkeypatch: pytest.MonkeyPatch) -> None:
    db = server.database()
    for n in range(20):
        db.saved(f"{n:02}", {"n": n, "text": "x" * (n % 5) * 30})
    assert [] == db.pushed(revision("04", "1-b", branch="b"), revision("04", "1-c", branch="c"))
    db.delete(f"/06?rev={db.get('/06').body['_rev']}")
    for n in range(4):
        assert 200 == db.post("/_index", {"index": {"fields": [f"item{n}"]}, "ddoc": f"design{n}"}).status
    keys = ["03", "nothing", "06", 7, "03", "04", "05"]
    docs = [{"id": key} for key in keys if key != 7] + [{"id": "04", "rev": "1-b"}, {}]

    def everything() -> list[Any]:
        lists = [db.get(f"/_all_docs?include_docs=true{query}") for query in QUERIES]
        lists += [db.post(f"/_all_docs?include_docs=true{query}", {"keys": keys}) for query in QUERIES[:5]]
        lists.append(db.post("/_bulk_get?revs=true", {"docs": docs}))
        lists += [db.post("/_find", {"selector": which, "limit": 50}) for which in ({}, {"n": {"$gt": 2}})]
        lists.append(db.get("/_index"))
        return [(answer.status, answer.body) for answer in lists]

    expected = everything()
    assert {200} == {status for status, _ in expected}
    for enough in (1, 70, 200):
        monkeypatch.setattr(replica.store.enough, "ENOUGH", enough)
        assert expected == everything()


def test_a_replica_is_read_in_pieces_without_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica.store.enough, "ENOUGH", 40)
    with replica.create(tmp_path / "a.db") as made:
        for n in range(30):
            made.put({"n": n, "text": "x" * (n % 4) * 20}, unid=f"{n:02}")
        assert [f"{n:02}" for n in range(30)] == [document.unid for document in made.documents()]
        assert [f"{n:02}" for n in range(5, 30)] == [document.unid for document in made.find({"n": {"$gte": 5}})]
