"""`replicate serve` where others reach it: with an administrator, with TLS, with certificates as users."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

import replica
from replica.access import Directory
from tests.certificates import Authority
from tests.system.command import done, run
from tests.system.serving import Served, server_process

pytestmark = pytest.mark.system

PASSWORD = "correct horse"


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def client(served: Served, trusted: Path, shown: Path | None = None) -> httpx2.Client:
    """Connections that trust this authority, and show that certificate."""
    context = ssl.create_default_context(cafile=trusted)
    if shown is not None:
        context.load_cert_chain(shown)
    url = f"https://127.0.0.1:{served.address[1]}"
    return httpx2.Client(base_url=url, verify=context, trust_env=False, timeout=60)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def cert(authority: Authority) -> Path:
    return authority.signed("server")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    replica.create(folder / "db.db").close()
    directory = Directory(str(folder))
    directory.add("root", PASSWORD, roles=["_admin"])
    directory.add("anna", PASSWORD)
    directory.close()
    return folder


@pytest.fixture(scope="module")
def served(data: Path, authority: Authority, cert: Path) -> Iterator[Served]:
    with server_process(data, "--tls-cert", cert, "--tls-client-ca", authority.trusted) as process:
        yield process


# -- where it listens


def test_with_an_administrator_it_listens_where_others_reach_it_and_warns_where_passwords_can_be_read(
    data: Path,
) -> None:
    with server_process(data, "--host", "0.0.0.0") as served:
        assert " at http://0.0.0.0:" in served.first
        served.address = ("127.0.0.1", served.address[1])
        assert 200 == served.ask("GET", "/", Host="hub.example").status, "with users a server has any name"
        assert 401 == served.ask("GET", "/db").status
        assert 200 == served.ask("GET", "/db", Host="hub.example", **basic("root")).status
        assert 0 == served.stop()
        assert "replicate: warning: there is no TLS: " in served.log
    with server_process(data, "--host", "0.0.0.0", "--json") as served:
        assert "there is no TLS" in json.loads(served.first)["ready"]["warning"]


def test_it_does_not_warn_where_there_is_tls_or_nobody_else(data: Path, cert: Path) -> None:
    for flags in (("--host", "0.0.0.0", "--tls-cert", cert), ("--host", "127.0.0.1")):
        with server_process(data, *flags, "--json") as served:
            assert {"address", "data"} == json.loads(served.first)["ready"].keys()


def test_with_users_and_no_administrator_it_stays_on_this_machine(tmp_path: Path) -> None:
    Directory(str(tmp_path)).add("anna", PASSWORD)
    outcome = run("serve", "--data", tmp_path, "--host", "0.0.0.0", "--port", 0, "--json")
    assert (8, "not_allowed") == (outcome.code, outcome.error["code"])
    assert "--admin" in outcome.error["hint"]
    with server_process(tmp_path) as served:
        assert 401 == served.ask("GET", "/_all_dbs").status


# -- TLS


def test_the_server_speaks_https_to_programs_and_to_our_own_command(
    served: Served, authority: Authority, tmp_path: Path
) -> None:
    assert f" at https://127.0.0.1:{served.address[1]}\n" in served.first
    with client(served, authority.trusted) as web:
        assert 200 == web.get("/", headers=basic("root")).status_code
        assert "; Secure" in web.post("/_session", data={"name": "root", "password": PASSWORD}).headers["set-cookie"]
        assert 200 == web.get("/db").status_code
    address = f"https://root@127.0.0.1:{served.address[1]}/db"
    trust = ["--ca-file", authority.trusted]
    done("copy", address, tmp_path / "here.db", *trust, REPLICA_PASSWORD=PASSWORD)
    done("put", tmp_path / "here.db", "x", "{}")
    done("sync", tmp_path / "here.db", address, *trust, REPLICA_PASSWORD=PASSWORD)
    done("get", address, "x", *trust, REPLICA_PASSWORD=PASSWORD)
    outcome = run("get", address, "x", "--json", REPLICA_PASSWORD=PASSWORD)
    assert (12, "not_trusted") == (outcome.code, outcome.error["code"])


def test_who_speaks_no_tls_is_hung_up_on(served: Served) -> None:
    assert [] == [reply.status for reply in served.exchange(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")]


def test_the_key_may_be_in_a_file_of_its_own(data: Path, cert: Path, authority: Authority) -> None:
    crt, key = cert.with_suffix(".crt"), cert.with_suffix(".key")
    with server_process(data, "--tls-cert", crt, "--tls-key", key) as served, client(served, authority.trusted) as web:
        assert 200 == web.get("/").status_code


# -- certificates as users


def test_a_certificate_is_the_user_of_its_name(served: Served, authority: Authority) -> None:
    with client(served, authority.trusted, authority.signed("root")) as web:
        assert 200 == web.get("/db").status_code
        session = web.get("/_session").json()
        assert ("root", "certificate") == (session["userCtx"]["name"], session["info"]["authenticated"])
    with client(served, authority.trusted, authority.signed("anna")) as web:
        assert 403 == web.get("/db").status_code


@pytest.mark.parametrize("subject", ["/CN=nobody", "/O=root", "/CN=root/CN=anna", "/CN=root:x", "/CN=_admin"])
def test_a_certificate_of_nobody_is_no_good_anywhere(subject: str, served: Served, authority: Authority) -> None:
    with client(served, authority.trusted, authority.signed("odd", subject)) as web:
        for path in ("/", "/_up", "/db"):
            assert 401 == web.get(path).status_code
        assert 200 == web.get("/db", headers=basic("root")).status_code, "a header counts before it"


def test_what_the_header_says_counts_and_not_the_certificate(served: Served, authority: Authority) -> None:
    with client(served, authority.trusted, authority.signed("root")) as web:
        assert 401 == web.get("/db", headers=basic("root", "wrong")).status_code
        assert 403 == web.get("/db", headers=basic("anna")).status_code
        assert 401 == web.get("/db", headers={"Authorization": "Bearer x"}).status_code
        web.post("/_session", data={"name": "anna", "password": PASSWORD})
        assert "anna" == web.get("/_session").json()["userCtx"]["name"], "somebody has logged in since"


def test_a_certificate_of_another_authority_is_refused_before_anything_is_asked(
    served: Served, authority: Authority, tmp_path: Path
) -> None:
    shown = Authority(tmp_path, "stranger").signed("root")
    with client(served, authority.trusted, shown) as web, pytest.raises(httpx2.TransportError):
        web.get("/")
    with client(served, authority.trusted) as web:
        assert (200, 401) == (web.get("/").status_code, web.get("/db").status_code), "none is needed"


def test_who_has_a_certificate_is_sent_away_when_the_user_is_removed(
    served: Served, authority: Authority, data: Path
) -> None:
    directory = Directory(str(data))
    directory.add("bert", PASSWORD, roles=["_admin"])
    with client(served, authority.trusted, authority.signed("bert")) as web:
        with web.stream("GET", "/db/_changes?feed=continuous&heartbeat=100") as answer:
            assert 200 == answer.status_code
            directory.remove("bert")
            with pytest.raises(httpx2.TransportError):
                answer.read()
        assert 401 == web.get("/").status_code
    directory.close()


def test_our_own_command_shows_a_certificate(served: Served, authority: Authority, tmp_path: Path) -> None:
    address = f"https://127.0.0.1:{served.address[1]}/db"
    done(
        "copy", address, tmp_path / "here.db", "--ca-file", authority.trusted, "--client-cert", authority.signed("root")
    )


# -- what keeps it from starting


def test_files_that_are_no_certificates_are_said(data: Path, cert: Path, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    crt, other = cert.with_suffix(".crt"), authority.signed("other").with_suffix(".key")
    for flags in (
        ("--tls-cert", tmp_path / "nothing"),
        ("--tls-cert", tmp_path / "text"),
        ("--tls-cert", crt),
        ("--tls-cert", crt, "--tls-key", other),
        ("--tls-cert", cert, "--tls-client-ca", tmp_path / "nothing"),
        ("--tls-cert", cert, "--tls-client-ca", tmp_path / "text"),
    ):
        outcome = run("serve", "--data", data, "--port", 0, *flags, "--json")
        assert (2, "bad_settings") == (outcome.code, outcome.error["code"]), flags


def test_flags_that_do_not_go_together_are_said(data: Path, cert: Path, tmp_path: Path) -> None:
    for flags in (("--tls-key", cert), ("--tls-client-ca", cert), ("--tls-cert", cert, "--socket", tmp_path / "s")):
        outcome = run("serve", "--data", data, *flags, "--json")
        assert (2, "bad_arguments") == (outcome.code, outcome.error["code"]), flags
