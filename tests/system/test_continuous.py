"""Replication that goes on: what arrives and when, what is tried again, what ends it, and how it is told to end."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

import replica
from replica.errors import Mistake, NotAReplica, NotFound, TimedOut, Unreachable
from replica.server.app import create_app
from replica.transports.address import parse_address
from replica.transports.couchdb import feed
from replica.transports.http import HTTPPeer
from replica.transports.network import Network
from replica.transports.web import Web
from tests.couchdbs import CouchDB
from tests.going_on import LIMIT_S, Going, going, holds
from tests.middleman import Asked, Middleman, Told, between
from tests.servers import running, serving
from tests.system.command import done, run, spawn

pytestmark = pytest.mark.system

QUIET_S = 1.0  # in which nothing happens: several times as long as it takes to notice something


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[replica.Replica]:
    (tmp_path / "served").mkdir()
    with replica.create(tmp_path / "served" / "hub.db") as made:
        yield made


@pytest.fixture
def laptop(hub: replica.Replica, tmp_path: Path) -> Iterator[replica.Replica]:
    with hub.copy(tmp_path / "laptop.db") as made:
        yield made


@pytest.fixture
def url(hub: replica.Replica, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "served") as made:
        yield f"{made}/hub"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# -- what arrives


@pytest.mark.parametrize("kind", ["file", "ours", "forced", "couchdb"])
def test_a_change_at_either_end_arrives_soon(
    laptop: replica.Replica,
    hub: replica.Replica,
    request: pytest.FixtureRequest,
    kind: str,
    record_property: Callable[[str, object], None],
) -> None:
    """What is promised is a second; the machine may be busy."""
    with ExitStack() as stack:
        there: replica.Replica = hub
        if kind == "file":
            address = hub.path
        elif kind == "couchdb":
            address = request.getfixturevalue("couchdb").make()
            there = stack.enter_context(replica.open(address))
        else:
            address = ("couchdb+" if kind == "forced" else "") + request.getfixturevalue("url")
        replication = stack.enter_context(going(laptop.path, address))
        replication.calm()
        took: dict[str, list[float]] = {"there": [], "here": []}
        for n in range(3):
            for way, source, target in (("there", laptop, there), ("here", there, laptop)):
                begun = monotonic()
                unid = source.put({"n": n}, unid=f"{way}{n}").unid
                assert holds(lambda unid=unid, target=target: target.get(unid, None) is not None)
                took[way].append(monotonic() - begun)
        record_property(
            "note", f"{kind}: arrived after {max(took['there']):.2f} s there, {max(took['here']):.2f} s here, at most"
        )
        assert max(*took["there"], *took["here"]) < 10


def test_two_addresses_go_on_too(hub: replica.Replica, laptop: replica.Replica, tmp_path: Path) -> None:
    with serving(tmp_path) as one, serving(tmp_path / "served") as other, going(f"{one}/laptop", f"{other}/hub"):
        hub.put({}, unid="a")
        laptop.put({}, unid="b")
        assert holds(lambda: "a" in laptop and "b" in hub)


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_one_direction_is_one_direction(
    hub: replica.Replica, laptop: replica.Replica, url: str, direction: str
) -> None:
    source, target = (hub, laptop) if direction == "pull" else (laptop, hub)
    with going(laptop.path, url, direction) as replication:
        replication.calm()
        target.put({}, unid="stays")
        source.put({}, unid="goes")
        assert holds(lambda: "goes" in target)
        report = replication.end()
    assert "stays" not in source
    assert (direction == "push", direction == "pull") == (report.pull is None, report.push is None)


def test_the_report_is_the_sum_of_all_rounds(hub: replica.Replica, laptop: replica.Replica, url: str) -> None:
    with going(laptop.path, url) as replication:
        for n in range(3):
            laptop.put({}, unid=f"l{n}")
            hub.put({}, unid=f"h{n}")
            assert holds(lambda n=n: f"l{n}" in hub and f"h{n}" in laptop)
        report = replication.end()
    assert report.pull is not None
    assert report.push is not None
    assert (True, 3, 3, None) == (report.ok, report.pull.added, report.push.added, report.limit)


def test_what_is_refused_does_not_end_it_and_is_counted_once(
    hub: replica.Replica, laptop: replica.Replica, url: str
) -> None:
    laptop.settings["document-size-max"] = 1000
    hub.put({"large": "x" * 2000}, unid="large")
    with going(laptop.path, url) as replication:
        for n in range(3):
            hub.put({}, unid=f"h{n}")
            assert holds(lambda n=n: f"h{n}" in laptop)
        report = replication.end()
    assert report.pull is not None
    assert not report.ok
    assert (3, {"too_large": 1}) == (report.pull.added, report.pull.refused)
    assert ["large"] == [failure.unid for failure in report.pull.failures]


# -- quiet


def falls_quiet(count: Callable[[], int]) -> bool:
    """Whether what is counted soon stands still."""
    end = monotonic() + LIMIT_S
    while monotonic() < end:
        before = count()
        if not holds(lambda before=before: count() > before, QUIET_S):
            return True
    return False


class Counting:
    """Who counts the requests of a server."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def begun(self, exchange: Any) -> None:
        self.paths.append(exchange.path)

    def ended(self, exchange: Any) -> None:
        pass


@pytest.mark.parametrize("force", ["", "couchdb+"])
def test_when_it_is_quiet_it_is_quiet(
    hub: replica.Replica, laptop: replica.Replica, tmp_path: Path, force: str
) -> None:
    """After an edit there is the round that brings it, one more look at what that wrote, and then nothing."""
    counting = Counting()
    with (
        serving(tmp_path / "served", observers=[counting]) as made,
        hub.copy(tmp_path / "desk.db") as desk,
        going(laptop.path, f"{force}{made}/hub") as one,
        going(desk.path, f"{force}{made}/hub") as two,
    ):
        for source in (laptop, hub):
            one.calm()
            two.calm()
            rounds = len(one.waits), len(two.waits)
            unid = source.put({}).unid
            assert holds(lambda unid=unid: unid in laptop and unid in desk)
            assert falls_quiet(lambda: len(counting.paths))
            assert len(one.waits) - rounds[0] <= 2
            assert len(two.waits) - rounds[1] <= 2


def test_with_a_server_that_is_not_ours_it_is_quiet_too(laptop: replica.Replica, couchdb: CouchDB) -> None:
    with between(couchdb.url) as middle:
        address = couchdb.make().replace(couchdb.url, middle.url)
        with going(laptop.path, address) as replication:
            replication.calm()
            laptop.put({}, unid="a")
            assert holds(lambda: len(replication.waits) >= 2)
            assert falls_quiet(lambda: len(middle.asked))
            assert len(replication.waits) <= 3
            assert {"a"} == CouchDB.leaves(address).keys()


# -- what may get better


def test_a_server_that_is_down_at_first_is_waited_for(
    hub: replica.Replica, laptop: replica.Replica, tmp_path: Path
) -> None:
    port = free_port()
    laptop.put({}, unid="a")
    with going(laptop.path, f"http://127.0.0.1:{port}/hub") as replication:
        assert isinstance(replication.in_trouble(), Unreachable)
        with serving(tmp_path / "served", port):
            assert holds(lambda: "a" in hub)
            replication.calm()


def test_a_server_that_restarts_is_gone_on_with(hub: replica.Replica, laptop: replica.Replica, tmp_path: Path) -> None:
    """The command says once that it is out of reach, and once that it works again."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/hub"
    said: list[str] = []
    with spawn("sync", laptop.path, address, "--continuous", "--json") as quiet:
        process = spawn("sync", laptop.path, address, "--continuous", stdin=subprocess.DEVNULL)
        assert process.stderr is not None
        reading = threading.Thread(target=lambda: said.extend(line.decode() for line in process.stderr), daemon=True)  # type: ignore[union-attr]
        reading.start()
        for n in range(2):
            if n == 1:
                laptop.put({}, unid="while-down")
                assert holds(lambda: "tried again" in "".join(said), 30)
            with serving(tmp_path / "served", port):
                laptop.put({}, unid=f"l{n}")
                hub.put({}, unid=f"h{n}")
                assert holds(lambda n=n: f"l{n}" in hub and f"h{n}" in laptop, 30)
                assert n == 0 or holds(lambda: "works again" in "".join(said), 30)
        assert "while-down" in hub
        for each in (process, quiet):
            each.terminate()
        out, err = quiet.communicate(timeout=30)
        assert (143, b"", True) == (quiet.returncode, err, json.loads(out)["ok"])
        assert process.stdout is not None
        with process.stdout, process.stderr:
            assert 143 == process.wait(30)
            reading.join(30)
    while_waiting_for_the_first = said[:-2]
    assert ["tried again" in line for line in while_waiting_for_the_first] in ([], [True, False]), said
    assert [True, False] == ["tried again" in line for line in said[-2:]], said


class Line:
    """A TCP connection's way through a proxy, which may fall silent without being closed."""

    def __init__(self, behind: str) -> None:
        host, _, port = behind.removeprefix("http://").partition("/")[0].partition(":")
        self._behind = (host, int(port))
        self.is_silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                mine, _ = self._listener.accept()
                its = socket.create_connection(self._behind)
            except OSError:
                return
            for one, other in ((mine, its), (its, mine)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        dead = False
        with one, other:
            try:
                while data := one.recv(65536):
                    dead = dead or self.is_silent.is_set()  # for ever: who comes later has a line of its own
                    if not dead:
                        other.sendall(data)
            except OSError:
                pass
            for end in (one, other):  # closed alone, it would stay open for as long as the other thread reads from it
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def line(url: str) -> Iterator[Line]:
    made = Line(url)
    yield made
    made.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence counts as such after a second."""
    monkeypatch.setattr("replica.transports.connecting.PLAIN", Network(silence_s=1.0))
    monkeypatch.setattr("replica.transports.http.WAIT_S_MAX", 0.5)
    monkeypatch.setattr("replica.transports.http.SILENCE_S", 1.0)
    monkeypatch.setattr("replica.transports.couchdb.feed.SILENCE_S", 1.0)
    monkeypatch.setitem(feed.LIVE, "heartbeat", "300")
    monkeypatch.setattr("replica.transports.retrying.ENOUGH_S", 0.5)


@pytest.mark.parametrize("force", ["", "couchdb+"])
@pytest.mark.usefixtures("impatient")
def test_a_peer_that_falls_silent_is_noticed(
    hub: replica.Replica, laptop: replica.Replica, line: Line, force: str
) -> None:
    with going(laptop.path, f"{force}http://127.0.0.1:{line.port}/hub") as replication:
        replication.calm()
        line.is_silent.set()
        hub.put({}, unid="late")
        assert isinstance(replication.in_trouble(), TimedOut)
        line.is_silent.clear()
        assert holds(lambda: "late" in laptop)
        replication.calm()


def test_a_peer_that_says_nothing_keeps_nobody(hub: replica.Replica, laptop: replica.Replica, line: Line) -> None:
    """Neither while it is waited for nor in the middle of a round."""
    address = f"http://127.0.0.1:{line.port}/hub"
    for put in (False, True):
        line.is_silent.clear()
        replication = Going(laptop.path, address)
        replication.calm()
        line.is_silent.set()
        if put:
            rounds = len(replication.waits)
            laptop.put({})
            assert not holds(lambda rounds=rounds, of=replication: len(of.waits) > rounds, 1)  # it hangs
        begun = monotonic()
        assert replication.end().ok
        assert monotonic() - begun < 5


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_tried_again(laptop: replica.Replica, couchdb: CouchDB, status: int) -> None:
    with between(couchdb.url) as middle:
        address = couchdb.make().replace(couchdb.url, middle.url)
        middle.way = lambda asked, ask: Told(status, b"{}")
        laptop.put({}, unid="a")
        with going(laptop.path, address) as replication:
            assert replication.in_trouble().may_retry
            middle.way = lambda asked, ask: ask(asked)
            assert holds(lambda: CouchDB.ask(f"{address}/a").get("_id") == "a")


# -- what will not


@pytest.mark.parametrize(("status", "code"), [(401, 12), (403, 8), (404, 10)])
@pytest.mark.parametrize("at_first", [True, False])
def test_what_will_not_get_better_ends_it_at_once(
    laptop: replica.Replica, couchdb: CouchDB, status: int, code: int, at_first: bool
) -> None:
    def no(asked: Asked, ask: Any) -> Told:
        return Told(status, b'{"error":"no","reason":"no"}')

    with between(couchdb.url) as middle:
        address = couchdb.make().replace(couchdb.url, middle.url)
        if at_first:
            middle.way = no
        else:
            later(middle, no, laptop)
        outcome = run("sync", laptop.path, address, "--continuous", "--json", "--max-duration", "30s")
    assert (code, False) == (outcome.code, outcome.error["retryable"])
    assert "" == outcome.out


def later(middle: Middleman, way: Any, laptop: replica.Replica) -> None:
    """Let it begin well, and be so when the next document is sent."""

    def waits(asked: Asked, ask: Any) -> Told:
        if "feed=longpoll" in asked.path:
            middle.way = way
            laptop.put({})
        return ask(asked)

    middle.way = waits


def test_what_is_no_replica_of_it_ends_it(laptop: replica.Replica, url: str, tmp_path: Path) -> None:
    with replica.create(tmp_path / "other.db") as other, pytest.raises(NotAReplica):
        replica.replicate(other, url, continuous=True, max_duration=30)
    assert 9 == run("sync", tmp_path / "other.db", url, "--continuous", "--max-duration", "30s").code
    assert 9 == run("sync", laptop.path, laptop.path, "--continuous", "--max-duration", "30s").code


def test_a_database_that_is_deleted_meanwhile_ends_it(laptop: replica.Replica, url: str) -> None:
    for force in ("", "couchdb+"):
        with going(laptop.path, force + url) as replication:
            if not force:
                replication.calm()
                assert 200 == httpx2.delete(url).status_code
            assert isinstance(replication.ended(), NotFound)


def test_a_dry_run_cannot_go_on(laptop: replica.Replica, hub: replica.Replica) -> None:
    with pytest.raises(Mistake):
        replica.replicate(laptop, hub, continuous=True, dry_run=True)
    assert 2 == run("sync", laptop.path, hub.path, "--continuous", "--dry-run").code


# -- how it ends


def test_it_ends_after_the_time_that_it_was_given(laptop: replica.Replica, hub: replica.Replica, url: str) -> None:
    laptop.put({}, unid="a")
    for address in (hub.path, url, f"http://127.0.0.1:{free_port()}/hub"):
        outcome = run("sync", laptop.path, address, "--continuous", "--max-duration", "500ms", "--json")
        assert (7, "max_duration", False) == (outcome.code, outcome.value["limit"], outcome.value["ok"])
    assert "a" in hub


@contextmanager
def syncing(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    with spawn("sync", *words, "--continuous", stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["file", "http"])
def test_a_signal_ends_it_well(
    laptop: replica.Replica, hub: replica.Replica, url: str, number: signal.Signals, kind: str
) -> None:
    laptop.put({}, unid="a")
    with syncing(laptop.path, hub.path if kind == "file" else url, "--json") as process:
        assert holds(lambda: "a" in hub, 30)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (128 + number, b"") == (process.returncode, err)
    report = json.loads(out)
    assert (True, 1, 0) == (report["ok"], report["push"]["added"], report["pull"]["added"])


def test_a_signal_in_the_middle_leaves_whole_batches(laptop: replica.Replica, hub: replica.Replica, url: str) -> None:
    """The report says what has arrived, and the next run goes on from there."""
    laptop.put_many({"text": os.urandom(20_000).hex()} for _ in range(300))
    with syncing(laptop.path, url, "--json", "--bwlimit", "8M") as process:
        assert holds(lambda: len(hub) > 0, 30)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (143, b"") == (process.returncode, err)
    arrived = json.loads(out)["push"]["added"]
    assert 0 < arrived < 300
    rest = done("sync", laptop.path, url, "--json").value["push"]["added"]
    assert 300 == len(hub)
    assert 300 - arrived >= rest
    assert laptop.compare(hub)["ok"]


def test_conflicts_are_told_at_the_end(laptop: replica.Replica, hub: replica.Replica) -> None:
    laptop.put({"n": 1}, unid="a")
    hub.put({"n": 2}, unid="a")
    words = ["sync", laptop.path, hub.path, "--continuous", "--fail-on-conflict"]
    with spawn(*words, stdin=subprocess.DEVNULL) as process:
        assert holds(lambda: any(laptop.conflicts()) and any(hub.conflicts()), 30)
        process.terminate()
        process.communicate(timeout=30)
    assert 4 == process.returncode


def test_on_a_terminal_a_line_says_that_it_waits(laptop: replica.Replica, hub: replica.Replica) -> None:
    mine, its = pty.openpty()
    with spawn("sync", laptop.path, hub.path, "--continuous", stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown = b""
        while b"waiting for changes" not in shown:
            shown += os.read(mine, 1000)
        process.terminate()
        assert 143 == process.wait(30)
    os.close(mine)


# -- the server's side


def test_who_waits_at_a_server_is_answered_when_it_stops(
    hub: replica.Replica, laptop: replica.Replica, tmp_path: Path
) -> None:
    """And does not keep it up by asking again."""
    port = free_port()
    with ExitStack() as stack:
        for n in range(3):
            with serving(tmp_path / "served", port):
                if n == 0:
                    stack.enter_context(going(laptop.path, f"http://127.0.0.1:{port}/hub"))
                hub.put({}, unid=f"h{n}")
                assert holds(lambda n=n: f"h{n}" in laptop)
                begun = monotonic()
            assert monotonic() - begun < 5


def test_many_wait_at_a_server_and_hold_none_of_its_threads(hub: replica.Replica, url: str) -> None:
    """Twice as many as it has threads; another one is answered, and all are told what is new, by whoever it was written."""
    client = httpx2.Client(
        trust_env=False, timeout=60, limits=httpx2.Limits(max_connections=100, max_keepalive_connections=100)
    )
    peer = HTTPPeer(Web(parse_address(url), client))
    since = peer.greet(None).reached
    with closing(client), ThreadPoolExecutor(80) as pool:
        waiting = [pool.submit(peer.newer, since) for _ in range(80)]
        assert not wait(waiting, 1.0).done
        assert peer.greet(None).reached == since
        hub.put({})  # not through the server
        assert [True] * 80 == [each.result(60) for each in waiting]


def test_nobody_waits_for_longer_than_the_server_lets(
    url: str, hub: replica.Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replica.server.native.conversation.WAIT_S_MAX", 0.1)
    with httpx2.Client(trust_env=False, timeout=60) as client:
        peer = HTTPPeer(Web(parse_address(url), client))
        begun = monotonic()
        assert not peer.newer(peer.greet(None).reached)
        assert monotonic() - begun < 20


def test_a_server_that_is_about_to_stop_hangs_up_after_each_answer(hub: replica.Replica, tmp_path: Path) -> None:
    app = create_app(str(tmp_path / "served"))
    with running(app) as made, httpx2.Client(trust_env=False) as client:
        assert "connection" not in client.get(f"{made}/hub").headers
        app.dismiss()
        assert "close" == client.get(f"{made}/hub").headers["connection"]
