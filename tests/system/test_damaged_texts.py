"""Bytes that are no text, where a text should be: the damage of one row is that row's alone."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import replica
from replica.clock import system_clock
from replica.errors import Corrupt, NotFound
from replica.leaf import Leaf
from replica.replica import create_empty
from replica.revision import Ancestry, Revision
from replica.store.receive import receive
from tests.asking import house
from tests.saboteurs import LANES
from tests.saboteurs import replicate as by_lane

pytestmark = pytest.mark.system

BYTES = "unid = CAST(CAST(unid AS BLOB) || x'ff' AS TEXT)"  # sorts directly behind what it was
DAMAGE = [
    BYTES,
    "unid = CAST(x'ff41' AS TEXT)",
    "unid = CAST(x'c3' AS TEXT)",
    "unid = CAST(x'edb080' AS TEXT)",
    "unid = unid || char(0) || 'x'",
    "unid = CAST(unid AS BLOB)",
    "unid = x'ff'",
    "unid = 5",
]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[replica.Replica]:
    with replica.create(tmp_path / "hub.db") as hub:
        yield hub


def in_file(hub: replica.Replica, change: str, unid: str, table: str = "leaf") -> int:
    """Change the newest row of a document as a failing disk would, behind the library's back and to any kind of value."""
    with closing(sqlite3.connect(hub.path)) as connection, any_kind(connection, table):
        connection.execute("BEGIN")
        (number,) = connection.execute(f"SELECT max(rowid) FROM {table} WHERE unid = ?", (unid,)).fetchone()
        connection.execute(f"UPDATE {table} SET {change} WHERE rowid = ?", (number,))
        connection.commit()
    return int(number)


@contextmanager
def any_kind(connection: sqlite3.Connection, table: str) -> Iterator[None]:
    """Let a UNID be of another kind than text meanwhile: neither checked nor converted."""
    (before,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    connection.execute("PRAGMA writable_schema = RESET")
    for statement in (before.replace(" STRICT", "").replace("unid TEXT", "unid BLOB"), before):
        connection.execute("PRAGMA writable_schema = ON")
        assert 1 == connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (statement, table)).rowcount
        connection.commit()
        connection.execute("PRAGMA writable_schema = RESET")
        if statement != before:
            yield


def held(hub: replica.Replica, **wanted: bool) -> list[str | None]:
    return [document.unid for document in hub.documents(**wanted)]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("lane", [*LANES, "http", "whole", "copy"])
def test_a_unid_that_cannot_be_read_stays_where_it_is(
    hub: replica.Replica, tmp_path: Path, lane: str, damage: str
) -> None:
    """It is found, named, counted, left out and stored nowhere else, by every lane; everything else goes on."""
    for n in range(5):
        hub.put({"n": n}, unid=f"d{n}")
    edited = hub.get("d2")
    edited["n"] = "edited"
    revision = hub.put(edited).revision
    row = in_file(hub, damage, "d2")
    (named,) = [found for found in hub.verify()["damaged"] if found["unid"] is not None]
    assert named["unid"].startswith(f"_damaged:{row}:")
    failures = [replica.Failure(named["unid"], str(revision), "corrupt")]
    if lane == "copy":
        laptop = hub.copy(tmp_path / "laptop.db")
    else:
        laptop = create_empty(tmp_path / "laptop.db", hub.identity.replica_id, "", system_clock)
        for turn in range(2):
            report = by_lane(laptop, hub, "pull", lane=lane)
            assert report.pull is not None
            assert (4 - 4 * turn, 1, failures) == (report.pull.added, report.pull.failed, report.pull.failures)
    with laptop:
        assert failures == laptop.refused()
        assert ["d0", "d1", "d3", "d4"] == held(laptop) == held(hub)
        assert laptop.verify()["ok"]
        assert [named["unid"]] == hub.compare(laptop)["only_here"] == laptop.compare(hub)["only_there"]
        for table in ("leaf", "superseded"):
            with laptop.file.read() as connection:
                stored = connection.exec_driver_sql(f"SELECT DISTINCT CAST(unid AS BLOB) FROM {table}").scalars().all()
            assert set(stored) <= {b"d0", b"d1", b"d3", b"d4"}


@pytest.mark.parametrize("lane", [*LANES, "http", "whole"])
def test_what_was_refused_for_its_unid_comes_when_that_is_repaired(
    hub: replica.Replica, tmp_path: Path, lane: str
) -> None:
    hub.put({"n": 1}, unid="d1")
    hub.put({"n": 2}, unid="d2")
    row = in_file(hub, BYTES, "d1")
    with hub.copy(tmp_path / "laptop.db") as laptop:
        assert not by_lane(laptop, hub, "pull", lane=lane).ok
        with closing(sqlite3.connect(hub.path)) as connection, connection:
            connection.execute("UPDATE leaf SET unid = 'd1' WHERE seq = ?", (row,))
        assert by_lane(laptop, hub, "pull", lane=lane).ok
        assert [] == laptop.refused()
        assert hub.compare(laptop)["ok"]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("at", [0, 199, 449])
def test_lists_go_on_behind_a_unid_that_cannot_be_read(hub: replica.Replica, at: int, damage: str) -> None:
    """Also where it is the last row of a page."""
    unids = [f"d{n:03}" for n in range(450)]
    hub.put_many(replica.Document({"n": 1}, unid=unid) for unid in unids)
    for unid in unids[:250]:
        hub.put({"n": 1}, unid=f"stub {unid}")
        hub.delete(f"stub {unid}")
    in_file(hub, damage, unids[at])
    in_file(
        hub,
        damage.replace("ff41", "ff42").replace("x'ff'", "x'fe'").replace("5", "6").replace("c3", "c4"),
        f"stub {unids[150]}",
    )
    others = [unid for unid in unids if unid != unids[at]]
    live = {change.unid for change in hub.changes() if not change.deleted}
    assert set(others) == live
    assert 449 + 249 == len(list(hub.changes()))
    assert others == held(hub)
    assert 449 + 249 == len(held(hub, deleted=True))
    assert others == [document.unid for document in hub.find({"n": 1})]
    hub.create_index(["n"])
    assert others == [document.unid for document in hub.find({"n": {"$gte": 1, "$lt": 2}})]
    assert [] == list(hub.conflicts())
    with pytest.raises(NotFound):
        hub.get(unids[at])


@pytest.mark.parametrize("damage", [BYTES, "unid = CAST(unid AS BLOB)"])
def test_a_server_lists_what_can_be_read(tmp_path: Path, damage: str) -> None:
    with house(tmp_path) as server:
        db = server.database()
        unids = ["_design/a", *(f"d{n}" for n in range(6))]
        for unid in unids:
            db.saved(unid, {"n": 1})
        with replica.open(next(tmp_path.glob("*.db"))) as hub:
            in_file(hub, damage, "d2")
            in_file(hub, damage, "_design/a")
        others = ["d0", "d1", "d3", "d4", "d5"]
        for query, wanted in (
            ("", others),
            ("descending=true", others[::-1]),
            ("limit=3", others[:3]),
            ("include_docs=true&conflicts=true", others),
            ('startkey="d1"&limit=2', others[1:3]),
        ):
            assert wanted == [row["id"] for row in db.get(f"/_all_docs?{query}").body["rows"]], query
        for query in ("", "include_docs=true", "style=all_docs", "limit=7", "descending=true"):
            assert others == sorted(row["id"] for row in db.get(f"/_changes?{query}").body["results"]), query
        found = db.post("/_find", {"selector": {"n": 1}}).body["docs"]
        assert others == [document["_id"] for document in found]
        assert 200 == db.get("/_index").status
        assert 200 == db.get("/_changes?filter=_design").status


def test_a_document_goes_on_in_a_copy_with_the_leaf_that_can_be_read(hub: replica.Replica, tmp_path: Path) -> None:
    hub.put({}, unid="d")
    with hub.copy(tmp_path / "b.db") as other, hub.copy(tmp_path / "c.db") as third:
        for n, each in enumerate((hub, other, third)):
            document = each.get("d")
            document["of"] = n
            each.put(document)
        replica.replicate(hub, other)
        replica.replicate(hub, third)
    (change,) = hub.changes()
    with closing(sqlite3.connect(hub.path)) as connection, connection:
        connection.execute("UPDATE leaf SET unid = CAST(x'ff' AS TEXT) WHERE winner = 1")
    with hub.copy(tmp_path / "laptop.db") as laptop:
        assert laptop.verify()["ok"]
        assert change.leaves[1:] == laptop.changes().__next__().leaves
        assert 1 == laptop.info()["conflicts"] == len(list(laptop.documents(conflicts=True))) - 1


@pytest.mark.parametrize("damage", ["text = CAST(x'ff' AS TEXT)", "text = 'another'"])
@pytest.mark.parametrize("lane", [*LANES, "http", "whole", "copy"])
def test_a_foreign_revision_that_cannot_be_read_stays_where_it_is(
    hub: replica.Replica, tmp_path: Path, lane: str, damage: str
) -> None:
    with hub.file.write() as connection:
        leaf = Leaf(
            "foreign", Revision(1, "abc"), False, False, Ancestry(), None, hashlib.sha256(b"{}").digest(), b"{}"
        )
        receive(connection, [leaf], "peer", 0)
    hub.put({}, unid="sound")
    with closing(sqlite3.connect(hub.path)) as connection, connection:
        assert 1 == connection.execute(f"UPDATE foreign_revision SET {damage}").rowcount
    assert ["foreign"] == [found["unid"] for found in hub.verify()["damaged"] if found["unid"]]
    if lane == "copy":
        laptop = hub.copy(tmp_path / "laptop.db")
    else:
        laptop = create_empty(tmp_path / "laptop.db", hub.identity.replica_id, "", system_clock)
        report = by_lane(laptop, hub, "pull", lane=lane)
        assert report.pull is not None
        assert (1, 1) == (report.pull.added, report.pull.failed)
    with laptop:
        assert ["sound"] == held(laptop)
        assert ["corrupt"] == [failure.code for failure in laptop.refused()]


def test_a_superseded_revision_whose_unid_cannot_be_read_is_found(hub: replica.Replica) -> None:
    document = hub.put({"n": 1}, unid="d")
    document["n"] = 2
    hub.put(document)
    assert 1 == len(hub.revisions("d")[1:])
    row = in_file(hub, BYTES, "d", "superseded")
    assert [f"_damaged:{row}:d%FF"] == [found["unid"] for found in hub.verify()["damaged"]]
    assert 1 == len(hub.revisions("d"))


TEXTS = {
    "replica": "former_ids",
    "setting": "value",
    "session": "counts",
    "refused": "code",
    "conflict_document": "unid",
}


@pytest.mark.parametrize("table", TEXTS)
def test_what_cannot_be_read_in_another_table_is_an_error_that_names_it(
    hub: replica.Replica, tmp_path: Path, table: str
) -> None:
    hub.settings["title"] = "Orders"
    hub.put({}, unid="d")
    with hub.copy(tmp_path / "other.db") as other:
        for n, each in enumerate((hub, other)):
            document = each.get("d")
            document["of"] = n
            each.put(document)
        replica.replicate(hub, other)
    with closing(sqlite3.connect(hub.path)) as connection, connection:
        connection.execute("INSERT INTO refused VALUES ('x', '1-x', 'corrupt', 'peer', 0)")
        statement = f"UPDATE {table} SET {TEXTS[table]} = CAST(x'ff41' AS TEXT)"
        assert connection.execute(f"{statement} WHERE rowid = 1" if table == "session" else statement).rowcount
    assert [f"the table {table} holds bytes that are no text in `{TEXTS[table]}`"] == [
        found["message"] for found in hub.verify()["damaged"]
    ]
    with pytest.raises(Corrupt, match=f"the table {table} holds bytes that are no text"):
        hub.info(), hub.history(), hub.refused(), held(hub, conflicts=True)
