"""Every endpoint with every method, asked by everybody there is: who gets through and who does not.

The table here is written by hand and compared with that of the server: an endpoint that is not in both fails.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

import replica
from replica.access import Directory
from replica.server.app import ENDPOINTS
from replica.server.gate.rights import Need
from tests.servers import serving

pytestmark = pytest.mark.system

PASSWORD = "correct horse"
NOTHING, LOGIN, OFFER, READ, NOTE, WRITE = Need.NOTHING, Need.LOGIN, Need.OFFER, Need.READ, Need.NOTE, Need.WRITE
COPY, DESIGN, MANAGE, OBSERVE, ADMINISTER = Need.COPY, Need.DESIGN, Need.MANAGE, Need.OBSERVE, Need.ADMINISTER


class Case(NamedTuple):
    """What is asked, what it needs, and what somebody who has that is answered."""

    need: Need
    status: int
    body: Any = None
    query: str = ""


def verbs() -> dict[tuple[str, str], Case]:
    """Of our own conversation; 415 is said behind the gate."""
    needs = {"greet": OFFER, "missing": OFFER, "withheld": OFFER, "remember": NOTE, "accept": WRITE}
    copying = ("changes", "changes-up-to", "changes-of", "changed-leaves", "fetch", "texts", "snapshot")
    copying += ("withdrawn",)
    known = {("POST", f"/{{db}}/_replica/{name}"): Case(needs.get(name, COPY), 415, {}) for name in (*needs, *copying)}
    others = {(method, "/{db}/_replica/{verb:path}"): Case(OFFER, 501) for method in ("GET", "POST", "PUT", "DELETE")}
    return known | others


def not_offered() -> dict[tuple[str, str], Case]:
    """What is answered with 501, but only to those who may know of the database."""
    rows = """
        POST /{db}/_purge · GET /{db}/_purged_infos · GET PUT /{db}/_purged_infos_limit · POST /{db}/_temp_view
        GET /{db}/_partition/{rest:path} · GET /{db}/_design/{design}/_info
        COPY /{db}/_design/{design} · COPY /{db}/{unid}
        GET PUT DELETE /{db}/_design/{design}/{attachment:path} · GET PUT DELETE /{db}/{unid}/{attachment:path}
    """
    listed = [row.split() for line in rows.strip().splitlines() for row in line.split("·")]
    for word in ("_view", "_show", "_list", "_update", "_rewrite", "_search", "_nouveau"):
        listed.append(["GET", "POST", "PUT", "DELETE", f"/{{db}}/_design/{{design}}/{word}/{{rest:path}}"])
    return {(method, path): Case(READ, 501) for *methods, path in listed for method in methods}


CASES: dict[tuple[str, str], Case] = {
    ("GET", "/"): Case(NOTHING, 200),
    ("GET", "/_up"): Case(NOTHING, 200),
    ("GET", "/_session"): Case(NOTHING, 200),
    ("POST", "/_session"): Case(NOTHING, 400, {"name": "root"}),
    ("DELETE", "/_session"): Case(NOTHING, 200),
    ("GET", "/_metrics"): Case(OBSERVE, 200),
    ("GET", "/_all_dbs"): Case(LOGIN, 200),
    ("GET", "/_uuids"): Case(LOGIN, 200),
    ("GET", "/_replicate"): Case(LOGIN, 501),
    ("POST", "/_replicate"): Case(LOGIN, 501, {}),
    ("GET", "/{db}/_changes"): Case(COPY, 200),
    ("POST", "/{db}/_changes"): Case(COPY, 200, {}),
    ("PUT", "/{db}"): Case(ADMINISTER, 412),
    ("DELETE", "/{db}"): Case(ADMINISTER, 200),
    ("GET", "/{db}"): Case(READ, 200),
    ("POST", "/{db}"): Case(WRITE, 201, {"n": 2}),
    ("POST", "/{db}/_bulk_docs"): Case(WRITE, 201, {"docs": [{"_id": "new"}]}),
    ("POST", "/{db}/_bulk_get"): Case(COPY, 200, {"docs": [{"id": "part"}]}),
    ("POST", "/{db}/_revs_diff"): Case(READ, 200, {"part": ["1-a"]}),
    ("POST", "/{db}/_missing_revs"): Case(READ, 200, {"part": ["1-a"]}),
    ("GET", "/{db}/_all_docs"): Case(READ, 200),
    ("POST", "/{db}/_all_docs"): Case(READ, 200, {}),
    ("POST", "/{db}/_all_docs/queries"): Case(READ, 200, {"queries": [{}]}),
    ("GET", "/{db}/_design_docs"): Case(READ, 200),
    ("POST", "/{db}/_design_docs"): Case(READ, 200, {}),
    ("GET", "/{db}/_local_docs"): Case(READ, 200),
    ("POST", "/{db}/_local_docs"): Case(READ, 200, {}),
    ("POST", "/{db}/_find"): Case(READ, 200, {"selector": {}}),
    ("POST", "/{db}/_explain"): Case(READ, 200, {"selector": {}}),
    ("GET", "/{db}/_index"): Case(READ, 200),
    ("POST", "/{db}/_index"): Case(DESIGN, 200, {"index": {"fields": ["n"]}}),
    ("POST", "/{db}/_index/_bulk_delete"): Case(DESIGN, 200, {"docids": []}),
    ("DELETE", "/{db}/_index/_design/{design}/json/{name}"): Case(DESIGN, 404),
    ("DELETE", "/{db}/_index/{design}/json/{name}"): Case(DESIGN, 404),
    ("POST", "/{db}/_ensure_full_commit"): Case(READ, 201, {}),
    ("POST", "/{db}/_compact"): Case(MANAGE, 202, {}),
    ("POST", "/{db}/_view_cleanup"): Case(MANAGE, 202, {}),
    ("GET", "/{db}/_revs_limit"): Case(READ, 200),
    ("PUT", "/{db}/_revs_limit"): Case(MANAGE, 200, 2000),
    ("GET", "/{db}/_security"): Case(READ, 200),
    ("PUT", "/{db}/_security"): Case(MANAGE, 200, {"admins": {"names": ["anna"]}}),
    ("GET", "/{db}/_local/{local}"): Case(READ, 404),
    ("PUT", "/{db}/_local/{local}"): Case(NOTE, 201, {"n": 1}),
    ("DELETE", "/{db}/_local/{local}"): Case(NOTE, 404),
    ("GET", "/{db}/_design/{design}"): Case(READ, 404),
    ("PUT", "/{db}/_design/{design}"): Case(WRITE, 201, {"n": 1}),
    ("DELETE", "/{db}/_design/{design}"): Case(WRITE, 404),
    ("GET", "/{db}/{unid}"): Case(READ, 200),
    ("PUT", "/{db}/{unid}"): Case(WRITE, 409, {"n": 2}),
    ("DELETE", "/{db}/{unid}"): Case(WRITE, 409),
    **verbs(),
    **not_offered(),
}

REFUSED = {401, 403, 429}
CHANGES = {NOTE, WRITE, DESIGN, MANAGE, ADMINISTER}
IN_DATABASE = {OFFER, READ, COPY, NOTE, WRITE, DESIGN, MANAGE, ADMINISTER}
LETS_THROUGH: dict[str, set[Need]] = {
    "nobody": {NOTHING},
    "a forged cookie": {NOTHING},
    "the cookie of a removed user": {NOTHING},
    "a cookie of another password": {NOTHING},
    "a user without rights": {NOTHING, LOGIN},
    "a read-only token": {NOTHING, LOGIN, OFFER, READ, COPY, NOTE, OBSERVE},
    "a token for another database": {NOTHING, LOGIN},
    "a token for this database": {NOTHING, LOGIN, *IN_DATABASE},
    "a read-only token for this database": {NOTHING, LOGIN, OFFER, READ, COPY, NOTE},
    "an administrator": set(Need),
    "an administrator with a cookie": set(Need),
    "an administrator with a token": set(Need),
}
"""Who is asked for more, or told that it is not theirs, by what is needed."""
NEVER = (
    *("an expired token", "a revoked token", "the token of a removed user", "an unsigned token", "an empty token"),
    *("no password", "a header that is none", "another scheme", "a token as a password", "a forged token"),
)
"""Whose credentials are no good: 401 wherever they are sent, also where none are needed."""


class World:
    """A server with users, and what each visitor sends."""

    def __init__(self, folder: Path, web: httpx2.Client, now: list[int]) -> None:
        self.folder, self.web, self.now = folder, web, now
        self.directory = Directory(str(folder), clock=lambda: now[0])
        directory = self.directory
        directory.add("root", PASSWORD, roles=["_admin"])
        directory.add("anna", "x" * 9)
        directory.add("gone", "x" * 9, roles=["_admin"])
        directory.add("turned", "x" * 9, roles=["_admin"])
        expired = directory.create_token("root", expires_ms=now[0] + 1)
        revoked = directory.create_token("root")
        directory.revoke(revoked.split("_")[1])
        of_gone = directory.create_token("gone")
        cookies = {name: self._cookie(name, "x" * 9) for name in ("gone", "turned")}
        directory.remove("gone")
        directory.change_password("turned", "y" * 9)
        now[0] += 1000
        root, good = basic("root", PASSWORD), directory.create_token("root")
        self.sends: dict[str, list[tuple[str, str]]] = {
            "nobody": [],
            "a forged cookie": [cookie(base64.urlsafe_b64encode(b"root:7FFFFFFF:" + bytes(32)).decode())],
            "the cookie of a removed user": [cookie(cookies["gone"])],
            "a cookie of another password": [cookie(cookies["turned"])],
            "a user without rights": [bearer(directory.create_token("anna"))],
            "a read-only token": [bearer(directory.create_token("root", read_only=True))],
            "a token for another database": [bearer(directory.create_token("root", databases=["other"]))],
            "a token for this database": [bearer(directory.create_token("root", databases=["db"]))],
            "a read-only token for this database": [
                bearer(directory.create_token("root", databases=["db"], read_only=True))
            ],
            "an administrator": [root],
            "an administrator with a token": [bearer(good)],
            "an expired token": [bearer(expired)],
            "a revoked token": [bearer(revoked)],
            "the token of a removed user": [bearer(of_gone)],
            "an unsigned token": [bearer(UNSIGNED)],
            "an empty token": [("Authorization", "Bearer")],
            "a forged token": [bearer(good[:-1] + ("A" if good[-1] != "A" else "B"))],
            "no password": [basic("root", "")],
            "a header that is none": [("Authorization", "Basic !")],
            "another scheme": [("Authorization", "Digest root"), cookie(cookies["turned"])],
            "a token as a password": [basic("root", good)],
        }

    def sent_by(self, visitor: str) -> list[tuple[str, str]]:
        """What somebody sends; a cookie is a fresh one."""
        if visitor == "an administrator with a cookie":
            return [cookie(self._cookie("root", PASSWORD))]
        return self.sends[visitor]

    def _cookie(self, name: str, password: str) -> str:
        answered = self.web.post("/_session", json={"name": name, "password": password})
        assert 200 == answered.status_code, answered.text
        self.web.cookies.clear()
        return answered.headers["set-cookie"].split(";")[0].partition("=")[2]

    def ask(self, method: str, path: str, sent: list[tuple[str, str]], body: Any = None) -> httpx2.Response:
        if any(value.startswith("Basic") for _, value in sent):
            self.now[0] += 20_000  # long enough for another wrong password
        content = None if body is None else json.dumps(body)
        headers = [("Content-Type", "application/json"), *sent]
        answered = self.web.request(method, path, headers=headers, content=content)
        self.web.cookies.clear()
        return answered

    def anew(self) -> None:
        """The database as it should be."""
        for path in self.folder.glob("db.db*"):
            path.unlink()
        with replica.create(str(self.folder / "db.db")) as made:
            made.put({"n": 1}, unid="part")


def basic(name: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def cookie(text: str) -> tuple[str, str]:
    return "Cookie", f"AuthSession={text}"


UNSIGNED = (
    ".".join(
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in ({"alg": "none", "typ": "JWT"}, {"sub": "root", "_couchdb.roles": ["_admin"]})
    )
    + "."
)
"""What some servers take for a proof because it says that it needs none."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, now = tmp_path_factory.mktemp("data"), [1_800_000_000_000]
    with serving(folder, clock=lambda: now[0]) as url, httpx2.Client(base_url=url, trust_env=False, timeout=60) as web:
        made = World(folder, web, now)
        yield made
        made.directory.close()


def concrete(path: str) -> str:
    for name, value in (("{db}", "db"), ("{unid}", "part"), (":path}", "}")):
        path = path.replace(name, value)
    return path.replace("{", "").replace("}", "")


def test_the_table_has_every_endpoint_and_what_it_needs() -> None:
    declared = {(method, each.path): each.needs for each in ENDPOINTS for method in each.methods}
    assert declared == {asked: case.need for asked, case in CASES.items()}


def test_everything_is_there_for_whoever_has_what_it_needs(world: World) -> None:
    world.anew()
    wrong = []
    for (method, path), case in CASES.items():
        answered = world.ask(method, concrete(path), world.sends["an administrator"], case.body)
        if answered.status_code != case.status:
            wrong.append((method, path, answered.status_code, answered.text))
        if case.need in CHANGES:
            world.anew()
    assert [] == wrong


@pytest.mark.parametrize("visitor", LETS_THROUGH)
def test_whoever_asks_gets_what_they_may_and_no_more(visitor: str, world: World) -> None:
    world.anew()
    sent, lets_through = world.sent_by(visitor), LETS_THROUGH[visitor]
    is_known = LOGIN in lets_through
    wrong = []
    for (method, path), case in CASES.items():
        answered = world.ask(method, concrete(path), sent, case.body)
        status = answered.status_code
        if case.need in lets_through:
            right = status == case.status
            if case.need in CHANGES:
                world.anew()
        else:
            right = status == (403 if is_known else 401) and answered.json().keys() == {
                "error",
                "reason",
                "code",
                "hint",
            }
        if not right:
            wrong.append((method, path, status, answered.text))
    assert [] == wrong
    with replica.open(str(world.folder / "db.db")) as db:
        assert (1, {"n": 1}) == (len(db), db.get("part").items), "somebody has changed what they may not"


@pytest.mark.parametrize("visitor", NEVER)
def test_credentials_that_are_no_good_are_refused_everywhere(visitor: str, world: World) -> None:
    world.anew()
    fast = visitor not in ("no password", "a token as a password")  # those cost what a password costs
    wrong = []
    for (method, path), case in CASES.items():
        if not fast and (method != "GET" or case.status == 501):
            continue
        answered = world.ask(method, concrete(path), world.sends[visitor], case.body)
        if 401 != answered.status_code:
            wrong.append((method, path, answered.status_code, answered.text))
    assert [] == wrong
    with replica.open(str(world.folder / "db.db")) as db:
        assert 1 == len(db)


@pytest.mark.parametrize("first", [("Authorization", "Bearer x"), ("authorization", "Basic !")])
def test_two_headers_are_a_bad_request_whichever_is_good(first: tuple[str, str], world: World) -> None:
    good = world.sends["an administrator with a token"]
    for path in ("/", "/db", "/_all_dbs", "/nothing/at/all"):
        assert 400 == world.ask("GET", path, [first, *good]).status_code
        assert 400 == world.ask("GET", path, [*good, first]).status_code


def test_a_wrong_password_is_answered_as_an_unknown_name_is(world: World) -> None:
    told = [world.ask("GET", "/db", [basic(name, "wrong")]) for name in ("root", "anna", "nobody", "_admin", "gone")]
    assert {401} == {answered.status_code for answered in told}
    assert 1 == len({answered.content for answered in told})
    assert 1 == len({tuple(each for each in answered.headers.items() if each[0] != "date") for answered in told})


def test_who_may_not_see_a_database_cannot_tell_whether_it_is_there(world: World) -> None:
    world.anew()
    for visitor in ("nobody", "a user without rights", "a token for another database"):
        for method, path in (
            ("GET", "/db"),
            ("PUT", "/db"),
            ("DELETE", "/db"),
            ("GET", "/db/part"),
            ("POST", "/db/_find"),
        ):
            sent = world.sends[visitor]
            there, not_there = world.ask(method, path, sent), world.ask(method, path.replace("db", "absent"), sent)
            assert (there.status_code, there.content) == (not_there.status_code, not_there.content)
        assert "db" not in world.ask("GET", "/_all_dbs", world.sends[visitor]).json()


def test_what_is_not_there_at_all_is_not_told_to_nobody(world: World) -> None:
    for method, path in (
        ("PATCH", "/db"),
        ("GET", "/_nothing"),
        ("BREW", "/"),
        ("PUT", "/_session"),
        ("GET", "/_up/x"),
    ):
        answered = world.ask(method, path, [])
        assert answered.status_code == (405 if (method, path) == ("BREW", "/") else 401), (method, path)


def test_head_needs_what_get_does(world: World) -> None:
    for (method, path), case in CASES.items():
        if method == "GET":
            answered = world.ask("HEAD", concrete(path), [])
            assert (answered.status_code in REFUSED) == (case.need is not NOTHING), path


@pytest.mark.parametrize(
    "name", ["_users", "_users.db", "x%2F..%2F_users", ".%2F_users", "%5Fusers", "_users%00", "_Users"]
)
def test_the_users_are_no_database(name: str, world: World) -> None:
    """Not even for an administrator: whoever has read what is kept of passwords can try them at leisure."""
    administrator = world.sends["an administrator with a token"]
    for (method, path), case in CASES.items():
        if path.startswith("/{db}"):
            answered = world.ask(method, concrete(path).replace("/db", f"/{name}", 1), administrator, case.body)
            assert answered.status_code in (400, 404), (method, path, answered.text)
    listed = world.ask("GET", "/_all_dbs", administrator).json()
    assert [] == [each for each in listed if "users" in each.lower()]
    assert (world.folder / "_users.db").exists()
