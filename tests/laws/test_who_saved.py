"""Who saved a revision is said where it is saved, and nowhere else; a deletion is seen by those who saw the document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

import replica
from replica import Document, Replica
from replica.access import lists
from replica.canonical import canonical
from replica.errors import Mistake
from replica.files import read_document
from replica.rights import checked_entry
from tests.asking import revision
from tests.hubs import LIST, SCHEMES, Hub, hub
from tests.servers import serving

SAVERS = "$UpdatedBy"
FORGED: dict[str, Any] = {SAVERS: ["forged"]}


def put(db: Replica) -> Document:
    return db.put({"n": 1, **FORGED}, unid="x")


def put_again(db: Replica) -> Document:
    found = put(db)
    found.items = {"n": 2, **FORGED}
    return db.put(found)


def put_many(db: Replica) -> Document:
    assert 1 == db.put_many([Document({**FORGED}, unid="x")]).added
    return the(db)


def put_in_a_batch(db: Replica) -> Document:
    with db.batch() as batch:
        return put(batch)


def load(db: Replica, **value: Any) -> Document:
    line = json.dumps({"_id": "x", **FORGED, **value}).encode()
    assert db.load([(1, partial(read_document, 1, line))]).ok
    return the(db)


def load_again(db: Replica) -> Document:
    put(db)
    return load(db, n=2)


def delete(db: Replica) -> Document:
    return db.delete(put(db))


def delete_by_loading(db: Replica) -> Document:
    put(db)
    return load(db, _deleted=True)


def bring_back(db: Replica) -> Document:
    delete(db)
    return put(db)


def the(db: Replica) -> Document:
    return next(db.documents(deleted=True))


SAVES: tuple[Callable[[Replica], Document], ...] = (
    *(put, put_again, put_many, put_in_a_batch, load, load_again, delete, delete_by_loading, bring_back),
)


def save_the_conflict(db: Replica) -> Document:
    return db.put(next(each for each in db.documents(conflicts=True) if each.conflict))


def close_the_conflict(db: Replica) -> Document:
    db.delete(next(each for each in db.documents(conflicts=True) if each.conflict))
    return next(each for each in db.revisions("x") if each.deleted)


def resolve_by_revision(db: Replica) -> Document:
    (conflict,) = db.conflicts()
    return db.resolve("x", keep=conflict.leaves[0].revision)


def resolve_by_items(db: Replica) -> Document:
    return db.resolve("x", items={"n": 3, **FORGED})


def resolve_all(db: Replica) -> Document:
    assert ["x"] == db.resolve_all()
    return the(db)


ENDS = (save_the_conflict, close_the_conflict, resolve_by_revision, resolve_by_items, resolve_all)


@contextmanager
def clashing(folder: Path) -> Iterator[Path]:
    """A file with a conflict that carl and dora made."""
    path = folder / "carl.db"
    with replica.create(path, user="carl") as carl:
        start = carl.put({"n": 0}, unid="x")
        with carl.copy(folder / "copy.db"), replica.open(folder / "copy.db", user="dora") as dora:
            for n, db in enumerate((carl, dora)):
                start.items = {"n": n}
                db.put(Document({"n": n + 1}, unid="x", revision=start.revision))
            replica.replicate(carl, dora)
            saved = [db.get(each.unid)[SAVERS] for db in (carl, dora) for each in db.documents(conflicts=True)]
            assert [["carl"], ["carl"], ["dora"], ["dora"]] == sorted(saved)
    yield path


@pytest.mark.parametrize("act", SAVES, ids=lambda act: act.__name__)
def test_every_save_says_who_saved_and_nothing_that_was_brought(
    act: Callable[[Replica], Document], tmp_path: Path
) -> None:
    for user in ("ann", None):
        with replica.create(tmp_path / f"{user}.db", user=user) as db:
            assert (None if user is None else ["ann"]) == act(db).get(SAVERS)
            assert db.verify()["ok"]


@pytest.mark.parametrize("act", ENDS, ids=lambda act: act.__name__)
def test_so_does_every_end_of_a_conflict(act: Callable[[Replica], Document], tmp_path: Path) -> None:
    with clashing(tmp_path) as path:
        for user in ("ann", None):
            copy = tmp_path / f"{user}.db"
            with replica.open(path) as made:
                made.copy(copy).close()
            with replica.open(copy, user=user) as db:
                assert (None if user is None else ["ann"]) == act(db).get(SAVERS)


def test_a_copy_is_saved_to_by_the_same_user_and_a_name_that_nobody_has_is_refused(tmp_path: Path) -> None:
    with replica.create(tmp_path / "a.db", user="ann") as db, db.copy(tmp_path / "b.db") as copy:
        assert ["ann"] == put(copy)[SAVERS]
    for name in ("", "a:b", "_admin"):
        with pytest.raises(Mistake, match="no name for a user"):
            replica.open(tmp_path / "a.db", user=name)
        with pytest.raises(Mistake, match="no name for a user"):
            replica.create(tmp_path / "c.db", user=name)
    assert not (tmp_path / "c.db").exists()
    with pytest.raises(Mistake, match="a server says itself who saves"):
        replica.open("http://127.0.0.1:9/db", user="ann")


def test_law_3_an_export_that_comes_back_changes_nothing_whoever_brings_it(tmp_path: Path) -> None:
    with clashing(tmp_path) as path:
        with replica.open(path, user="ann") as db:
            db.put({"$Readers": ["bob"], "n": 1}, unid="y")
            db.delete("y")
            db.put({"n": {SAVERS: 1}}, unid="z")
            listed = [each.to_json().encode() for each in db.documents(conflicts=True, deleted=True)]
            before = {change.unid: change.leaves for change in db.changes()}
        for user in ("ann", "bob", None):
            with replica.open(path, user=user) as db:
                report = db.load([(n, partial(read_document, n, line)) for n, line in enumerate(listed, 1)])
                assert (len(listed), True) == (report.unchanged, report.ok), report
                assert before == {change.unid: change.leaves for change in db.changes()}


def test_law_3_what_two_people_saved_alike_is_no_conflict(tmp_path: Path) -> None:
    """The same file imported in two places."""
    with (
        replica.create(tmp_path / "a.db", user="ann") as a,
        a.copy(tmp_path / "b.db"),
        replica.open(tmp_path / "b.db", user="bob") as b,
    ):
        load(a, n=1)
        load(b, n=1)
        assert (0, 0) == tuple(len(list(db.conflicts())) for db in (a, b))
        report = replica.replicate(a, b)
        assert report.pull is not None
        assert report.push is not None
        assert (0, 0) == (report.pull.conflicts, report.push.conflicts)
        assert (0, 0) == tuple(len(list(db.conflicts())) for db in (a, b))
        assert 2 == len(next(iter(a.changes())).leaves), "each of them is kept as it was saved"
        changed = a.get("x")
        changed["n"] = 2
        a.put(changed)
        assert 1 == len(list(a.changes())[-1].leaves), "the next save goes on from both"


def test_law_3_a_merge_was_saved_by_both_wherever_it_is_made(tmp_path: Path) -> None:
    with replica.create(tmp_path / "a.db", user="ann") as a:
        a.settings["conflict-policy"] = "merge"
        a.put({"p": 1, "q": 1}, unid="x")
        for name in ("b", "c", "d"):
            a.copy(tmp_path / f"{name}.db").close()
        with (
            replica.open(tmp_path / "b.db", user="bob") as b,
            replica.open(tmp_path / "c.db", user="carl") as c,
            replica.open(tmp_path / "d.db") as d,
        ):
            for db, name in ((a, "p"), (b, "q")):
                found = db.get("x")
                found[name] = 2
                db.put(found)
            for target, sources in ((c, (a, b)), (d, (b, a))):
                for source in sources:
                    replica.replicate(target, source, "pull")
            assert {"p": 2, "q": 2, SAVERS: ["ann", "bob"]} == c.get("x").items
            assert c.compare(d)["ok"]
            found = c.get("x")
            found["p"] = 3
            c.put(found)
            found = d.get("x")
            found["q"] = 3
            d.put(found)
            replica.replicate(c, d)
            assert {"p": 3, "q": 3, SAVERS: ["carl"]} == c.get("x").items, "one of them is not known"
            assert c.compare(d)["ok"]


# -- on a server


def test_law_9_a_server_says_who_asked_whatever_is_brought(tmp_path: Path) -> None:
    with hub(tmp_path, "anna") as made, replica.open(made.path) as there:
        made.grant(anna="manager")

        def saver(unid: str) -> Any:
            return there.get(unid).get(SAVERS)

        rev = made.ask("anna", "PUT", "/x", FORGED).json()["rev"]
        assert ["anna"] == saver("x")
        rev = made.ask("root", "PUT", "/x", FORGED | {"_rev": rev}).json()["rev"]
        assert ["root"] == saver("x")
        made.ask("anna", "POST", "", {"_id": "y", **FORGED})
        made.ask("anna", "POST", "/_bulk_docs", {"docs": [{"_id": "z", **FORGED}, {"_id": "x", "_rev": rev, "n": 1}]})
        made.ask("anna", "POST", "/_index", {"index": {"fields": ["n"]}, "ddoc": "i", "name": "n"})
        for unid in ("x", "y", "z", "_design/i"):
            assert ["anna"] == saver(unid), unid
        assert 200 == made.ask("root", "PUT", "/_security", {"admins": {"names": ["anna"]}}).status_code
        assert ["root"] == saver(LIST)
        assert 200 == made.ask("anna", "PUT", "/_security", {"admins": {"names": ["anna"]}}).status_code
        assert ["root"] == saver(LIST), "nothing was changed"
        made.ask("anna", "DELETE", f"/x?rev={there.get('x').revision}")
        made.ask("anna", "DELETE", "/_index/i/json/n")
        made.ask("anna", "PUT", "/y", {"_rev": there.get("y").revision, "_deleted": True, "why": 1, **FORGED})
        stubs = {each.unid: each.items for each in there.documents(deleted=True) if each.deleted}
        assert {"x": {SAVERS: ["anna"]}, "_design/i": {SAVERS: ["anna"]}, "y": {SAVERS: ["anna"], "why": 1}} == stubs


def test_nobody_in_particular_saves_as_nobody(tmp_path: Path) -> None:
    """Also where there are no users at all."""
    with hub(tmp_path) as made, replica.open(made.path) as there:
        made.grant(default="editor")
        assert 201 == made.ask(None, "PUT", "/x", FORGED).status_code
        assert {} == there.get("x").items
    (tmp_path / "open").mkdir()
    replica.create(tmp_path / "open" / "db.db").close()
    with serving(tmp_path / "open") as url, httpx2.Client(trust_env=False) as web:
        assert 201 == web.put(f"{url}/db/x", json=FORGED).status_code
        assert {"_id", "_rev"} == web.get(f"{url}/db/x").json().keys()


def test_over_the_network_the_saved_document_is_the_one_that_the_server_made(tmp_path: Path) -> None:
    with hub(tmp_path, "anna") as made:
        made.grant(anna="editor")
        address = made.url.replace("//", "//anna:xxxxxxxxx@") + "/db"
        with replica.open(address) as remote:
            saved = remote.put({"n": 1, **FORGED}, unid="x")
            assert ({"n": 1, SAVERS: ["anna"]}, saved) == (saved.items, remote.get("x"))
            assert saved.sequence_time is not None
        with made.opened("anna") as remote:
            saved["n"] = 2
            assert {"n": 2} == remote.put(saved).items, "whose token it is, is not known here"
            assert {"n": 2, SAVERS: ["anna"]} == remote.get("x").items


def test_law_3_replication_keeps_what_was_said_byte_for_byte(tmp_path: Path) -> None:
    with hub(tmp_path, "anna") as made, replica.open(made.path) as there:
        made.grant(anna="editor")
        with made.opened("root") as remote:
            laptop = remote.copy(tmp_path / "laptop.db")
        laptop.close()
        with replica.open(tmp_path / "laptop.db", user="lina") as laptop:
            laptop.put({"n": 1}, unid="x")
            laptop.put({"n": 1}, unid="gone")
            laptop.delete("gone")
            for scheme in SCHEMES:
                laptop.put({"n": 1}, unid=f"y{scheme}")
                assert {} == made.push(laptop, "anna", scheme).refused
                assert laptop.compare(there)["ok"]
            assert ["lina"] == there.get("x")[SAVERS]


# -- deletions


def test_law_8_a_deletion_is_seen_by_those_alone_who_could_read_the_document(tmp_path: Path) -> None:
    """Whoever deletes it, and however; over either protocol."""
    deletions: dict[str, Callable[[Hub, Replica, str], Any]] = {
        "in the file": lambda made, there, unid: there.delete(unid),
        "by import": lambda made, there, unid: load(there, _id=unid, _deleted=True),
        "by DELETE": lambda made, there, unid: made.ask("root", "DELETE", f"/{unid}?rev={there.get(unid).revision}"),
        "by PUT": lambda made, there, unid: made.ask(
            "root", "PUT", f"/{unid}", {"_rev": there.get(unid).revision, "_deleted": True}
        ),
        "in bulk": lambda made, there, unid: made.ask(
            "root", "POST", "/_bulk_docs", {"docs": [{"_id": unid, "_rev": there.get(unid).revision, "_deleted": True}]}
        ),
    }
    for n, (how, act) in enumerate(deletions.items()):
        folder = tmp_path / str(n)
        folder.mkdir()
        with hub(folder, "anna", "bob", "carl") as made, replica.open(made.path, user="root") as there:
            made.grant(anna="reader", bob="reader", carl="reader")
            there.put({"$Readers": ["bob"], "$Authors": "carl", "n": 1}, unid="secret")
            there.put({"n": 1}, unid="open")
            before = made.ask("anna", "GET", "/_changes").json()["last_seq"]
            for unid in ("secret", "open"):
                act(made, there, unid)
            for name, expected in (("anna", {"open"}), ("bob", {"open", "secret"}), ("carl", {"open", "secret"})):
                rows = made.ask(name, "GET", f"/_changes?since={before}").json()["results"]
                assert expected == {row["id"] for row in rows if row.get("deleted")}, (how, name)
                told = made.ask(name, "GET", "/secret?open_revs=all", None)
                assert ("secret" in expected) == ('"_deleted":true' in told.text), (how, name)
                info = made.ask(name, "GET", "").json()
                assert len(expected) == info["doc_del_count"], (how, name)
                for scheme in SCHEMES:
                    path = folder / f"{name}-{scheme or 'own'}.db"
                    with made.opened(name, scheme) as remote, remote.copy(path) as copy:
                        gone = {each.unid for each in copy.documents(deleted=True) if each.deleted}
                        assert expected == gone, (how, name, scheme)


def test_a_stub_may_say_itself_for_whom_it_is(tmp_path: Path) -> None:
    with hub(tmp_path, "anna") as made, replica.open(made.path) as there:
        there.put({"$Readers": ["bob"]}, unid="x")
        body = {"_rev": there.get("x").revision, "_deleted": True, "$Readers": None}
        assert 200 == made.ask("root", "PUT", "/x", body).status_code
        (stub,) = there.documents(deleted=True)
        assert {"$Readers": None, SAVERS: ["root"]} == stub.items


def test_law_2_a_stub_that_names_its_readers_is_never_too_large(tmp_path: Path) -> None:
    """Whoever took the document takes its deletion."""
    items = {"$Readers": ["bob" * 20]}
    name = "n" * 200
    with replica.create(tmp_path / "a.db", user=name) as a:
        a.settings["document-size-max"] = len(canonical(items | {SAVERS: [name]}))
        a.put(items, unid="x")
        with a.copy(tmp_path / "b.db") as b:
            a.delete("x")
            done = replica.replicate(b, a, "pull").pull
            assert done is not None
            assert (1, {}) == (done.deleted, done.refused)


def test_a_list_that_is_changed_in_a_file_says_who_did_it(tmp_path: Path) -> None:
    with replica.create(tmp_path / "a.db", user="ann") as db:
        lists.set_entry(db, "bob", "editor")
        assert ["ann"] == db.get(LIST)[SAVERS]
        assert checked_entry("bob", "editor") in lists.read_entries(db)


def test_who_saved_what_came_from_a_couchdb_is_not_asked(tmp_path: Path) -> None:
    """It is as it came: foreign revisions prove nothing anyway."""
    with hub(tmp_path) as made, replica.open(made.path) as there:
        made.grant()
        pushed = {"docs": [revision("x", "1-a", **FORGED)], "new_edits": False}
        assert [] == made.ask("root", "POST", "/_bulk_docs", pushed).json()
        assert ["forged"] == there.get("x")[SAVERS]
