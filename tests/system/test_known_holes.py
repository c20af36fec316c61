"""Holes that servers like this one had, tried here: each test says which, and what it would have done.

What is tried elsewhere is not repeated here:

* Every endpoint with no, wrong, expired, revoked and forged credentials, and `_users` by all of its names: test_gate_matrix.
* Two `Authorization` headers: test_gate_matrix. Credentials taken for others, cookies under other keys: unit/test_gate.
* Old cookies after a password has changed or a user was made again, and those of another server: test_gate.
* Feeds that outlive a right: test_gate, test_access_levels, laws/test_rights_lowered.
* Who changes the access list, through every door: test_access_levels. Forged authors and ancestries of theirs: laws/test_authors.
* Forged savers: laws/test_who_saved. Forged bytes and histories of a peer that lies: laws/test_law_9_peers_that_lie.
* Requests within requests, bombs of gzip, JSON and length: hostile/. Pages of other origins and names: test_around_the_server.
* Hashes that ask for too much work: unit/test_passwords.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import argon2
import httpx2
import pytest

import replica
from replica.access import Directory
from replica.canonical import canonical, parse
from replica.errors import BadDocument, ReplicaError
from replica.server.app import ENDPOINTS
from replica.server.framing import TARGET_BYTES_MAX
from replica.server.gate.attempts import BY_NAME
from replica.server.gate.cookies import cookie
from replica.transports.network import Network
from tests.asking import revision
from tests.hubs import SCHEMES, Hub, hub
from tests.servers import serving
from tests.system.serving import Served, server_process

pytestmark = pytest.mark.system

PASSWORD = "correct horse"
NAMES = {"anna": "editor", "rita": "reader", "dora": "depositor", "dan": "designer"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hub]:
    """A server with users of some levels."""
    with hub(tmp_path, *NAMES) as found:
        found.grant(**NAMES)
        yield found


@contextmanager
def replicate_serve(folder: Path) -> Iterator[Served]:
    """`replicate serve` itself, with the administrator `root` and a database `db`."""
    with closing(Directory(str(folder))) as directory:
        directory.add("root", PASSWORD, roles=["_admin"])
    replica.create(folder / "db.db").close()
    with server_process(folder) as served:
        yield served


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Served]:
    """A server process for one test."""
    with replicate_serve(tmp_path) as served:
        yield served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same for those who get no further than the door, and try no passwords."""
    with replicate_serve(tmp_path_factory.mktemp("shared")) as served:
        yield served


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


# -- users that are made by what two parsers understand differently (CVE-2017-12635: whoever could write to `_users` was an
#    administrator, because the check read the last `roles` and the login the first)

TWICE = (
    '{"type":"user","name":"eve","roles":["_admin"],"roles":[],"password_hash":"HASH"}',
    '{"type":"user","name":"eve","roles":[],"roles":["_admin"],"password_hash":"HASH"}',
    '{"type":"user","name":"eve","name":"root","roles":["_admin"],"password_hash":"HASH"}',
    '{"type":"user","name":"eve","roles":[],"r\\u006fles":["_admin"],"password_hash":"HASH"}',
)


@pytest.mark.parametrize("text", TWICE)
def test_a_key_twice_makes_no_administrator(text: str, tmp_path: Path) -> None:
    """Neither where documents come in, nor if the bytes are in the file already, brought by a file that somebody wrote."""
    with closing(Directory(str(tmp_path))) as directory:
        directory.add("eve", PASSWORD)
        path = tmp_path / "_users.db"
        with replica.open(path) as users:
            phc = str(users.get("org.couchdb.user:eve")["password_hash"])
        with pytest.raises(BadDocument):
            parse(text.replace("HASH", phc))
        with closing(sqlite3.connect(path)) as raw, raw:
            assert 1 == raw.execute("UPDATE leaf SET body = ?", (text.replace("HASH", phc),)).rowcount
    with closing(Directory(str(tmp_path))) as directory:
        assert directory.by_password("eve", PASSWORD) is None
        assert directory.by_name("eve") is None
        assert not directory.has_admin


# -- headers and parameters that say who asks (CouchDB's `proxy_authentication_handler` believes the first three; others
#    rewrite method, path or address)

SAID = (
    {"X-Auth-CouchDB-UserName": "root", "X-Auth-CouchDB-Roles": "_admin", "X-Auth-CouchDB-Token": ""},
    {"X-Auth-CouchDB-UserName": "root", "X-Auth-CouchDB-Roles": "_admin", "X-Auth-CouchDB-Token": "0" * 40},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1;host=localhost;proto=https"},
    {"X-Forwarded-User": "root", "Remote-User": "root", "X-Remote-User": "root", "X-Authenticated-User": "root"},
    {
        "X-Forwarded-Host": "localhost",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Prefix": "/db",
    },
    {"X-Original-URL": "/_up", "X-Rewrite-URL": "/_up", "X-Original-Method": "GET"},
    {"X-HTTP-Method-Override": "GET", "X-HTTP-Method": "GET", "X-Method-Override": "GET"},
    {"X-SSL-Client-S-DN": "CN=root", "SSL-Client-Verify": "SUCCESS", "X-Client-Cert": "CN=root"},
    {"Cookie": "AuthSession=; AuthSession=cm9vdDo="},
    {"Cookie": "Authorization=" + basic("root", PASSWORD)},
    {"Proxy-Authorization": basic("root", PASSWORD)},
)


@pytest.mark.parametrize("headers", SAID, ids=", ".join)
def test_no_other_header_says_who_asks_or_what(headers: dict[str, str], shared: Served) -> None:
    for method, path in (
        ("GET", "/db"),
        ("PUT", "/other"),
        ("DELETE", "/db"),
        ("GET", "/_all_dbs"),
        ("GET", "/_metrics"),
    ):
        reply = shared.ask(method, path, **headers)
        assert 401 == reply.status, (method, path)
    told = shared.ask("GET", "/_session", **headers).json
    assert {"name": None, "roles": []} == told["userCtx"]
    assert "authenticated" not in told["info"]


@pytest.mark.parametrize(
    "query",
    [
        *("_method=GET", "method=GET", "X-HTTP-Method-Override=GET", "name=root&password=correct+horse"),
        *("token=TOKEN", "access_token=TOKEN", "bearer_token=TOKEN", "AuthSession=TOKEN", "userCtx={}"),
    ],
)
def test_no_parameter_says_who_asks_or_what(query: str, made: Hub) -> None:
    query = query.replace("TOKEN", made.token("root"))
    with httpx2.Client(base_url=made.url, trust_env=False) as web:
        assert 401 == web.get(f"/db?{query}").status_code
        assert 401 == web.post(f"/db?{query}", json={}).status_code
    assert 403 == made.ask("rita", "DELETE", f"?{query}").status_code


def test_a_header_does_not_change_the_method_of_somebody_who_is_known(made: Hub) -> None:
    headers = {"Authorization": f"Bearer {made.token('root')}", "X-HTTP-Method-Override": "DELETE"}
    with httpx2.Client(base_url=made.url, trust_env=False, headers=headers) as web:
        assert 200 == web.get("/db").status_code
        assert 200 == web.get("/db").status_code, "it is still there"


def test_who_says_to_come_from_elsewhere_has_no_more_passwords_to_try(real: Served) -> None:
    """Where `X-Forwarded-For` is believed, each attempt comes from an address of its own."""
    statuses = [
        real.ask("GET", "/", **{"Authorization": basic("root", f"wrong{n}"), "X-Forwarded-For": f"192.0.2.{n}"}).status
        for n in range(BY_NAME.most + 1)
    ]
    assert [401] * BY_NAME.most + [429] == statuses
    assert real.stop() == 0
    assert "192.0.2." not in real.log


# -- secrets that are empty (CVE-2022-24706: the default cookie of Erlang; a `_users` document with an empty hash)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic", basic("root", ""), basic("", ""), basic("", PASSWORD)]
)
def test_an_empty_credential_is_none_that_is_good(header: str, real: Served) -> None:
    for path in ("/", "/db", "/_session"):
        assert 401 == real.ask("GET", path, Authorization=header).status, path


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"password_hash": ""},
        {"password_hash": None},
        {"password_sha": "", "salt": ""},
        {"password_scheme": "pbkdf2", "derived_key": "", "salt": "", "iterations": 10},
        {"password_scheme": "pbkdf2", "derived_key": "0" * 40, "salt": "", "iterations": 0},
        {"password_scheme": "none"},
        {"password_scheme": "simple", "password_sha": hashlib.sha1(b"").hexdigest(), "salt": ""},
        {
            "password_scheme": "pbkdf2",
            "derived_key": hashlib.pbkdf2_hmac("sha1", b"", b"", 10).hex(),
            "salt": "",
            "iterations": 10,
        },
    ],
    ids=lambda kept: json.dumps(kept)[:60],
)
def test_a_user_without_a_hash_has_no_password_not_even_an_empty_one(kept: dict[str, Any], tmp_path: Path) -> None:
    with closing(Directory(str(tmp_path))) as directory:
        directory.add("root", PASSWORD, roles=["_admin"])
        with replica.open(tmp_path / "_users.db") as users:
            users.put({"type": "user", "name": "eve", "roles": ["_admin"], **kept}, unid="org.couchdb.user:eve")
        for password in ("", "\0", " ", "None", "null", "0" * 40):
            assert directory.by_password("eve", password) is None


@pytest.mark.parametrize("kept", [{"secret": ""}, {"secret": "00"}, {"secret": "none"}, {"secret": None}, {}, [], 1])
def test_a_cookie_secret_that_is_none_is_made_anew(kept: Any, tmp_path: Path) -> None:
    """With an empty one, whoever knows the name of a user who has no password could sign a cookie."""
    with closing(Directory(str(tmp_path))) as directory:
        directory.add("root", PASSWORD)
        assert 32 == len(directory.cookie_secret)
    with replica.open(tmp_path / "_users.db") as users:
        users.put({"type": "user", "name": "eve", "roles": ["_admin"]}, unid="org.couchdb.user:eve")
    with closing(sqlite3.connect(tmp_path / "_users.db")) as raw, raw:
        changed = raw.execute(
            "UPDATE local_document SET body = ? WHERE name = 'cookie-secret'", (canonical(kept).decode(),)
        )
        assert 1 == changed.rowcount
    forged = cookie("eve", hmac.digest(b"", b"eve", "sha256"), int(time.time()))
    with serving(tmp_path) as url, httpx2.Client(base_url=url, trust_env=False) as web:
        assert 401 == web.get("/_all_dbs", headers={"Cookie": f"AuthSession={forged}"}).status_code
        assert 200 == web.post("/_session", data={"name": "root", "password": PASSWORD}).status_code
        assert 200 == web.get("/_all_dbs").status_code


# -- tokens that say themselves how they are to be checked (`alg=none`, CVE-2015-9235; a public key taken for a secret)


def jwt(header: dict[str, Any], secret: bytes = b"") -> str:
    """A token of others' making, signed if there is something to sign with."""
    claims = {"sub": "root", "_couchdb.roles": ["_admin"], "roles": ["_admin"], "exp": 2**33}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(parts), "sha256") if secret else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.mark.parametrize(
    "token",
    [
        *(jwt({"alg": alg, "typ": "JWT"}) for alg in ("none", "None", "NONE", "", "HS256")),
        *(jwt({"alg": "HS256", "kid": kid}, b"secret") for kid in ("", "_default", "../../../../dev/null", "' OR 1=1")),
        jwt({"alg": "HS256", "jwk": {"kty": "oct", "k": "c2VjcmV0"}}, b"secret"),
        *("replica_000000000000_", "replica__", "replica_" + "0" * 12 + "_" + "A" * 43, "null", "undefined", "root"),
    ],
)
def test_a_token_of_others_making_opens_nothing(token: str, shared: Served) -> None:
    for method, path in (("GET", "/"), ("GET", "/db"), ("PUT", "/other")):
        assert 401 == shared.ask(method, path, Authorization=f"Bearer {token}").status


# -- what can be told by how much work there is (CVE-2010-0009: the time of a comparison)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The parameters of each argon2id hash that is checked, as it happens. Nothing is replaced by it."""
    done: list[str] = []
    verify = argon2.PasswordHasher.verify

    def noted(self: argon2.PasswordHasher, phc: Any, secret: Any) -> Any:
        done.append(str(argon2.extract_parameters(phc)))
        return verify(self, phc, secret)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", noted)
    return done


def test_the_work_for_a_wrong_password_is_the_same_for_everybody(work: list[Any], tmp_path: Path) -> None:
    couchdb = {"password_scheme": "pbkdf2", "derived_key": "0" * 40, "salt": "x", "iterations": 10}
    with closing(Directory(str(tmp_path))) as directory:
        for name in ("anna", "gone"):
            directory.add(name, PASSWORD)
        directory.remove("gone")
        with replica.open(tmp_path / "_users.db") as users:
            for name, items in (("none", {}), ("damaged", {"password_hash": ""}), ("couchdb", couchdb)):
                users.put({"type": "user", "name": name, "roles": [], **items}, unid=f"org.couchdb.user:{name}")
        done = {}
        for name in ("anna", "gone", "none", "damaged", "couchdb", "unknown", "", "_admin", "a:b"):
            for password in ("wrong", ""):
                work.clear()
                assert directory.by_password(name, password) is None
                done[name, password] = tuple(work)
    assert {done["anna", "wrong"]} == set(done.values())
    assert 1 == len(done["anna", "wrong"])


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, made: Hub) -> None:
    compared: list[int] = []
    digest = hmac.compare_digest

    def noted(a: Any, b: Any) -> bool:
        compared.append(len(a))
        return digest(a, b)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    good = made.token("anna")
    wrong = good[:-1] + ("A" if good[-1] != "A" else "E")
    forged = cookie("anna", b"x" * 32, int(time.time()))
    with httpx2.Client(base_url=made.url, trust_env=False) as web:
        for headers, length in (({"Authorization": f"Bearer {wrong}"}, 64), ({"Cookie": f"AuthSession={forged}"}, 32)):
            compared.clear()
            assert 401 == web.get("/db", headers=headers).status_code
            assert [length] == compared


# -- what was good once (replay)


def test_a_token_is_worthless_once_it_was_revoked_or_its_user_made_again(made: Hub) -> None:
    def asked(token: str) -> int:
        with httpx2.Client(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as web:
            return web.get(f"{made.url}/db").status_code

    revoked, kept = made.directory.create_token("anna"), made.token("anna")
    assert [200, 200] == [asked(revoked), asked(kept)]
    made.directory.revoke(revoked)
    assert [401, 200] == [asked(revoked), asked(kept)]
    made.directory.remove("anna")
    made.directory.add("anna", PASSWORD)
    assert [401, 401] == [asked(revoked), asked(kept)]


def test_a_cookie_that_was_tampered_with_is_none(made: Hub) -> None:
    """Another name or time under the same signature, or a signature cut short (so that less has to be guessed)."""
    made.directory.change_password("anna", PASSWORD)
    made.directory.change_password("rita", PASSWORD)
    with httpx2.Client(base_url=made.url, trust_env=False) as web:
        web.post("/_session", data={"name": "rita", "password": PASSWORD})
        text = web.cookies["AuthSession"]
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    changed = (
        *(raw.replace(b"rita", b"anna"), raw.replace(b"rita", b"root"), raw[:-1], raw[:-32], raw[:-31], raw + b"\0"),
        *(
            raw.replace(b"rita:", b"rita:F"),
            raw.replace(b"rita:", b"rita:-"),
            raw[:-1] + bytes([raw[-1] ^ 1]),
            b"",
            b":::",
        ),
    )
    for each in (raw, *changed):
        forged = base64.urlsafe_b64encode(each).rstrip(b"=").decode()
        with httpx2.Client(base_url=made.url, trust_env=False, headers={"Cookie": f"AuthSession={forged}"}) as web:
            assert (200 if each == raw else 401) == web.get("/db").status_code, each


# -- histories that somebody invents


def pushed(made: Hub, who: str, unid: str, rev: str, scheme: str) -> bool:
    """A replica that was stolen from an administrator: it knows the document, and who pushes from it may not see it."""
    path = made.folder.parent / f"{who}-{unid.replace('/', '-')}-{scheme or 'own'}.db"
    with replica.open(made.path) as there:
        there.copy(path).close()
    with replica.open(path, user=who) as here:
        here.put(replica.Document({"n": "forged"}, unid=unid, revision=rev))
        done = made.push(here, who, scheme)
    return not done.refused


def _above(unid: str, rev: str, **items: Any) -> dict[str, Any]:
    number, _, text = rev.partition("-")
    return revision(unid, f"{int(number) + 1}-b", text, **items)


def _is_taken(answered: httpx2.Response) -> bool:
    told = answered.json()
    if isinstance(told, list):  # as CouchDB does, what a replicator brings is answered only where it was refused
        return not any("error" in row for row in told)
    return answered.status_code < 300


DOORS: dict[str, Callable[[Hub, str, str, str], bool]] = {
    "PUT": lambda made, who, unid, rev: _is_taken(made.ask(who, "PUT", f"/{unid}", {"_rev": rev, "n": 2})),
    "POST": lambda made, who, unid, rev: _is_taken(made.ask(who, "POST", "", {"_id": unid, "_rev": rev, "n": 2})),
    "DELETE": lambda made, who, unid, rev: _is_taken(made.ask(who, "DELETE", f"/{unid}?rev={rev}")),
    "_bulk_docs": lambda made, who, unid, rev: _is_taken(
        made.ask(who, "POST", "/_bulk_docs", {"docs": [{"_id": unid, "_rev": rev, "_deleted": True}]})
    ),
    "PUT of a replicator": lambda made, who, unid, rev: _is_taken(
        made.ask(who, "PUT", f"/{unid}?new_edits=false", _above(unid, rev, n=2))
    ),
    "_bulk_docs of a replicator": lambda made, who, unid, rev: _is_taken(
        made.ask(who, "POST", "/_bulk_docs", {"new_edits": False, "docs": [_above(unid, rev, _deleted=True)]})
    ),
    "another root": lambda made, who, unid, rev: _is_taken(
        made.ask(who, "POST", "/_bulk_docs", {"new_edits": False, "docs": [revision(unid, "99-f", n=2)]})
    ),
    "COPY": lambda made, who, unid, rev: _is_taken(made.ask(who, "COPY", f"/{unid}", None)),
    "an attachment": lambda made, who, unid, rev: _is_taken(made.ask(who, "PUT", f"/{unid}/a.txt?rev={rev}", "x")),
    **{
        f"a push, {scheme or 'our own'}": lambda made, who, unid, rev, scheme=scheme: pushed(
            made, who, unid, rev, scheme
        )
        for scheme in SCHEMES
    },
}


@pytest.mark.parametrize("door", DOORS)
def test_a_revision_that_claims_to_descend_from_one_that_its_sender_may_not_see_buries_nothing(
    door: str, made: Hub
) -> None:
    with replica.open(made.path) as there:
        rev = there.put({"n": 1, "$Readers": ["root"]}, unid="hidden").revision
        assert rev is not None
        assert not DOORS[door](made, "anna", "hidden", rev), "an editor, who may change all that they see"
        assert [rev] == [each.revision for each in there.revisions("hidden")]


@pytest.mark.parametrize("door", DOORS)
def test_nobody_but_designers_changes_a_design_document(door: str, made: Hub) -> None:
    """What runs there, or is a list of who may do what, came in by a door that nobody had thought of."""
    with replica.open(made.path) as there:
        rev = there.put({"n": 1}, unid="_design/x").revision
        assert rev is not None
        for who in ("rita", "dora", "anna"):
            if door.startswith("a push") and who == "dora":
                continue  # tests/laws/test_access_lists.py: a depositor pushes into a mailbox
            assert not DOORS[door](made, who, "_design/x", rev), who
        assert [rev] == [each.revision for each in there.revisions("_design/x")]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nobody_pushes_users_not_even_an_administrator(scheme: str, made: Hub, tmp_path: Path) -> None:
    """CVE-2017-12635 and -12636 began with somebody who could write to `_users`."""
    token = made.token("root")
    before = made.directory.version
    with replica.create(tmp_path / "eve.db") as here:
        here.put({"type": "user", "name": "eve", "roles": ["_admin"]}, unid="org.couchdb.user:eve")
        for name in ("_users", "_users.db", "db%2F..%2F_users", "%5Fusers"):
            with pytest.raises(ReplicaError):
                replica.replicate(here, f"{scheme}{made.url}/{name}", "push", network=Network(token=token))
    assert before == made.directory.version
    assert made.directory.by_name("eve") is None


# -- configuration over HTTP (CVE-2017-12636, CVE-2018-8007, CVE-2018-11769: an administrator of CouchDB runs programs by it)

CONFIGURING = (
    *("/_config", "/_config/query_servers/cmd", "/_node/_local/_config", "/_node/_local/_config/admins/eve"),
    *("/_node/nonode@nohost/_config/httpd/bind_address", "/_node/_local/_restart", "/_restart", "/_reshard"),
    *("/_reshard/jobs", "/_reshard/state", "/_cluster_setup", "/_utils", "/_utils/index.html", "/_nodes/x", "/_dbs/db"),
    *("/_users", "/_users/org.couchdb.user:eve", "/_replicator", "/_replicator/x", "/_global_changes", "/_membership"),
    *("/_scheduler/jobs", "/_active_tasks", "/_stats", "/_db_updates", "/_replica-server", "/.replica-server"),
    *("/db/_users", "/db/_shards", "/db/_sync_shards", "/db/_config", "/db/_security/x", "/db/../_users", "/%2e%2e/x"),
    *("/_users.db-wal", "/_users.db-lock", "/..%2F..%2Fetc%2Fpasswd", "/db.db", "/_replicate"),
)


def state(folder: Path) -> dict[str, str]:
    """Each file that is none of a database's, and what the databases hold."""
    kept = {}
    for path in folder.rglob("*"):
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as raw:
                kept[path.name] = hashlib.sha256("\n".join(raw.iterdump()).encode()).hexdigest()
        elif not path.name.endswith(("-wal", "-shm", "-lock")):
            kept[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return kept


@pytest.mark.parametrize("who", ["root", None])
def test_nothing_is_configured_over_http(who: str | None, made: Hub) -> None:
    unanswered = []
    headers = {} if who is None else {"Authorization": f"Bearer {made.token(who)}"}
    before = state(made.folder)
    with httpx2.Client(base_url=made.url, trust_env=False, headers=headers) as web:
        for path in CONFIGURING:
            for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "PATCH", "OPTIONS"):
                value = {"source": "x", "target": "y"} if method in ("PUT", "POST", "PATCH") else None
                answered = web.request(method, path, json=value)
                allowed = (400, 404, 405, 501) if who else (401,)
                if answered.status_code not in allowed:
                    unanswered.append((method, path, answered.status_code, answered.text))
    assert [] == unanswered
    assert before == state(made.folder)


# -- answers that a browser takes for a page of the server's (CVE-2021-38295), every one that there is

HARMLESS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
MISFITS = {
    400: b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    414: b"GET /" + b"x" * TARGET_BYTES_MAX + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    431: b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    501: b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    505: b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
}


def is_harmless(status: int, headers: Mapping[str, str]) -> bool:
    """Whether no browser takes it for more than data, nor is sent somewhere by it."""
    kind = headers.get("content-type", "application/json").partition(";")[0]
    is_data = kind in ("application/json", "text/plain", "multipart/mixed") or kind.startswith("application/vnd.")
    is_sent_away = 300 <= status < 400 and status != 304
    return is_data and not is_sent_away and all(value == headers.get(name) for name, value in HARMLESS.items())


def concrete(path: str) -> str:
    """A path of the table with something in the place of each part."""
    if path.endswith("_changes"):
        path += "?timeout=1"
    for part, text in {
        "{db}": "db",
        "{attachment:path}": "a.html",
        "{rest:path}": "a/b.html",
        "{verb:path}": "x",
    }.items():
        path = path.replace(part, text)
    return re.sub(r"{\w+}", "x", path)


@pytest.mark.parametrize("who", ["nobody", "root"])
def test_every_answer_is_data_also_where_it_is_an_error(who: str, real: Served) -> None:
    base = "http://{}:{}".format(*real.address)
    harmful, statuses = [], set()
    asked = [
        (method, concrete(each.path)) for each in ENDPOINTS for method in (*each.methods, "HEAD", "OPTIONS", "PATCH")
    ]
    asked += [("GET", path) for path in ("/nothing", "/a/b/c/d", "/db/", "//db", "/db//x", "/db/x/")]
    with httpx2.Client(base_url=base, trust_env=False, auth=("root", PASSWORD) if who == "root" else None) as web:
        for method, path in asked:
            if (method, path) == ("DELETE", "/db"):
                continue  # the others need it
            for body in (b"{}", b"<html>"):
                headers = {"Content-Type": "application/json", "Accept": "text/html"}
                answered = web.request(method, base + path, content=body, headers=headers)
                statuses.add(answered.status_code)
                if not is_harmless(answered.status_code, answered.headers):
                    harmful.append((method, path, answered.status_code, answered.headers))
    assert [] == harmful
    assert statuses >= ({200, 401} if who == "nobody" else {200, 201, 400, 404, 405, 415, 501})


@pytest.mark.parametrize("status", MISFITS)
def test_so_is_an_answer_to_what_is_no_request(status: int, shared: Served) -> None:
    (reply,) = shared.exchange(MISFITS[status])
    assert status == reply.status
    assert is_harmless(reply.status, reply.headers), reply


def test_so_is_the_answer_when_the_server_has_a_fault(real: Served, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    reply = real.ask("GET", "/broken", Authorization=basic("root", PASSWORD))
    assert 500 == reply.status
    assert is_harmless(reply.status, reply.headers), reply
