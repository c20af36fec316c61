"""Running connections: what comes of it, what is noted, and what goes wrong with one of them or with the log."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import replica
from replica import service
from replica.access import Directory
from replica.errors import Locked
from replica.service.lock import Holder, held
from tests.certificates import Authority
from tests.connections import Site, behind_a_server
from tests.middleman import PATIENCE_S, between, held_up, silent
from tests.servers import serving
from tests.small_disks import small_disk
from tests.system.command import done, spawn

pytestmark = pytest.mark.system


@pytest.fixture
def server(site: Site) -> Iterator[str]:
    with behind_a_server(site) as url:
        yield url


# -- what comes of it


def test_a_run_by_name_replicates_both_ways_and_says_so(site: Site) -> None:
    site.write({"name": "hub"})
    outcome = site.done("run", "hub")
    assert "hub: pull: 1 added (7 B)\nhub: push: 1 added (7 B)\n" == outcome.out
    assert "" == outcome.err
    assert 3 == site.count("hub.db") == site.count("laptop.db")
    assert "" == site.done("-q", "run", "hub").out


def test_what_is_due_runs_silently_once(site: Site) -> None:
    site.write(
        {"name": "hub", "schedule": "@hourly"}, {"name": "by-name"}, {"name": "off", "every": "1s", "enabled": False}
    )
    assert ("", "") == site.done("run")[1:]
    assert ["hub"] == [record["connection"] for record in site.records()]
    assert [] == site.done("run", "--json").value
    assert 1 == len(site.records())


def test_verbose_says_one_line_a_run(site: Site) -> None:
    site.write({"name": "hub", "schedule": "@hourly"})
    outcome = site.done("run", "-v")
    assert "" == outcome.out
    assert outcome.err.startswith("hub: pull: 1 added (7 B); push: 1 added (7 B) (")


@pytest.mark.parametrize(("direction", "here", "there"), [("both", 3, 3), ("pull", 3, 2), ("push", 2, 3)])
def test_a_direction_is_kept(site: Site, direction: str, here: int, there: int) -> None:
    site.write({"name": "hub", "direction": direction})
    site.done("run", "hub")
    assert (here, there) == (site.count("laptop.db"), site.count("hub.db"))
    (record,) = site.records()
    assert (direction != "push", direction != "pull") == (record["pull"] is not None, record["push"] is not None)


def test_a_run_is_noted_with_all_that_was_counted(site: Site) -> None:
    site.write({"name": "hub", "schedule": "@hourly"})
    with replica.open(site.folder / "hub.db") as hub:
        sequence = hub.update_sequence
    (told,) = site.done("run", "--json").value
    (record,) = site.records()
    assert record.items() >= {key: value for key, value in told.items() if key != "run"}.items()
    assert ("run", str(site.file), os.uname().nodename) == tuple(
        record[key] for key in ("type", "configuration", "host")
    )
    assert ("done", None, 0) == (record["outcome"], record["error"], record["conflicts"])
    assert (1, 7, {}) == (record["pull"]["added"], record["pull"]["bytes"], record["pull"]["refused"])
    moments = [datetime.fromisoformat(record[key]) for key in ("moment", "start", "end")]
    assert moments == sorted(moments)
    (database,) = record["databases"]
    assert (str(site.folder / "laptop.db"), str(site.folder / "hub.db")) == (database["here"], database["peer"])
    assert {"before": sequence - 1, "after": sequence, "end": sequence} == database["pull"]["checkpoint"]
    with replica.open(site.log) as log:
        assert log.get(told["run"]).items == record


def test_checkpoints_go_on_from_where_they_were(site: Site) -> None:
    site.write({"name": "hub"})
    for _ in range(3):
        site.done("run", "hub")
    first, second, third = (record["databases"][0]["pull"]["checkpoint"] for record in site.records())
    assert first["before"] < first["after"] == second["before"] < second["after"], "what was pushed is looked at once"
    assert second["after"] == third["before"] == third["after"] == third["end"]


def test_conflicts_and_refusals_are_counted(site: Site) -> None:
    for name in ("hub.db", "laptop.db"):
        with replica.open(site.folder / name) as db:
            db.put({"n": name}, unid="clash")
            db.put({"text": name * 50}, unid=f"large in {name}")
    done("settings", site.folder / "hub.db", "document-size-max=100")
    site.write({"name": "hub"})
    outcome = site.run("run", "hub")
    assert 3 == outcome.code
    assert "replicate: hub: 1 document not taken; `replicate refused` lists them\n" == outcome.err
    (record,) = site.records()
    assert ("partial", 2, {"too_large": 1}) == (record["outcome"], record["conflicts"], record["push"]["refused"])


def test_a_log_is_a_replica_that_can_be_replicated(site: Site) -> None:
    site.write({"name": "hub"}, {"name": "log", "here": "state/log.db", "peer": "logs.db", "direction": "push"})
    site.done("run", "hub")
    done("copy", site.log, site.folder / "logs.db")
    site.done("run", "hub")
    site.done("run", "log")
    assert 2 <= site.count("logs.db")
    assert 0o600 == site.log.stat().st_mode & 0o777


# -- the databases of a connection


def folders(site: Site, names: list[str]) -> None:
    """Databases in `here/`, with replicas of all in `there/`, each of which has a document more."""
    for name in names:
        for folder in ("here", "there"):
            (site.folder / folder / name).parent.mkdir(parents=True, exist_ok=True)
        with replica.create(site.folder / "here" / name) as here, here.copy(site.folder / "there" / name) as there:
            there.put({}, unid="new")


def test_every_database_of_a_folder_is_replicated_with_the_one_of_its_name(site: Site) -> None:
    folders(site, ["a.db", "b.db", "in/c.db", "test-d.db", ".hidden.db", "_users.db"])
    (site.folder / "here" / "notes.txt").write_text("no database")
    (site.folder / "here" / "link.db").symlink_to("a.db")
    site.write({"name": "all", "here": "here", "peer": "there", "exclude": ["test-*"]})
    site.done("run", "all")
    counts = {str(path.relative_to(site.folder / "here")): site.count(f"here/{path.relative_to(site.folder / 'here')}")
              for path in (site.folder / "here").rglob("*.db") if not path.is_symlink()}  # fmt: skip
    assert {"a.db": 1, "b.db": 1, "in/c.db": 1, "test-d.db": 0, ".hidden.db": 0, "_users.db": 0} == counts
    (record,) = site.records()
    assert (3, 3) == (len(record["databases"]), record["pull"]["added"])


@pytest.mark.parametrize(
    ("here", "exclude", "expected"),
    [
        ("here/*.db", [], ["a", "b"]),
        ("here/**/*.db", [], ["a", "b", "in/c"]),
        ("here/[ab].db", ["b.db"], ["a"]),
        ("h*e/in/*.db", [], ["here/in/c"]),
    ],
)
def test_a_pattern_stands_for_the_databases_that_match(
    site: Site, here: str, exclude: list[str], expected: list[str]
) -> None:
    folders(site, ["a.db", "b.db", "in/c.db"])
    site.write({"name": "some", "here": here, "peer": "https://hub.example/", "exclude": exclude or ["none"]})
    shown = site.done("connection", "show", "some", "--json").value["databases"]
    peers = [f"https://hub.example/{name.replace('/', '%2F')}" for name in expected]
    assert peers == [each["peer"] for each in shown]


def test_a_folder_is_replicated_with_a_server(site: Site) -> None:
    folders(site, ["a.db", "in/c.db"])
    with serving(site.folder / "there") as url:
        site.write({"name": "all", "here": "here", "peer": url})
        site.done("run", "all")
    assert (1, 1) == (site.count("here/a.db"), site.count("here/in/c.db"))


def test_one_database_that_fails_keeps_no_other_from_it(site: Site) -> None:
    folders(site, ["a.db", "b.db", "c.db"])
    (site.folder / "here" / "b.db").write_text("no database")
    (site.folder / "there" / "c.db").unlink()
    site.write({"name": "all", "here": "here", "peer": "there"})
    outcome = site.run("run", "all")
    assert 15 == outcome.code, "damaged is worse than not found"
    assert outcome.err.startswith("replicate: all: 2 of 3 databases failed; ")
    assert 1 == site.count("here/a.db")
    (record,) = site.records()
    assert ["done", "failed", "failed"] == [each["outcome"] for each in record["databases"]]
    assert ("failed", "not_a_database") == (record["outcome"], record["error"]["code"])


def test_of_very_many_databases_those_that_failed_are_named_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.service.run.NAMED", 2)
    folders(site, ["a.db", "b.db", "c.db", "d.db"])
    (site.folder / "there" / "d.db").unlink()
    site.write({"name": "all", "here": "here", "peer": "there"})
    site.run("run", "all")
    (record,) = site.records()
    assert ["a.db", "d.db"] == [Path(each["here"]).name for each in record["databases"]]
    assert (2, 3) == (record["unnamed"], record["pull"]["added"])


@pytest.mark.parametrize("here", ["none.db", "empty", "empty/*.db", "nowhere/*.db"])
def test_a_connection_without_databases_fails(site: Site, here: str) -> None:
    (site.folder / "empty").mkdir()
    site.write({"name": "lost", "here": here, "peer": "there"})
    outcome = site.run("run", "lost", "--json")
    assert (10, "not_found") == (outcome.code, outcome.value[0]["error"]["code"])
    assert ["failed"] == site.outcomes()


def test_an_address_without_a_database_is_a_mistake_for_a_file(site: Site) -> None:
    site.write({"name": "hub", "peer": "https://hub.example"})
    assert 2 == site.run("run", "hub").code


# -- secrets


@pytest.fixture
def guarded(site: Site, server: str) -> str:
    """The server wants to know who asks: anna may do everything."""
    directory = Directory(str(site.folder / "data"))
    directory.add("anna", "the secret", roles=["_admin"])
    (site.folder / "token").write_text(directory.create_token("anna") + "\nanother line")
    (site.folder / "token").chmod(0o600)
    directory.close()
    (site.folder / "secret").write_text("the secret\n")
    (site.folder / "secret").chmod(0o600)
    return server


@pytest.mark.parametrize(
    "keys",
    [
        {"user": "anna", "password_env": "HUB_SECRET"},
        {"user": "anna", "password_file": "secret"},
        {"user": "anna", "password_command": "echo the secret"},
        {"token_file": "token"},
        {"token_command": "head -1 {folder}/token"},
    ],
)
def test_a_secret_comes_from_where_the_connection_says(site: Site, guarded: str, keys: dict[str, str]) -> None:
    said = {key: value.format(folder=site.folder) for key, value in keys.items()}
    site.write({"name": "hub", "peer": f"{guarded}/hub", **said})
    site.done("run", "hub", HUB_SECRET="the secret")
    assert 3 == site.count("laptop.db")
    log = json.dumps(site.records())
    assert "the secret" not in log
    assert "anna" not in log


def test_the_user_may_stand_in_the_address(site: Site, guarded: str) -> None:
    site.write({"name": "hub", "peer": f"http://anna@{guarded.removeprefix('http://')}/hub", "password_file": "secret"})
    site.done("run", "hub")
    assert "anna" not in json.dumps(site.records())
    assert "anna" not in site.done("connection", "list", "--json").out


def test_a_wrong_password_is_told_and_not_tried_again_at_once(site: Site, guarded: str) -> None:
    keys = {"user": "anna", "password_env": "HUB_SECRET", "schedule": "0 0 1 1 *"}
    site.write({"name": "hub", "peer": f"{guarded}/hub", **keys})
    outcome = site.run("run", "--json", HUB_SECRET="wrong")
    assert (12, "not_authenticated") == (outcome.code, outcome.value[0]["error"]["code"])
    assert [] == site.done("run", "--json", HUB_SECRET="wrong").value


def test_a_secret_that_is_not_there_is_named_and_keeps_no_other_connection_from_it(site: Site, guarded: str) -> None:
    site.write(
        {"name": "env", "peer": f"{guarded}/hub", "user": "anna", "password_env": "HUB_SECRET", "schedule": "@daily"},
        {"name": "file", "peer": f"{guarded}/hub", "user": "anna", "password_file": "none", "schedule": "@daily"},
        {"name": "command", "peer": f"{guarded}/hub", "token_command": "exit 3", "schedule": "@daily"},
        {"name": "good", "peer": f"{guarded}/hub", "token_file": "token", "schedule": "@daily"},
    )
    outcome = site.run("run")
    assert 2 == outcome.code
    for said in (
        "env: password-env: the variable HUB_SECRET",
        "file: password-file: ",
        "command: token-command ended with code 3",
    ):
        assert f"replicate: {said}" in outcome.err
    assert 3 == site.count("laptop.db")


def test_secrets_of_one_server_are_not_sent_to_another(site: Site, server: str) -> None:
    with between(server) as middle:
        site.write({"name": "hub", "peer": f"http://anna@{middle.url.removeprefix('http://')}/hub"})
        site.run("run", "hub", REPLICA_PASSWORD="of another server", REPLICA_TOKEN="of yet another")
        sent = " ".join(asked.headers.get("authorization", "") for asked in middle.asked)
    assert "Bearer" not in sent
    assert "Basic YW5uYTo=" in sent, "anna, without a password"


def test_certificates_come_from_the_connection_or_from_the_flags_for_all(site: Site, server: str) -> None:
    authority = Authority(site.folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.signed("server"))
    with between(server, tls) as middle:
        peer = f"{middle.url}/hub"
        site.write({"name": "own", "peer": peer, "ca_file": authority.trusted}, {"name": "none", "peer": peer})
        site.done("run", "own")
        assert (12, "not_trusted") == (
            (outcome := site.run("run", "none", "--json")).code,
            outcome.value[0]["error"]["code"],
        )
        site.done("run", "none", REPLICA_CA_FILE=str(authority.trusted))
        site.done("connection", "test", "--ca-file", authority.trusted)


# -- peers that are not there


def test_an_unreachable_peer_is_told_and_tried_again_later(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    site.write(
        {"name": "gone", "peer": f"http://127.0.0.1:{port}/hub", "schedule": "* * * * *"},
        {"name": "there", "schedule": "* * * * *"},
    )
    outcome = site.run("run")
    assert 5 == outcome.code
    assert outcome.err.startswith(f"replicate: gone: {site.folder}/laptop.db: http://127.0.0.1:{port}/hub: ")
    assert "hint: Try again later" in outcome.err
    assert 1 == len(site.run("-q", "run", "gone").err.splitlines())
    assert 3 == site.count("laptop.db")
    assert {"failed", "done"} == set(site.outcomes())


def test_a_peer_that_hangs_is_left_when_the_time_is_up(site: Site) -> None:
    with silent() as url:
        site.write({"name": "hangs", "peer": f"{url}/hub", "time_limit": "1s"}, {"name": "hub"})
        begun = time.monotonic()
        outcome = site.run("run", "hangs", "hub", "--json")
        assert time.monotonic() - begun < 20
    assert (5, ["done", "failed"]) == (outcome.code, site.outcomes()), "the other one did not wait for it"
    assert "timed_out" == outcome.value[0]["error"]["code"]


def test_a_time_limit_ends_a_run_between_batches_and_the_next_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replica.transports.attached.ROWS", 1)
    with replica.open(site.folder / "hub.db") as hub:
        for number in range(20):
            hub.put({}, unid=f"{number}")
    site.write({"name": "hub", "time_limit": "0.001s", "direction": "pull"})
    outcome = site.run("run", "hub")
    assert (7, "replicate: hub: the time was up; the next run goes on from there\n") == (outcome.code, outcome.err)
    for _ in range(40):
        if 23 == site.count("laptop.db"):
            break
        site.run("run", "hub")
    assert 23 == site.count("laptop.db")
    first, second, *_ = (record["databases"][0]["pull"]["checkpoint"] for record in site.records())
    assert first["before"] < first["after"] == second["before"] < second["end"]


def test_a_rate_is_kept(site: Site, server: str) -> None:
    with replica.open(site.folder / "laptop.db") as laptop:
        laptop.put({"text": os.urandom(30_000).hex()})
    site.write({"name": "hub", "peer": f"{server}/hub", "rate": "50k"})
    begun = time.monotonic()
    site.done("run", "hub")
    assert time.monotonic() - begun > 0.4


# -- never two at once


def test_two_processes_never_run_one_connection_at_once(site: Site, server: str) -> None:
    with held_up(server) as (middle, come, go):
        site.write({"name": "hub", "peer": f"{middle.url}/hub", "schedule": "0 0 1 1 *"})
        with spawn("--config", site.file, "run", "--json") as first:
            assert come.wait(PATIENCE_S)
            by_name = site.run("run", "hub", "--json")
            said = f"it is being run by process {first.pid} on {os.uname().nodename} since 20"
            assert (11, "skipped") == (by_name.code, by_name.value[0]["outcome"])
            assert said in by_name.value[0]["error"]["message"]
            for _ in range(3):  # what is due is being done: no failure, and noted once
                assert ["skipped"] == [each["outcome"] for each in site.done("run", "--json").value]
            assert ("", "") == site.done("run")[1:]
            assert said in site.done("run", "-v").err
            go.set()
            out, _ = first.communicate(timeout=PATIENCE_S)
    assert (0, "done") == (first.returncode, json.loads(out)[0]["outcome"])
    assert ["done", "skipped", "skipped"] == sorted(site.outcomes())
    assert [] == site.done("run", "--json").value


def test_many_processes_run_what_is_due_once(site: Site) -> None:
    site.write(*({"name": f"hub{number}", "schedule": "0 0 1 1 *"} for number in range(3)))
    processes = [spawn("--config", site.file, "run", "--json") for _ in range(4)]
    told = []
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE_S)
        assert 0 == process.returncode, err
        told += [each["connection"] for each in json.loads(out) if each["outcome"] == "done"]
    assert ["hub0", "hub1", "hub2"] == sorted(told)


def test_a_run_that_is_killed_is_taken_over_by_the_next_one(site: Site, server: str) -> None:
    with held_up(server) as (middle, come, go):
        site.write({"name": "hub", "peer": f"{middle.url}/hub", "schedule": "0 0 1 1 *"})
        with spawn("--config", site.file, "run") as first:
            assert come.wait(PATIENCE_S)
            first.kill()
        go.set()
        (told,) = site.done("run", "--json").value
    assert "done" == told["outcome"]
    lost, done_again = site.records()
    assert ("interrupted", "done") == (lost["outcome"], done_again["outcome"])
    assert lost["moment"] == done_again["moment"]
    assert f"process {first.pid} on" in lost["error"]["message"]
    assert 3 == site.count("laptop.db") == site.count("data/hub.db")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_interrupted_is_noted_and_done_again(site: Site, server: str, number: int, code: int) -> None:
    with held_up(server) as (middle, come, go):
        site.write({"name": "hub", "peer": f"{middle.url}/hub", "schedule": "0 0 1 1 *"})
        with spawn("--config", site.file, "run", "--json") as first:
            assert come.wait(PATIENCE_S)
            first.send_signal(number)
            out, err = first.communicate(timeout=PATIENCE_S)
        assert (code, b"", "interrupted") == (first.returncode, out, json.loads(err)["error"]["code"])
        go.set()
        assert ["interrupted"] == site.outcomes()
        site.done("run")
    assert ["interrupted", "done"] == site.outcomes()


def test_a_lock_says_who_has_it_and_ends_with_its_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "locks" / "x.lock")
    one, other = Holder(1, "here", "yesterday"), Holder(2, "here", "today")
    with held(path, one) as before:
        assert before is None
        with pytest.raises(Locked, match="process 1 on here since yesterday"), held(path, other):
            pass
    with held(path, other) as before:
        assert before is None, "it ended well"
    Path(path).write_text('{"pid": 7, "host": "h", "since": "s"}')
    with held(path, other) as before:
        assert Holder(7, "h", "s") == before
    Path(path).write_text("garbage")
    with held(path, other) as before:
        assert before is None


def test_connections_of_one_name_in_two_files_have_nothing_to_do_with_each_other(site: Site) -> None:
    site.write({"name": "hub", "schedule": "@daily"})
    site.done("run")
    site.done("connection", "disable", "hub")
    other = Site(site.folder)
    other.file = site.folder / "other.toml"
    other.write({"name": "hub", "schedule": "@daily"})
    assert ["done"] == [each["outcome"] for each in other.done("run", "--json").value]


# -- the log


@pytest.mark.parametrize(
    ("content", "code", "error"), [(b"no database", 15, "not_a_database"), (None, 15, "not_a_database")]
)
def test_without_a_log_runs_take_place_and_the_exit_code_says_so(
    site: Site, content: bytes | None, code: int, error: str
) -> None:
    site.log.parent.mkdir()
    if content is None:
        site.log.mkdir()
    else:
        site.log.write_bytes(content)
    site.write({"name": "hub", "schedule": "* * * * *"}, {"name": "rare", "schedule": "0 0 1 1 *"})
    outcome = site.run("run", "--json")
    assert (code, error) == (outcome.code, outcome.error["code"])
    assert ["hub"] == [each["connection"] for each in outcome.value], "what was due in the last minute"
    assert 3 == site.count("laptop.db")
    assert (code, "rare") == (
        (named := site.run("run", "rare", "--json")).code,
        named.value[0]["connection"],
    )
    assert code == site.run("connection", "disable", "hub").code


def test_a_memory_that_cannot_be_understood_stops_no_run(site: Site) -> None:
    site.write({"name": "hub", "schedule": "* * * * *"})
    site.done("run", "hub")
    with closing(sqlite3.connect(site.log)) as log, log:
        log.execute("UPDATE local_document SET body = '{\"moment\": 7}' WHERE name LIKE 'connection %'")
    outcome = site.run("run", "--json")
    assert (15, "corrupt") == (outcome.code, outcome.error["code"])
    assert ["done"] == [each["outcome"] for each in outcome.value]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "1m") as folder:
        yield folder


def fill(path: Path) -> None:
    """Fill the disk to its last byte."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(handle, bytes(1000)):
            pass
    os.close(handle)


@pytest.mark.parametrize("state", ["absent", "closed", "open"])
def test_a_full_disk_for_the_log_stops_no_run(site: Site, disk: Path, state: str) -> None:
    """Also where the log can be read, because somebody has it open, and what is remembered stays what it was."""
    rare = {"name": "rare", "schedule": "0 0 1 1 *"}  # never ran, and may not run every minute now
    site.write({"name": "hub", "schedule": "* * * * *"}, rare, head='log = "disk/log.db"')
    with ExitStack() as stack:
        if state != "absent":
            site.done("connection", "enable", "hub")  # makes the log
            done("put", site.folder / "hub.db", "later", "{}")
        if state == "open":
            log = stack.enter_context(replica.open(disk / "log.db"))
            log.put({"text": "x"})
        fill(disk / "full")
        outcome = site.run("run", "--json")
        assert (5, "disk_error") == (outcome.code, outcome.error["code"])
        assert [("hub", "done", None)] == [
            tuple(each[key] for key in ("connection", "outcome", "run")) for each in outcome.value
        ]
        assert site.count("hub.db") == site.count("laptop.db") == (3 if state == "absent" else 4)
    (disk / "full").unlink()
    assert 0 == site.run("run").code


# -- switching off and on


def test_a_connection_that_is_disabled_is_not_due_and_runs_by_name(site: Site) -> None:
    site.write({"name": "hub", "schedule": "* * * * *"})
    site.done("connection", "disable", "hub", "--reason", "repairs")
    assert [] == site.done("run", "--json").value
    (listed,) = site.done("connection", "list", "--json").value
    assert (False, "repairs") == (listed["enabled"], listed["disabled"]["reason"])
    site.done("run", "hub")
    assert not site.done("connection", "show", "hub", "--json").value["enabled"]
    assert "enabled hub\n" == site.done("connection", "enable", "hub").out
    assert ["done"] == [each["outcome"] for each in site.done("run", "--json").value] or 1 == len(site.records())
    off, on = site.records("switch")
    assert (False, "repairs", True) == (off["enabled"], off["reason"], on["enabled"])
    assert off["by"] == on["by"] == listed["disabled"]["by"]
    assert "hub was enabled already\n" == site.done("connection", "enable", "hub").out


def test_what_the_file_switches_off_is_switched_on_there(site: Site) -> None:
    site.write({"name": "hub", "schedule": "* * * * *", "enabled": False})
    outcome = site.run("connection", "enable", "hub")
    assert 2 == outcome.code
    assert f"{site.file}:8: hub: enabled: the file switches it off" in outcome.err


def test_a_connection_may_be_disabled_while_it_runs(site: Site, server: str) -> None:
    with held_up(server) as (middle, come, go):
        site.write({"name": "hub", "peer": f"{middle.url}/hub", "schedule": "0 0 1 1 *"})
        with spawn("--config", site.file, "run") as first:
            assert come.wait(PATIENCE_S)
            site.done("connection", "disable", "hub")
            go.set()
            assert 0 == first.wait(PATIENCE_S)
    assert not site.done("connection", "list", "--json").value[0]["enabled"], "and is disabled afterwards"


# -- trying it


def test_a_test_says_what_is_there_and_writes_nothing(site: Site, guarded: str) -> None:
    site.write(
        {"name": "hub", "peer": f"{guarded}/hub", "token_file": "token"},
        {"name": "copy", "peer": "data/hub.db"},
        {"name": "wrong", "peer": f"{guarded}/hub", "user": "anna", "password_command": "echo wrong"},
        {"name": "none", "peer": f"{guarded}/none", "token_file": "token"},
    )
    before = [(site.folder / name).read_bytes() for name in ("laptop.db", "data/hub.db")]
    outcome = site.run("connection", "test", "--json")
    assert 12 == outcome.code, "what somebody has to look at"
    found = {
        each["connection"]: (each["ok"], each["kind"], (each["error"] or {}).get("code")) for each in outcome.value
    }
    assert {
        "hub": (True, "replica", None),
        "copy": (True, "file", None),
        "wrong": (False, None, "not_authenticated"),
        "none": (False, None, "not_found"),
    } == found
    assert before == [(site.folder / name).read_bytes() for name in ("laptop.db", "data/hub.db")]
    assert not site.log.exists()
    assert "a replica on a server" in site.done("connection", "test", "hub").out


def test_a_test_finds_what_a_run_would_refuse(site: Site, server: str) -> None:
    done("create", site.folder / "other.db")
    site.write({"name": "other", "here": "other.db", "peer": f"{server}/hub"}, {"name": "same", "peer": "laptop.db"})
    outcome = site.run("connection", "test", "--json")
    assert (9, ["not_a_replica", "with_itself"]) == (outcome.code, [each["error"]["code"] for each in outcome.value])


def test_a_test_says_what_a_couchdb_is(site: Site, server: str) -> None:
    site.write({"name": "hub", "peer": f"couchdb+{server}/hub"})
    (found,) = site.done("connection", "test", "--json").value
    assert (True, "couchdb") == (found["ok"], found["kind"])


# -- in Python


def test_python_runs_what_is_due(site: Site) -> None:
    site.write({"name": "hub", "schedule": "@hourly"})
    configuration = service.load(str(site.file))
    with service.Runner(configuration) as runner:
        (each,) = runner.due()
        run = runner.run(*each)
        assert run is not None
        assert ("done", each.moment) == (run.outcome, run.moment)
        assert [] == runner.due()
        assert runner.log_error is None


def test_a_moment_that_somebody_else_has_taken_on_is_not_run_again(site: Site) -> None:
    site.write({"name": "hub", "schedule": "@hourly"}, {"name": "all", "schedule": "@hourly", "on_missed": "all"})
    with service.Runner(service.load(str(site.file))) as one, service.Runner(service.load(str(site.file))) as other:
        found: list[Any] = one.due()
        assert [None, None] != [one.run(*each) for each in found]
        assert [None, None] == [other.run(*each) for each in found]


# -- through clock changes


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_what_clocks_go_over_or_show_twice_runs_once(site: Site, day: datetime) -> None:
    site.write({"name": "hub", "schedule": "30 2 * * *", "timezone": "Europe/Berlin"})
    configuration = service.load(str(site.file))
    ran = []
    for minutes in range(-26 * 60, 6 * 60, 10):
        now = day + timedelta(minutes=minutes)
        with service.Runner(configuration, clock=partial(int, now.timestamp() * 1000)) as runner:
            ran += [runner.run(*each) for each in runner.due()]
    moments = [run.moment for run in ran if run is not None]
    assert [(day - timedelta(days=1)).date(), day.date()] == [moment.date() for moment in moments[1:] if moment]
    assert 3 == len(moments), "the first is what was missed before"


def test_a_run_by_name_that_fails_leaves_the_schedule_as_it_was(site: Site) -> None:
    site.write({"name": "hub", "schedule": "@hourly"})
    configuration = service.load(str(site.file))
    begin = datetime(2026, 11, 25, 12, 10, tzinfo=UTC)

    def runner(minutes: int) -> service.Runner:
        return service.Runner(configuration, clock=lambda: int((begin + timedelta(minutes=minutes)).timestamp() * 1000))

    with runner(0) as first:
        assert ["done"] == [run.outcome for each in first.due() if (run := first.run(*each))]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        peer = f"http://127.0.0.1:{closed.getsockname()[1]}/hub"
    gone = configuration.connection("hub").model_copy(update={"peer": peer})
    with runner(10) as by_name:
        failed = by_name.run(gone)
        assert failed is not None
        assert ("failed", True) == (failed.outcome, failed.trouble.may_retry)
    with runner(20) as later:
        assert [] == later.due()


def test_after_a_sleep_what_was_missed_runs_once(site: Site) -> None:
    site.write({"name": "hub", "schedule": "*/15 * * * *"})
    configuration = service.load(str(site.file))
    begin = datetime(2026, 11, 25, tzinfo=UTC)
    counts = []
    for hours in (0, 60, 60.01, 60.25):
        ms = int((begin + timedelta(hours=hours)).timestamp() * 1000)
        with service.Runner(configuration, clock=partial(int, ms)) as runner:
            counts.append(len([runner.run(*each) for each in runner.due()]))
    assert [1, 1, 0, 1] == counts
