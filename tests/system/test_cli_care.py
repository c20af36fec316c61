"""The command: making, checking and keeping replicas."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import replica
from replica.store.tables import APPLICATION_ID, SCHEMA
from tests.system.command import done, run


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    done("create", tmp_path / "hub.db")
    for unid in "abc":
        done("put", tmp_path / "hub.db", unid, json.dumps({"x": unid}))
    return tmp_path / "hub.db"


def with_schema(path: Path, number: int) -> Path:
    """A file of ours that says it has this schema, and holds nothing else."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("VACUUM")
    return path


def test_an_existing_file_is_not_overwritten(hub: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for words in (["create", tmp_path / "mine"], ["copy", hub, tmp_path / "mine"], ["backup", hub, tmp_path / "mine"]):
        assert 8 == run(*words).code
    assert "mine" == (tmp_path / "mine").read_text()


def test_a_database_is_not_made_in_memory(tmp_path: Path) -> None:
    assert 2 == run("create", ":memory:").code


def test_a_copy_is_a_replica_of_its_own(hub: Path, tmp_path: Path) -> None:
    copy = done("copy", hub, tmp_path / "copy.db", "--json").value
    info = done("info", hub, "--json").value
    assert info["replica_id"] == copy["replica_id"]
    assert info["instance_id"] != copy["instance_id"]


def test_settings_are_shown_and_changed_together(hub: Path) -> None:
    assert {"title": "", "keep-revisions": 1}.items() <= done("settings", hub, "--json").value.items()
    changed = done(
        "settings", hub, "title=My orders", "keep-revisions=5", 'conflict-policy={"Order":"merge"}', "--json"
    )
    assert {"title": "My orders", "keep-revisions": 5, "conflict-policy": {"Order": "merge"}} == changed.value
    outcome = run("settings", hub, "title=Other", "keep-revisions=0", "--json")
    assert (2, "bad_settings") == (outcome.code, outcome.error["code"])
    assert {"title": "My orders"} == done("settings", hub, "title", "--json").value
    assert 'title    "My orders"  What people call the database.' in done("settings", hub, "title").out


def test_an_unknown_setting_is_refused_with_a_suggestion(hub: Path) -> None:
    assert "did you mean 'keep-days'" in run("settings", hub, "keep-day=3").err
    assert 2 == run("settings", hub, "nonsense").code


def test_an_intact_replica_is_verified(hub: Path) -> None:
    assert {"ok": True, "checked": 3, "damaged": []} == done("verify", hub, "--json").value
    assert "checked 3 revisions: all intact\n" == done("verify", hub).out


def test_damage_is_found(hub: Path) -> None:
    with closing(sqlite3.connect(hub)) as connection, connection:
        connection.execute("""UPDATE leaf SET body = '{"x":"z"}' WHERE unid = 'b'""")
    outcome = run("verify", hub, "--json")
    assert (6, False, ["b"]) == (outcome.code, outcome.value["ok"], [each["unid"] for each in outcome.value["damaged"]])
    assert "checked 3 revisions: 1 damaged\n" in run("verify", hub).out


def test_two_replicas_are_compared(hub: Path, tmp_path: Path) -> None:
    done("copy", hub, tmp_path / "copy.db")
    assert "hold the same" in done("verify", hub, tmp_path / "copy.db").out
    done("put", hub, "d", "{}")
    done("put", hub, "a", "{}", "--replace")
    for number in range(12):
        done("put", tmp_path / "copy.db", f"e{number:02}", "{}")
    outcome = run("verify", hub, tmp_path / "copy.db", "--json")
    assert (6, ["d"], 12, ["a"]) == (
        outcome.code,
        outcome.value["only_here"],
        len(outcome.value["only_there"]),
        outcome.value["different"],
    )
    text = run("verify", hub, tmp_path / "copy.db").out
    assert "only here: 1 document\n  d\nonly there: 12 documents\n  e00\n" in text
    assert "  e09\n  and 2 more\ndifferent: 1 document\n  a\n" in text


def test_compacting_forgets_superseded_revisions(hub: Path) -> None:
    done("put", hub, "a", "{}", "--replace")
    answer = done("compact", hub, "--json").value
    assert {"ok": True, "forgotten": 1}.items() <= answer.items()


def test_a_backup_is_the_replica_as_it_was(hub: Path, tmp_path: Path) -> None:
    done("backup", hub, tmp_path / "monday.db")
    ids = {done("info", path, "--json").value["instance_id"] for path in (hub, tmp_path / "monday.db")}
    assert 1 == len(ids)


# -- other versions


def test_a_file_that_is_up_to_date_is_left_alone(hub: Path) -> None:
    before = hub.read_bytes()
    assert f"{hub} is up to date\n" == done("upgrade", hub).out
    assert {"ok": True, "upgraded": False} == done("upgrade", hub, "--json").value
    assert before == hub.read_bytes()


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    """There was no release with an older schema; a file with nothing but a number stands for one."""
    old = with_schema(tmp_path / "old.db", SCHEMA - 1)
    outcome = run("info", old, "--json")
    assert (14, "too_old") == (outcome.code, outcome.error["code"])
    assert "replicate upgrade" in outcome.error["hint"]
    assert {"ok": True, "upgraded": True} == done("upgrade", old, "--json").value
    assert not replica.upgrade(str(old))
    with closing(sqlite3.connect(old)) as connection:
        assert {"leaf", "session"} <= {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


@pytest.mark.parametrize("command", ["info", "upgrade", "verify"])
def test_a_newer_file_is_refused_untouched(tmp_path: Path, command: str) -> None:
    new = with_schema(tmp_path / "new.db", SCHEMA + 1)
    before = new.read_bytes()
    outcome = run(command, new, "--json")
    assert (14, "too_new") == (outcome.code, outcome.error["code"])
    assert before == new.read_bytes()


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at" * 100)
    (tmp_path / "empty").touch()
    for name in ("text", "empty", "."):
        assert 15 == run("info", tmp_path / name).code
    assert 10 == run("info", tmp_path / "none").code
