"""Users at the door: logging in and out, how often it may be tried, and the end of what was begun with a right that has gone."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

import replica
from replica.access import Directory
from replica.server.gate.attempts import BY_NAME
from replica.server.gate.guests import LOOK_S
from replica.store.sessions import Position
from replica.wire.messages import MEDIA_TYPE, written
from replica.wire.verbs import Changes
from tests.servers import serving
from tests.system.serving import exchange, request, server_process

pytestmark = pytest.mark.system

PASSWORD = "correct horse"
SOON_S = LOOK_S + 3  # what is promised is "within seconds"; the machine may be busy
BASIC = "Basic " + base64.b64encode(f"root:{PASSWORD}".encode()).decode()


class Door:
    """A server with an administrator, and the time it believes."""

    def __init__(self, folder: Path, web: httpx2.Client, now: list[int]) -> None:
        self.folder, self.web, self.now = folder, web, now
        self.directory = Directory(str(folder), clock=lambda: now[0])
        self.directory.add("root", PASSWORD, roles=["_admin"])

    def log_in(self, name: str = "root", password: str = PASSWORD) -> httpx2.Response:
        return self.web.post("/_session", data={"name": name, "password": password})

    def who(self) -> Any:
        """Who the server takes us for."""
        return self.web.get("/_session").json()["userCtx"]["name"]

    def pass_time(self, seconds: float) -> None:
        self.now[0] += int(seconds * 1000)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    now = [1_800_000_000_000]
    with replica.create(tmp_path / "db.db") as made:
        made.put({"n": 1}, unid="x")
    with (
        serving(tmp_path, clock=lambda: now[0]) as url,
        httpx2.Client(base_url=url, trust_env=False, timeout=60) as web,
    ):
        made_door = Door(tmp_path, web, now)
        yield made_door
        made_door.directory.close()


# -- logging in and out


def test_whoever_logs_in_is_known_by_a_cookie_until_they_log_out(door: Door) -> None:
    answered = door.log_in()
    assert {"ok": True, "name": "root", "roles": ["_admin"]} == answered.json()
    assert "HttpOnly; SameSite=Strict" in answered.headers["set-cookie"]
    assert "Secure" not in answered.headers["set-cookie"], "a browser would not send it back without TLS"
    session = door.web.get("/_session").json()
    assert {"name": "root", "roles": ["_admin"]} == session["userCtx"]
    assert "cookie" == session["info"]["authenticated"]
    assert 200 == door.web.get("/db").status_code
    assert {"ok": True} == door.web.delete("/_session").json()
    assert None is door.who()
    assert 401 == door.web.get("/db").status_code


def test_a_login_may_be_json(door: Door) -> None:
    assert 200 == door.web.post("/_session", json={"name": "root", "password": PASSWORD}).status_code


@pytest.mark.parametrize(
    ("name", "password"), [("root", "wrong"), ("root", ""), ("nobody", PASSWORD), ("", ""), ("_admin", "")]
)
def test_a_wrong_login_gets_no_cookie(name: str, password: str, door: Door) -> None:
    answered = door.log_in(name, password)
    assert (401, "unauthorized", "Name or password is incorrect.") == (
        answered.status_code,
        answered.json()["error"],
        answered.json()["reason"],
    )
    assert "set-cookie" not in answered.headers


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "name=root&name=anna&password=x"),
        ("application/x-www-form-urlencoded", "name=root"),
        ("application/x-www-form-urlencoded", "nonsense"),
        ("application/x-www-form-urlencoded", "name=%ff&password=x"),
        ("application/x-www-form-urlencoded", "&".join(f"f{n}=1" for n in range(100))),
        ("application/json", '{"name":"anna","name":"root","password":"x"}'),
        ("application/json", '{"name":["root"],"password":"x"}'),
        ("application/json", '["root"]'),
        ("application/json", ""),
    ],
)
def test_a_login_that_is_not_clear_is_a_bad_request(kind: str, body: str, door: Door) -> None:
    answered = door.web.post("/_session", content=body, headers={"Content-Type": kind})
    assert 400 == answered.status_code, answered.text


def test_a_login_of_another_kind_or_size_is_refused(door: Door) -> None:
    assert 415 == door.web.post("/_session", content="name=root", headers={"Content-Type": "text/plain"}).status_code
    assert 413 == door.web.post("/_session", data={"name": "root", "password": "x" * 20_000}).status_code


def test_a_cookie_ends_after_ten_minutes_without_a_request(door: Door) -> None:
    door.log_in()
    door.pass_time(599)
    assert 200 == door.web.get("/db").status_code
    door.pass_time(599)
    assert 200 == door.web.get("/db").status_code, "it was renewed"
    door.pass_time(601)
    assert None is door.who()
    assert 401 == door.web.get("/db").status_code
    assert 200 == door.log_in().status_code, "the old cookie is no hindrance"


def test_a_cookie_is_renewed_only_when_it_is_due(door: Door) -> None:
    door.log_in()
    assert "set-cookie" not in door.web.get("/db").headers
    door.pass_time(61)
    assert "AuthSession=" in door.web.get("/db").headers["set-cookie"]
    assert "set-cookie" not in door.web.get("/db").headers


@pytest.mark.parametrize("change", ["password", "removed", "removed and made again"])
def test_a_cookie_is_worth_nothing_when_its_password_has_gone(change: str, door: Door) -> None:
    door.directory.add("anna", PASSWORD, roles=["_admin"])
    door.log_in("anna")
    assert 200 == door.web.get("/db").status_code
    if change == "password":
        door.directory.change_password("anna", "another")
    else:
        door.directory.remove("anna")
    if change == "removed and made again":
        door.directory.add("anna", PASSWORD, roles=["_admin"])
    assert 401 == door.web.get("/db").status_code
    assert None is door.who()


def test_a_cookie_of_another_server_counts_as_none(door: Door, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with serving(other, clock=lambda: door.now[0]) as url, httpx2.Client(base_url=url, trust_env=False) as web:
        Directory(str(other), clock=lambda: door.now[0]).add("root", PASSWORD, roles=["_admin"])
        text = web.post("/_session", data={"name": "root", "password": PASSWORD}).headers["set-cookie"].split(";")[0]
        assert 200 == web.get("/_all_dbs", headers={"Cookie": text}).status_code
    assert 401 == door.web.get("/db", headers={"Cookie": text}).status_code


def test_what_is_for_one_person_is_kept_by_no_shared_cache(door: Door) -> None:
    for path in ("/db", "/db/x", "/db/_changes", "/_all_dbs"):
        assert "private" in door.web.get(path, headers={"Authorization": BASIC}).headers["cache-control"]


def test_a_password_may_have_any_characters(door: Door) -> None:
    door.directory.add("jürgen", "a:b&c=d+e %41 ü€\U0001f511", roles=["_admin"])
    word = base64.b64encode("jürgen:a:b&c=d+e %41 ü€\U0001f511".encode()).decode()
    assert 200 == door.web.get("/db", headers={"Authorization": f"Basic {word}"}).status_code
    assert 200 == door.log_in("jürgen", "a:b&c=d+e %41 ü€\U0001f511").status_code
    assert "jürgen" == door.who()


@pytest.mark.parametrize(
    ("headers", "asks"),
    [
        ({}, True),
        ({"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}, True),
        ({"Origin": "http://app.example"}, False),
        ({"Sec-Fetch-Mode": "cors"}, False),
        ({"X-CouchDB-WWW-Authenticate": "Cookie"}, False),
    ],
)
def test_a_person_is_asked_for_a_password_and_a_script_is_not(headers: dict[str, str], asks: bool, door: Door) -> None:
    assert asks == ("www-authenticate" in door.web.get("/db", headers=headers).headers)


def test_a_page_that_is_allowed_sees_why_it_was_refused(tmp_path: Path) -> None:
    page = "http://app.example"
    Directory(str(tmp_path)).add("root", PASSWORD, roles=["_admin"])
    with serving(tmp_path, cors=[page]) as url, httpx2.Client(base_url=url, trust_env=False) as web:
        asked = {
            "Origin": page,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization",
        }
        assert 204 == web.request("OPTIONS", "/db", headers=asked).status_code, "browsers ask this without credentials"
        answered = web.put("/db", headers={"Origin": page})
        assert (401, page) == (answered.status_code, answered.headers["access-control-allow-origin"])
        assert 201 == web.put("/db", headers={"Origin": page, "Authorization": BASIC}).status_code


# -- how often


def test_after_some_wrong_passwords_none_is_looked_at_for_a_while(door: Door) -> None:
    for _ in range(BY_NAME.most):
        assert 401 == door.log_in(password="wrong").status_code
    answered = door.log_in()  # it was never right before, as far as the server knows
    assert (429, "too_many_attempts") == (answered.status_code, answered.json()["code"])
    assert 0 < int(answered.headers["retry-after"]) <= BY_NAME.every_s
    assert 429 == door.web.get("/", headers={"Authorization": BASIC}).status_code
    door.pass_time(int(answered.headers["retry-after"]))
    assert 200 == door.log_in().status_code


def test_what_was_proved_before_is_not_in_the_way_of_others_wrong_passwords(door: Door) -> None:
    assert 200 == door.web.get("/db", headers={"Authorization": BASIC}).status_code
    token = door.directory.create_token("root")
    door.web.get("/db", headers={"Authorization": BASIC})  # known again: the directory has changed
    for _ in range(BY_NAME.most + 1):
        answered = door.log_in(password="wrong")
    assert 429 == answered.status_code
    door.directory.create_token("root")  # it has changed: passwords are looked at anew
    assert 200 == door.web.get("/db", headers={"Authorization": BASIC}).status_code
    assert 200 == door.web.get("/db", headers={"Authorization": f"Bearer {token}"}).status_code


def test_many_wrong_passwords_at_once_are_not_looked_at_either(door: Door) -> None:
    with ThreadPoolExecutor(30) as pool:
        statuses = sorted(pool.map(lambda _: door.log_in(password="wrong").status_code, range(30)))
    assert [401] * BY_NAME.most + [429] * (30 - BY_NAME.most) == statuses


def test_other_requests_are_answered_while_passwords_are_looked_at(door: Door) -> None:
    """Each takes a core for 50 ms: the event loop does not wait for them, and there are no more at once than cores."""
    token = {"Authorization": f"Bearer {door.directory.create_token('root')}"}
    done = threading.Event()

    def keep_trying(name: str) -> None:
        while not done.is_set():
            door.log_in(name, "wrong")
            door.pass_time(BY_NAME.every_s)

    threads = [threading.Thread(target=keep_trying, args=(f"user{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert {200} == {door.web.get("/db/x", headers=token).status_code for _ in range(50)}
    finally:
        done.set()
        for thread in threads:
            thread.join()


# -- with and without users


def test_without_users_credentials_mean_nothing_and_there_is_nowhere_to_log_in(tmp_path: Path) -> None:
    with serving(tmp_path) as url, httpx2.Client(base_url=url, trust_env=False) as web:
        assert 201 == web.put("/db", headers={"Authorization": "Basic bm9ib2R5Ong="}).status_code
        answered = web.post("/_session", data={"name": "a", "password": "b"})
        assert 404 == answered.status_code, "CouchDB's replicator goes on without a cookie then, and after nothing else"
        assert {"name": None, "roles": ["_admin"]} == web.get("/_session").json()["userCtx"]


def test_the_first_user_ends_that_everybody_may_do_everything(tmp_path: Path) -> None:
    with serving(tmp_path) as url, httpx2.Client(base_url=url, trust_env=False) as web:
        assert 201 == web.put("/db").status_code
        Directory(str(tmp_path)).add("anna", PASSWORD)
        assert 401 == web.get("/db").status_code
        assert 401 == web.delete("/db").status_code
        assert 200 == web.get("/").status_code


@pytest.mark.parametrize("loss", ["removed", "emptied", "damaged", "another file", "the last user"])
def test_a_directory_that_is_lost_opens_the_door_to_nobody(loss: str, door: Door) -> None:
    assert 200 == door.web.get("/db", headers={"Authorization": BASIC}).status_code
    path = door.folder / "_users.db"
    if loss == "the last user":
        door.directory.remove("root")
    else:
        door.directory.close()
        for leftover in door.folder.glob("_users.db*"):
            leftover.unlink()
    if loss == "emptied":
        replica.create(str(path)).close()
    if loss in ("damaged", "another file"):
        path.write_bytes(b"SQLite format 3\0" + b"x" * 5000 if loss == "damaged" else b"hello")
    for headers in ({}, {"Authorization": BASIC}, {"Host": "localhost"}):
        answered = door.web.get("/db", headers=headers)
        assert answered.status_code in (401, 500), answered.text
        assert 200 != door.web.put("/other", headers=headers).status_code
    assert not (door.folder / "other.db").exists()


def test_users_from_another_process_are_known_at_once(door: Door) -> None:
    for n in range(3):
        Directory(str(door.folder), clock=lambda: door.now[0]).add(f"user{n}", PASSWORD, roles=["_admin"])
        assert 200 == door.log_in(f"user{n}").status_code


# -- what was begun with a right that has gone


class Feed:
    """An answer that goes on, read from a socket as it comes."""

    def __init__(self, url: str, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        place = urlsplit(url)
        assert place.hostname
        self._socket = socket.create_connection((place.hostname, place.port or 0), 60)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        self._stream = self._socket.makefile("rb")
        self.status = 0

    def begin(self) -> int:
        """Read the headers; the status."""
        self.status = int(self._stream.readline().split()[1])
        while self._stream.readline().strip():
            pass
        return self.status

    def line(self) -> bytes:
        return self._stream.readline()

    def rest(self) -> bytes:
        """What comes until the connection is closed, within seconds."""
        self._socket.settimeout(SOON_S)
        try:
            return self._stream.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@contextmanager
def feed(*asked: Any) -> Iterator[Feed]:
    made = Feed(*asked)
    try:
        yield made
    finally:
        made.close()


WHOLE = b"0\r\n\r\n"  # how an answer in chunks ends when it is complete


def revoke(door: Door) -> tuple[dict[str, str], Callable[[], object]]:
    token = door.directory.create_token("root")
    return {"Authorization": f"Bearer {token}"}, lambda: door.directory.revoke(token.split("_")[1])


def expire(door: Door) -> tuple[dict[str, str], Callable[[], object]]:
    token = door.directory.create_token("root", expires_ms=door.now[0] + 60_000)
    return {"Authorization": f"Bearer {token}"}, lambda: door.pass_time(61)


def remove(door: Door) -> tuple[dict[str, str], Callable[[], object]]:
    door.directory.add("anna", PASSWORD, roles=["_admin"])
    return {"Authorization": BASIC.replace("cm9vd", "YW5uY")}, lambda: door.directory.remove("anna")


def change_password(door: Door) -> tuple[dict[str, str], Callable[[], object]]:
    return {"Authorization": BASIC}, lambda: door.directory.change_password("root", "another")


def change_password_behind_a_cookie(door: Door) -> tuple[dict[str, str], Callable[[], object]]:
    text = door.log_in().headers["set-cookie"].split(";")[0]
    return {"Cookie": text}, lambda: door.directory.change_password("root", "another")


def demote(door: Door) -> tuple[dict[str, str], Callable[[], object]]:
    def lose() -> None:
        with replica.open(door.folder / "_users.db") as users:
            user = users.get("org.couchdb.user:root")
            user["roles"] = []
            users.put(user)

    return {"Authorization": BASIC}, lose


LOSSES = [revoke, remove, demote, change_password, change_password_behind_a_cookie]


def basic(name: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_live_feed_ends_within_seconds_and_is_not_taken_for_whole(loss: Any, door: Door) -> None:
    headers, lose = loss(door)
    if loss is remove:
        headers = basic("anna")
    with feed(str(door.web.base_url), "GET", "/db/_changes?feed=continuous&heartbeat=100", headers) as live:
        assert 200 == live.begin()
        while b'"id":"x"' not in live.line():
            pass
        lose()
        rest = live.rest()
    assert not rest.endswith(WHOLE), rest
    assert (403 if loss is demote else 401) == door.web.get("/db", headers=headers).status_code


def test_a_token_that_expires_ends_its_feed(door: Door) -> None:
    headers, lose = expire(door)
    with feed(str(door.web.base_url), "GET", "/db/_changes?feed=continuous&heartbeat=100", headers) as live:
        assert 200 == live.begin()
        lose()
        live._socket.settimeout(20)
        assert not live._stream.read().endswith(WHOLE)


def test_nothing_that_is_written_afterwards_gets_out(door: Door) -> None:
    headers, lose = revoke(door)
    with feed(str(door.web.base_url), "GET", "/db/_changes?feed=continuous&include_docs=true", headers) as live:
        assert 200 == live.begin()
        while b'"id":"x"' not in live.line():
            pass
        with feed(str(door.web.base_url), "GET", "/db/_changes?feed=continuous", basic("root")) as other:
            assert 200 == other.begin()
            lose()
            live.rest()
            with replica.open(str(door.folder / "db.db")) as db:
                db.put({"secret": 1}, unid="later")
            while b'"id":"later"' not in other.line():  # who has kept the right is not concerned
                pass


def test_who_waits_in_our_own_conversation_is_told_no(door: Door) -> None:
    """No answer has begun: the refusal is the answer."""
    headers, lose = revoke(door)
    body = written("changes", "", Changes(Position(10**6), 10, 60.0))
    with feed(
        str(door.web.base_url), "POST", "/db/_replica/changes", headers | {"Content-Type": MEDIA_TYPE}, body
    ) as live:
        threading.Timer(0.5, lose).start()
        live._socket.settimeout(SOON_S + 0.5)
        assert 401 == live.begin()


def test_a_file_that_is_being_sent_is_cut_off(door: Door) -> None:
    """The client reads nothing at first, so that the most of it is still to be sent."""
    with replica.open(str(door.folder / "db.db")) as db:
        db.put_many({"n": os.urandom(3000).hex()} for _ in range(8000))
    headers, lose = revoke(door)
    body = written("snapshot", "", None)
    with feed(
        str(door.web.base_url), "POST", "/db/_replica/snapshot", headers | {"Content-Type": MEDIA_TYPE}, body
    ) as live:
        assert 200 == live.begin()
        lose()
        assert 401 == door.web.get("/db", headers=headers).status_code
        threading.Event().wait(LOOK_S + 1)  # nobody reads meanwhile
        rest = live.rest()
    assert len(rest) < 40_000_000
    assert not rest.endswith(WHOLE)


def test_everybody_who_listens_is_sent_away_when_the_first_user_is_made(tmp_path: Path) -> None:
    path = "/db/_changes?feed=continuous&heartbeat=100"
    with replica.create(tmp_path / "db.db"), serving(tmp_path) as url, feed(url, "GET", path, {}) as live:
        assert 200 == live.begin()
        Directory(str(tmp_path)).add("root", PASSWORD, roles=["_admin"])
        assert not live.rest().endswith(WHOLE)


def test_the_log_of_a_server_says_nothing_secret_and_of_a_cut_feed_nothing_wrong(tmp_path: Path) -> None:
    directory = Directory(str(tmp_path))
    directory.add("root", PASSWORD, roles=["_admin"])
    token = directory.create_token("root")
    with replica.create(tmp_path / "db.db"), server_process(tmp_path) as served:
        url = f"http://127.0.0.1:{served.address[1]}"
        with feed(url, "GET", "/db/_changes?feed=continuous", {"Authorization": f"Bearer {token}"}) as live:
            assert 200 == live.begin()
            directory.revoke(token.split("_")[1])
            live.rest()
        for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": BASIC}, {"Authorization": BASIC + "x"}):
            served.ask("GET", "/db", **headers)
        served.ask("POST", "/_session", json.dumps({"name": "root", "password": PASSWORD}).encode())
        assert 0 == served.stop()
    for secret in (
        token,
        token.split("_", 2)[2],
        PASSWORD,
        BASIC,
        BASIC.split()[1],
        "AuthSession",
        "Traceback",
        "ASGI",
    ):
        assert secret not in served.log
    assert " GET /db/_changes 200 " in served.log


def test_hundreds_of_listeners_are_sent_away_together(door: Door) -> None:
    token = door.directory.create_token("root")

    async def scenario() -> None:
        place = urlsplit(str(door.web.base_url))
        text = f"GET /db/_changes?feed=continuous HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        opened = [await asyncio.open_connection(place.hostname, place.port) for _ in range(300)]
        for _, writer in opened:
            writer.write(text.encode())
        for reader, _ in opened:
            assert b" 200 " in await reader.readline()
        door.directory.revoke(token.split("_")[1])
        async with asyncio.timeout(SOON_S + 5):
            for reader, _ in opened:
                await reader.read(-1)
        for _, writer in opened:
            writer.close()

    asyncio.run(scenario())


def test_a_unix_socket_asks_for_credentials_too(tmp_path: Path) -> None:
    Directory(str(tmp_path)).add("root", PASSWORD, roles=["_admin"])
    at = tmp_path / "socket"
    with server_process(tmp_path, "--socket", at):
        for headers, status in (({}, 401), ({"Authorization": BASIC}, 200)):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(at))
                (reply,) = exchange(connection, [request("GET", "/_all_dbs", **headers)])
                assert status == reply.status
