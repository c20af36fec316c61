"""`replicate run --forever`: what is due runs as soon as it is, whatever happens to others; signals, systemd, stopping."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.service.lock import Holder, held
from replica.service.places import host, lock_path
from tests.connections import Site, behind_a_server
from tests.middleman import PATIENCE_S, held_up, silent
from tests.system.command import spawn

pytestmark = pytest.mark.system

OFTEN = {"every": "1s"}
SOAK_S = 240


@pytest.fixture
def server(site: Site) -> Iterator[str]:
    with behind_a_server(site) as url:
        yield url


class Going:
    """A scheduler in a process of its own."""

    def __init__(self, site: Site, *words: object, **variables: str) -> None:
        environment = {**os.environ, **variables}
        command = spawn_words(site, *words)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)

    def run(self) -> dict[str, Any]:
        """The next run that it tells of."""
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next run of that kind."""
        while not wanted(found := self.run()):
            pass
        return found

    def line(self) -> str:
        """The next line on standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def spawn_words(site: Site, *words: object) -> list[str]:
    with spawn("--version") as like:
        like.communicate()
        program = like.args
    assert isinstance(program, list)
    return [*map(str, program[:-1]), "--config", str(site.file), "run", "--forever", "--json", *map(str, words)]


@contextmanager
def going(site: Site, *words: object, **variables: str) -> Iterator[Going]:
    made = Going(site, *words, **variables)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()


def seen(happens: Callable[[], bool]) -> None:
    """Wait until something is so in a file: another process writes there, and tells nobody."""
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def names(records: list[dict[str, Any]]) -> set[str]:
    return {record["connection"] for record in records}


# -- what is due


def test_what_is_due_runs_again_and_again(site: Site) -> None:
    site.write({"name": "hub", **OFTEN})
    with going(site) as process:
        first, second = process.run(), process.run()
        assert ("done", 1) == (first["outcome"], first["pull"]["added"])
        begun = [datetime.fromisoformat(each["start"]) for each in (first, second)]
        assert 0.9 < (begun[1] - begun[0]).total_seconds() < 10
        with replica.open(site.folder / "hub.db") as hub:
            hub.put({}, unid="new")
        assert 1 == process.until(lambda run: run["pull"]["added"] > 0)["pull"]["added"]
    assert site.records()[0]["start"] == first["start"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_well(site: Site, number: int, code: int) -> None:
    site.write({"name": "hub", **OFTEN})
    with going(site) as process:
        process.run()
        assert code == process.stop(number)
    assert {"done"} == set(site.outcomes())
    assert "ok" == site.done("status", "--json").value[0]["state"]


def test_only_those_that_are_named(site: Site) -> None:
    site.write({"name": "hub", **OFTEN}, {"name": "other", **OFTEN})
    with going(site, "other") as process:
        assert ["other", "other"] == [process.run()["connection"] for _ in range(2)]
    assert 10 == site.run("run", "--forever", "nobody").code


def test_what_runs_by_name_only_never_runs_by_itself(site: Site) -> None:
    site.write({"name": "hub", **OFTEN}, {"name": "by-name"}, {"name": "off", "enabled": False, **OFTEN})
    with going(site) as process:
        assert {"hub"} == names([process.run() for _ in range(2)])


def test_a_configuration_that_is_not_there_ends_it_at_once(site: Site) -> None:
    assert 2 == site.run("run", "--forever", "--json").code


# -- whatever happens to others


def test_a_peer_that_hangs_holds_up_no_other(site: Site) -> None:
    with silent() as url:
        hang = [
            {"name": f"hangs{n}", "peer": f"{url}/{n}", "here": f"l{n}.db", "time_limit": "3s", **OFTEN}
            for n in range(8)
        ]
        for n in range(8):
            with replica.open(site.folder / "laptop.db") as laptop:
                laptop.copy(site.folder / f"l{n}.db").close()
        site.write(*hang, {"name": "hub", **OFTEN})
        with going(site) as process:
            assert {"hub"} == names([process.run() for _ in range(2)])
            assert "timed_out" == process.until(lambda run: run["connection"] != "hub")["error"]["code"]


def test_one_that_is_bad_is_told_and_the_others_run(site: Site) -> None:
    site.write({"name": "bad", "shedule": "@daily"}, {"name": "hub", **OFTEN})
    with going(site) as process:
        assert "shedule" in process.line()
        assert "hub" == process.run()["connection"]


def test_one_that_somebody_else_runs_is_left_alone_for_a_while(site: Site) -> None:
    site.write({"name": "hub", **OFTEN}, {"name": "other", **OFTEN})
    path = lock_path(str(site.log), str(site.file), "hub")
    with held(path, Holder(os.getpid(), host(), "2026-01-01T00:00:00.000Z")), going(site) as process:
        runs = [process.run() for _ in range(4)]
    assert 1 == sum(run["outcome"] == "skipped" for run in runs)


def test_two_schedulers_do_nothing_twice(site: Site) -> None:
    site.write(*({"name": f"hub{n}", "schedule": "0 0 1 1 *"} for n in range(6)))
    with going(site) as one, going(site) as other:
        seen(lambda: site.outcomes().count("done") >= 6)
        assert [143, 143] == [process.stop() for process in (one, other)]
    done = [record["connection"] for record in site.records() if record["outcome"] == "done"]
    assert [f"hub{n}" for n in range(6)] == sorted(done)


@pytest.mark.parametrize("content", [b"no database", None])
def test_without_a_log_what_is_due_runs_once(site: Site, content: bytes | None) -> None:
    site.log.parent.mkdir()
    if content is None:
        site.log.mkdir()
    else:
        site.log.write_bytes(content)
    site.write({"name": "hub", "every": "2s"})
    with going(site) as process:
        assert "not_a_database" in process.line()
        begun = [datetime.fromisoformat(process.run()["start"]) for _ in range(3)]
    pauses = [(later - before).total_seconds() for before, later in pairwise(begun)]
    assert all(1 < pause < 20 for pause in pauses), pauses


# -- several at once


def test_several_run_at_once(site: Site, server: str) -> None:
    with replica.open(site.folder / "laptop.db") as laptop:
        laptop.copy(site.folder / "other.db").close()
    with held_up(server) as (a, a_come, a_go), held_up(server) as (b, b_come, b_go):
        site.write({"name": "a", "peer": f"{a.url}/hub"}, {"name": "b", "here": "other.db", "peer": f"{b.url}/hub"})
        with spawn("--config", site.file, "run", "a", "b", "--json") as process:
            assert a_come.wait(PATIENCE_S)
            assert b_come.wait(PATIENCE_S)
            a_go.set()
            b_go.set()
            out, _ = process.communicate(timeout=PATIENCE_S)
    assert ["a", "b"] == [run["connection"] for run in json.loads(out)], "in the order in which they were named"


def test_stopping_waits_for_no_peer_that_says_nothing(site: Site, server: str) -> None:
    with held_up(server) as (middle, come, go):
        site.write({"name": "hub", "peer": f"{middle.url}/hub", **OFTEN})
        with going(site) as process:
            assert come.wait(PATIENCE_S)
            begun = time.monotonic()
            assert 143 == process.stop()
            assert time.monotonic() - begun < 30
        go.set()
        assert ["interrupted"] == site.outcomes(), site.records()
        site.done("run", "hub")
    assert ["interrupted", "done"] == site.outcomes(), "noted once"


def test_a_batch_in_hand_is_finished(site: Site, server: str) -> None:
    with replica.create(site.folder / "data" / "many.db") as many:
        many.copy(site.folder / "few.db").close()
        many.put_many({"n": n, "text": os.urandom(400).hex()} for n in range(3000))
    site.write({"name": "hub", "here": "few.db", "peer": f"{server}/many", "rate": "500k", **OFTEN})
    with going(site) as process:
        seen(lambda: site.count("few.db") > 0)
        assert 143 == process.stop()
    assert 0 < site.count("few.db") < 3000
    assert ["interrupted"] == site.outcomes()
    site.write({"name": "hub", "here": "few.db", "peer": f"{server}/many"})
    site.done("run", "hub")
    first, second = (record["databases"][0]["pull"]["checkpoint"] for record in site.records())
    assert 0 < first["after"] <= second["before"], "it goes on from there"
    assert 3000 == site.count("few.db")


# -- signals


def test_a_configuration_is_read_again_when_it_is_told_to(site: Site) -> None:
    site.write({"name": "hub", **OFTEN})
    with going(site) as process:
        process.run()
        site.write({"name": "new", **OFTEN})
        process.process.send_signal(signal.SIGHUP)
        process.until(lambda run: run["connection"] == "new")
        site.file.write_text("no = ", encoding="utf-8")
        process.process.send_signal(signal.SIGHUP)
        assert "is not TOML" in process.line()
        assert "new" == process.run()["connection"], "the one before goes on to count"


def test_it_says_how_it_is_doing(site: Site) -> None:
    site.write({"name": "hub", **OFTEN})
    process = subprocess.Popen([word for word in spawn_words(site) if word != "--json"], stderr=subprocess.PIPE)
    with process:
        assert process.stderr is not None
        seen(lambda: bool(site.outcomes()))
        process.send_signal(signal.SIGUSR1)
        header, row = (process.stderr.readline().decode() for _ in range(2))
        process.kill()
    assert header.startswith("name  state  last success")
    assert ["hub", "ok"] == row.split()[:2]


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Where systemd listens."""
    path = str(tmp_path / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(path)
        listener.settimeout(PATIENCE_S)
        yield path, listener


def test_systemd_is_told(site: Site, systemd: tuple[str, socket.socket]) -> None:
    path, listener = systemd
    site.write({"name": "hub", "schedule": "0 0 1 1 *"})
    with going(site, NOTIFY_SOCKET=path, WATCHDOG_USEC="600000") as process:
        assert b"READY=1\nSTATUS=1 connection" == listener.recv(1000)
        begun = time.monotonic()
        assert [b"WATCHDOG=1"] * 4 == [listener.recv(1000) for _ in range(4)]
        assert time.monotonic() - begun < 4 * 0.6 + 5
        process.process.send_signal(signal.SIGHUP)
        while (said := listener.recv(1000)) == b"WATCHDOG=1":
            pass
        assert said.startswith(b"READY=1")
        process.process.send_signal(signal.SIGTERM)
        while (said := listener.recv(1000)) == b"WATCHDOG=1":
            pass
        assert b"STOPPING=1" == said
        assert 143 == process.process.wait(PATIENCE_S)


# -- very many


@pytest.mark.soak
def test_five_hundred_connections_start_in_time(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """To 50 peers, each once a minute, spread over it: 99 of 100 begin within 2 s of their time, in 200 MB."""
    for n in range(50):
        with replica.open(site.folder / "hub.db") as hub:
            hub.copy(site.folder / f"peer{n}.db").close()
    for n in range(500):
        with replica.open(site.folder / f"peer{n % 50}.db") as peer:
            peer.copy(site.folder / f"here{n}.db").close()
    site.write(
        *(
            {
                "name": f"c{n}",
                "here": f"here{n}.db",
                "peer": f"peer{n % 50}.db",
                "schedule": "* * * * *",
                "jitter": "55s",
            }
            for n in range(500)
        )
    )
    quiet = [word for word in spawn_words(site) if word != "--json"]
    with subprocess.Popen(quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(SOAK_S)  # nothing is waited for: this is how long it is watched
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        process.terminate()
        assert 143 == process.wait(PATIENCE_S)
    records = [each for each in site.records() if each["outcome"] == "done"]
    first: dict[str, str] = {}
    for each in sorted(records, key=lambda record: str(record["start"])):
        first.setdefault(each["connection"], each["start"])
    assert 500 == len(first)
    # At first all were due at once, and then what had become due meanwhile.
    since = datetime.fromisoformat(max(first.values())) + timedelta(minutes=1)
    settled = [each for each in records if datetime.fromisoformat(each["moment"]) > since]
    late = sorted(
        (datetime.fromisoformat(each["start"]) - datetime.fromisoformat(each["moment"])).total_seconds()
        for each in settled
    )
    with capsys.disabled():
        print(
            f"{len(records)} runs, p50 {late[len(late) // 2]:.2f} s, p99 {late[len(late) * 99 // 100]:.2f} s, {peak_mb:.0f} MB"
        )
    assert len(records) > 3 * 490
    assert late[len(late) * 99 // 100] < 2
    assert peak_mb < 200
