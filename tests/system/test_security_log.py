"""The security log: who logged in, what was refused, whose rights changed; and nothing that strangers could do with it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import replica
from replica.access import Directory, SecurityLog
from replica.access.security_log import NAME, TEXT_MAX, whoever_runs_this
from replica.server.security_log import Sums
from replica.transports.network import Network
from tests.servers import serving
from tests.system.command import done, run
from tests.system.serving import has_proc, server_process

pytestmark = pytest.mark.system

ROLES = {"root": ["_admin"], "mona": [], "bruno": [], "rosa": [], "dora": []}
LEVELS = {"mona": "manager", "bruno": "editor", "rosa": "reader", "dora": "depositor"}


class Hall:
    """A server with users, one of each level, and its security log."""

    def __init__(self, folder: Path, url: str, directory: Directory) -> None:
        self.folder, self.url, self.directory = folder, url, directory
        self.file = folder / NAME

    def web(self, user: str = "root", password: str | None = None) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, auth=(user, password or f"pw-{user}"), trust_env=False, timeout=60)

    def ask(self, user: str, method: str, path: str, value: Any = None) -> httpx2.Response:
        with self.web(user) as web:
            return web.request(method, path, json=value)

    def records(self, *events: str) -> list[dict[str, Any]]:
        """What is in the log; of these events only, if some are named."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [each for each in found if not events or each["event"] in events]

    def only(self, event: str) -> dict[str, Any]:
        """The one record of an event, without its time."""
        ((_, *rest),) = (each.items() for each in self.records(event))
        return dict(rest)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    folder = tmp_path / "data"
    folder.mkdir()
    replica.create(folder / "orders.db").close()
    for name, level in LEVELS.items():
        done("acl", folder / "orders.db", "set", name, level)
    directory = Directory(str(folder))
    for name, roles in ROLES.items():
        directory.add(name, f"pw-{name}", roles=roles)
    (folder / NAME).unlink()
    with serving(folder) as url:
        yield Hall(folder, url, directory)
    directory.close()


# -- logins


def test_logins_are_noted_good_and_bad(hall: Hall) -> None:
    for user, password in (("bruno", "pw-bruno"), ("bruno", "wrong"), ("nobody", "wrong")):
        with hall.web(user, password) as web:
            web.get("/orders")
            web.post("/_session", data={"name": user, "password": password})
    found = [(each["event"], each["user"], each["way"], each["address"]) for each in hall.records()]
    assert [
        ("login", "bruno", "password", "127.0.0.1"),
        ("login_failed", "bruno", "password", "127.0.0.1"),
        ("login_failed", "nobody", "password", "127.0.0.1"),
    ] == found
    assert not {"pw-bruno", "wrong"} & {*hall.file.read_text().replace('"', " ").split()}


def test_wrong_tokens_are_noted_without_them(hall: Hall) -> None:
    token = hall.directory.create_token("bruno")
    hall.directory.revoke(token)
    httpx2.get(f"{hall.url}/orders", headers={"Authorization": f"Bearer {token}"})
    record = hall.records("login_failed")[0]
    assert (None, "token", 1) == (record["user"], record["way"], record["count"])
    assert token[21:] not in hall.file.read_text()


@pytest.mark.parametrize("reason", ["expired", "no_user", "unknown"])
def test_of_a_token_that_is_good_no_more_is_noted_which_one_and_why(hall: Hall, reason: str) -> None:
    hall.directory.add("eva", "pw")
    token = hall.directory.create_token("eva", expires_ms=1000 if reason == "expired" else None)
    if reason == "no_user":
        with replica.open(hall.folder / "_users.db") as users:
            users.delete("org.couchdb.user:eva")
    elif reason == "unknown":
        hall.directory.revoke(token)
    assert 401 == httpx2.get(f"{hall.url}/orders", headers={"Authorization": f"Bearer {token}"}).status_code
    failed = hall.only("login_failed")
    user = None if reason == "unknown" else "eva"
    assert (user, "token", token[8:20], reason) == tuple(failed[key] for key in ("user", "way", "token", "reason"))
    assert token[21:] not in hall.file.read_text()


def test_of_a_wrong_token_nothing_is_told_that_is_not_known_of_who_shows_it(hall: Hall) -> None:
    token = hall.directory.create_token("bruno", expires_ms=1000)
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "no token of ours\x7f"):
        assert 401 == httpx2.get(f"{hall.url}/orders", headers={"Authorization": f"Bearer {wrong}"}).status_code
    named, nameless = hall.records("login_failed")
    assert (None, token[8:20], "unknown") == (named["user"], named["token"], named["reason"])
    assert (None, None, "unknown") == (nameless["user"], nameless["token"], nameless["reason"])


def test_too_many_attempts_are_noted_and_summed(hall: Hall) -> None:
    with hall.web("bruno", "wrong") as web:
        codes = [web.get("/orders").status_code for _ in range(14)]
    assert {401, 429} == {*codes}
    assert 1 == len(hall.records("login_failed")) == len(hall.records("login_limited"))


def test_what_happens_again_is_one_line_when_the_period_is_over(tmp_path: Path) -> None:
    log = SecurityLog(str(tmp_path))

    async def flood() -> None:
        sums = Sums(log)
        for _ in range(1000):
            sums.record("login_failed", {"user": "anna"})
            sums.record("documents_refused", {"user": "dora"}, 7)
        sums.record("login", {"user": "anna"})
        assert 3 == len(lines())
        sums.flush()
        sums.record("login_failed", {"user": "anna"})
        sums.flush()

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]

    asyncio.run(flood())
    again = [(each["event"], each["count"]) for each in lines() if "again" in each]
    assert [("login_failed", 999), ("documents_refused", 6993)] == again
    assert 6 == len(lines())


def test_a_flood_of_names_is_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.server.security_log.KINDS_MAX", 10)

    async def flood() -> None:
        sums = Sums(SecurityLog(str(tmp_path)))
        for number in range(1000):
            sums.record("login_failed", {"user": f"stranger {number}"})
        sums.flush()

    asyncio.run(flood())
    found = [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]
    assert 12 == len(found)
    assert (True, 989) == (found[-1]["others"], found[-1]["count"])


# -- refusals


def test_refused_requests_are_noted(hall: Hall) -> None:
    assert 403 == hall.ask("rosa", "PUT", "/orders/x", {}).status_code
    assert {
        "event": "refused",
        "user": "rosa",
        "address": "127.0.0.1",
        "database": "orders",
        "method": "PUT",
        "route": "/{db}/{unid}",
        "count": 1,
    } == hall.only("refused")


@pytest.mark.parametrize("new_edits", [True, False])
def test_documents_of_a_batch_that_are_refused_are_one_record(hall: Hall, new_edits: bool) -> None:
    hall.ask("root", "PUT", "/orders/mine", {})
    docs = [{"_id": unid, "_rev": f"7-{'a' * 32}"} for unid in ("_design/a", "_design/b", "_design/access")]
    docs = docs if not new_edits else [{"_id": doc["_id"]} for doc in docs[:2]]
    answered = hall.ask(
        "bruno",
        "POST",
        "/orders/_bulk_docs",
        {
            "docs": [*docs, {"_id": "fine", "_rev": f"1-{'b' * 32}"}] if not new_edits else [*docs, {"_id": "fine"}],
            "new_edits": new_edits,
        },
    )
    assert 201 == answered.status_code
    record = hall.only("documents_refused")
    assert ("bruno", "orders", len(docs)) == (record["user"], record["database"], record["count"])


def test_documents_that_a_replica_pushes_and_that_are_refused_are_one_record(hall: Hall, tmp_path: Path) -> None:
    with replica.open(hall.folder / "orders.db") as hub:
        hub.copy(tmp_path / "rosa.db").close()
    with replica.open(tmp_path / "rosa.db") as mine:
        for number in range(5):
            mine.put({}, unid=f"new/{number}")
    address = f"{hall.url.replace('://', '://rosa@')}/orders"
    report = replica.replicate(tmp_path / "rosa.db", address, direction="push", network=Network(password="pw-rosa"))
    assert report.push is not None
    assert {"not_allowed": 5} == report.push.refused
    assert ("rosa", 5) == (hall.only("documents_refused")["user"], hall.only("documents_refused")["count"])


def test_nobody_in_particular_leaves_no_trace(hall: Hall) -> None:
    assert 401 == httpx2.get(f"{hall.url}/orders").status_code
    assert [] == hall.records()


# -- rights


def test_a_changed_access_list_is_noted_with_what_was_and_who_saved_it(hall: Hall) -> None:
    document = hall.ask("mona", "GET", "/orders/_design/access").json()
    document["entries"] = [each for each in document["entries"] if each["name"] != "dora"]
    document["entries"][1]["level"] = "author"
    saved = hall.ask("mona", "PUT", "/orders/_design/access", document)
    hall.ask("mona", "GET", "/orders")
    assert {
        "event": "access_list_changed",
        "database": "orders",
        "revision": saved.json()["rev"],
        "saved_by": ["mona"],
        "changes": [
            {"before": {"name": "bruno", "level": "editor"}, "after": {"name": "bruno", "level": "author"}},
            {"before": {"name": "dora", "level": "depositor"}, "after": None},
        ],
    } == hall.only("access_list_changed")


@pytest.mark.parametrize("door", ["command", "security", "replication", "deletion"])
def test_a_changed_access_list_is_noted_whatever_the_door(hall: Hall, tmp_path: Path, door: str) -> None:
    hall.ask("rosa", "GET", "/orders")
    file = hall.folder / "orders.db"
    if door == "command":
        done("acl", file, "set", "rosa", "editor")
    elif door == "security":
        hall.ask("mona", "PUT", "/orders/_security", {"admins": {"names": ["mona"]}, "members": {"names": ["rosa"]}})
    elif door == "replication":
        done("copy", file, tmp_path / "copy.db")
        done("acl", tmp_path / "copy.db", "set", "rosa", "editor")
        done("push", tmp_path / "copy.db", file)
    else:
        done("delete", file, "_design/access")
    hall.ask("rosa", "GET", "/orders")
    (seen,) = (each for each in hall.records("access_list_changed") if "by" not in each)
    changed = {each["before"]["name"]: each["after"] for each in seen["changes"] if each["before"]}
    assert changed["rosa"] == (None if door == "deletion" else {"name": "rosa", "level": "editor"})


@pytest.mark.parametrize("door", ["document", "batch", "security", "deletion"])
@pytest.mark.parametrize("user", ["root", "mona"])
def test_a_changed_access_list_is_noted_before_whoever_changes_it_is_answered(hall: Hall, user: str, door: str) -> None:
    """As the first request that the server ever has, and as the last."""
    revision = done("get", hall.folder / "orders.db", "_design/access", "--json").value["_rev"]
    entries = [{"name": "mona", "level": "manager"}]
    told = {"_id": "_design/access", "_rev": revision, "entries": entries}
    if door == "document":
        answered = hall.ask(user, "PUT", "/orders/_design/access", told)
    elif door == "batch":
        answered = hall.ask(user, "POST", "/orders/_bulk_docs", {"docs": [told]})
    elif door == "security":
        answered = hall.ask(
            user, "PUT", "/orders/_security", {"admins": {"names": ["mona"]}, "members": {"names": ["rosa"]}}
        )
    else:
        answered = hall.ask(user, "DELETE", f"/orders/_design/access?rev={revision}")
    assert answered.is_success, answered.text
    record = hall.only("access_list_changed")
    assert [user] == record["saved_by"]
    assert record["revision"] > revision
    assert {"name": "rosa", "level": "reader"} in [each["before"] for each in record["changes"]]


@pytest.mark.parametrize("put_there", ["another file", "the same file, later"])
def test_a_list_that_came_while_the_database_was_closed_is_noted(
    hall: Hall, tmp_path: Path, put_there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replica.server.catalogue.OPEN_MAX", 0)  # closed as soon as nobody uses it
    hall.ask("rosa", "GET", "/orders")
    file = hall.folder / "orders.db"
    if put_there == "another file":
        done("copy", file, tmp_path / "orders.db")
        done("acl", tmp_path / "orders.db", "set", "rosa", "manager")
        os.replace(tmp_path / "orders.db", file)
    else:
        done("acl", file, "set", "rosa", "manager")
    hall.ask("root", "POST", "/orders", {})
    (seen,) = (each for each in hall.records("access_list_changed") if "by" not in each)
    assert {"name": "rosa", "level": "manager"} == seen["changes"][0]["after"]


def test_a_database_that_is_made_anew_has_no_former_list(hall: Hall) -> None:
    hall.ask("rosa", "GET", "/orders")
    assert hall.ask("root", "DELETE", "/orders").is_success
    assert hall.ask("root", "PUT", "/orders").is_success
    assert 403 == hall.ask("rosa", "GET", "/orders").status_code
    assert [] == hall.records("access_list_changed")


def test_what_is_done_to_users_and_tokens_is_noted_with_whoever_did_it(hall: Hall) -> None:
    hall.directory.add("eva", "pw", roles=["sales"])
    hall.directory.change_password("eva", "other")
    token = hall.directory.create_token("eva", databases=["orders"], read_only=True, expires_ms=1_800_000_000_000)
    token_id = hall.directory.revoke(token)
    hall.directory.create_token("eva")
    hall.directory.remove("eva")
    found = hall.records("user_added", "password_changed", "token_created", "token_revoked", "user_removed")
    assert {whoever_runs_this()} == {each.pop("by") for each in found}
    assert ["user_added", "password_changed", "token_created", "token_revoked", "token_created", "user_removed"] == [
        each["event"] for each in found
    ]
    added, _, created, revoked, _, removed = found
    assert ["sales"] == added["roles"]
    assert (["orders"], True, "2027-01-15T08:00:00.000Z") == tuple(
        created[key] for key in ("databases", "read_only", "expires")
    )
    assert token_id == created["token"] == revoked["token"]
    assert 1 == removed["tokens"]
    assert token not in hall.file.read_text()


@pytest.mark.parametrize("name", ["orders", "branches/north"])
def test_what_commands_do_to_access_lists_is_noted_without_a_server(tmp_path: Path, name: str) -> None:
    folder, file = tmp_path / "data", tmp_path / "data" / f"{name}.db"
    file.parent.mkdir(parents=True)
    replica.create(file).close()
    done("user", "add", "chef", "--data", folder, "--admin", REPLICA_PASSWORD="pw")
    done("acl", file, "set", "rosa", "reader", "--role", "night")
    done("acl", file, "set", "rosa", "author")
    done("acl", file, "set", "rosa", "author")
    assert 10 == run("acl", file, "remove", "nobody").code
    done("acl", file, "remove", "rosa")
    found = [json.loads(line) for line in (folder / NAME).read_text().splitlines()[1:]]
    reader, author = {"name": "rosa", "level": "reader", "roles": ["night"]}, {"name": "rosa", "level": "author"}
    assert [(None, reader), (reader, author), (author, None)] == [
        (change["before"], change["after"]) for each in found for change in each["changes"]
    ]
    with replica.open(file) as hub:
        assert hub.get("_design/access").revision == found[-1]["revision"]
    assert {("access_list_changed", name, whoever_runs_this())} == {
        (each["event"], each["database"], each["by"]) for each in found
    }


def test_what_commands_do_to_access_lists_of_files_that_are_not_served_is_in_no_log(tmp_path: Path) -> None:
    replica.create(tmp_path / "orders.db").close()
    done("acl", tmp_path / "orders.db", "set", "rosa", "reader")
    assert NAME not in os.listdir(tmp_path)


def test_commands_note_what_they_do(hall: Hall) -> None:
    done("user", "add", "eva", "--data", hall.folder, "--admin", REPLICA_PASSWORD="secret word")
    record = hall.only("user_added")
    assert ("eva", ["_admin"], whoever_runs_this()) == (record["user"], record["roles"], record["by"])
    assert "secret word" not in hall.file.read_text()


def test_a_directory_that_is_changed_otherwise_is_noticed(hall: Hall) -> None:
    hall.ask("rosa", "GET", "/orders")
    with replica.open(hall.folder / "_users.db", user="mallory") as users:
        document = users.get("org.couchdb.user:rosa")
        document["roles"] = ["_admin"]
        saved = users.put(document)
        group = users.put({"type": "group", "members": ["rosa", "mona"]}, unid="group:north")
        odd = users.put({"type": "user", "roles": 7}, unid="org.couchdb.user:odd")
        gone = users.delete("org.couchdb.user:dora")
    hall.ask("rosa", "GET", "/orders")
    found = hall.records("directory_changed")
    assert [["mallory"]] * 4 == [each["saved_by"] for each in found]
    said = [{key: each[key] for key in each.keys() - {"time", "event", "saved_by"}} for each in found]
    assert [
        {"document": "org.couchdb.user:rosa", "revision": saved.revision, "roles": ["_admin"]},
        {"document": "group:north", "revision": group.revision, "members": ["mona", "rosa"]},
        {"document": "org.couchdb.user:odd", "revision": odd.revision, "roles": None},
        {"document": "org.couchdb.user:dora", "revision": gone.revision, "roles": None},
    ] == said
    assert "argon2" not in {*hall.file.read_text().replace("$", " ").split()}
    for suffix in ("", "-wal", "-shm"):
        (hall.folder / f"_users.db{suffix}").unlink(missing_ok=True)
    hall.ask("rosa", "GET", "/orders")
    assert 1 == len(hall.records("directory_replaced"))


def test_a_directory_that_comes_while_the_server_runs_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    directory = Directory(str(tmp_path))
    directory.add("anna", "pw", roles=["_admin"])
    directory.close()
    with serving(tmp_path / "data") as url:
        assert 200 == httpx2.get(f"{url}/_all_dbs").status_code
        os.rename(tmp_path / "_users.db", tmp_path / "data" / "_users.db")
        assert 401 == httpx2.get(f"{url}/_all_dbs").status_code
    (line,) = (tmp_path / "data" / NAME).read_text().splitlines()
    assert "directory_replaced" == json.loads(line)["event"]


# -- the file


def test_the_log_is_its_owners_alone_and_nobody_is_served_it(hall: Hall) -> None:
    with hall.web() as web:
        assert [] == [name for name in web.get("/_all_dbs").json() if "log" in name]
        for path in (
            "/_security.log",
            "/_security",
            "/%5fsecurity.log",
            "/orders/../_security.log",
            "/_security.log/_all_docs",
        ):
            assert web.get(path).status_code in (400, 404), path
        assert web.put("/_security.log").status_code >= 400
        assert web.delete("/_security.log").status_code >= 400
    assert 0o600 == hall.file.stat().st_mode & 0o777
    assert hall.records("login")


def test_what_strangers_say_is_bounded_and_begins_no_line(hall: Hall) -> None:
    evil = 'anna"}\n{"event":"login","user":"root\x1b[2J\u2028\x85'
    for name in (evil, "x" * 5000):
        httpx2.post(f"{hall.url}/_session", json={"name": name, "password": "wrong"})
    first, second = hall.records("login_failed")
    assert evil == first["user"]
    assert TEXT_MAX + 1 == len(second["user"])
    assert hall.file.read_bytes().isascii()
    assert 2 == hall.file.read_bytes().count(b"\n") == len(hall.file.read_text().splitlines())


def test_lists_are_bounded(tmp_path: Path) -> None:
    SecurityLog(str(tmp_path)).record("x", changes=[{"after": {"roles": ["r" * 300] * 300}}] * 300)
    (record,) = (json.loads(line) for line in (tmp_path / NAME).read_text().splitlines())
    assert [101, 101] == [len(record["changes"]), len(record["changes"][0]["after"]["roles"])]
    assert TEXT_MAX + 1 == len(record["changes"][0]["after"]["roles"][0])
    assert ["…"] == record["changes"][-1:]


def test_a_file_that_was_moved_away_is_made_again(hall: Hall) -> None:
    hall.directory.add("eva", "pw")
    hall.file.rename(hall.folder / "_security.log.1")
    hall.directory.add("ida", "pw")
    assert "ida" == hall.only("user_added")["user"]
    assert 0o600 == hall.file.stat().st_mode & 0o777


@pytest.mark.parametrize("obstacle", ["folder", "link", "pipe"])
def test_a_log_that_cannot_be_written_is_told_and_stops_nothing(
    hall: Hall, obstacle: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if obstacle == "folder":
        hall.file.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(hall.file)
    else:
        (tmp_path / "elsewhere").write_text("")
        hall.file.symlink_to(tmp_path / "elsewhere")
    assert 200 == hall.ask("root", "GET", "/orders").status_code
    assert 403 == hall.ask("rosa", "PUT", "/orders/x", {}).status_code
    assert "cannot be written, and a line is lost: login" in caplog.text
    metrics = hall.ask("root", "GET", "/_metrics").text
    (lost,) = (line for line in metrics.splitlines() if line.startswith("replica_security_log_lost_total"))
    assert int(lost.split()[1]) >= 3
    if obstacle == "link":
        assert "" == (tmp_path / "elsewhere").read_text()


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    code = (
        "import sys; from replica.access import SecurityLog\n"
        "log = SecurityLog(sys.argv[1])\n"
        "for n in range(300): log.record('x', user='u' * 190, n=n, who=sys.argv[2])"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(n)]) for n in range(4)]
    assert [0, 0, 0, 0] == [process.wait(60) for process in processes]
    found = [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]
    assert 1200 == len(found) == len({(each["who"], each["n"]) for each in found})


def test_a_line_that_found_no_room_spoils_no_other(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from replica.access import SecurityLog\n"
        "log = SecurityLog(sys.argv[1])\n"
        "log.record('first')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "log.record('half', user='u' * 100)\n"
        "log.record('none')\n"
        "assert log.lost == 2, log.lost"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    assert 100 == (tmp_path / NAME).stat().st_size
    log = SecurityLog(str(tmp_path))
    log.record("next")
    log.record("last")
    first, half, *others = (tmp_path / NAME).read_text().splitlines()
    assert half.startswith('{"time"')
    assert ["first", "next", "last"] == [json.loads(line)["event"] for line in (first, *others)]


def test_without_users_there_is_no_log(tmp_path: Path) -> None:
    replica.create(tmp_path / "orders.db").close()
    with serving(tmp_path) as url:
        httpx2.get(f"{url}/orders")
        httpx2.get(f"{url}/orders", headers={"Host": "evil.example"})
    assert NAME not in os.listdir(tmp_path)


# -- nothing secret


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_password_token_or_cookie_is_in_anything_that_a_server_writes(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    replica.create(folder / "orders.db").close()
    directory = Directory(str(folder))
    secrets = {"password": "correct-horse-battery", "wrong": "staple-in-the-haystack"}
    directory.add("anna", secrets["password"], roles=["_admin"])
    token, revoked = (directory.create_token("anna") for _ in range(2))
    secrets |= {"token": token.split("_", 2)[2], "revoked": revoked.split("_", 2)[2]}
    directory.revoke(revoked)
    with server_process(folder, "--access-log", form, "-v", "--debug") as served:
        url = "http://{}:{}".format(*served.address)
        with httpx2.Client(base_url=url, trust_env=False) as web:
            answered = web.post("/_session", data={"name": "anna", "password": secrets["password"]})
            secrets["cookie"] = answered.cookies["AuthSession"]
            web.post("/_session", json={"name": "anna", "password": secrets["wrong"]})
            web.post("/_session", json={"name": "anna", "password": [secrets["wrong"]]})
            web.cookies.clear()
            heads = [
                {"Authorization": basic("anna", secrets["password"])},
                {"Authorization": basic("anna", secrets["wrong"])},
                {"Authorization": f"Bearer {token}"},
                {"Authorization": f"Bearer {revoked}"},
                {"Authorization": f"Bearer {secrets['wrong']}"},
                {"Authorization": f"Digest {secrets['wrong']}"},
                {"Cookie": f"AuthSession={secrets['cookie']}"},
                {"Cookie": f"AuthSession={secrets['cookie'][:-2]}"},
            ]
            for head in heads:
                for path in (
                    "/orders",
                    "/nothing",
                    "/orders/_changes?since=x",
                    f"/orders/x?password={secrets['wrong']}",
                ):
                    web.get(path, headers=head)
                web.put("/orders/x", headers=head, content=b"{")
        with replica.open(folder / "orders.db") as hub:
            hub.copy(tmp_path / "copy.db").close()
        address = f"{url.replace('://', '://anna@')}/orders"
        assert replica.replicate(tmp_path / "copy.db", address, network=Network(password=secrets["password"])).ok
        cmdline = Path(f"/proc/{served.process.pid}/cmdline").read_bytes() if has_proc() else b""
        assert 0 == served.stop()
        said = served.log.encode()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert b"login_failed" in written[folder / NAME]
    assert b"/orders" in said
    for name, secret in secrets.items():
        for each in (secret.encode(), basic("anna", secret).removeprefix("Basic ").encode()):
            assert [] == [path for path, content in written.items() if each in content], name
            assert each not in said + cmdline, name


def test_all_that_a_server_makes_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    Directory(str(folder)).add("anna", "pw", roles=["_admin"])
    before = os.umask(0)
    try:
        with server_process(folder) as served:
            url = "http://{}:{}".format(*served.address)
            with httpx2.Client(base_url=url, auth=("anna", "pw"), trust_env=False) as web:
                assert web.put("/orders").is_success
                assert web.put("/a%2Fb").is_success
                assert web.put("/orders/_design/access", json={"entries": []}).is_success
                assert web.post("/orders/_index", json={"index": {"fields": ["a"]}}).is_success
                assert web.put("/orders/_local/x", json={}).is_success
                modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if not path.is_dir()}
            assert 0 == served.stop()
    finally:
        os.umask(before)
    assert {"orders.db", "orders.db-wal", "b.db", NAME, ".replica-server", "_users.db"} <= {path.name for path in modes}
    assert {} == {path.name: oct(mode) for path, mode in modes.items() if mode != 0o600}
