"""Two replicas of ours over HTTP: who is recognised, who is refused, what a server withholds, and how it ends early."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

import replica
import replica.engine.replicate
import replica.server.native.conversation
import replica.store.sqlite
from replica.access import SecurityLog
from replica.changes import Offer
from replica.errors import (
    Garbled,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotSupported,
    OtherProtocol,
    ReadOnly,
    Replaced,
    ReplicaError,
    TooLarge,
    TransportError,
    Unreachable,
    WithItself,
)
from replica.revision import Revision
from replica.server.app import Limits
from replica.server.catalogue import Catalogue
from replica.transports.address import Address
from replica.transports.exchange import Exchange
from replica.transports.http import HTTPPeer, introduce
from replica.transports.web import Web
from replica.wire.messages import MEDIA_TYPE
from tests.couchdbs import CouchDB
from tests.faults.wire import Flaw, wire
from tests.middleman import Told, between
from tests.servers import running, serving
from tests.system.command import done, run, spawn

pytestmark = pytest.mark.system


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "served"
    made.mkdir()
    return made


@pytest.fixture
def hub(folder: Path) -> Iterator[replica.Replica]:
    """The replica that is served."""
    with replica.create(folder / "hub.db") as made:
        made.put({"n": 1}, unid="there")
        yield made


@pytest.fixture
def laptop(hub: replica.Replica, tmp_path: Path) -> Iterator[replica.Replica]:
    """The replica that is here."""
    with hub.copy(tmp_path / "laptop.db") as made:
        made.put({"n": 1}, unid="here")
        yield made


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    with serving(folder) as url:
        yield url


@contextmanager
def web(address: str) -> Iterator[Web]:
    made = Web(Address(address))
    yield made
    made.close()


def is_ours(there: Web) -> bool:
    return introduce(there) is not None


class Stranger:
    """A server that answers everything alike."""

    def __init__(self, status: int, kind: str, body: bytes) -> None:
        self._start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]}
        self._body = {"type": "http.response.body", "body": body}

    def dismiss(self) -> None:
        """Nobody waits."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(self._start)
            await send(self._body)
            return
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def message(**head: Any) -> bytes:
    """A message as docs/conversation.md has it."""
    data = json.dumps(head).encode() + b"\n"
    return data + b'{"end":"%b"}\n' % hashlib.sha256(data).hexdigest().encode()


# -- who is there


def test_a_replica_of_ours_is_recognised_by_its_greeting(hub: replica.Replica, server: str) -> None:
    with web(f"{server}/hub") as there:
        assert is_ours(there)
        peer = introduce(there)
        assert peer is not None
        assert hub.identity.instance_id == peer.greet(None).instance_id


def test_a_couchdb_is_none_of_ours(couchdb: CouchDB) -> None:
    with web(couchdb.make()) as there:
        assert not is_ours(there)


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<h1>Welcome</h1>"),
        (200, "application/json", b"{}"),
        (404, "text/html", b"<h1>Not Found</h1>"),
        (404, "application/json", b'{"error":"not_found","reason":"missing"}'),
        (405, "text/plain", b""),
        (501, "text/plain", b""),
    ],
)
def test_what_has_never_heard_of_it_is_none_of_ours(status: int, kind: str, body: bytes) -> None:
    with running(Stranger(status, kind, body)) as url, web(f"{url}/hub") as there:
        assert not is_ours(there)


@pytest.mark.parametrize(("status", "error"), [(401, NotAuthenticated), (403, NotAllowed), (500, TransportError)])
def test_who_does_not_let_us_in_may_be_one_of_ours(status: int, error: type[ReplicaError]) -> None:
    with running(Stranger(status, "application/json", b"{}")) as url, web(f"{url}/hub") as there, pytest.raises(error):
        is_ours(there)


def test_a_database_that_is_not_there_is_not_found(server: str, laptop: replica.Replica) -> None:
    with web(f"{server}/nothing") as there, pytest.raises(NotFound):
        is_ours(there)
    outcome = run("sync", laptop.path, f"{server}/nothing", "--json")
    assert (10, "not_found") == (outcome.code, outcome.error["code"])


def test_a_server_that_hangs_up_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with web(f"http://127.0.0.1:{listener.getsockname()[1]}/hub") as there, pytest.raises(Unreachable):
            is_ours(there)
        thread.join(20)


def test_what_speaks_another_protocol_is_refused(laptop: replica.Replica) -> None:
    greeting = message(protocol=2, verb="greet", name="x", say={"hello": "from the future"})
    with running(Stranger(200, MEDIA_TYPE, greeting)) as url:
        with web(f"{url}/hub") as there, pytest.raises(OtherProtocol):
            is_ours(there)
        before = laptop.info()
        outcome = run("sync", laptop.path, f"{url}/hub", "--json")
        assert (14, "other_protocol", False) == (outcome.code, outcome.error["code"], outcome.error["retryable"])
        assert before == laptop.info()


def test_a_question_in_another_protocol_is_refused(hub: replica.Replica, server: str) -> None:
    question = message(protocol=2, verb="greet", name="", say={"greeting": None, "dry_run": False})
    headers = {"Content-Type": MEDIA_TYPE}
    answer = httpx2.post(f"{server}/hub/_replica/greet", content=question, headers=headers, trust_env=False)
    assert (400, "other_protocol") == (answer.status_code, answer.json()["code"])


def test_a_verb_of_a_later_version_is_refused_in_words_that_its_client_understands(
    hub: replica.Replica, server: str
) -> None:
    """It may do without; and it must not take this server for one that has never heard of the conversation."""
    for verb in ("later", "greet/later"):
        content = message(protocol=1, verb=verb, name="", say=None)
        answer = httpx2.post(f"{server}/hub/_replica/{verb}", content=content, trust_env=False)
        assert (501, "not_supported") == (answer.status_code, answer.json()["code"])
    with web(f"{server}/hub") as there, pytest.raises(NotSupported):
        Exchange(there).said("later", None)


def test_what_a_later_version_adds_to_the_head_and_to_objects_is_ignored(hub: replica.Replica, server: str) -> None:
    asking = {"greeting": None, "dry_run": False, "later": {"any": ["thing"]}}
    question = message(protocol=1, verb="greet", name="", say=asking, later=["x"], can={"y": 1})
    headers = {"Content-Type": MEDIA_TYPE}
    answer = httpx2.post(f"{server}/hub/_replica/greet", content=question, headers=headers, trust_env=False)
    assert 200 == answer.status_code
    told = json.loads(answer.content.splitlines()[0])
    later = message(**told, later=["x"], can={"y": 1})
    with running(Stranger(200, MEDIA_TYPE, later)) as url, web(f"{url}/hub") as there:
        peer = introduce(there)
        assert peer is not None
        assert hub.identity.instance_id == peer.greet(None).instance_id


@pytest.mark.parametrize("places", [[1, 0], [0, 0], [-1], [2]])
def test_places_that_are_none_in_the_list_are_garbled(places: list[int]) -> None:
    """A peer that says so lies, or is broken: else it could have a document sent as often as it likes."""
    answer = message(protocol=1, verb="missing", name="", say=places)
    offers = [Offer(unid, Revision(1, "a"), False, False, True, b"", 1, 0) for unid in ("a", "b")]
    with running(Stranger(200, MEDIA_TYPE, answer)) as url, web(f"{url}/hub") as there, pytest.raises(Garbled):
        HTTPPeer(there).missing(offers)


@pytest.mark.parametrize(
    "say",
    [
        None,
        {},
        {"replica_id": "x", "ids": []},
    ],
)
def test_a_greeting_that_is_none_is_garbled(say: Any) -> None:
    greeting = message(protocol=1, verb="greet", name="x", say=say)
    with (
        running(Stranger(200, MEDIA_TYPE, greeting)) as url,
        web(f"{url}/hub") as there,
        pytest.raises(TransportError),
    ):
        is_ours(there)


@pytest.mark.parametrize("told", [Told(404, b"<h1>Not Found</h1>"), Told(405, b""), Told(200, b"<h1>Welcome</h1>")])
def test_a_server_of_ours_that_was_not_understood_is_not_taken_for_a_couchdb(
    hub: replica.Replica, laptop: replica.Replica, server: str, told: Told
) -> None:
    """There the marks would get lost. Who wants that nevertheless says so."""
    before = [at.info() for at in (hub, laptop)]
    with between(server) as middle:
        middle.way = lambda asked, ask: told if "_replica" in asked.path else ask(asked)
        outcome = run("sync", laptop.path, f"{middle.url}/hub", "--json")
        assert (5, "garbled") == (outcome.code, outcome.error["code"])
        assert "couchdb+" in outcome.error["hint"]
        assert before == [at.info() for at in (hub, laptop)]
        done("sync", laptop.path, f"couchdb+{middle.url}/hub")


# -- with itself


def test_a_file_is_not_replicated_with_itself_through_a_server(hub: replica.Replica, server: str) -> None:
    address = f"{server}/hub"
    other_name = address.replace("127.0.0.1", "localhost")
    before = hub.info()
    for pair in ((hub.path, address), (address, hub.path), (address, other_name), (address, address)):
        outcome = run("sync", *pair, "--json")
        assert (9, "with_itself") == (outcome.code, outcome.error["code"])
        with pytest.raises(WithItself):
            replica.replicate(*pair, force=True)
    assert before == hub.info()


# -- what becomes of the database meanwhile


def many(at: replica.Replica, name: str) -> None:
    at.put_many({"n": n} for n in range(20))
    at.put({}, unid=f"last {name}")


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica.engine.replicate, "PAGE", 5)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_database_that_is_deleted_meanwhile_is_not_found(
    hub: replica.Replica, laptop: replica.Replica, server: str, direction: str
) -> None:
    for at in (hub, laptop):
        many(at, at.path)

    def delete(progress: object) -> None:
        httpx2.delete(f"{server}/hub", trust_env=False)

    with pytest.raises(NotFound):
        replica.replicate(laptop, f"{server}/hub", direction, on_progress=delete)
    assert laptop.verify()["ok"]
    assert "here" in laptop
    again = run("sync", laptop.path, f"{server}/hub", "--json")
    assert (10, "not_found") == (again.code, again.error["code"])


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_database_that_is_replaced_meanwhile_is_noticed(
    hub: replica.Replica, laptop: replica.Replica, server: str, folder: Path, direction: str
) -> None:
    """By another replica of the same database: what was agreed with the first one does not hold for it."""
    with hub.copy(folder.parent / "other.db") as other:
        many(other, "other")
    for at in (hub, laptop):
        many(at, at.path)
    hub.close()

    def replace(progress: object) -> None:
        if (folder.parent / "other.db").exists():
            os.replace(folder.parent / "other.db", folder / "hub.db")
            for leftover in ("-wal", "-shm"):
                Path(f"{folder / 'hub.db'}{leftover}").unlink(missing_ok=True)

    with pytest.raises(Replaced):
        replica.replicate(laptop, f"{server}/hub", direction, on_progress=replace)
    assert laptop.verify()["ok"]
    assert replica.replicate(laptop, f"{server}/hub").ok
    assert "last other" in laptop
    with replica.open(folder / "hub.db") as now:
        assert laptop.compare(now)["ok"]


# -- what a server does not take


def test_a_document_that_is_too_large_for_a_server_is_refused_alone(
    hub: replica.Replica, laptop: replica.Replica, folder: Path
) -> None:
    """It is counted, listed where it did not come, and asked for again: it comes when it may."""
    laptop.put({"text": os.urandom(2_000_000).hex()}, unid="large")
    laptop.put({"text": os.urandom(30_000).hex()}, unid="large too")
    many(laptop, "laptop")
    with serving(folder, limits=Limits(body_bytes_max=50_000)) as url:
        for _ in range(2):
            outcome = run("push", laptop.path, f"{url}/hub", "--json")
            assert 3 == outcome.code
            assert {"too_large": 2} == outcome.value["push"]["refused"]
            assert {"large", "large too"} == {each["unid"] for each in outcome.value["push"]["failures"]}
            assert len(laptop) - 2 == len(hub)
            listed = done("refused", hub.path, "--json").value
            assert [("large", "too_large"), ("large too", "too_large")] == [
                (each["unid"], each["code"]) for each in listed
            ]
    with serving(folder) as url:
        assert 2 == done("push", laptop.path, f"{url}/hub", "--json").value["push"]["added"]
    assert [] == list(hub.refused())
    assert laptop.compare(hub)["ok"]


def test_documents_that_are_too_large_together_are_sent_apart(
    hub: replica.Replica, laptop: replica.Replica, folder: Path
) -> None:
    """As something in front of a server may want it: none of them is refused."""
    for n in range(30):
        laptop.put({"text": os.urandom(5_000).hex()}, unid=f"{n}")
    with serving(folder, limits=Limits(body_bytes_max=50_000)) as url:
        report = replica.replicate(laptop, f"{url}/hub", "push")
        assert report.push is not None
        assert ({}, 31) == (report.push.refused, report.push.added)
        again = replica.replicate(laptop, f"{url}/hub", "push")
        assert again.push is not None
        assert 0 == again.push.read
    newest = next(session for session in hub.history() if session.direction == "in")
    assert 31 == newest.counts["added"]
    assert replica.replicate(laptop, hub).ok
    assert laptop.compare(hub)["ok"]


def test_who_fetches_more_than_a_server_sends_at_once_is_refused_and_a_large_document_comes_alone(
    hub: replica.Replica, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one question makes a server hold all documents of a database in memory."""
    monkeypatch.setattr(replica.server.native.conversation, "SIZE_MAX", 10_000)
    made = [hub.put({"text": "x" * 9_000}, unid=f"{n}") for n in range(2)]
    alone = hub.put({"text": "x" * 20_000}, unid="large")
    with web(f"{server}/hub") as there:
        peer = introduce(there)
        assert peer is not None
        wanted = [(document.unid, Revision.parse(document.revision)) for document in (*made, alone)]
        for some in (wanted[:2], wanted[1:]):
            with pytest.raises(TooLarge):
                peer.fetch(some)
        for one in wanted:
            assert [one[0]] == [leaf.unid for leaf in peer.fetch([one, one]).leaves]
        assert [] == list(peer.fetch([]).leaves)


# -- runs that write nothing, or only at one end


def test_a_dry_run_over_http_counts_and_writes_nothing(
    hub: replica.Replica, laptop: replica.Replica, server: str
) -> None:
    def everything() -> list[Any]:
        return [(at.info(), list(at.changes()), list(at.history()), dict(at.settings)) for at in (hub, laptop)]

    laptop.settings["ancestry-limit"] = 2000
    before = everything()
    report = replica.replicate(laptop, f"{server}/hub", dry_run=True)
    assert report.pull is not None
    assert report.push is not None
    assert (0, 1) == (report.pull.added, report.push.added)
    assert before == everything()


def test_a_served_file_that_cannot_be_written_is_pulled_from(
    hub: replica.Replica, laptop: replica.Replica, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this side remembers; the last entries of the feed are the witnesses."""
    may = replica.store.sqlite._may_write
    monkeypatch.setattr(replica.store.sqlite, "_may_write", lambda path: not path.endswith("hub.db") and may(path))
    hub.put({}, unid="more")
    with serving(folder) as url:
        for direction in ("push", "both"):
            with pytest.raises(ReadOnly):
                replica.replicate(laptop, f"{url}/hub", direction)
        assert 8 == run("push", laptop.path, f"{url}/hub").code
        for read in (True, False):
            report = replica.replicate(laptop, f"{url}/hub", "pull")
            assert report.pull is not None
            assert read == (report.pull.read > 0)
        hub.put({}, unid="even more")
        report = replica.replicate(laptop, f"{url}/hub", "pull")
        assert report.pull is not None
        assert (1, 1) == (report.pull.read, report.pull.added)
    assert ["in"] == [session.direction for session in laptop.history()][:1]


# -- ending early


@pytest.mark.parametrize("share", [0.05, 0.6])
@pytest.mark.parametrize("direction", ["pull", "push"])
def test_an_interrupted_replication_does_not_wait_for_a_server_that_says_nothing(
    hub: replica.Replica, laptop: replica.Replica, server: str, direction: str, share: float
) -> None:
    """Neither the step in hand nor the one that is fetched ahead holds it up."""
    for at in (hub, laptop):
        for n in range(20):
            at.put({"text": os.urandom(100_000).hex()}, unid=f"{at.path} {n}")
    address = urlsplit(server)
    behind = (address.hostname or "", address.port or 0)
    way = "answered" if direction == "pull" else "asked"
    with wire(behind, Flaw("stall", way, int(share * 2_000_000))) as bad:
        process = spawn(direction, laptop.path, f"{bad.url}/hub", "--json")
        assert bad.strikes.wait(60)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
        assert time.monotonic() - begun < 4
    assert (130, b"", "interrupted") == (process.returncode, out, json.loads(told)["error"]["code"])
    assert replica.replicate(laptop, f"{server}/hub").ok
    assert laptop.compare(hub)["ok"]


def test_a_database_that_is_deleted_while_it_is_used_is_not_closed_under_its_users(
    hub: replica.Replica, folder: Path
) -> None:
    """Who uses it is told that its file is gone, and is not taken for someone who calls wrongly."""
    hub.close()
    catalogue = Catalogue(str(folder), SecurityLog(str(folder)))
    with catalogue.use("hub") as held:
        catalogue.delete("hub")
        with pytest.raises(Replaced):
            held.replica.info()
        catalogue.create("hub")
        with catalogue.use("hub") as other:
            other.replica.put({"new": True}, unid="a")
    with catalogue.use("hub") as other:
        assert ["a"] == [document.unid for document in other.replica.documents()]
        assert other.replica.verify()["ok"]
    catalogue.close()


def test_a_database_is_at_hand_while_it_is_open_and_the_file_at_its_path(hub: replica.Replica, folder: Path) -> None:
    hub.close()
    catalogue = Catalogue(str(folder), SecurityLog(str(folder)))
    assert not catalogue.is_at_hand("hub")
    with catalogue.use("hub"):
        assert catalogue.is_at_hand("hub")
        assert not catalogue.is_at_hand("nothing")
    assert catalogue.is_at_hand("hub"), "it stays open"
    (folder / "hub.db").rename(folder / "before.db")
    assert not catalogue.is_at_hand("hub")
    catalogue.close()
