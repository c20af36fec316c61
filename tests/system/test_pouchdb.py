"""PouchDB, the real one, replicates with our server, both ways: afterwards both sides hold the same, and show the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

import replica
from benchmarks.corpus import documents
from replica import Replica
from tests.servers import serving
from tests.system.pouchdb.node import Pouch, PouchError

pytestmark = pytest.mark.system

MANY = 5000


class Both:
    """A database of ours behind a server, and PouchDB with one of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder / "served"
        self.folder.mkdir()
        self.db: Replica = stack.enter_context(replica.create(self.folder / "db.db"))
        self.pouch = stack.enter_context(Pouch())
        self.local = str(folder / "pouch")
        self._server = ExitStack()
        stack.callback(self._server.close)
        self._port = 0
        self.start()

    def start(self) -> None:
        """Start the server, where it was before."""
        url = self._server.enter_context(serving(self.folder, self._port))
        self._port = urlsplit(url).port or 0
        self.url = f"{url}/db"

    def stop(self) -> None:
        """Stop the server."""
        self._server.close()

    def pull(self, **options: Any) -> dict[str, Any]:
        """Ours to PouchDB, once."""
        return dict(self.pouch.replicate(self.url, self.local, options))

    def push(self, **options: Any) -> dict[str, Any]:
        """PouchDB to ours, once."""
        return dict(self.pouch.replicate(self.local, self.url, options))

    def sync(self) -> None:
        """Both ways, once."""
        outcome = self.pouch.sync(self.local, self.url)
        assert outcome["push"]["ok"]
        assert outcome["pull"]["ok"]
        assert outcome["push"]["doc_write_failures"] == outcome["pull"]["doc_write_failures"] == 0

    def assert_equal(self) -> None:
        """The same documents, with the same leaves and the same winners: here, at PouchDB, and as PouchDB sees us."""
        there = dict(self.pouch.everything(self.local))
        assert there == dict(self.pouch.everything(self.url))
        here = {change.unid: change for change in self.db.changes()}
        assert here.keys() == there.keys()
        for unid, found in there.items():
            winner = found["winner"]
            assert winner["_rev"] == here[unid].revision
            assert winner.get("_deleted", False) == here[unid].deleted
            assert set(here[unid].leaves) <= set(found["leaves"])  # closing stubs are not kept here, only told
            if here[unid].deleted:
                continue
            assert self.db.get(unid).items == {name: value for name, value in winner.items() if name[0] != "_"}
            if len(here[unid].leaves) > 1:
                live = {document.revision for document in self.db.revisions(unid) if not document.deleted}
                assert {winner["_rev"], *winner.get("_conflicts", [])} == live & set(here[unid].leaves)

    def clash(self, unid: str) -> None:
        """Save the document on both sides, differently, from the same revision."""
        document = self.db.get(unid)
        there = self.pouch.get(self.local, unid)
        assert document.revision == there["_rev"]
        document["at"] = "ours"
        self.db.put(document)
        self.pouch.put(self.local, there | {"at": "pouch"})


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        yield Both(tmp_path, stack)


def fill(db: Replica, count: int, seed: int) -> None:
    wanted = ((document.pop("_id"), document) for document in documents(count, seed))
    db.put_many(replica.Document(items, unid=unid) for unid, items in wanted)
    assert len(db) == count


# -- many documents


def test_many_documents_arrive_at_pouchdb_and_the_next_time_only_what_is_new(both: Both) -> None:
    fill(both.db, MANY, seed=1)
    first = both.pull(batch_size=1000)
    assert (first["docs_read"], first["docs_written"], first["doc_write_failures"]) == (MANY, MANY, 0)
    both.assert_equal()
    assert both.pull()["docs_read"] == 0
    both.db.put({"n": 1}, unid="new")
    assert both.pull()["docs_read"] == 1
    both.assert_equal()


def test_many_documents_arrive_from_pouchdb_and_go_on_where_they_stopped_after_a_restart(both: Both) -> None:
    stock = list(documents(MANY, seed=2))
    both.pouch.bulk(both.local, stock[: MANY // 2])
    assert both.push(batch_size=500)["docs_written"] == MANY // 2
    both.stop()
    both.pouch.bulk(both.local, stock[MANY // 2 :])
    with pytest.raises(PouchError):
        both.push(batch_size=500)
    both.start()
    assert both.push(batch_size=500)["docs_written"] == MANY // 2
    assert both.push()["docs_read"] == 0
    both.assert_equal()
    assert both.db.verify()["ok"]


# -- conflicts


def test_a_conflict_has_the_same_winner_on_both_sides(both: Both) -> None:
    for n in range(20):
        both.db.put({"n": n}, unid=f"{n}")
    both.sync()
    for n in range(20):
        both.clash(f"{n}")
    both.sync()
    both.assert_equal()
    assert len(list(both.db.conflicts())) == 20


def test_a_conflict_that_we_resolve_is_resolved_at_pouchdb(both: Both) -> None:
    both.db.put({"n": 1}, unid="x")
    both.sync()
    both.clash("x")
    both.sync()
    assert len(both.pouch.get(both.local, "x", {"conflicts": True})["_conflicts"]) == 1
    resolved = both.db.resolve("x", items={"at": "peace"})
    both.sync()
    shown = both.pouch.get(both.local, "x", {"conflicts": True})
    assert shown == {"_id": "x", "_rev": resolved.revision, "at": "peace"}
    both.assert_equal()
    both.pouch.put(both.local, shown | {"at": "again"})
    both.sync()
    both.assert_equal()
    assert not list(both.db.conflicts())


def test_a_conflict_that_pouchdb_resolves_is_resolved_here(both: Both) -> None:
    both.db.put({"n": 1}, unid="x")
    both.sync()
    both.clash("x")
    both.sync()
    shown = both.pouch.get(both.local, "x", {"conflicts": True})
    [losing] = shown.pop("_conflicts")
    both.pouch.put(both.local, shown | {"at": "peace"})
    both.pouch.remove(both.local, "x", losing)
    both.sync()
    assert not list(both.db.conflicts())
    assert both.db.get("x").items == {"n": 1, "at": "peace"}
    both.assert_equal()


def test_documents_made_apart_under_one_unid_are_a_conflict(both: Both) -> None:
    both.db.put({"by": "us"}, unid="x")
    both.pouch.put(both.local, {"_id": "x", "by": "pouch"})
    both.sync()
    both.assert_equal()
    [conflict] = both.db.conflicts()
    assert conflict.unid == "x"


# -- deletions


def test_deletions_travel_both_ways_and_an_edit_survives_one(both: Both) -> None:
    for name in ("ours", "theirs", "edited here", "edited there", "both"):
        both.db.put({"n": 1}, unid=name)
    both.sync()

    def delete_there(unid: str) -> None:
        both.pouch.remove(both.local, unid, both.pouch.get(both.local, unid)["_rev"])

    both.db.delete("ours")
    delete_there("theirs")
    document = both.db.get("edited here")
    document["n"] = 2
    both.db.put(document)
    delete_there("edited here")
    both.db.delete("edited there")
    both.pouch.put(both.local, both.pouch.get(both.local, "edited there") | {"n": 2})
    both.db.delete("both")
    delete_there("both")
    both.sync()
    both.assert_equal()
    assert {document.unid for document in both.db.documents()} == {"edited here", "edited there"}


def test_a_document_comes_back_after_its_deletion(both: Both) -> None:
    both.db.put({"n": 1}, unid="x")
    both.sync()
    both.db.delete("x")
    both.sync()
    with pytest.raises(PouchError, match="deleted"):
        both.pouch.get(both.local, "x")
    both.pouch.put(both.local, {"_id": "x", "n": 2})
    both.sync()
    both.assert_equal()
    assert both.db.get("x").items == {"n": 2}


# -- selection


def test_a_selector_lets_through_what_it_selects(both: Both) -> None:
    for n in range(500):
        both.db.put({"n": n, "Form": "Even" if n % 2 == 0 else "Odd"}, unid=f"{n:03}")
    outcome = both.pull(selector={"Form": "Even", "n": {"$lt": 300}}, batch_size=40)
    assert outcome["docs_written"] == 150
    assert {unid for unid, _ in both.pouch.everything(both.local)} == {f"{n:03}" for n in range(0, 300, 2)}
    assert both.pull(selector={"Form": "Even", "n": {"$lt": 300}})["docs_read"] == 0


def test_documents_are_replicated_by_their_unids(both: Both) -> None:
    for n in range(200):
        both.db.put({"n": n}, unid=f"{n:03}")
    assert both.pull(doc_ids=["007", "150", "absent"])["docs_written"] == 2
    assert {unid for unid, _ in both.pouch.everything(both.local)} == {"007", "150"}


def test_pouchdb_finds_in_our_database_what_it_finds_in_its_own(both: Both) -> None:
    fill(both.db, 300, seed=3)
    both.sync()
    both.pouch.index(both.url, ["Size"])
    for request in (
        {"selector": {"Section": "net"}},
        {"selector": {"Size": {"$gt": 50_000}}, "fields": ["_id", "Size"]},
        {"selector": {"Priority": "optional", "Tag": {"$exists": False}}, "limit": 300},
    ):
        found = {name: both.pouch.find(name, request)["docs"] for name in (both.local, both.url)}
        assert found[both.url]
        by_id = [sorted(docs, key=lambda doc: str(doc["_id"])) for docs in found.values()]
        assert by_id[0] == by_id[1]


# -- live


def test_changes_flow_live_both_ways_also_after_the_server_was_away(both: Both) -> None:
    both.db.put({"n": 0}, unid="here")
    there = both.pouch.start("until", both.local, "here", "n", 0)
    both.pouch.live("sync", both.local, both.url)
    there.result(20)

    def flows(n: int) -> None:
        there = both.pouch.start("until", both.local, "here", "n", n)
        document = both.db.get("here")
        document["n"] = n
        both.db.put(document)
        there.result(20)
        here = both.pouch.start("until", both.url, f"there {n}", "n", n)
        both.pouch.put(both.local, {"_id": f"there {n}", "n": n})
        here.result(20)

    flows(1)
    flows(2)
    both.stop()
    document = both.db.get("here")
    document["n"] = 3
    both.db.put(document)
    both.pouch.put(both.local, {"_id": "meanwhile"})
    there = both.pouch.start("until", both.local, "here", "n", 3)
    both.start()
    there.result(20)
    here = both.pouch.start("until", both.url, "meanwhile", "_id", "meanwhile")
    here.result(20)
    flows(4)
    both.pouch.stop("sync")
    both.assert_equal()


def test_a_conflict_arises_and_is_resolved_live(both: Both) -> None:
    both.db.put({"n": 1}, unid="x")
    both.sync()
    both.clash("x")
    both.pouch.live("sync", both.local, both.url)
    until(lambda: len(list(both.db.conflicts())) == 1, both)
    there = both.pouch.start("until", both.local, "x", "at", "peace")
    both.db.resolve("x", items={"at": "peace"})
    assert "_conflicts" not in there.result(20)
    both.pouch.stop("sync")
    both.assert_equal()
    assert "_conflicts" not in both.pouch.get(both.local, "x", {"conflicts": True})


def until(holds: Callable[[], bool], both: Both) -> None:
    """Look again whenever the database has changed."""
    changes = both.db.changes(live=True)
    while not holds():
        next(changes)


# -- the server's side


def test_pouchdb_makes_and_destroys_the_database_it_pushes_to(both: Both) -> None:
    both.pouch.put(both.local, {"_id": "x", "n": 1})
    url = both.url.replace("/db", "/made")
    assert both.pouch.replicate(both.local, url, {})["docs_written"] == 1
    with replica.open(both.folder / "made.db") as made:
        assert made.get("x").items == {"n": 1}
    assert httpx2.get(url).json()["doc_count"] == 1
