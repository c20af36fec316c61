"""What operators see: how each connection is doing, what is wrong, and what was run."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.access import Directory
from tests.connections import Site, behind_a_server
from tests.middleman import PATIENCE_S, Told, between, held_up, silent
from tests.system.command import Outcome, spawn

pytestmark = pytest.mark.system

OFTEN = {"schedule": "* * * * *"}
SELDOM = {"schedule": "0 0 1 1 *"}
QUIET = Outcome(0, "", "")


@pytest.fixture
def server(site: Site) -> Iterator[str]:
    with behind_a_server(site) as url:
        yield url


def status(site: Site, name: str = "hub") -> dict[str, Any]:
    """What is said of one connection."""
    (found,) = (each for each in site.done("status", "--json").value if each["name"] == name)
    return dict(found)


def save(path: Path, *unids: str) -> None:
    with replica.open(path) as db:
        for unid in unids:
            db.put({}, unid=unid)


def state_and_error(site: Site) -> tuple[str, str | None]:
    said = status(site)
    return said["state"], said["last_error"] and said["last_error"]["code"]


# -- how far both sides are


def test_what_is_to_come_and_to_go_is_counted_before_and_after_a_run(site: Site) -> None:
    site.write({"name": "hub", **SELDOM})
    before = status(site)
    assert ("due", 1, 1) == (before["state"], before["pending_in"], before["pending_out"])
    assert before["last_success"] is before["lag_in_s"] is before["lag_out_s"] is None
    site.done("run")
    after = status(site)
    assert ("ok", 0, 0, 0.0, 0.0) == tuple(
        after[key] for key in ("state", "pending_in", "pending_out", "lag_in_s", "lag_out_s")
    )
    save(site.folder / "laptop.db", "new", "newer")
    save(site.folder / "hub.db", "newest")
    later = status(site)
    assert (1, 2) == (later["pending_in"], later["pending_out"])
    assert 0 < later["lag_in_s"] == later["lag_out_s"] < 60
    assert after["last_success"] == later["last_success"] == site.records()[0]["start"]


@pytest.mark.parametrize(("direction", "known"), [("pull", (0, None)), ("push", (None, 0))])
def test_a_direction_that_is_not_replicated_has_no_lag(
    site: Site, direction: str, known: tuple[int | None, int | None]
) -> None:
    site.write({"name": "hub", "direction": direction})
    site.done("run", "hub")
    said = status(site)
    assert known == (said["pending_in"], said["pending_out"])
    assert [None if number is None else 0.0 for number in known] == [said["lag_in_s"], said["lag_out_s"]]


def test_of_a_peer_far_away_is_told_what_the_last_run_saw(site: Site, server: str) -> None:
    site.write({"name": "hub", "peer": f"{server}/hub"})
    assert status(site)["pending_in"] is None
    site.done("run", "hub")
    save(site.folder / "data" / "hub.db", "new")
    said = status(site)
    assert (0, 0, 0.0) == (said["pending_in"], said["pending_out"], said["lag_out_s"])
    assert 0 < said["lag_in_s"] < 60, "it may be that old"


def test_what_a_run_did_not_come_to_is_still_to_come(site: Site, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.engine.replicate.PAGE", 2)
    save(site.folder / "data" / "hub.db", *"abcdefgh")
    asked: list[str] = []
    with between(server) as middle:

        def way(request: Any, ask: Any) -> Told:
            asked.append(request.path)
            return ask(request) if len(asked) < 5 else Told(401, b"{}")

        middle.way = way
        site.write({"name": "hub", "peer": f"{middle.url}/hub", "direction": "pull"})
        assert 12 == site.run("run", "hub").code
    assert 0 < status(site)["pending_in"] < 10


def test_databases_of_a_folder_are_counted_together(site: Site) -> None:
    (site.folder / "here").mkdir()
    (site.folder / "there").mkdir()
    for name in ("a", "b"):
        with replica.create(site.folder / "here" / f"{name}.db") as db:
            db.put({}, unid="one")
            db.copy(site.folder / "there" / f"{name}.db").close()
            db.put({}, unid="two")
    site.write({"name": "hub", "here": "here", "peer": "there"})
    site.done("run", "hub")
    save(site.folder / "here" / "a.db", "three")
    save(site.folder / "there" / "b.db", "four", "five")
    said = status(site)
    assert (2, 1) == (said["pending_in"], said["pending_out"])
    replica.create(site.folder / "here" / "c.db").close()
    assert status(site)["pending_out"] is None, "one of them has no peer"


def test_conflicts_are_counted(site: Site) -> None:
    site.write({"name": "hub"})
    for name, number in (("laptop.db", 1), ("hub.db", 2)):
        with replica.open(site.folder / name) as db:
            document = db.get("both")
            document["n"] = number
            db.put(document)
    site.done("run", "hub")
    assert 1 == status(site)["conflicts"]


def test_a_file_that_was_restored_is_not_compared_with_what_it_was(site: Site, server: str) -> None:
    with replica.open(site.folder / "laptop.db") as laptop:
        laptop.backup(site.folder / "old.db")
    site.write({"name": "hub", "peer": f"{server}/hub"})
    site.done("run", "hub")
    save(site.folder / "laptop.db", "new")
    site.done("run", "hub")
    for suffix in ("", "-wal", "-shm"):
        (site.folder / f"laptop.db{suffix}").unlink(missing_ok=True)
    (site.folder / "old.db").rename(site.folder / "laptop.db")
    assert status(site)["pending_out"] is None
    site.done("run", "hub")
    assert 0 == status(site)["pending_out"]


def test_nothing_is_written_by_looking(site: Site) -> None:
    site.write({"name": "hub", **SELDOM})
    for words in (("status",), ("check",), ("log",)):
        site.run(*words)
        assert not site.log.parent.exists()
    site.done("run")
    before = {name: (site.folder / name).read_bytes() for name in ("laptop.db", "hub.db", "state/log.db")}
    for words in (("status",), ("check",), ("log",)):
        site.done(*words)
    assert before == {name: (site.folder / name).read_bytes() for name in before}


# -- states


def test_a_run_that_takes_place_is_seen_and_one_that_was_killed_is_not(site: Site, server: str) -> None:
    with held_up(server) as (middle, come, go):
        site.write({"name": "hub", "peer": f"{middle.url}/hub", **SELDOM})
        with spawn("--config", site.file, "run") as first:
            assert come.wait(PATIENCE_S)
            said = status(site)
            assert ("running", f"process {first.pid} on") == (
                said["state"],
                said["reason"].rpartition(" on ")[0] + " on",
            )
            assert 0 == site.run("check").code
            assert "running" == status(site)["state"], "looking takes no lock from anybody"
            first.kill()
        go.set()
        assert "late" == status(site)["state"], "its moment is long ago"
        site.done("run")
    assert "ok" == status(site)["state"]


def test_a_peer_that_says_nothing_is_failing_until_a_run_goes_well(site: Site) -> None:
    with silent() as url:
        site.write({"name": "hub", "peer": f"{url}/hub", "time_limit": "1s", **OFTEN})
        assert 5 == site.run("run").code
    assert ("failing", "timed_out") == state_and_error(site)
    found = site.run("check", "--json")
    assert (6, False, ["failing"]) == (
        found.code,
        found.value["ok"],
        [each["state"] for each in found.value["findings"]],
    )
    site.write({"name": "hub", **OFTEN})
    site.done("run", "hub")
    assert ("ok", None) == state_and_error(site)
    assert 0 == site.run("check").code


def test_a_peer_that_answers_500_is_failing(site: Site, server: str) -> None:
    with between(server) as middle:
        middle.way = lambda asked, ask: Told(500, b'{"error":"boom","reason":"out of order"}')
        site.write({"name": "hub", "peer": f"{middle.url}/hub", "time_limit": "1s"})
        site.run("run", "hub")
    assert "failing" == status(site)["state"]
    assert "out of order" in status(site)["reason"]


def test_a_wrong_password_is_blocked(site: Site, server: str) -> None:
    with closing(Directory(str(site.folder / "data"))) as directory:
        directory.add("anna", "right", roles=["_admin"])
    site.write({"name": "hub", "peer": f"{server.replace('://', '://anna@')}/hub", "password_env": "SECRET", **OFTEN})
    site.run("run", SECRET="wrong")
    assert ("blocked", "not_authenticated") == state_and_error(site)
    assert 6 == site.run("check").code


def test_a_failure_by_name_is_seen_and_a_success_by_name_ends_it(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    site.write({"name": "hub", "peer": f"http://127.0.0.1:{port}/hub"})
    site.run("run", "hub")
    assert ("failing", "unreachable") == state_and_error(site)
    site.write({"name": "hub"})
    site.done("run", "hub")
    assert ("ok", None) == state_and_error(site)


def test_silence_is_late(site: Site) -> None:
    site.write({"name": "hub", **OFTEN})
    site.done("run")
    assert (0, "1 connection, nothing wrong\n") == site.run("check")[:2]
    _age(site, timedelta(hours=1))
    assert "late" == status(site)["state"]
    found = site.run("check")
    assert (6, True) == (found.code, found.out.startswith("hub: late: it has not gone well since "))


def _age(site: Site, by: timedelta) -> None:
    """Make the memory of the connection that much older."""
    with closing(sqlite3.connect(site.log)) as log, log:
        ((body,),) = log.execute("SELECT body FROM local_document WHERE name LIKE 'connection %'").fetchall()
        past = json.loads(body)
        for key in ("moment", "started", "ended", "succeeded"):
            past[key] = (datetime.fromisoformat(past[key]) - by).isoformat()
        log.execute("UPDATE local_document SET body = ? WHERE name LIKE 'connection %'", (json.dumps(past),))


def test_what_is_switched_off_is_disabled_and_nothing_is_found(site: Site) -> None:
    site.write({"name": "hub", **OFTEN})
    assert 6 == site.run("check").code, "it has never run"
    site.done("connection", "disable", "hub", "--reason", "repairs", LOGNAME="anna")
    said = status(site)
    assert ("disabled", "anna switched it off: repairs", None) == (said["state"], said["reason"], said["next_run"])
    assert (0, "") == site.run("-q", "check", "--max-age", "1s")[:2]


def test_an_age_is_asked_of_all_that_are_on(site: Site) -> None:
    site.write({"name": "hub"}, {"name": "rare", **SELDOM})
    assert 6 == site.run("check", "--max-age", "2h").code
    site.done("run", "hub", "rare")
    assert 0 == site.run("check", "--max-age", "2h").code
    found = site.run("check", "--max-age", "1ms", "--json")
    assert (6, ["hub", "rare"]) == (found.code, [each["name"] for each in found.value["findings"]])


# -- metrics


def test_metrics_are_written_whole_for_the_node_exporter(site: Site, tmp_path: Path) -> None:
    site.write({"name": "hub", **SELDOM}, {"name": "none", "here": "none.db", "direction": "pull"})
    site.done("run")
    save(site.folder / "laptop.db", "new")
    path = tmp_path / "metrics" / "replica.prom"
    assert 10 == site.run("status", "--textfile", path).code
    path.parent.mkdir()
    path.write_text("old")
    assert "" == site.done("status", "--textfile", path).out
    assert ["replica.prom"] == [each.name for each in path.parent.iterdir()]
    found = _samples(path.read_text())
    name = "replica_connection_"
    assert (1, 0) == (
        found[name + 'state{connection="hub",state="ok"}'],
        found[name + 'state{connection="hub",state="late"}'],
    )
    pending = name + 'pending_documents{connection="hub",direction="%s"}'
    assert (0, 1) == (found[pending % "in"], found[pending % "out"])
    assert 0 < found[name + 'lag_seconds{connection="hub",direction="out"}'] < 60
    started = datetime.fromisoformat(site.records()[0]["start"]).timestamp()
    assert found[name + 'last_success_timestamp_seconds{connection="hub"}'] == pytest.approx(started, abs=1)
    assert 0 == found[name + 'conflicts{connection="hub"}']
    assert {f"{name}state"} == {key.partition("{")[0] for key in found if '"none"' in key}, "nothing is known of it"
    assert found.keys() == _samples(site.done("status", "--textfile", "-").out).keys()


def _samples(text: str) -> dict[str, float]:
    pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


# -- what is wrong around it


@pytest.mark.parametrize("command", ["status", "check", "log"])
def test_a_log_that_cannot_be_read_is_told(site: Site, command: str) -> None:
    site.write({"name": "hub", **OFTEN})
    site.log.parent.mkdir()
    site.log.write_bytes(b"no database")
    outcome = site.run(command, "--json")
    assert (15, "not_a_database") == (outcome.code, outcome.error["code"])
    if command == "check":
        assert not outcome.value["ok"]


def test_what_is_wrong_in_the_file_is_told_and_the_others_are_shown(site: Site) -> None:
    site.write({"name": "bad", "shedule": "@daily"}, {"name": "hub"})
    for command in ("status", "check"):
        outcome = site.run(command)
        assert (2, True) == (outcome.code, "unknown key 'shedule'" in outcome.err or "shedule" in outcome.err)
    assert ["hub"] == [each["name"] for each in json.loads(site.run("status", "--json").out)]


def test_a_database_that_is_not_there_has_no_counts(site: Site) -> None:
    site.write({"name": "hub", "here": "none.db"})
    said = status(site)
    assert (None, None, None) == (said["pending_in"], said["pending_out"], said["conflicts"])


def test_people_see_a_table_and_why(site: Site) -> None:
    site.write({"name": "hub", **SELDOM})
    site.done("connection", "disable", "hub", "--reason", "repairs", LOGNAME="anna")
    outcome = site.done("status")
    header, row = outcome.out.splitlines()
    assert ["name", "state", "last success", "to come", "to go", "conflicts", "next run"] == [
        word.strip() for word in header.split("  ") if word
    ]
    assert ["hub", "disabled", "-", "1", "1", "0", "-"] == row.split()
    assert "hub: anna switched it off: repairs\n" == outcome.err


# -- the log


def test_the_log_shows_the_last_runs_the_oldest_first(site: Site) -> None:
    site.write({"name": "hub"}, {"name": "rare"})
    assert "nothing has run yet" in site.done("log").err
    assert [] == site.done("log", "--json").value
    site.done("run", "hub")
    site.done("connection", "disable", "rare", "--reason", "repairs", LOGNAME="anna")
    site.done("run", "rare", "hub")
    shown = site.done("log", "--json").value
    assert ["hub", "rare", "rare", "hub"] == [each["connection"] for each in shown]
    assert site.records() == [{key: each[key] for key in each if key != "run"} for each in shown if "run" in each]
    assert shown[-2:] == site.done("log", "--limit", 2, "--json").value
    assert [] == site.done("log", "--limit", 0, "--json").value
    assert ["hub", "hub"] == [each["connection"] for each in site.done("log", "--connection", "hub", "--json").value]
    lines = site.done("log").out.splitlines()
    assert "hub  done: pull: 1 added" in lines[0]
    assert lines[1].endswith("rare  switched off by anna: repairs")


def test_errors_are_shown_by_themselves(site: Site) -> None:
    site.write({"name": "hub"}, {"name": "none", "here": "none.db"})
    site.run("run", "hub", "none")
    (shown,) = site.done("log", "--errors", "--json").value
    assert "not_found" == shown["error"]["code"]
    assert site.done("log", "--errors").out.endswith(f"none  failed: there is no file {site.folder}/none.db\n")


def test_the_log_is_shown_from_a_time_on(site: Site) -> None:
    site.write({"name": "hub"})
    for _ in range(3):
        site.done("run", "hub")
    _, second, third = site.done("log", "--json").value
    moment = datetime.fromisoformat(second["end"])
    for text in (moment.isoformat(), second["end"]):
        assert [second, third] == site.done("log", "--since", text, "--json").value
    local = moment.astimezone(None).replace(tzinfo=None).isoformat()
    assert [second, third] == site.done("log", "--since", local, "--json").value
    assert 3 == len(site.done("log", "--since", "1h", "--json").value)
    assert [] == site.done("log", "--since", (datetime.now(UTC) + timedelta(days=1)).isoformat(), "--json").value
    for bad in ("yesterday", "", "99999999999d", "2026-13-01"):
        assert 2 == site.run("log", "--since", bad).code


def test_more_records_than_fit_into_a_page_come_in_order(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.service.records._PAGE", 2)
    site.write({"name": "hub"})
    for _ in range(5):
        site.done("run", "hub")
    starts = [each["start"] for each in site.done("log", "--json").value]
    assert 5 == len(starts)
    assert sorted(starts) == starts


def test_what_comes_is_followed(site: Site) -> None:
    site.write({"name": "hub"}, {"name": "rare"})
    site.done("run", "hub")
    with spawn("--config", site.file, "log", "--follow", "--connection", "hub") as process:
        assert process.stdout is not None
        assert site.records()[0]["start"] == json.loads(process.stdout.readline())["start"]
        site.done("run", "rare", "hub")
        assert site.records()[2]["start"] == json.loads(process.stdout.readline())["start"]
        process.terminate()
        assert 143 == process.wait(PATIENCE_S)


def test_a_log_that_is_not_there_cannot_be_followed(site: Site) -> None:
    site.write({"name": "hub"})
    outcome = site.run("log", "--follow", "--json")
    assert (10, "not_found") == (outcome.code, outcome.error["code"])


def test_the_log_of_other_machines_is_shown_without_a_configuration(site: Site, tmp_path: Path) -> None:
    site.write({"name": "hub"})
    site.done("run", "hub")
    with replica.open(site.log) as log, log.copy(tmp_path / "collected.db") as collected:
        record = site.records()[0]
        collected.put(record | {"host": "site7", "connection": "north"}, unid="run/ffffffffffff" + "0" * 20)
        collected.put({"type": "run", "of a": "newer version"}, unid="run/fffffffffffe" + "0" * 20)
        collected.put({"about": "something else"}, unid="note")
    outcome = Site(tmp_path).run("log", REPLICA_LOG=str(tmp_path / "collected.db"))
    first, strange, north = outcome.out.splitlines()
    assert "  hub  done" in first
    assert "newer version" in strange
    assert "  north on site7  done" in north
    assert os.uname().nodename not in north


def old_run(log: replica.Replica, days: int, number: int = 0) -> str:
    """A record of a run so many days ago."""
    at_ms = int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1000)
    return str(log.put({"type": "run", "connection": "hub"}, unid=f"run/{at_ms:012x}{number:020x}").unid)


def test_records_stay_as_long_as_is_said_and_where_they_were_pushed(site: Site) -> None:
    site.write({"name": "hub"}, head='log = "state/log.db"\nkeep-runs = "30d"')
    site.done("run", "hub")
    with replica.open(site.log) as log, log.copy(site.folder / "collected.db") as collected:
        old, young = old_run(log, 31), old_run(log, 29)
        replica.replicate(log, collected, direction="push")
        assert len(log) == len(collected) == 3
        site.done("run", "hub")
        assert (False, True, 0) == (old in log, young in log, log.info()["deleted"])
        replica.replicate(log, collected, direction="push")
        assert old in collected
        assert 4 == len(collected)


def test_of_very_many_old_records_some_go_with_each_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.service.records.FORGOTTEN", 2)
    site.write({"name": "hub"}, head='log = "state/log.db"\nkeep-runs = "1d"')
    site.done("run", "hub")
    with replica.open(site.log) as log:
        old = [old_run(log, 2, number) for number in range(3)]
        left = []
        for _ in range(2):
            site.done("run", "hub")
            left.append(sum(unid in log for unid in old))
    assert [1, 0] == left


@pytest.mark.parametrize("value", ['"soon"', "30", '"90"', '"1h"', '"999999999999d"'])
def test_how_long_records_stay_is_checked(site: Site, value: str) -> None:
    site.write({"name": "hub"}, head=f'log = "state/log.db"\nkeep-runs = {value}')
    found = site.run("config", "check", "--json")
    (problem,) = found.value["problems"]
    assert (2, 2, "keep-runs") == (found.code, problem["line"], problem["key"])
    site.run("run", "hub")
    assert ["done"] == site.outcomes(), "nothing is removed by mistake, and runs take place"
