"""`replicate serve`: how it starts, what it says, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

import replica
from tests.system.command import Outcome, run, spawn
from tests.system.serving import Reply, Served, exchange, read_reply, request, server_process

pytestmark = pytest.mark.system


def test_the_ready_line_names_an_address_that_answers(tmp_path: Path) -> None:
    with server_process(tmp_path) as served:
        assert f"replicate: serving {tmp_path} at http://127.0.0.1:{served.address[1]}\n" == served.first
        assert "Welcome" == served.ask("GET", "/").json["couchdb"]


def test_with_json_the_ready_line_and_the_log_are_json(tmp_path: Path) -> None:
    with server_process(tmp_path, "--json") as served:
        url = f"http://127.0.0.1:{served.address[1]}"
        assert {"ready": {"address": url, "data": str(tmp_path)}} == json.loads(served.first)
        served.ask("GET", "/nothing?password=secret", Authorization="Basic c2VjcmV0")
        assert 0 == served.stop()
        (line,) = map(json.loads, served.log.splitlines())
        assert ("GET", "/nothing", 404, "127.0.0.1") == (line["method"], line["path"], line["status"], line["client"])
        assert {"time", "client", "method", "path", "status", "bytes", "bytes_in", "ms"} == line.keys()
        assert "secret" not in served.log


def test_the_log_has_a_line_for_each_request_without_its_query(tmp_path: Path) -> None:
    with server_process(tmp_path) as served:
        reply = served.ask("PUT", "/db?token=secret")
        assert 0 == served.stop()
        assert re.fullmatch(rf"\S+Z 127\.0\.0\.1 PUT /db 201 {len(reply.body)} [0-9.]+ms\n", served.log)


def test_files_whose_names_are_not_utf_8_are_left_out_and_told_of_once(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    replica.create(tmp_path / "Grüße.db").close()
    try:
        os.mkdir(folder + b"/b\xfe")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    for name in (b"a\xff.db", b"b\xfe/c.db"):
        replica.create(os.fsdecode(folder + b"/" + name)).close()
    with server_process(tmp_path) as served:
        for _ in range(2):
            assert ["Grüße"] == served.ask("GET", "/_all_dbs").json
        assert 400 == served.ask("GET", "/a%FF").status
        assert 0 == served.stop()
        told = [line for line in served.log.splitlines() if "not UTF-8" in line]
    assert [
        r"replicate: the file b'a\xff.db' is not served: its name is not UTF-8",
        r"replicate: the file b'b\xfe/c.db' is not served: its name is not UTF-8",
    ] == told


def test_quiet_says_nothing(tmp_path: Path) -> None:
    at = tmp_path / "socket"
    process = spawn("serve", "--data", tmp_path, "--socket", at, "-q")
    while not at.exists() and process.poll() is None:
        time.sleep(0.01)
    assert 200 == ask_at(at).status
    process.terminate()
    assert (b"", b"") == process.communicate(timeout=30)
    assert 0 == process.returncode


def test_a_database_made_over_http_is_a_file_that_the_command_opens(tmp_path: Path) -> None:
    with server_process(tmp_path) as served:
        assert 201 == served.ask("PUT", "/a%2Fb").status
        assert 0 == served.stop()
    with replica.open(str(tmp_path / "a" / "b.db")) as made:
        assert 0 == len(made)
    assert {"b.db", "b.db-lock"} >= {path.name for path in (tmp_path / "a").iterdir()}, "the log was not checkpointed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(number: int, tmp_path: Path) -> None:
    with server_process(tmp_path) as served, served.connect() as idle:
        idle.sendall(request("GET", "/_up"))
        with idle.makefile("rb") as stream:
            assert 200 == read_reply(stream).status  # type: ignore[union-attr]
            assert 0 == served.stop(number)
            assert b"" == stream.read(), "a connection that waits is closed"
    assert "Traceback" not in served.log


def test_a_request_that_runs_is_finished_before_the_end(tmp_path: Path) -> None:
    """It was asked for on a line of requests, of which only the running ones are answered."""
    with server_process(tmp_path) as served, served.connect() as connection:
        connection.sendall(b"".join(request("PUT", f"/db{n}") for n in range(20)))
        with connection.makefile("rb") as stream:
            answered = [read_reply(stream)]
            served.process.send_signal(signal.SIGTERM)
            while answered[-1] is not None:
                answered.append(read_reply(stream))
        assert 0 == served.process.wait(30)
    assert {201} == {reply.status for reply in answered if reply}
    assert len(answered) - 1 == len(list(tmp_path.glob("*.db")))


def test_a_live_feed_is_told_its_last_place_and_ended(tmp_path: Path) -> None:
    with replica.create(str(tmp_path / "db.db")) as made, server_process(tmp_path) as served, served.connect() as feed:
        made.put({}, unid="order/1")
        feed.sendall(request("GET", "/db/_changes?feed=continuous"))
        with feed.makefile("rb") as stream:
            while b"order/1" not in stream.readline():
                pass
            begun = time.monotonic()
            assert 0 == served.stop()
            assert 5 > time.monotonic() - begun, "it waited for the grace to pass"
            rest = stream.read()
    assert b'"last_seq"' in rest
    assert rest.endswith(b"\r\n0\r\n\r\n"), "the answer was cut off"


def is_listening(served: Served) -> bool:
    try:
        served.connect().close()
    except ConnectionError:
        return False
    return True


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with replica.create(str(tmp_path / "db.db")), server_process(tmp_path) as served, served.connect() as slow:
        slow.sendall(request("POST", "/db/_find", Content_Type="application/json", Content_Length="100") + b"{")
        assert 200 == served.ask("GET", "/db").status
        served.process.send_signal(signal.SIGTERM)
        while is_listening(served):  # when it is not, the first one was heard
            time.sleep(0.01)
        assert 143 == served.stop()


def refused(code: int, *words: object) -> Outcome:
    outcome = run("serve", *words, "--json")
    assert code == outcome.code, outcome.err
    assert "" == outcome.out
    return outcome


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_address_that_others_reach_is_refused(host: str, tmp_path: Path) -> None:
    assert "not_allowed" == refused(8, "--data", tmp_path, "--host", host, "--port", 0).error["code"]


def test_a_host_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "bad_settings" == refused(2, "--data", tmp_path, "--host", "no host", "--port", 0).error["code"]
    assert "bad_settings" == refused(2, "--data", tmp_path, "--port", 70_000).error["code"]


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        error = refused(5, "--data", tmp_path, "--port", other.getsockname()[1]).error
    assert "busy" == error["code"]
    assert error["retryable"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "bad_settings" == refused(2, "--data", tmp_path / "no", "--port", 0).error["code"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert "read_only" == refused(8, "--data", tmp_path, "--port", 0).error["code"]


def ask_at(path: Path) -> Reply:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        (reply,) = exchange(connection, [request("GET", "/_up")])
        return reply


def test_a_unix_socket_serves_and_is_removed_at_the_end(tmp_path: Path) -> None:
    at = tmp_path / "socket"
    with server_process(tmp_path, "--socket", at) as served:
        assert f"replicate: serving {tmp_path} at {at}\n" == served.first
        assert 200 == ask_at(at).status
        assert 0 == served.stop()
        assert " - GET /_up 200 " in served.log
    assert not at.exists()


def test_the_socket_of_a_killed_server_is_replaced_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    at = tmp_path / "socket"
    with server_process(tmp_path, "--socket", at) as first:
        assert 200 == ask_at(at).status
        assert "busy" == refused(5, "--data", tmp_path, "--socket", at).error["code"]
        first.process.kill()
        first.process.wait()
        assert stat.S_ISSOCK(at.stat().st_mode)
        with server_process(tmp_path, "--socket", at):
            assert 200 == ask_at(at).status


def test_what_is_no_socket_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "socket").write_text("mine")
    assert "exists" == refused(8, "--data", tmp_path, "--socket", tmp_path / "socket").error["code"]
    assert "mine" == (tmp_path / "socket").read_text()


def test_a_socket_in_a_folder_that_is_not_there_or_with_too_long_a_path_is_said(tmp_path: Path) -> None:
    assert "bad_settings" == refused(2, "--data", tmp_path, "--socket", tmp_path / "no" / "socket").error["code"]
    assert "bad_settings" == refused(2, "--data", tmp_path, "--socket", tmp_path / ("x" * 200)).error["code"]


def test_headers_and_body_in_two_segments_do_not_wait_for_an_acknowledgement(tmp_path: Path) -> None:
    """CouchDB sends them so, and without `TCP_NODELAY`: each request would take 40 ms, 2 s together."""
    if not hasattr(socket, "TCP_QUICKACK"):
        pytest.skip("Linux only")
    with server_process(tmp_path, "--access-log", "none") as served, served.connect() as connection:
        body = b'{"new_edits":false,"docs":[]}'
        text = request("POST", "/db/_bulk_docs", body)
        with connection.makefile("rb") as stream:
            begun = time.monotonic()
            for _ in range(50):
                connection.send(text[: -len(body)])
                connection.send(body)
                assert read_reply(stream) is not None
            assert 1.0 > time.monotonic() - begun
