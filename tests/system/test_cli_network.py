"""Commands with addresses: secrets, certificates, proxies, sockets, rates, and the exit codes of what goes wrong."""

from __future__ import annotations

import base64
import os
import pty
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import replica
from replica.transports.address import parse_address
from replica.transports.throttled import Throttle
from tests.couchdbs import CouchDB
from tests.middleman import Asked, Middleman, Told, between
from tests.needs import need
from tests.system.command import PROGRAM, done, run, spawn

pytestmark = pytest.mark.system

SECRET = "s3cr3t-pass word"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def guarded(couchdb: CouchDB) -> Iterator[tuple[Middleman, str]]:
    """A server that wants to know who asks, and the path of a database there."""
    with between(couchdb.url) as middle:
        path = couchdb.make().removeprefix(couchdb.url)

        def way(asked: Asked, ask: Any) -> Told:
            if asked.headers.get("authorization") in (basic("anna", SECRET), f"Bearer {SECRET}"):
                return ask(asked)
            return Told(401, b'{"error":"unauthorized","reason":"You are not authorized to access this db."}')

        middle.way = way
        yield middle, path


@pytest.fixture
def hub(tmp_path: Path) -> str:
    path = str(tmp_path / "hub.db")
    done("create", path)
    done("put", path, "a", '{"n":1}')
    return path


def at(guarded: tuple[Middleman, str], user: str = "anna") -> str:
    middle, path = guarded
    return f"http://{user}{'@' if user else ''}{middle.url.removeprefix('http://')}{path}"


def test_a_password_comes_from_a_variable_a_file_or_a_command(
    hub: str, guarded: tuple[Middleman, str], tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\nanother line\n")
    done("sync", hub, at(guarded), REPLICA_PASSWORD=SECRET)
    done("sync", hub, at(guarded), REPLICA_PASSWORD_FILE=str(file))
    done("list", at(guarded), REPLICA_PASSWORD_COMMAND=f"cat {file}")
    done("list", at(guarded, f"anna:{quote(SECRET)}"))


def test_a_token_comes_the_same_ways_and_goes_before_a_password(
    hub: str, guarded: tuple[Middleman, str], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET + "\n")
    for user in ("", "anna"):
        done("list", at(guarded, user), REPLICA_TOKEN=SECRET)
        done("sync", hub, at(guarded, user), REPLICA_TOKEN_FILE=str(file), REPLICA_PASSWORD="wrong")
        done("list", at(guarded, user), REPLICA_TOKEN_COMMAND=f"cat {file}")
    assert 12 == run("list", at(guarded), REPLICA_TOKEN="wrong", REPLICA_PASSWORD=SECRET).code
    assert 2 == run("list", at(guarded), REPLICA_TOKEN_FILE=str(tmp_path / "none")).code


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX-Other: b", "ü", "\udc80", " "])
def test_what_cannot_be_sent_is_no_token(guarded: tuple[Middleman, str], token: str) -> None:
    asked = len(guarded[0].asked)
    outcome = run("list", at(guarded), "--json", REPLICA_TOKEN=token)
    assert (2, "bad_settings") == (outcome.code, outcome.error["code"])
    assert token.strip() not in outcome.error["message"] or not token.strip()
    assert asked == len(guarded[0].asked)


def test_a_password_comes_from_netrc(hub: str, guarded: tuple[Middleman, str], tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f'machine 127.0.0.1 login anna password "{SECRET}"\n')
    netrc.chmod(0o600)
    done("sync", hub, at(guarded, ""), NETRC=str(netrc))
    done("sync", hub, at(guarded), NETRC=str(netrc))
    assert 12 == run("sync", hub, at(guarded, "berta"), NETRC=str(netrc)).code


def test_a_password_is_asked_for_on_a_terminal(guarded: tuple[Middleman, str]) -> None:
    terminal, end = pty.openpty()
    words = [*PROGRAM, "info", at(guarded)]
    with subprocess.Popen(words, stdin=end, stdout=subprocess.PIPE, stderr=end, start_new_session=True) as process:
        os.close(end)
        asked = b""
        while b"Password of anna" not in asked:
            asked += os.read(terminal, 1000)
        os.write(terminal, SECRET.encode() + b"\n")
        assert process.stdout is not None
        out = process.stdout.read()
        assert 0 == process.wait(60)
    os.close(terminal)
    assert SECRET.encode() not in asked + out


def test_who_does_not_say_who_asks_gets_code_12_at_once(hub: str, guarded: tuple[Middleman, str]) -> None:
    for outcome in (
        run("sync", hub, at(guarded), "--json"),
        run("sync", hub, at(guarded), "--json", REPLICA_PASSWORD="wrong"),
        run("get", at(guarded, ""), "a", "--json"),
    ):
        assert (12, "not_authenticated", False) == (outcome.code, outcome.error["code"], outcome.error["retryable"])
    assert len(guarded[0].asked) <= 6


def test_a_secret_is_nowhere_to_be_seen(hub: str, guarded: tuple[Middleman, str], tmp_path: Path) -> None:
    """Not in what is printed, also of errors, and not in any file."""
    outcomes = []
    with_password = at(guarded, f"anna:{quote(SECRET)}")
    wrong = at(guarded, f"anna:{quote(SECRET)}x")
    for flags in ((), ("--json",), ("-v",), ("--debug",)):
        outcomes += [
            run("sync", hub, at(guarded), *flags, REPLICA_PASSWORD=SECRET),
            run("sync", hub, with_password, *flags),
            run("info", with_password, *flags),
            run("conflicts", with_password, *flags),
            run("get", with_password, "nobody", *flags),
            run("verify", with_password, *flags),
            run("sync", hub, wrong, *flags),
            run("sync", hub, with_password + "x", *flags),
            run("sync", hub, with_password.replace("http:", "ftp:"), *flags),
            run("sync", hub, with_password.replace(":", "::"), *flags),
            run("sync", hub, with_password + "?query", *flags),
            run("copy", with_password, tmp_path / f"copy{len(outcomes)}.db", *flags),
            run("history", hub, *flags),
        ]
    assert {0, 2, 8, 10, 12} == {outcome.code for outcome in outcomes}
    seen = "".join(outcome.out + outcome.err for outcome in outcomes).encode()
    seen += b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    seen += "".join(
        map(str, guarded[0].ask(Asked("GET", guarded[1] + "/_all_docs?include_docs=true", {}, b"")))
    ).encode()
    seen += repr(parse_address(with_password)).encode() + repr(replica.Network(password=SECRET, token=SECRET)).encode()
    for form in (SECRET, quote(SECRET), basic("anna", SECRET).removeprefix("Basic ")):
        assert form.encode() not in seen


def test_a_secret_is_not_among_the_words_that_everyone_can_list(hub: str, guarded: tuple[Middleman, str]) -> None:
    listed: list[bytes] = []
    middle, _ = guarded
    way = middle.way

    def listing(asked: Asked, ask: Any) -> Told:
        listed.append(Path(f"/proc/{process.pid}/cmdline").read_bytes())
        return way(asked, ask)

    os.environ["REPLICA_PASSWORD"] = SECRET
    try:
        process = spawn("sync", hub, at(guarded))
        middle.way = listing
        process.communicate(timeout=60)
    finally:
        del os.environ["REPLICA_PASSWORD"]
    assert 0 == process.returncode
    assert listed
    assert SECRET.encode() not in b"".join(listed)


# -- certificates


def certificate(folder: Path, name: str) -> Path:
    """A certificate for this machine that only itself vouches for, and its key, in one file."""
    made = folder / f"{name}.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    key, shown = folder / f"{name}.key", folder / f"{name}.crt"
    files = ["-keyout", str(key), "-out", str(shown), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([need("openssl"), *words, *files], check=True, capture_output=True)
    made.write_text(key.read_text() + shown.read_text())
    return made


def test_a_certificate_is_checked_unless_it_is_named(couchdb: CouchDB, hub: str, tmp_path: Path) -> None:
    own = certificate(tmp_path, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(own)
    path = couchdb.make().removeprefix(couchdb.url)
    with between(couchdb.url, tls) as middle:
        outcome = run("sync", hub, middle.url + path, "--json")
        assert (12, "not_trusted", False) == (outcome.code, outcome.error["code"], outcome.error["retryable"])
        assert [] == middle.asked
        done("sync", hub, middle.url + path, "--ca-file", tmp_path / "server.crt")
        done("--ca-file", tmp_path / "server.crt", "sync", hub, middle.url + path)
        done("list", middle.url + path, REPLICA_CA_FILE=str(tmp_path / "server.crt"))
        outcome = run("sync", hub, middle.url + path, "--ca-file", tmp_path / "nothing.crt")
        assert 2 == outcome.code


def test_a_certificate_is_shown_to_whoever_wants_one(couchdb: CouchDB, hub: str, tmp_path: Path) -> None:
    own, client = certificate(tmp_path, "server"), certificate(tmp_path, "client")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(own)
    tls.load_verify_locations(tmp_path / "client.crt")
    tls.verify_mode = ssl.CERT_REQUIRED
    path = couchdb.make().removeprefix(couchdb.url)
    with between(couchdb.url, tls) as middle:
        address = middle.url + path
        trust = ["--ca-file", tmp_path / "server.crt"]
        assert 5 == run("sync", hub, address, *trust).code
        done("sync", hub, address, *trust, "--client-cert", client)
        assert 2 == run("sync", hub, address, *trust, "--client-cert", tmp_path / "server.crt").code


# -- ways


def test_a_proxy_is_used_where_the_environment_names_one(couchdb: CouchDB, hub: str) -> None:
    address = couchdb.make().replace("127.0.0.1", "couch.example")
    with between(couchdb.url) as proxy:
        done("sync", hub, address, HTTP_PROXY=proxy.url)
        assert proxy.asked
        assert proxy.asked[0].path.startswith(f"{address.rpartition('/')[0]}")
        del proxy.asked[:]
        done("sync", hub, couchdb.make(), HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1")
        assert [] == proxy.asked


def test_a_server_behind_a_unix_socket_is_reached(couchdb: CouchDB, hub: str, tmp_path: Path) -> None:
    path = couchdb.make().removeprefix(couchdb.url)
    socket = str(tmp_path / "server.sock")
    with between(couchdb.url, unix=socket) as middle:
        address = f"http+unix://{quote(socket, safe='')}{path}"
        assert 1 == done("sync", hub, address, "--json").value["push"]["added"]
        assert middle.asked
        assert address == str(parse_address(address))


def test_a_rate_holds_up_what_is_too_early() -> None:
    """Of a bound in each direction; a second's worth takes a second."""
    now = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    throttle = Throttle(1000, lambda: now[0], sleep)
    for _ in range(10):
        throttle.spend(500)
    assert now[0] == pytest.approx(5)
    now[0] += 100  # what was not used is not saved up
    throttle.spend(500)
    assert slept[-1] == pytest.approx(0.5)


def test_a_rate_is_kept_on_the_wire(couchdb: CouchDB, tmp_path: Path) -> None:
    with replica.create(tmp_path / "large.db") as hub:
        hub.put({"text": "x" * 100_000}, unid="a")
    address = couchdb.make()
    pushed = done("push", tmp_path / "large.db", address, "--json", "--bwlimit", "100k").value
    assert pushed["push"]["wire_bytes"] > 100_000
    assert pushed["seconds"] > 0.9
    assert 2 == run("push", tmp_path / "large.db", address, "--bwlimit", "fast").code


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 12), (403, 8), (404, 10), (429, 5), (500, 5), (502, 5), (503, 5), (504, 5), (405, 8), (501, 8), (400, 2)],
)
def test_each_answer_has_its_exit_code(hub: str, guarded: tuple[Middleman, str], status: int, code: int) -> None:
    middle, path = guarded
    middle.way = lambda asked, ask: Told(status, b"{}")
    assert code == run("sync", hub, middle.url + path).code


def test_a_server_that_is_not_there_is_a_temporary_error(hub: str) -> None:
    outcome = run("sync", hub, "http://127.0.0.1:1/orders", "--json")
    assert (5, "unreachable", True) == (outcome.code, outcome.error["code"], outcome.error["retryable"])


def test_another_server_at_the_address_is_unsafe_and_forced(hub: str, couchdb: CouchDB, tmp_path: Path) -> None:
    address = couchdb.make()
    uuid = ["one"]

    def way(asked: Asked, ask: Any) -> Told:
        return (
            Told(200, b'{"couchdb":"Welcome","uuid":"%b"}' % uuid[0].encode())
            if asked.path in ("", "/")
            else ask(asked)
        )

    with between(couchdb.url) as middle:
        middle.way = way
        there = middle.url + address.removeprefix(couchdb.url)
        done("sync", hub, there)
        uuid[0] = "two"
        outcome = run("sync", hub, there, "--json")
        assert (9, "not_a_replica") == (outcome.code, outcome.error["code"])
        assert "--force" in outcome.error["hint"]
        done("sync", hub, there, "--force")
        done("sync", hub, there)
        done("create", tmp_path / "other.db")
        assert 9 == run("sync", tmp_path / "other.db", there, "--force").code


def test_documents_are_read_and_saved_at_an_address(couchdb: CouchDB) -> None:
    address = couchdb.make()
    saved = done("put", address, "a", '{"n":1}', "--json").value
    assert saved == {"ok": True, "_id": "a", "_rev": couchdb.ask(f"{address}/a")["_rev"]}
    assert 8 == run("put", address, "a", '{"n":2}').code
    done("put", address, "a", '{"n":2}', "--replace")
    assert 2 == done("get", address, "a").value["n"]
    assert ["a"] == [each["_id"] for each in done("list", address).lines]
    assert ["a"] == [each["_id"] for each in done("find", address, '{"n":{"$gt":1}}', "--sort", "n").lines]
    assert ["a"] == [each["unid"] for each in done("changes", address).lines]
    assert 1 == done("info", address, "--json").value["documents"]
    assert [] == done("conflicts", address, "--json").value
    done("delete", address, "a")
    assert 10 == run("get", address, "a").code
    for command in ("verify", "compact", "history", "settings", "refused"):
        outcome = run(command, address, "--json")
        assert (8, "not_supported") == (outcome.code, outcome.error["code"])


def test_a_conflict_is_resolved_at_an_address(couchdb: CouchDB) -> None:
    address = couchdb.make()
    clash = [{"_id": "a", "_rev": f"1-{name}", "from": name} for name in ("x", "y")]
    couchdb.ask(f"{address}/_bulk_docs", "POST", {"new_edits": False, "docs": clash})
    (conflict,) = done("conflicts", address, "--json").value
    assert ("1-y", "1-x") == (conflict["winner"], conflict["leaves"][0]["_rev"])
    done("resolve", address, "a", "--keep", "1-x")
    assert "x" == couchdb.ask(f"{address}/a")["from"]
    assert [] == done("conflicts", address, "--json").value
