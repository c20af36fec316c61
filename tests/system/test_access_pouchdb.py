"""PouchDB pushes what its user may not change."""

from __future__ import annotations

from pathlib import Path

import pytest

import replica
from tests.hubs import LIST, entries, hub
from tests.system.pouchdb.node import Pouch

pytestmark = pytest.mark.system


def test_pouchdb_is_denied_a_changed_list_and_the_rest_of_its_push_arrives(tmp_path: Path) -> None:
    """It does not offer again by itself what was denied: it comes with the next change, or when it is told to start anew."""
    with hub(tmp_path, "anna") as made, Pouch() as pouch:
        made.grant(anna="editor")
        local, remote = str(tmp_path / "pouch"), made.url.replace("://", f"://anna:{'x' * 9}@") + "/db"
        pouch.replicate(remote, local, {})
        listed = pouch.get(local, LIST)
        pouch.put(local, {"_id": LIST, "_rev": listed["_rev"], **entries(anna="manager")})
        for n in range(3):
            pouch.put(local, {"_id": f"d{n}", "n": n})
        outcome = pouch.replicate(local, remote, {})
        assert (True, 1, 3) == (outcome["ok"], outcome["doc_write_failures"], outcome["docs_written"])
        assert {"d0", "d1", "d2"} <= made.unids()
        assert [(LIST, "not_allowed")] == made.refused()
        assert entries(anna="editor")["entries"] == made.ask("root", "GET", f"/{LIST}").json()["entries"]
        made.grant(anna="manager")
        pouch.replicate(local, remote, {"checkpoint": False, "since": 0})
        assert [] == made.refused()
        assert 1 == len(made.ask("root", "GET", f"/{LIST}?conflicts=true").json()["_conflicts"])


def test_an_author_changes_their_own_documents_with_pouchdb_and_says_nothing_of_others(tmp_path: Path) -> None:
    """A document that somebody else saved says so until its client takes that out: PouchDB does not know who saves."""
    with hub(tmp_path, "anna") as made, Pouch() as pouch, replica.open(made.path, user="bob") as there:
        made.grant(anna="author")
        there.put({"n": 1}, unid="bobs")
        there.put({"n": 1, "$Authors": ["anna"]}, unid="named")
        local, remote = str(tmp_path / "pouch"), made.url.replace("://", f"://anna:{'x' * 9}@") + "/db"
        pouch.put(remote, {"_id": "own", "n": 1})
        pouch.replicate(remote, local, {})
        for unid in ("own", "bobs", "named"):
            pouch.put(local, {**pouch.get(local, unid), "n": 2})
        outcome = pouch.replicate(local, remote, {})
        assert (True, 1, 2) == (outcome["ok"], outcome["docs_written"], outcome["doc_write_failures"])
        assert [("bobs", "not_allowed"), ("named", "not_allowed")] == made.refused()
        named = pouch.get(local, "named")
        del named["$UpdatedBy"]
        pouch.put(local, {**named, "n": 3})
        assert 1 == pouch.replicate(local, remote, {})["docs_written"]
        assert [2, 1, 3] == [there.get(unid)["n"] for unid in ("own", "bobs", "named")]
        assert [["anna"], ["bob"], None] == [there.get(unid).get("$UpdatedBy") for unid in ("own", "bobs", "named")]


def test_pouchdb_is_told_of_a_deletion_if_its_user_could_read_the_document(tmp_path: Path) -> None:
    """And deletes over the network with a stub that keeps the readers."""
    with hub(tmp_path, "anna", "bob") as made, Pouch() as pouch, replica.open(made.path, user="root") as there:
        made.grant(anna="editor", bob="editor")
        for unid in ("by the server", "by pouchdb"):
            there.put({"$Readers": ["anna"]}, unid=unid)
        places = {name: made.url.replace("://", f"://{name}:{'x' * 9}@") + "/db" for name in ("anna", "bob")}
        local = {name: str(tmp_path / name) for name in places}
        for name, remote in places.items():
            pouch.replicate(remote, local[name], {})
        there.delete("by the server")
        found = pouch.get(places["anna"], "by pouchdb", {})
        pouch.put(places["anna"], {"_id": found["_id"], "_rev": found["_rev"], "_deleted": True})
        for name, remote in places.items():
            assert pouch.replicate(remote, local[name], {})["ok"]
            assert [LIST] == [
                unid for unid, told in pouch.everything(local[name]) if not told["winner"].get("_deleted")
            ]
        gone = dict(pouch.everything(local["anna"]))
        assert {"by the server", "by pouchdb"} == gone.keys() - {LIST}
        assert [["root"], ["anna"]] == [gone[unid]["winner"]["$UpdatedBy"] for unid in ("by the server", "by pouchdb")]
        assert {LIST} == dict(pouch.everything(local["bob"])).keys()
        assert {"$Readers": ["anna"], "$UpdatedBy": ["anna"]} == next(
            each.items for each in there.documents(deleted=True) if each.unid == "by pouchdb"
        )
