"""Replication with a server that has users: by our own command, and by PouchDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import replica
from replica import errors
from replica.access import Directory
from replica.server.gate.attempts import BY_NAME
from replica.transports.network import Network
from tests.servers import serving
from tests.system.command import Outcome, done, run, spawn
from tests.system.pouchdb.node import Pouch, PouchError

pytestmark = pytest.mark.system

PASSWORD = "correct: horse/€"
SECRET = {"REPLICA_PASSWORD": PASSWORD}


class Hub:
    """A server with users, a database in it, and a copy of that elsewhere."""

    def __init__(self, folder: Path, url: str, directory: Directory) -> None:
        self.folder, self.url, self.directory = folder, url, directory
        self.here = folder / "here.db"
        self.there = folder / "served" / "db.db"

    def address(self, user: str | None = "root", scheme: str = "") -> str:
        who = "" if user is None else f"{user}@"
        return f"{scheme}{self.url.replace('://', f'://{who}')}/db"

    def put(self, path: Path, unid: str) -> None:
        with replica.open(path) as db:
            db.put({"n": 1}, unid=unid)

    def unids(self, path: Path) -> set[str]:
        with replica.open(path) as db:
            return {document.unid for document in db.documents()}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    served = tmp_path / "served"
    served.mkdir()
    with replica.create(served / "db.db") as made:
        made.put({"n": 1}, unid="there")
        made.copy(tmp_path / "here.db").close()
    directory = Directory(str(served))
    directory.add("root", PASSWORD, roles=["_admin"])
    directory.add("anna", PASSWORD)
    with serving(served) as url:
        yield Hub(tmp_path, url, directory)
    directory.close()


SCHEMES = ["", "couchdb+"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_our_command_replicates_both_ways_with_a_password(scheme: str, hub: Hub) -> None:
    hub.put(hub.here, "mine")
    hub.put(hub.there, "theirs")
    done("sync", hub.here, hub.address(scheme=scheme), **SECRET)
    assert {"there", "mine", "theirs"} == hub.unids(hub.here) == hub.unids(hub.there)
    done("sync", hub.here, hub.address(scheme=scheme), **SECRET)  # reads what it pushed
    report = done("sync", hub.here, hub.address(scheme=scheme), "--json", **SECRET).value
    assert (0, 0) == (report["pull"]["read"], report["push"]["read"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_token_does_as_well_as_a_password(scheme: str, hub: Hub) -> None:
    hub.put(hub.here, "mine")
    token = hub.directory.create_token("root", databases=["db"])
    done("sync", hub.here, hub.address(None, scheme), REPLICA_TOKEN=token)
    assert {"there", "mine"} == hub.unids(hub.there)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_read_only_token_pulls_and_both_sides_remember_how_far(scheme: str, hub: Hub) -> None:
    hub.put(hub.there, "theirs")
    token = {"REPLICA_TOKEN": hub.directory.create_token("root", read_only=True, databases=["db"])}
    done("pull", hub.here, hub.address(None, scheme), **token)
    assert {"there", "theirs"} == hub.unids(hub.here)
    assert 0 == done("pull", hub.here, hub.address(None, scheme), "--json", **token).value["pull"]["read"]
    hub.put(hub.here, "mine")
    outcome = run("push", hub.here, hub.address(None, scheme), "--json", **token)
    assert 8 == outcome.code, outcome
    assert {"there", "theirs"} == hub.unids(hub.there)
    done("copy", hub.address(None), hub.folder / "new.db", **token)


def refused(hub: Hub, address: str, **variables: str) -> tuple[int, str]:
    outcome: Outcome = run("sync", hub.here, address, "--json", **variables)
    assert PASSWORD not in outcome.err + outcome.out
    return outcome.code, str(outcome.error["code"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_who_may_not_is_told_so_by_exit_code(scheme: str, hub: Hub) -> None:
    before = hub.directory.create_token("root", expires_ms=1)
    revoked = hub.directory.create_token("root")
    hub.directory.revoke(revoked.split("_")[1])
    address, nobody = hub.address("root", scheme), hub.address(None, scheme)
    assert (12, "not_authenticated") == refused(hub, address, REPLICA_PASSWORD="wrong")
    assert (12, "not_authenticated") == refused(hub, nobody)
    assert (12, "not_authenticated") == refused(hub, nobody, REPLICA_TOKEN=before)
    assert (12, "not_authenticated") == refused(hub, nobody, REPLICA_TOKEN=revoked)
    assert (8, "not_allowed") == refused(hub, hub.address("anna", scheme), **SECRET)
    other = hub.directory.create_token("root", databases=["other"])
    assert (8, "not_allowed") == refused(hub, nobody, REPLICA_TOKEN=other)
    assert (10, "not_found") == refused(hub, address.removesuffix("db") + "nothing", **SECRET)
    assert {"there"} == hub.unids(hub.there)


def test_a_database_is_opened_with_a_token_from_python(hub: Hub) -> None:
    network = Network(token=hub.directory.create_token("root"))
    with replica.open(hub.address(None), network=network) as db:
        assert 1 == db.get("there")["n"]
        assert "x" == db.put({"n": 2}, unid="x").unid
    with pytest.raises(errors.NotAuthenticated), replica.open(hub.address(None)) as db:
        db.get("there")


def test_too_many_wrong_passwords_may_be_tried_again_later(hub: Hub) -> None:
    network = Network(password="wrong")
    for _ in range(BY_NAME.most):
        with pytest.raises(errors.NotAuthenticated), replica.open(hub.address(), network=network) as db:
            db.get("there")
    with pytest.raises(errors.TooManyAttempts) as caught, replica.open(hub.address(), network=network) as db:
        db.get("there")
    assert caught.value.may_retry


def test_a_continuous_replication_ends_when_its_token_is_revoked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    token = hub.directory.create_token("root")
    monkeypatch.setenv("REPLICA_TOKEN", token)
    process = spawn("sync", hub.here, hub.address(None), "--continuous", "--json")
    try:
        with replica.open(hub.here) as here, replica.open(hub.there) as there:
            there.put({"n": 1}, unid="live")
            changes = here.changes(live=True)
            while "live" not in here:
                next(changes)
        hub.directory.revoke(token.split("_")[1])
        _, told = process.communicate(timeout=30)
        assert 12 == process.returncode
        assert token.encode() not in told
    finally:
        process.kill()


# -- PouchDB


@pytest.fixture
def pouch() -> Iterator[Any]:
    with Pouch() as made:
        yield made


def with_password(hub: Hub, user: str = "root", password: str = PASSWORD) -> str:
    return hub.url.replace("://", f"://{user}:{quote(password, safe='')}@") + "/db"


def test_pouchdb_replicates_both_ways_with_a_password_in_the_address(hub: Hub, pouch: Any) -> None:
    local, remote = str(hub.folder / "pouch"), with_password(hub)
    pouch.put(local, {"_id": "pouched"})
    outcome = pouch.sync(local, remote)
    assert outcome["push"]["ok"]
    assert outcome["pull"]["ok"]
    assert {"there", "pouched"} == hub.unids(hub.there)
    assert "there" == pouch.get(local, "there")["_id"]


def test_pouchdb_replicates_both_ways_with_a_cookie(hub: Hub, pouch: Any) -> None:
    local, remote = str(hub.folder / "pouch"), f"{hub.url}/db"
    assert 200 == pouch.withCookie(hub.url, remote, "root", PASSWORD)
    pouch.put(local, {"_id": "pouched"})
    outcome = pouch.sync(local, remote)
    assert outcome["push"]["ok"]
    assert outcome["pull"]["ok"]
    assert {"there", "pouched"} == hub.unids(hub.there)


def test_pouchdb_goes_on_live_until_the_password_is_changed(hub: Hub, pouch: Any) -> None:
    local, remote = str(hub.folder / "pouch"), with_password(hub)
    there = pouch.start("until", local, "live", "n", 1)
    pouch.live("sync", local, remote)
    hub.put(hub.there, "live")
    there.result(20)
    hub.directory.change_password("root", "another")
    pouch.stop("sync")
    with pytest.raises(PouchError) as caught:
        pouch.replicate(remote, local, {})
    assert 401 == caught.value.status


@pytest.mark.parametrize(("user", "password", "status"), [("root", "wrong", 401), ("anna", PASSWORD, 403)])
def test_pouchdb_is_told_why_it_may_not(user: str, password: str, status: int, hub: Hub, pouch: Any) -> None:
    with pytest.raises(PouchError) as caught:
        pouch.replicate(with_password(hub, user, password), str(hub.folder / "pouch"), {})
    assert status == caught.value.status
    assert 401 == pouch.withCookie(hub.url, f"{hub.url}/db", user, "wrong")
