"""The command `replicate acl`, on files and at addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import replica
from replica.access import Directory
from tests.hubs import LIST, hub
from tests.system.command import done, run

pytestmark = pytest.mark.system


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "db.db"
    replica.create(path).close()
    return path


def levels(db: Any, **variables: str) -> dict[str, str]:
    return {entry["name"]: entry["level"] for entry in done("acl", db, "list", "--json", **variables).value}


def test_entries_are_set_replaced_and_removed(db: Path) -> None:
    assert {} == levels(db)
    done("acl", db, "set", "anna", "editor", "--role", "a", "--role", "b", "--deny", "delete", "--deny", "create")
    done("acl", db, "set", "-default-", "reader")
    done("acl", db, "set", "anonymous", "none")
    assert {"anna": "editor", "-default-": "reader", "anonymous": "none"} == levels(db)
    done("acl", db, "set", "anna", "manager")
    anna = done("acl", db, "list", "--json").value[0]
    assert ("manager", [], ["create", "delete", "replicate"]) == (anna["level"], anna["roles"], anna["privileges"])
    done("acl", db, "remove", "-default-")
    assert {"anna": "manager", "anonymous": "none"} == levels(db)
    assert "anna" in done("acl", db, "list").out


def test_setting_what_is_there_already_saves_nothing(db: Path) -> None:
    done("acl", db, "set", "anna", "editor")
    done("acl", db, "set", "anna", "editor")
    with replica.open(db) as opened:
        assert 1 == opened.get(LIST).sequence


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["set", "anna", "boss"], "bad_access_list"),
        (["set", "_anna", "editor"], "bad_access_list"),
        (["set", "grp:x", "editor"], "bad_access_list"),
        (["set", "anna", "editor", "--deny", "read"], "bad_access_list"),
        (["set", "anna", "editor", "--role", "_admin"], "bad_access_list"),
        (["check", "grp:x"], "bad_access_list"),
        (["remove", "anna"], "not_found"),
        (["set", "anna"], "bad_arguments"),
        (["list", "anna"], "bad_arguments"),
        (["check", "anna", "editor"], "bad_arguments"),
        (["check", "anna", "--role", "x"], "bad_arguments"),
        (["give", "anna"], "bad_arguments"),
    ],
)
def test_what_is_no_entry_is_refused(words: list[str], code: str, db: Path) -> None:
    outcome = run("acl", db, *words, "--json")
    assert code == outcome.error["code"], outcome
    assert {} == levels(db)


def test_check_knows_the_users_of_a_file_that_is_deeper_in_the_folder_of_a_server(tmp_path: Path) -> None:
    Directory(str(tmp_path)).add("root", "x" * 9, roles=["_admin"])
    (tmp_path / "a").mkdir()
    replica.create(tmp_path / "a" / "b.db").close()
    checked = {name: done("acl", tmp_path / "a" / "b.db", "check", name, "--json").value for name in ("root", "anna")}
    assert {"root": "manager", "anna": "none"} == {name: told["level"] for name, told in checked.items()}


def test_check_knows_the_users_groups_and_administrators_beside_the_file(db: Path) -> None:
    def checked(name: str) -> tuple[str, list[str]]:
        told = done("acl", db, "check", name, "--json").value
        return told["level"], told["by"]

    assert ("manager", []) == checked("anna"), "there are no users: everybody is"
    directory = Directory(str(db.parent))
    directory.add("root", "x" * 9, roles=["_admin"])
    directory.add("anna", "x" * 9, roles=["clerk"])
    directory.close()
    assert ("none", []) == checked("anna")
    with replica.open(db.parent / "_users.db") as users:
        users.put({"type": "group", "members": ["anna"]}, unid="group:north")
    for name, level in (("group:north", "reader"), ("role:clerk", "author"), ("-default-", "depositor")):
        done("acl", db, "set", name, level)
    assert ("manager", ["_admin"]) == checked("root")
    assert ("author", ["group:north", "role:clerk"]) == checked("anna")
    assert ("reader", ["group:north"]) == checked("group:north")
    assert ("author", ["role:clerk"]) == checked("role:clerk")
    assert ("depositor", ["-default-"]) == checked("somebody") == checked("-default-") == checked("anonymous")
    assert "author" in done("acl", db, "check", "anna").out


def test_a_list_in_conflict_is_said_to_be_and_is_not_written_over(db: Path, tmp_path: Path) -> None:
    done("acl", db, "set", "anna", "editor")
    done("copy", db, tmp_path / "b.db")
    done("acl", db, "set", "anna", "manager")
    done("acl", tmp_path / "b.db", "set", "anna", "reader")
    done("sync", db, tmp_path / "b.db")
    outcome = done("acl", db, "list")
    assert "changed in two places" in outcome.err
    assert "reader" == done("acl", db, "check", "anna", "--json").value["level"]
    assert "stale_revision" == run("acl", db, "set", "anna", "author", "--json").error["code"]
    (conflict,) = done("conflicts", db, "--json").value
    done("resolve", db, LIST, "--keep", conflict["winner"])
    done("acl", db, "set", "anna", "author")
    assert {"anna": "author"} == levels(db)


def test_a_list_that_cannot_be_understood_is_made_anew(db: Path, tmp_path: Path) -> None:
    with replica.open(db) as opened:
        peer = opened.peer
        with opened.file.write() as connection:
            from replica.leaf import next_revision
            from replica.store.receive import receive

            receive(connection, [next_revision(LIST, [], b'{"entries":5}', 1, 10)], "x", 1)
        assert peer is not None
    for words in (["list"], ["set", "anna", "editor"], ["remove", "anna"]):
        assert "bad_access_list" == run("acl", db, *words, "--json").error["code"]
    assert "none" == done("acl", db, "check", "anna", "--json").value["level"]
    done("delete", db, LIST)
    done("acl", db, "set", "anna", "editor")
    assert {"anna": "editor"} == levels(db)


def test_a_manager_changes_it_at_an_address_and_others_do_not(tmp_path: Path) -> None:
    with hub(tmp_path, "anna", "bob") as made:
        made.grant(anna="manager", bob="editor")
        address = f"{made.url}/db"
        anna, bob = ({"REPLICA_TOKEN": made.token(name)} for name in ("anna", "bob"))
        done("acl", address, "set", "-default-", "reader", **anna)
        assert {"anna": "manager", "bob": "editor", "-default-": "reader"} == levels(address, **bob)
        assert 200 == made.ask(None, "GET", "").status_code
        for words in (["set", "bob", "manager"], ["remove", "anna"]):
            outcome = run("acl", address, *words, "--json", **bob)
            assert (8, "not_allowed") == (outcome.code, outcome.error["code"])
        assert "not_supported" == run("acl", address, "check", "bob", "--json", **anna).error["code"]
        done("acl", address, "remove", "-default-", **anna)
        assert 401 == made.ask(None, "GET", "").status_code
