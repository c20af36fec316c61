"""Rows are looked at in bulk, and found damaged exactly where each leaf by itself would be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

import replica
from replica.conflict import check_leaf
from replica.errors import Corrupt
from replica.leaf import Leaf
from replica.revision import Ancestry, Revision
from replica.store.intact import damaged_rows
from replica.store.leaves import leaf_query, stored
from replica.store.receive import receive
from replica.store.sqlite import SQLiteFile

LEAVES = leaf_query("FROM leaf ORDER BY seq")
NUMBERS = {"number": st.integers(0, 5), "deleted": st.integers(0, 1), "verified": st.integers(0, 1)}
BYTES = ("packed", "line", "side", "parents", "hash")
TEXTS = ("unid", "marks", "body")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteFile]:
    """Rows of every kind: first revisions, edited, deleted, clashing and resolved ones, plain and with marks."""
    folder: Path = tmp_path_factory.mktemp("damage")
    with replica.create(folder / "here.db") as here, here.copy(folder / "there.db") as there:
        for unid in ("new", "edited", "deleted", "clash", "resolved", "Grüße", "_design/views"):
            here.put({"a": 1, "text": f"{unid} é"}, unid=unid)
        here.put({"a": 1}, unid="ascii")
        here.put(here.get("edited").items | {"b": 2}, unid="again")
        here.put({}, unid="empty")
        there.put({"a": 2}, unid="resolved")
        there.put({"a": 2}, unid="clash")
        replica.replicate(here, there)
        here.resolve("resolved", items={"a": 3})
        for unid in ("edited", "again"):
            document = here.get(unid)
            document["b"] = 3
            here.put(document)
        here.delete("deleted")
        foreign = Leaf(
            "foreign", Revision(1, "abc"), False, False, Ancestry(), None, hashlib.sha256(b"{}").digest(), b"{}"
        )
        with here.file.write() as connection:
            receive(connection, [foreign], "peer", 0)
        yield here.peer.file


class Undone(Exception):
    """Ends a transaction of which nothing is to stay."""


def refused_one_by_one(connection: Connection) -> list[int]:
    found = []
    for row in map(stored, connection.execute(LEAVES)):
        try:
            check_leaf(row.leaf)
        except Corrupt:
            found.append(row.seq)
    return found


def test_nothing_is_found_where_nothing_is_wrong(file: SQLiteFile) -> None:
    with file.read() as connection:
        assert [] == refused_one_by_one(connection) == damaged_rows(connection, 0, 2**62)


@pytest.mark.parametrize("column", TEXTS)
def test_bytes_that_are_no_text_are_damage(file: SQLiteFile, column: str) -> None:
    """Found by a long run: where the driver reads a text it fails, for all rows and not only for this one."""
    with suppress(Undone), file.write() as connection:
        seq = connection.exec_driver_sql("SELECT seq FROM leaf WHERE marks <> ''").scalars().first()
        damage(connection, seq, column, "CAST(? AS TEXT)", b"\xff" + value_of(connection, seq, column))
        assert [seq] == refused_one_by_one(connection) == damaged_rows(connection, 0, 2**62)
        raise Undone


@pytest.mark.parametrize("text", [b"\xff", b"\x00", b"_x", b"", b"\xed\xb0\x80", b"x" * 4097])
def test_what_is_no_unid_is_damage(file: SQLiteFile, text: bytes) -> None:
    with suppress(Undone), file.write() as connection:
        for seq in connection.exec_driver_sql("SELECT seq FROM leaf").scalars().all():
            with suppress(Undone), connection.begin_nested():
                damage(connection, seq, "unid", "CAST(? AS TEXT)", text)
                assert [seq] == refused_one_by_one(connection) == damaged_rows(connection, 0, 2**62)
                raise Undone
        raise Undone


@pytest.mark.parametrize("text", [b"\xff", b"another", b""])
def test_what_is_not_the_text_of_a_foreign_revision_is_damage(file: SQLiteFile, text: bytes) -> None:
    with suppress(Undone), file.write() as connection:
        seq = connection.exec_driver_sql("SELECT seq FROM leaf WHERE unid = 'foreign'").scalar()
        connection.exec_driver_sql("UPDATE foreign_revision SET text = CAST(? AS TEXT)", (text,))
        assert [seq] == refused_one_by_one(connection) == damaged_rows(connection, 0, 2**62)
        raise Undone


@given(st.data())
def test_the_bulk_check_finds_what_the_check_of_each_leaf_finds(file: SQLiteFile, data: st.DataObject) -> None:
    """One value of one row is changed, by a bit, by its length, or for that of another row."""
    with suppress(Undone), file.write() as connection:
        rows = connection.exec_driver_sql("SELECT seq FROM leaf").scalars().all()
        seq = data.draw(st.sampled_from(rows))
        column = data.draw(st.sampled_from([*NUMBERS, *BYTES, *TEXTS]))
        if column in NUMBERS:
            damage(connection, seq, column, "?", data.draw(NUMBERS[column]))
        else:
            before = value_of(connection, data.draw(st.sampled_from([seq, data.draw(st.sampled_from(rows))])), column)
            after = data.draw(st.one_of(st.just(before), bits_of(before), st.just(before[:-1]), st.just(before + b" ")))
            damage(connection, seq, column, "CAST(? AS TEXT)" if column in TEXTS else "?", after)
        assert refused_one_by_one(connection) == sorted(damaged_rows(connection, 0, 2**62))
        raise Undone


def value_of(connection: Connection, seq: int, column: str) -> bytes:
    query = f"SELECT CAST(coalesce({column}, '') AS BLOB) FROM leaf WHERE seq = ?"
    return connection.exec_driver_sql(query, (seq,)).scalar() or b""


def bits_of(value: bytes) -> st.SearchStrategy[bytes]:
    def flipped(bit: int) -> bytes:
        return value[: bit // 8] + bytes([value[bit // 8] ^ 1 << bit % 8]) + value[bit // 8 + 1 :]

    return st.integers(0, 8 * len(value) - 1).map(flipped) if value else st.just(b"x")


def damage(connection: Connection, seq: int, column: str, term: str, value: int | bytes) -> None:
    try:
        connection.exec_driver_sql(f"UPDATE leaf SET {column} = {term} WHERE seq = ?", (value, seq))
    except IntegrityError:  # one revision of one document twice cannot be stored
        raise Undone from None
