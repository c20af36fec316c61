"""Laws 2, 8 and 9 where authors change their own documents: at every door, judged by what is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import replica
from replica import Document, Replica
from tests.asking import revision
from tests.hubs import LIST, SCHEMES, Hub, hub
from tests.twins import put_in_group

SAVERS = "$UpdatedBy"


def laptop_of(made: Hub, folder: Path, name: str, tag: str = "") -> Replica:
    """A replica elsewhere whose user this is, made with the rights of the administrator."""
    path = folder / f"{name}{tag}.db"
    with made.opened("root") as remote:
        remote.copy(path).close()
    return replica.open(path, user=name)


def change(db: Replica, unid: str, **items: Any) -> Document:
    found = db.get(unid)
    found.items |= items
    return db.put(found)


def shown(db: Replica) -> dict[str | None, str | None]:
    return {each.unid: each.revision for each in db.documents(deleted=True) if each.unid != LIST}


def by_put(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    return made.ask("anna", "PUT", f"/{unid}", {**items, "_rev": rev}).status_code in (200, 201)


def by_post(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    return made.ask("anna", "POST", "", {**items, "_id": unid, "_rev": rev}).status_code in (200, 201)


def by_delete(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    return made.ask("anna", "DELETE", f"/{unid}?rev={rev}").status_code == 200


def in_bulk(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    (row,) = made.ask("anna", "POST", "/_bulk_docs", {"docs": [{**items, "_id": unid, "_rev": rev}]}).json()
    assert row.get("error") in (None, "forbidden")
    return "ok" in row


def deleted_in_bulk(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    return in_bulk(made, unid, rev, {**items, "_deleted": True})


def made_elsewhere(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    number, _, text = rev.partition("-")
    document = revision(unid, f"{int(number) + 1}-b", text, **items)
    return made.ask("anna", "PUT", f"/{unid}?new_edits=false", document).status_code == 201


def made_elsewhere_in_bulk(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    number, _, text = rev.partition("-")
    document = revision(unid, f"{int(number) + 1}-c", text, **items)
    rows = made.ask("anna", "POST", "/_bulk_docs", {"docs": [document], "new_edits": False}).json()
    assert [row["error"] for row in rows] in ([], ["forbidden"])
    return not rows


def beside_it(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
    """As another branch, with so high a number that it would be what the document shows."""
    document = revision(unid, "99-d", **items)
    return not made.ask("anna", "POST", "/_bulk_docs", {"docs": [document], "new_edits": False}).json()


def by_pushing(scheme: str) -> Callable[[Hub, str, str, dict[str, Any]], bool]:
    def push(made: Hub, unid: str, rev: str, items: dict[str, Any]) -> bool:
        path = made.folder.parent / f"{unid}-{scheme or 'own'}.db"
        with replica.open(made.path) as there:
            there.copy(path).close()
        with replica.open(path, user="anna") as laptop:
            laptop.put(Document(items, unid=unid, revision=rev))
            done = made.push(laptop, "anna", scheme)
        assert done.refused in ({}, {"not_allowed": 1})
        return not done.refused

    push.__name__ = f"by pushing {scheme or 'in our own conversation'}"
    return push


DOORS = (
    *(by_put, by_post, by_delete, in_bulk, deleted_in_bulk, made_elsewhere, made_elsewhere_in_bulk, beside_it),
    *map(by_pushing, SCHEMES),
)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_an_author_changes_what_is_theirs_and_nothing_else(
    door: Callable[[Hub, str, str, dict[str, Any]], bool], tmp_path: Path
) -> None:
    try_door(door, tmp_path)


def test_law_9_to_name_oneself_in_what_one_brings_makes_nobody_an_author(tmp_path: Path) -> None:
    """Neither in a change, nor in another version beside what is there, which would be what the document shows."""
    for door in (by_put, beside_it):
        (tmp_path / door.__name__).mkdir()
        try_door(door, tmp_path / door.__name__)


def try_door(door: Callable[[Hub, str, str, dict[str, Any]], bool], folder: Path) -> None:
    forged = {"$Authors": ["anna"], SAVERS: ["anna"], "n": 2}
    with hub(folder, "anna", "bob") as made, replica.open(made.path, user="bob") as there:
        made.grant(anna="author", bob="editor")
        put_in_group(made, "Sales", "anna")
        for unid, items in (
            ("bobs", {"n": 1}),
            ("others", {"n": 1, "$Authors": ["carl", "group:Staff"]}),
            ("named", {"n": 1, "$Authors": ["anna"]}),
            ("grouped", {"n": 1, "$Authors": "group:Sales"}),
        ):
            there.put(items, unid=unid)
        with replica.open(made.path) as nobody:
            nobody.put({"n": 1}, unid="nobodys")
        assert 201 == made.ask("anna", "PUT", "/own", {"n": 1}).status_code
        before = {change.unid: change.leaves for change in there.changes()}
        for unid in ("bobs", "others", "nobodys"):
            assert not door(made, unid, there.get(unid).revision, forged), unid
        assert before == {change.unid: change.leaves for change in there.changes()}
        for unid in ("own", "named", "grouped"):
            assert door(made, unid, there.get(unid).revision, {"n": 2}), unid
            found = there.get(unid, None)
            assert found is None or found["n"] == 2


def test_law_8_what_an_author_may_not_is_refused_counted_and_taken_when_it_is_granted(tmp_path: Path) -> None:
    for scheme in SCHEMES:
        (tmp_path / f"{scheme}served").mkdir()
        with hub(tmp_path / f"{scheme}served", "anna", "bob") as made, replica.open(made.path, user="bob") as there:
            made.grant(anna="author")
            there.put({"n": 1}, unid="bobs")
            there.put({"n": 1}, unid="gone")
            with laptop_of(made, tmp_path, "anna", scheme) as laptop:
                laptop.put({"n": 1}, unid="new")
                changed = change(laptop, "bobs", n=2)
                stub = laptop.delete("gone")
                for turn in range(2):
                    done = made.push(laptop, "anna", scheme)
                    assert {"not_allowed": 2} == done.refused
                    assert {changed.revision, stub.revision} == {failure.revision for failure in done.failures}
                    assert (1 if turn == 0 else 0) == done.added
                    assert [("bobs", "not_allowed"), ("gone", "not_allowed")] == made.refused()
                change(there, "bobs", **{"$Authors": ["anna"]})
                done = made.push(laptop, "anna", scheme)
                assert ({"not_allowed": 1}, 1) == (done.refused, done.conflicts), "it is there beside the editor's"
                made.pull(laptop, "anna", scheme)
                laptop.resolve("bobs", items={"n": 3, "$Authors": ["anna"]})
                done = made.push(laptop, "anna", scheme)
                assert ({"not_allowed": 1}, 1) == (done.refused, done.updated)
                assert 3 == there.get("bobs")["n"]
                made.grant(anna="editor")
                done = made.push(laptop, "anna", scheme)
                assert ({}, 1) == (done.refused, done.deleted)
                assert [] == made.refused()
                assert shown(there) == shown(laptop)


def test_law_9_what_others_saved_is_brought_by_editors_alone(tmp_path: Path) -> None:
    with hub(tmp_path, "anna", "box", "ed") as made, replica.open(made.path) as there:
        made.grant(anna="author", box="depositor", ed="editor")
        for name, taken in (("anna", False), ("box", False), ("ed", True)):
            for scheme in ("",) if name == "box" else SCHEMES:
                with laptop_of(made, tmp_path, name, scheme) as laptop, replica.open(laptop.path, user="bob") as by_bob:
                    own, others = f"{scheme}own-{name}", f"{scheme}bobs-{name}"
                    laptop.put({}, unid=own)
                    by_bob.put({}, unid=others)
                    done = made.push(laptop, name, scheme)
                    assert (0 if taken else 1) == done.refused.get("not_allowed", 0), (name, scheme)
                    assert [name] == there.get(own)[SAVERS]
                    assert taken == (others in there)


def test_law_2_an_author_who_worked_apart_from_an_editor_loses_nothing(tmp_path: Path) -> None:
    """Both went on from what the author saved; what the editor saved is there, and the author's stays with the author."""
    with hub(tmp_path, "anna", "ed") as made, replica.open(made.path, user="ed") as there:
        made.grant(anna="author", ed="editor")
        made.ask("anna", "PUT", "/x", {"n": 1})
        with laptop_of(made, tmp_path, "anna") as laptop:
            mine, theirs = change(laptop, "x", n=2), change(there, "x", n=3)
            done = made.push(laptop, "anna")
            assert ({"not_allowed": 1}, [mine.revision]) == (done.refused, [each.revision for each in done.failures])
            assert 1 == made.pull(laptop, "anna").conflicts
            assert {mine.revision, theirs.revision} == set(list(laptop.changes())[-1].leaves)
            assert [theirs.revision] == [each.revision for each in there.revisions("x") if each["n"] != 1]


def test_authors_bring_back_what_they_deleted_and_no_more(tmp_path: Path) -> None:
    with hub(tmp_path, "anna", "ed") as made, replica.open(made.path, user="ed") as there:
        made.grant(anna="author", ed="editor")
        for unid in ("by herself", "by the editor"):
            made.ask("anna", "PUT", f"/{unid}", {"n": 1})
        assert 200 == made.ask("anna", "DELETE", f"/by%20herself?rev={there.get('by herself').revision}").status_code
        there.delete("by the editor")
        assert 201 == made.ask("anna", "PUT", "/by%20herself", {"n": 2}).status_code
        assert 403 == made.ask("anna", "PUT", "/by%20the%20editor", {"n": 2}).status_code


def test_readers_hide_a_document_from_its_author_too(tmp_path: Path) -> None:
    """Nobody changes what they do not see; and whom `$Authors` names sees it."""
    with hub(tmp_path, "anna") as made, replica.open(made.path) as there:
        made.grant(anna="author")
        rev = made.ask("anna", "PUT", "/x", {"$Readers": ["bob"]}).json()["rev"]
        assert 404 == made.ask("anna", "GET", "/x").status_code
        assert 403 == made.ask("anna", "PUT", "/x", {"_rev": rev}).status_code
        there.put({"$Readers": ["bob"], "$Authors": "anna"}, unid="y")
        rev = made.ask("anna", "GET", "/y").json()["_rev"]
        assert 201 == made.ask("anna", "PUT", "/y", {"_rev": rev, "n": 1}).status_code
