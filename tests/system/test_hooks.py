"""Somebody is told when a connection fails, goes well again, or brings conflicts."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

import replica
from replica.service import Runner, load
from tests.connections import Site

pytestmark = pytest.mark.system

HEAD = 'log = "state/log.db"'
OFTEN = {"name": "hub", "schedule": "* * * * *"}


def head(**hooks: str) -> str:
    """The head of a configuration that tells these."""
    return "\n".join([HEAD, *(f"on-{name} = {json.dumps(hook)}" for name, hook in hooks.items())])


def to_file(site: Site) -> dict[str, str]:
    """Commands that note all they are told in a file."""
    command = f"cat >> {site.folder}/told"
    return {"failure": command, "recovery": command, "conflict": command}


def told(site: Site) -> list[dict[str, Any]]:
    path = site.folder / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def nobody() -> str:
    """An address at which nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}/hub"


@contextmanager
def listener(status: int = 204) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that takes what it is told, and answers so."""
    heard: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Content-Type"], body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook?room=7", heard
        finally:
            server.shutdown()
            thread.join()


def test_a_failure_is_told_once_and_so_is_that_it_goes_well_again(site: Site) -> None:
    away = {"name": "hub", "peer": nobody()}
    site.write(away, head=head(**to_file(site)))
    for _ in range(2):
        assert 5 == site.run("run", "hub").code
    site.write({"name": "hub", "here": "none.db"}, head=head(**to_file(site)))
    site.run("run", "hub")  # it fails otherwise than before
    site.write({"name": "hub"}, head=head(**to_file(site)))
    for _ in range(2):
        site.done("run", "hub")
    assert ["failure", "failure", "recovery"] == [each["event"] for each in told(site)]
    first, second, third = told(site)
    assert "unreachable" == first["run"]["error"]["code"]
    assert f"there is no file {site.folder}/none.db" == second["message"]
    assert ("hub", "it goes well again") == (third["connection"], third["message"])
    with replica.open(site.log) as log:
        assert first["run"]["run"] in log, "what is told has been noted"


def test_without_a_log_a_failure_that_goes_on_is_told_once(site: Site) -> None:
    site.log.parent.mkdir()
    site.log.write_bytes(b"no database")
    site.write({"name": "hub", "here": "none.db"}, head=head(**to_file(site)))
    with Runner(load(str(site.file))) as runner:
        (connection,) = runner.connections
        for _ in range(3):
            runner.run(connection)
    assert ["failure"] == [each["event"] for each in told(site)]


def test_new_conflicts_are_told(site: Site) -> None:
    for name, number in (("laptop.db", 1), ("hub.db", 2)):
        with replica.open(site.folder / name) as db:
            document = db.get("both")
            document["n"] = number
            db.put(document)
    site.write(OFTEN, head=head(**to_file(site)))
    site.done("run")
    site.done("run", "hub")
    ((event, message),) = ((each["event"], each["message"]) for each in told(site))
    assert ("conflict", "1 new conflict") == (event, message)


def test_an_address_is_told_in_a_request(site: Site) -> None:
    with listener() as (url, heard):
        site.write({"name": "hub", "here": "none.db"}, head=head(failure=url))
        assert 10 == site.run("run", "hub").code
    ((kind, body),) = heard
    assert "application/json" == kind
    assert {"event", "connection", "host", "time", "message", "run"} == json.loads(body).keys()


@pytest.mark.parametrize(
    ("hook", "code", "said"),
    [
        ("exit 3", 2, "on-recovery: the command ended with code 3"),
        ("no-such-program", 2, "on-recovery: the command ended with code 127"),
        ("http://127.0.0.1:1/hook", 5, "on-recovery: "),  # where nobody listens
    ],
)
def test_who_cannot_be_told_keeps_nothing_from_running(site: Site, hook: str, code: int, said: str) -> None:
    site.write({"name": "hub", "peer": nobody()}, head=head(recovery=hook))
    site.run("run", "hub")
    site.write({"name": "hub"}, {"name": "other"}, head=head(recovery=hook))
    outcome = site.run("run", "hub", "other", "--json")
    assert (code, ["done", "done"]) == (outcome.code, [each["outcome"] for each in outcome.value])
    assert outcome.error["message"].startswith(said)


def test_an_address_that_answers_no_is_told_of(site: Site) -> None:
    with listener(status=500) as (url, _):
        site.write({"name": "hub", "here": "none.db"}, head=head(failure=url))
        assert "on-failure: it answered 500" in site.run("run", "hub").err


def test_a_command_that_does_not_end_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.service.hooks.PATIENCE_S", 0.2)
    site.write({"name": "hub", "here": "none.db"}, head=head(failure="exec sleep 60"))
    assert "on-failure: the command is not done after 0.2 s" in site.run("run", "hub").err


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('""', "it is a command or an address"),
        ("7", "it is a command or an address"),
        ('"https://anna:secret@alerts.example/x"', "no password may stand in an address here"),
        ('"https://:0/"', "it is no address"),
    ],
)
def test_what_is_wrong_with_a_hook_is_told_with_its_line(site: Site, value: str, said: str) -> None:
    site.write(OFTEN, head=f"{HEAD}\non-failure = {value}")
    found = site.run("config", "check", "--json")
    (problem,) = found.value["problems"]
    assert (2, 2, "on-failure") == (found.code, problem["line"], problem["key"])
    assert said in problem["message"]
    assert "secret" not in found.out + found.err
    assert ["done"] == [each["outcome"] for each in json.loads(site.run("run", "--json").out)]


def test_the_configuration_shows_who_is_told(site: Site) -> None:
    site.write(OFTEN, head=head(failure="notify ops"))
    shown = site.done("config", "show", "--origin", "--json").value["on-failure"]
    assert {"value": "notify ops", "origin": f"{site.file}:2"} == shown
    assert "did you mean 'on-failure'?" in _checked(site, 'on-failed = "x"')


def _checked(site: Site, line: str) -> str:
    site.write(OFTEN, head=f"{HEAD}\n{line}")
    return site.run("config", "check").out
