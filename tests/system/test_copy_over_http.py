"""`replicate copy ADDRESS DB` from a server of ours: the file comes as it is, is looked at, and becomes a replica."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.errors import Corrupt, Exists, Garbled, NotADatabase, NotFound, ReplicaError, TooNew
from replica.store.received import check_received
from replica.transports.address import Address
from replica.transports.fetched_copy import fetch_copy
from replica.transports.http import HTTPPeer
from replica.transports.web import Web
from replica.wire.bodies import is_canonical
from tests.middleman import Middleman, between
from tests.servers import serving
from tests.system.command import done

pytestmark = pytest.mark.system

SECRET = "of-this-replica-alone"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[replica.Replica]:
    (tmp_path / "srv").mkdir()
    with replica.create(str(tmp_path / "srv" / "hub.db"), title="Orders") as hub:
        hub.put_many({"n": n, "text": "x" * n} for n in range(300))
        saved = hub.put({"text": SECRET}, unid="superseded")
        saved["text"] = "what is known to all"
        hub.put(saved)
        hub.delete(hub.put({}, unid="gone"))
        hub.create_index(["n"])
        yield hub


@pytest.fixture
def middle(hub: replica.Replica) -> Iterator[Middleman]:
    with serving(os.path.dirname(hub.path)) as url, between(url) as middle:
        yield middle


@pytest.fixture
def url(hub: replica.Replica) -> Iterator[str]:
    with serving(os.path.dirname(hub.path)) as url:
        yield f"{url}/hub"


def fetched(url: str, path: Path) -> None:
    peer = HTTPPeer(Web(Address(url)))
    try:
        peer.greet(None)
        fetch_copy(peer, str(path), 0, lambda done, total: None)
    finally:
        peer.web.close()


def by_sqlite(path: str, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_the_copy_holds_the_same_and_the_two_have_nothing_to_tell_each_other(
    hub: replica.Replica, url: str, tmp_path: Path
) -> None:
    told = []
    with replica.open(url) as remote:
        copy = remote.copy(tmp_path / "copy.db", on_progress=lambda done, total: told.append((done, total)))
    with copy:
        assert hub.compare(copy)["ok"]
        assert copy.verify()["ok"]
        assert (hub.identity.replica_id, "Orders") == (copy.identity.replica_id, copy.settings["title"])
        assert hub.identity.instance_id != copy.identity.instance_id
        assert hub.indexes() == copy.indexes()
        assert told[-1][0] == told[-1][1] >= os.path.getsize(tmp_path / "copy.db") > 0
        report = replica.replicate(copy, url)
        assert report.ok
        assert (0, 0) == (report.pull and report.pull.read, report.push and report.push.read)
        copy.put({"from": "the copy"})
        report = replica.replicate(copy, url)
        assert report.push is not None
        assert 1 == report.push.added
    assert ["hub.db", "hub.db-lock", "hub.db-shm", "hub.db-wal"] == [
        name for name in sorted(os.listdir(os.path.dirname(hub.path))) if name.startswith("hub")
    ]


def test_what_is_about_the_replica_alone_does_not_travel(
    hub: replica.Replica, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub.copy(str(tmp_path / "other.db")):
        hub.settings["paused"] = True
    by_sqlite(hub.path, f"INSERT INTO local_document VALUES ('local', 1, '{{\"text\":\"{SECRET}\"}}')")
    assert SECRET in hub.get("superseded", revision=hub.revisions("superseded")[1].revision)["text"]
    sent = tmp_path / "sent.db"
    monkeypatch.setattr("replica.transports.fetched_copy.settle", lambda path, file, *_: os.link(file, sent) or [])
    monkeypatch.setattr("replica.transports.fetched_copy.new_file", not_published)
    fetched(url, tmp_path / "copy.db")
    assert SECRET.encode() not in sent.read_bytes()
    with closing(sqlite3.connect(sent)) as connection:
        for table in ("session", "superseded", "local_document"):
            assert [(0,)] == connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        assert [] == connection.execute("SELECT 1 FROM setting WHERE name = 'paused'").fetchall()


@contextmanager
def not_published(path: str) -> Iterator[str]:
    """In the place of `new_file`."""
    yield path


def test_damage_does_not_travel(hub: replica.Replica, url: str, tmp_path: Path) -> None:
    by_sqlite(hub.path, "UPDATE leaf SET body = '{\"n\":4711}' WHERE seq = 7")
    (unid,) = (found["unid"] for found in hub.verify()["damaged"])
    with replica.open(url) as remote, remote.copy(tmp_path / "copy.db") as copy:
        assert copy.verify()["ok"]
        assert [unid] == [failure.unid for failure in copy.refused()]
        assert unid not in copy
        assert len(copy) == len(hub) - 1


def test_a_name_that_is_taken_is_refused_before_anything_is_asked(middle: Middleman, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with replica.open(f"{middle.url}/hub") as remote, pytest.raises(Exists):
        remote.copy(tmp_path / "copy.db")
    assert "mine" == (tmp_path / "copy.db").read_text()
    assert not any("snapshot" in path for path in middle.paths())


def test_a_server_whose_files_have_another_schema_is_pulled_from(
    hub: replica.Replica, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replica.server.native.copying.SCHEMA", 99)
    with pytest.raises(TooNew):
        fetched(url, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    with replica.open(url) as remote, remote.copy(tmp_path / "copy.db") as copy:
        assert hub.compare(copy)["ok"]


def test_it_is_told_why_documents_are_pulled_where_the_file_cannot_be_taken(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with replica.open(url) as remote:
        remote.copy(tmp_path / "file.db").close()
        assert [] == caplog.messages
        monkeypatch.setattr("replica.server.native.copying.SCHEMA", 99)
        remote.copy(tmp_path / "pulled.db").close()
        with pytest.raises(Exists):
            remote.copy(tmp_path / "pulled.db")
    (said,) = caplog.records
    assert ("replica.remote", "WARNING") == (said.name, said.levelname)
    assert url in said.getMessage()
    assert "its documents are pulled instead" in said.getMessage()


def test_the_command_says_why_documents_are_pulled(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "" == done("copy", url, tmp_path / "file.db").err
    monkeypatch.setattr("replica.server.native.copying.SCHEMA", 99)
    (said,) = done("copy", url, tmp_path / "pulled.db").err.splitlines()
    assert said.startswith(f"replicate: the file of {url} could not be taken: ")


@pytest.mark.parametrize("where", ["head", "middle", "end"])
def test_a_file_that_is_cut_off_or_changed_on_its_way_is_thrown_away(
    hub: replica.Replica, url: str, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the line does is tested with the other faults; here the server itself sends other bytes than it hashed."""
    from replica.server.native import copying

    def spoiled(*arguments: Any) -> Iterator[bytes]:
        whole = bytearray(b"".join(streamed(*arguments)))
        at = {"head": 20, "middle": len(whole) // 2, "end": len(whole) - 9}[where]
        whole[at] ^= 1
        yield bytes(whole)

    streamed = copying.streamed
    monkeypatch.setattr(copying, "streamed", spoiled)
    with pytest.raises(Garbled):
        fetched(url, tmp_path / "copy.db")
    assert ["srv"] == os.listdir(tmp_path)
    with replica.open(url) as remote, remote.copy(tmp_path / "copy.db") as copy:
        assert hub.compare(copy)["ok"]


def test_a_database_that_is_not_there_is_said_to_be_none(url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        fetched(f"{url}x", tmp_path / "copy.db")
    assert ["srv"] == os.listdir(tmp_path)


# -- what is refused of a file that came


def spoil_winner(path: str) -> None:
    by_sqlite(path, "UPDATE leaf SET winner = 0 WHERE seq = 3")


def spoil_schema(path: str) -> None:
    by_sqlite(path, "PRAGMA user_version = 99")


def add_trigger(path: str) -> None:
    by_sqlite(path, "CREATE TRIGGER t AFTER INSERT ON leaf BEGIN DELETE FROM setting; END")


def add_view(path: str) -> None:
    by_sqlite(path, "CREATE VIEW v AS SELECT 1")


def add_column(path: str) -> None:
    by_sqlite(path, "ALTER TABLE leaf ADD COLUMN extra TEXT")


def drop_index(path: str) -> None:
    by_sqlite(path, "DROP INDEX leaf_unid")


def drop_table(path: str) -> None:
    by_sqlite(path, "DROP TABLE superseded")


def replace_file(path: str) -> None:
    os.unlink(path)
    by_sqlite(path, "CREATE TABLE t (x)")


def overwrite_page(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(4096 * 9)
        file.write(b"\0" * 4096)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (spoil_winner, Corrupt),
        (spoil_schema, TooNew),
        (add_trigger, NotADatabase),
        (add_view, NotADatabase),
        (add_column, NotADatabase),
        (drop_index, NotADatabase),
        (drop_table, NotADatabase),
        (replace_file, NotADatabase),
        (overwrite_page, Corrupt),
    ],
)
def test_a_file_that_is_not_as_ours_are_is_refused(
    hub: replica.Replica, tmp_path: Path, spoil: Callable[[str], None], error: type[ReplicaError]
) -> None:
    path = str(tmp_path / "came.db")
    hub.backup(path)
    check_received(path, lambda: None, is_canonical)
    spoil(path)
    with pytest.raises(error):
        check_received(path, lambda: None, is_canonical)
