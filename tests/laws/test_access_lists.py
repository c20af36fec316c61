"""Law 8 and law 1 where rights are not equal: what may not come is refused, counted, listed, and comes when it may."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import replica
from replica.errors import BadAccessList, NotAllowed
from replica.rights import checked_entry
from replica.transports.connecting import peer_at, web_at
from replica.transports.network import Network
from tests.hubs import LIST, SCHEMES, Hub, entries, hub


def laptop_of(made: Hub, folder: Path, scheme: str, name: str = "laptop") -> replica.Replica:
    """A replica elsewhere, made with the rights of the administrator."""
    path = folder / f"{name}-{scheme or 'native'}.db"
    with made.opened("root") as remote:
        return remote.copy(path)


def test_law_8_an_access_list_changed_by_no_manager_is_refused_and_the_rest_arrives(tmp_path: Path) -> None:
    """Counted, named and listed; and it arrives by itself when the right was granted."""
    with hub(tmp_path, "anna") as made:
        for scheme in SCHEMES:
            made.grant(anna="editor")
            with laptop_of(made, tmp_path, scheme) as laptop:
                changed = laptop.get(LIST)
                changed.items = entries(anna="manager", bob="editor")
                revision = laptop.put(changed).revision
                unids = {f"{n}{scheme}" for n in range(3)}
                for unid in unids:
                    laptop.put({"n": 1}, unid=unid)
                for turn in range(2):
                    done = made.push(laptop, "anna", scheme)
                    assert {"not_allowed": 1} == done.refused
                    assert [(LIST, revision, "not_allowed")] == [
                        (failure.unid, failure.revision, failure.code) for failure in done.failures
                    ]
                    assert (3 if turn == 0 else 0) == done.added
                    assert [(LIST, "not_allowed")] == made.refused()
                    assert unids <= made.unids()
                    assert 403 == made.ask("anna", "PUT", "/_security", {}).status_code, "nothing was gained"
                made.grant(anna="manager")
                done = made.push(laptop, "anna", scheme)
                assert ({}, 1, 1) == (done.refused, done.updated, done.conflicts)
                assert [] == made.refused()
                with replica.open(made.path) as there:
                    assert revision in [document.revision for document in there.revisions(LIST)]
                    there.resolve(LIST, items=entries(anna="editor"))


def test_law_8_a_level_lets_in_what_it_allows_and_the_rest_is_refused(tmp_path: Path) -> None:
    let_in = {
        "none": None,
        "depositor": {"new"},
        "reader": set[str](),
        "author": {"new"},
        "editor": {"new", "old", "gone"},
        "designer": {"new", "old", "gone", "_design/x"},
        "manager": {"new", "old", "gone", "_design/x"},
    }
    with hub(tmp_path, *let_in) as made, replica.open(made.path) as there:
        for unid in ("old", "gone", "_design/x"):
            there.put({"by": "hub"}, unid=unid)
        made.grant(**{name: name for name in let_in})
        for name, expected in let_in.items():
            path = tmp_path / f"{name}.db"
            with laptop_of(made, tmp_path, name) as laptop:
                for unid in ("old", "_design/x"):
                    document = laptop.get(unid)
                    document.items = {"by": name}
                    laptop.put(document)
                laptop.delete("gone")
                laptop.put({"by": name}, unid=f"new-{name}")
                if expected is None:
                    with pytest.raises(NotAllowed):
                        made.push(laptop, name)
                    continue
                done = made.push(laptop, name)
            everything = {"new", "old", "gone", "_design/x"}
            missing = everything - expected
            assert (len(missing) or None) == done.refused.get("not_allowed"), name
            assert {f"new-{name}" if unid == "new" else unid for unid in missing} == {
                failure.unid for failure in done.failures
            }
            assert ("new" in expected) == (f"new-{name}" in made.unids())
            for unid in ("old", "_design/x"):
                assert (unid in expected) == (name == there.get(unid)["by"]), (name, unid)
            assert ("gone" in expected) == ("gone" not in made.unids())
            path.unlink(missing_ok=True)
            if "gone" not in made.unids():
                there.put({"by": "hub"}, unid="gone")


def test_law_8_a_depositor_learns_nothing_of_what_is_there(tmp_path: Path) -> None:
    with hub(tmp_path, "box") as made, replica.open(made.path) as there:
        there.put({"secret": 1}, unid="theirs")
        made.grant(box="depositor")
        with laptop_of(made, tmp_path, "") as laptop:
            for turn in range(2):
                laptop.put({"n": turn}, unid=f"mine{turn}")
                done = made.push(laptop, "box")
                assert ({}, 1) == (done.refused, done.added), "the session is remembered"
            for verb in ("changes", "changes-up-to", "changes-of", "fetch", "texts", "snapshot", "remember"):
                assert 403 == made.ask("box", "POST", f"/_replica/{verb}", {}).status_code
            with pytest.raises(NotAllowed):
                made.pull(laptop, "box")
        assert 201 == made.ask("box", "PUT", "/sent", {"n": 1}).status_code
        for path in ("", "/sent", "/theirs", "/_all_docs", "/_changes", "/_local/x", "/_security", f"/{LIST}"):
            assert 403 == made.ask("box", "GET", path).status_code
        row = made.ask("box", "POST", "/_bulk_docs", {"docs": [{"_id": "_local/x"}]})
        assert 403 == row.status_code
        assert 403 == made.ask("box", "POST", "/_revs_diff", {}).status_code


@pytest.mark.parametrize("level", ["depositor", "author", "editor"])
@pytest.mark.parametrize("before", ["depositor", "author"])
def test_law_8_what_was_refused_to_who_may_only_add_is_offered_again(before: str, level: str, tmp_path: Path) -> None:
    """By itself, whatever they may read; also where nothing else is new."""
    with hub(tmp_path, "box") as made, replica.open(made.path) as there:
        there.put({"by": "hub"}, unid="old")

        def grant(level: str, *deny: str) -> None:
            listed = there.get(LIST, None) or replica.Document({}, unid=LIST)
            listed.items = {"entries": [checked_entry("box", level, deny=deny).to_json()]}
            there.put(listed)

        with laptop_of(made, tmp_path, "") as laptop:
            laptop.put({"n": 1}, unid="new")
            changed = laptop.get("old")
            changed["by"] = "box"
            laptop.put(changed)
            grant(before, "create")
            for _ in range(2):
                done = made.push(laptop, "box")
                assert ({"not_allowed": 2}, 0) == (done.refused, done.added)
                assert {"new", "old"} == {failure.unid for failure in done.failures}
                assert [("new", "not_allowed"), ("old", "not_allowed")] == made.refused()
            grant(level)
            done = made.push(laptop, "box")
            expected = {} if level == "editor" else {"not_allowed": 1}
            assert (expected, 1) == (done.refused, done.added)
            assert {"n": 1} == there.get("new").items
            assert ("box" if level == "editor" else "hub") == there.get("old")["by"]
            assert [("old", "not_allowed")] * len(expected) == made.refused()


def test_law_8_a_depositor_is_told_of_no_refusals_but_those_of_what_they_offered(tmp_path: Path) -> None:
    with hub(tmp_path, "box", "other") as made:
        made.grant(box="depositor", other="reader")
        for name in ("box", "other"):
            with laptop_of(made, tmp_path, "", name) as laptop:
                laptop.put({}, unid=f"of {name}")
                if name == "box":
                    laptop.delete(LIST)
                made.push(laptop, name)
        assert {LIST, "of other"} == {unid for unid, _ in made.refused()}
        web = web_at(f"{made.url}/db", Network(token=made.token("box")))
        try:
            peer = peer_at(web)
            with replica.open(tmp_path / "box-native.db") as laptop:
                assert [LIST] == peer.greet(laptop.end().greet(None)).refused
            assert [] == peer.greet(None).refused
        finally:
            web.close()


def test_law_1_two_managers_who_clash_leave_everybody_what_both_give(tmp_path: Path) -> None:
    with hub(tmp_path, "anna", "bob", "carl") as made:
        made.grant(anna="manager", bob="manager")
        with laptop_of(made, tmp_path, "", "a") as a, laptop_of(made, tmp_path, "", "b") as b:
            for who, db, levels in (
                ("anna", a, {"anna": "manager", "bob": "manager", "default": "editor", "carl": "none"}),
                ("bob", b, {"anna": "manager", "bob": "reader", "default": "reader", "carl": "editor"}),
            ):
                db.settings["conflict-policy"] = "merge"
                changed = db.get(LIST)
                changed.items = entries(**levels)
                db.put(changed)
                assert {} == made.push(db, who).refused
            assert 200 == made.ask(None, "GET", "").status_code
            assert 401 == made.ask(None, "PUT", "/x", {}).status_code, "one of them gives no more than reading"
            assert 403 == made.ask("carl", "GET", "").status_code, "the other one gives this user nothing"
            assert 403 == made.ask("bob", "PUT", "/x", {}).status_code
            assert 201 == made.ask("anna", "PUT", "/x", {}).status_code
            for db, who in ((a, "anna"), (b, "bob")):
                assert 0 == made.pull(db, who).merged
                assert 1 == len(list(db.conflicts())), "no policy merges them"
            a.resolve(LIST, items=entries(anna="manager", default="editor"))
            assert {} == made.push(a, "anna").refused
            assert 201 == made.ask(None, "PUT", "/y", {}).status_code


def test_law_3_no_policy_merges_two_access_lists(tmp_path: Path) -> None:
    """Not even where they changed different items: nobody has said what both together say."""
    with replica.create(tmp_path / "a.db") as a:
        a.settings["conflict-policy"] = "merge"
        a.put(entries(anna="reader") | {"$ConflictAction": "merge"}, unid=LIST)
        with a.copy(tmp_path / "b.db") as b:
            b.settings["conflict-policy"] = "merge"
            for db, changed in ((a, entries(anna="manager")), (b, {"Note": 1})):
                document = db.get(LIST)
                document.items |= changed
                db.put(document)
            report = replica.replicate(a, b)
            assert report.pull is not None
            assert (0, 1) == (report.pull.merged, report.pull.conflicts)
            assert 1 == len(list(a.conflicts())) == len(list(b.conflicts()))


def test_law_8_a_list_that_cannot_be_read_is_kept_and_gives_nobody_anything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with hub(tmp_path, "anna") as made:
        made.grant(anna="manager", default="reader")
        with laptop_of(made, tmp_path, "") as laptop:
            base = laptop.get(LIST).revision
        broken = {"_id": LIST, "_rev": f"2-{'a' * 32}", "entries": [{"name": "anna", "level": "boss"}]}
        broken["_revisions"] = {"start": 2, "ids": ["a" * 32, base.partition("-")[2]]}
        with caplog.at_level(logging.WARNING, "replica.access"):
            row = made.ask("anna", "POST", "/_bulk_docs", {"docs": [broken], "new_edits": False})
            assert (201, []) == (row.status_code, row.json()), "a revision is never lost"
            assert 403 == made.ask("anna", "GET", "").status_code
        assert 1 == sum("cannot be understood" in record.message for record in caplog.records)
        assert 401 == made.ask(None, "GET", "").status_code
        found = made.ask("root", "GET", f"/{LIST}").json()
        assert 200 == made.ask("root", "GET", "").status_code
        repaired = entries(anna="reader") | {"_rev": found["_rev"]}
        assert 201 == made.ask("root", "PUT", f"/{LIST}", repaired).status_code
        assert 200 == made.ask("anna", "GET", "").status_code


def test_law_9_a_list_that_cannot_be_read_is_refused_at_every_door(tmp_path: Path) -> None:
    bad = {"entries": [{"name": "anna", "level": "boss"}]}
    with hub(tmp_path) as made, replica.open(made.path) as there:
        made.grant(anna="reader")
        base = there.get(LIST)
        answered = made.ask("root", "PUT", f"/{LIST}", bad | {"_rev": base.revision})
        assert (400, "bad_access_list") == (answered.status_code, answered.json()["code"])
        (row,) = made.ask("root", "POST", "/_bulk_docs", {"docs": [bad | {"_id": LIST, "_rev": base.revision}]}).json()
        assert "bad_request" == row["error"]
        index = {"index": {"fields": ["n"]}, "ddoc": "access"}
        with replica.create(tmp_path / "other.db") as other:
            for act in (
                lambda: other.put(bad, unid=LIST),
                lambda: other.put({"views": {}}, unid=LIST),
            ):
                with pytest.raises(BadAccessList):
                    act()
            report = other.put_many([replica.Document(bad, unid=LIST)])
            assert ["bad_access_list"] == [failure["code"] for failure in report.failures]
            assert 0 == len(other)
        assert made.ask("root", "POST", "/_index", index).status_code in (200, 400)
        assert base.items["entries"] == there.get(LIST)["entries"]
        base = there.get(LIST)
        base.items = bad
        with pytest.raises(BadAccessList):
            there.put(base)
