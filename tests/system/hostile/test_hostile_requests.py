"""Hostile requests: each gets its answer, costs a bounded amount of memory, and a good request is served afterwards."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import replica
from replica.server.app import ENDPOINTS
from replica.server.wire import PATIENCE_S
from tests.system.hostile.cases import CASES, CLOSED, Case
from tests.system.hostile.conversation import CONVERSATION
from tests.system.serving import Served, exchange, has_proc, read_reply, request, server_process

pytestmark = pytest.mark.system

ALL = [*CASES, *CONVERSATION]
ROUTES = {"", *(endpoint.path for endpoint in ENDPOINTS)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all: what one request spoils, the next ones show."""
    folder, elsewhere = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("elsewhere")
    for path in (folder / "good.db", elsewhere / "secret.db"):
        with replica.create(str(path)) as made:
            made.put({"Form": "Order"}, unid="order/1")
    (folder / "linked.db").symlink_to(elsewhere / "secret.db")
    (folder / "folder").symlink_to(elsewhere)
    with server_process(folder, "--access-log", "none") as served:
        assert 200 == served.ask("GET", "/good").status
        yield served
        assert ["good.db", "secret.db"] == sorted(
            path.name for path in [*folder.rglob("good.db"), *elsewhere.glob("*.db")]
        )
        assert 0 == served.stop()
        assert "Traceback" not in served.log


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in ALL if case.route in ROUTES])
def test_a_hostile_request_is_answered_and_harms_nothing(case: Case, server: Served) -> None:
    with server.connect() as connection:
        connection.settimeout(60)
        before = server.memory_bytes("VmRSS") if has_proc() else 0
        if has_proc():
            server.forget_peak()
        replies = exchange(connection, case.pieces(), 2 if case.closes else 1)
    status = replies[0].status if replies else CLOSED
    assert status in case.expected, replies
    if case.closes:
        assert 1 >= len(replies), "the connection went on"
    if replies and status >= 400 and case.forms:
        assert {"error", "reason"} <= replies[0].json.keys()
    if has_proc():
        assert case.growth_bytes_max >= server.memory_bytes("VmHWM") - before
    assert server.process.poll() is None
    assert 200 == server.ask("GET", "/good").status


def test_there_are_at_least_sixty_classes() -> None:
    assert 60 <= len({case.name for case in ALL})
    assert len(ALL) == len({case.name for case in ALL})


def test_nothing_forged_is_stored(server: Served) -> None:
    assert ["good"] == server.ask("GET", "/_all_dbs").json
    stored = {row["id"] for row in server.ask("GET", "/good/_all_docs").json["rows"]}
    assert {"order/1"} == {unid for unid in stored if not unid.startswith("old/")}


def test_after_an_error_the_connection_serves_the_next_requests(server: Served) -> None:
    wrong, right = request("GET", "/nothing"), request("GET", "/good")
    assert [404, 200, 404, 200] == [r.status for r in server.exchange(wrong + right + wrong + right, answers=4)]


def test_a_body_that_nobody_reads_is_not_taken_for_the_next_request(server: Served) -> None:
    """The handler answers without looking at the body."""
    hidden = request("DELETE", "/good")
    first = request("GET", "/_up", hidden)
    assert [200, 404] == [r.status for r in server.exchange(first, request("GET", "/nothing"), answers=2)]
    assert 200 == server.ask("GET", "/good").status


def test_a_hundred_requests_on_one_line_are_answered_in_order(server: Served) -> None:
    replies = server.exchange(b"".join(request("GET", f"/_uuids?count={n}") for n in range(100)), answers=100)
    assert list(range(100)) == [len(reply.json["uuids"]) for reply in replies]


def test_who_waits_for_permission_to_send_a_body_is_told_when_it_is_too_large(server: Served) -> None:
    path = "/good/_bulk_docs" if "/{db}/_bulk_docs" in ROUTES else "/good"
    (reply,) = server.exchange(
        request("POST", path, Content_Type="application/json", Content_Length=str(10**12), Expect="100-continue")
    )
    assert reply.status in (405, 413)


SLOW = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    "half a head after a request": request("GET", "/_up") + b"GET / HT",
    "no body": request("POST", "/good/_find", Content_Type="application/json", Content_Length="100"),
    "half a body": request("POST", "/good/_find", Content_Type="application/json", Content_Length="100") + b"{",
    "half a body, unread": request("POST", "/_up", Content_Length="100") + b"{",
    "half a chunk": request("POST", "/good/_find", Content_Type="application/json", Transfer_Encoding="chunked")
    + b"9\r\n{",
}


def test_slow_clients_are_hung_up_on_and_hold_up_nobody(server: Served) -> None:
    """All at once; each also as one that sends a byte a second, for ever."""
    ends = {name: threading.Event() for name in [*SLOW, *(f"{name}, dripping" for name in SLOW)]}

    def wait(name: str) -> None:
        with server.connect() as connection, connection.makefile("rb") as stream:
            text = SLOW[name.removesuffix(", dripping")]
            connection.sendall(text)
            if name.endswith("dripping"):
                threading.Thread(target=drip, args=(connection, ends[name]), daemon=True).start()
            while (reply := read_reply(stream)) is not None:
                assert reply.status in (200, 400, 404, 405, 408)
            ends[name].set()

    def drip(connection: socket.socket, end: threading.Event) -> None:
        while not end.wait(1.0):
            try:
                connection.send(b"x")
            except OSError:
                return

    threads = [threading.Thread(target=wait, args=(name,), daemon=True) for name in ends]
    for thread in threads:
        thread.start()
    assert 200 == server.ask("GET", "/good").status
    for name, end in ends.items():
        assert end.wait(3 * PATIENCE_S), name
    for thread in threads:
        thread.join()


def test_a_thousand_connections_that_say_nothing_hold_up_nobody(server: Served) -> None:
    before = server.memory_bytes("VmRSS") if has_proc() else 0
    idle = []
    try:
        for _ in range(1_000):
            idle.append(server.connect())
            idle[-1].send(b"G")
        assert 200 == server.ask("GET", "/good").status
        if has_proc():
            assert 32 * 2**20 >= server.memory_bytes("VmRSS") - before
    finally:
        for connection in idle:
            connection.close()
    assert 200 == server.ask("GET", "/good").status


def test_the_server_lives_on_when_it_has_no_more_files(tmp_path: Path) -> None:
    with server_process(tmp_path, "--access-log", "none") as served:
        resource = pytest.importorskip("resource")
        if not hasattr(resource, "prlimit"):
            pytest.skip("Linux only")
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        idle = [served.connect() for _ in range(60)]
        for connection in idle:
            connection.close()
        assert 200 == served.ask("GET", "/_up").status
