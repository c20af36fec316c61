"""The configuration as a file: where it is, all that can be wrong with it, and what counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connections import Site
from tests.system.command import done, run

pytestmark = pytest.mark.system


# -- where it is


def test_the_first_file_that_is_there_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = site.folder / "elsewhere"
    (elsewhere / "replica").mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    variables = {"HOME": str(site.folder), "XDG_CONFIG_HOME": str(elsewhere), "XDG_STATE_HOME": str(elsewhere)}
    site.write({"name": "named"})
    (elsewhere / "replica" / "replica.toml").write_text("")
    assert [] == done("connection", "list", "--json", **variables).value
    (elsewhere / "replica.toml").write_text(site.file.read_text())
    assert ["named"] == [each["name"] for each in done("connection", "list", "--json", **variables).value]
    assert ["named"] == [
        each["name"] for each in done("connection", "list", "--json", REPLICA_CONFIG=str(site.file)).value
    ]


def test_without_a_file_it_is_said_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["run"], ["connection", "list"], ["config", "check"], ["config", "show"]):
        outcome = run(*words, "--json", HOME=str(tmp_path), XDG_CONFIG_HOME="")
        assert (2, "", "bad_settings") == (outcome.code, outcome.out, outcome.error["code"])
        assert "./replica.toml" in outcome.error["message"]
        assert "/etc/replica/replica.toml" in outcome.error["message"]


def test_relative_paths_are_relative_to_the_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write({"name": "hub"})
    monkeypatch.chdir("/")
    site.done("run", "hub")
    assert 3 == site.count("hub.db") == site.count("laptop.db")
    assert site.log.exists()


# -- what is wrong with it


@pytest.mark.parametrize("content", ["not toml", "log = 1\nlog = 2", "[[connection]\n", "\x00"])
def test_a_file_that_is_no_toml_is_refused_by_all(site: Site, content: str) -> None:
    site.file.write_text(content)
    for words in (
        ["run"],
        ["config", "check"],
        ["config", "show"],
        ["connection", "list"],
        ["info", site.folder / "hub.db"],
    ):
        outcome = site.run(*words, "--json")
        assert (2, "bad_settings") == (outcome.code, outcome.error["code"])
        assert str(site.file) in outcome.error["message"]


def test_a_file_that_is_not_utf_8_or_cannot_be_read_is_refused(site: Site) -> None:
    site.file.write_bytes(b"log = '\xff'")
    assert 2 == site.run("config", "check").code
    site.file.unlink()
    site.file.mkdir()
    assert 2 == site.run("config", "check").code


def problems(site: Site) -> list[tuple[int | None, str | None, str | None]]:
    outcome = site.run("config", "check", "--json")
    assert (2, "") == (outcome.code, outcome.err)
    assert {str(site.file)} == {problem["file"] for problem in outcome.value["problems"]}
    return [(each["line"], each["connection"], each["key"]) for each in outcome.value["problems"]]


def test_all_that_is_wrong_is_told_with_its_line(site: Site) -> None:
    site.write(
        {"name": "one", "schedule": "61 * * * *", "time_limit": "soon"},
        {"name": "two", "peer": "ftp://hub/orders", "shedule": "@daily"},
        {"name": "three", "every": "1h", "within": {"times": "8-9", "day": "mon"}, "timezone": "Europe/Berlyn"},
        {"name": "four"},
        {"name": "Four"},
        head="lock = 1\nlog = 7",
    )
    assert {
        (1, None, None),
        (2, None, "log"),
        (8, "one", "schedule"),
        (9, "one", "time-limit"),
        (13, "two", "peer"),
        (15, "two", "shedule"),
        (22, "three", "within.day"),
        (22, "three", "within.times"),
        (23, "three", "timezone"),
        (33, "Four", "name"),
    } == set(problems(site))


def test_a_problem_for_people_is_one_line(site: Site) -> None:
    site.write({"name": "one", "schedule": "61 * * * *"})
    said = site.run("config", "check").out
    assert f"{site.file}:7: one: schedule: '61 * * * *' is no schedule: bad minute\n" == said


def test_connections_that_are_no_tables_are_named(site: Site) -> None:
    site.file.write_text("connection = 7\n")
    assert [(1, None, None)] == problems(site)
    site.file.write_text("[connection]\nname = 'x'\n")
    assert [(1, None, None)] == problems(site)


def test_the_other_connections_are_there_all_the_same(site: Site) -> None:
    site.write({"name": "bad", "schedule": "* *"}, {"name": "good", "schedule": "* * * * *"})
    outcome = site.run("run", "--json")
    assert (2, ["good"]) == (outcome.code, [each["connection"] for each in outcome.value])
    assert f"{site.file}:7: bad: schedule" in outcome.error["message"]
    assert 3 == site.count("hub.db")
    assert ["good"] == [each["name"] for each in site.run("connection", "list", "--json").value]
    assert ["good"] == [each["name"] for each in site.run("config", "show", "--json").value["connections"]]


def test_commands_that_need_no_connection_do_not_mind_a_faulty_one(site: Site) -> None:
    site.write({"name": "bad", "schedule": "* *"})
    site.done("info", site.folder / "hub.db")


def test_a_faulty_connection_that_is_called_by_name_says_why_and_keeps_no_other_from_it(site: Site) -> None:
    site.write({"name": "bad", "schedule": "* *"}, {"name": "good"})
    outcome = site.run("run", "bad", "good")
    assert (2, ["done"]) == (outcome.code, site.outcomes())
    assert f"{site.file}:7: bad: schedule" in outcome.err
    assert 0 == site.run("run", "good").code


@pytest.mark.parametrize(
    "command", [["run"], ["connection", "show"], ["connection", "test"], ["connection", "disable"]]
)
def test_a_name_that_there_is_not_is_not_found(site: Site, command: list[str]) -> None:
    site.write({"name": "hub"})
    outcome = site.run(*command, "hup", "--json")
    assert (10, "not_found", "Did you mean 'hub'?") == (outcome.code, outcome.error["code"], outcome.error["hint"])
    assert [] == site.records()


@pytest.mark.parametrize("what", ["password", "token"])
def test_a_secret_that_others_can_read_is_refused(site: Site, what: str) -> None:
    secret = site.folder / "secret"
    secret.write_text("xyz")
    table: dict[str, Any] = {"name": "hub", "peer": "https://anna@hub.example/orders", f"{what}_file": "secret"}
    site.write(table, {"name": "other"})
    secret.chmod(0o604)
    assert [(7, "hub", f"{what}-file")] == problems(site)
    assert 2 == site.run("run", "hub").code
    for mode in (0o600, 0o640):
        secret.chmod(mode)
        assert 0 == site.run("config", "check").code


def test_what_is_doubtful_is_a_warning(site: Site) -> None:
    site.write(
        {"name": "a", "schedule": "@daily"},
        {"name": "b", "direction": "pull"},
        {"name": "c", "here": "other.db", "peer": "https://x@hub.example/o", "password_file": "none"},
        {"name": "d", "here": "readers/x.db", "direction": "pull"},
        {"name": "e", "here": "writers/x.db", "direction": "push"},
        {"name": "f", "here": "writers", "direction": "pull"},
    )
    outcome = site.done("config", "check", "--json")
    assert outcome.value["ok"]
    found = [(each["connection"], each["key"]) for each in outcome.value["warnings"]]
    assert [
        ("b", None),
        ("c", "here"),
        ("c", "password-file"),
        ("d", "direction"),
        ("d", "here"),
        ("e", "here"),
        ("f", "direction"),
        ("f", "here"),
    ] == sorted(found, key=lambda each: (each[0], each[1] or ""))
    assert "warning: " in site.done("config", "check").out


# -- what counts


def test_what_counts_is_shown_with_where_it_comes_from(site: Site) -> None:
    site.write({"name": "hub", "every": "15m", "time_limit": "10m"})
    shown = site.done("config", "show", "--origin", "--json", TZ="Europe/Berlin").value
    (connection,) = shown["connections"]
    assert {"value": "15m", "origin": f"{site.file}:7"} == connection["every"]
    assert {"value": "Europe/Berlin", "origin": "this machine"} == connection["timezone"]
    assert {"value": "both", "origin": "default"} == connection["direction"]
    assert "on-missed" not in connection, "it means nothing with an interval"
    assert {"value": str(site.log), "origin": f"{site.file}:1"} == shown["log"]
    plain = site.done("config", "show", "--json").value
    assert "15m" == plain["connections"][0]["every"]


def test_a_variable_says_where_the_log_is(site: Site) -> None:
    site.write({"name": "hub"})
    log = site.folder / "elsewhere" / "log.db"
    shown = site.done("config", "show", "--origin", "--json", REPLICA_LOG=str(log)).value
    assert {"value": str(log), "origin": "REPLICA_LOG"} == shown["log"]
    site.done("run", "hub", REPLICA_LOG=str(log))
    assert log.exists()
    assert not site.log.exists()


def test_the_log_is_kept_where_the_machine_keeps_state(site: Site) -> None:
    site.write({"name": "hub"}, head="")
    state = site.folder / "var"
    site.done("run", "hub", STATE_DIRECTORY=str(state))
    assert (state / "log.db").exists()
    assert 0o700 == state.stat().st_mode & 0o777
