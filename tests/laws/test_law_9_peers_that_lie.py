"""Law 9: a peer that brings what is no document, with the right hash and id, harms nothing; all else that it brings is taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import replica
from replica.leaf import next_revision
from replica.store.leaves import Writer
from tests.servers import serving

LIES = {
    "NaN": b'{"a":NaN}',
    "a key twice": b'{"a":1,"a":2}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "a number too large": b'{"a":1e999}',
    "too deep": b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    "a reserved name": b'{"_deleted":true}',
    "cut off": b'{"a":"}',
    "another form": b'{"a": 1}',
}


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[replica.Replica, replica.Replica, str]]:
    """A replica that lies, an honest one of the same database, and the server of each by the name of its file."""
    folder = tmp_path / "served"
    folder.mkdir()
    with replica.create(folder / "liar.db") as liar, liar.copy(folder / "honest.db") as honest, serving(folder) as url:
        liar.put({"a": 1}, unid="true")
        with liar.file.write() as connection:
            writer = Writer(connection, 0)
            for name, body in LIES.items():
                writer.put([], [next_revision(name, [], body, 1, 1000)])
            writer.flush()
        yield liar, honest, url


def is_unharmed(honest: replica.Replica) -> None:
    assert ["true"] == [document.unid for document in honest.find({"a": 1})]
    honest.create_index(["a"])
    assert ["true"] == [document.unid for document in honest.find({"a": 1})]
    assert honest.verify()["ok"]
    assert sorted((name, "bad_document") for name in LIES) == [(each.unid, each.code) for each in honest.refused()]


def bad_and_good(tally: replica.Tally | None) -> tuple[int, dict[str, int]]:
    assert tally is not None
    return tally.added, tally.refused


def test_law_9_what_is_pushed(ends: tuple[replica.Replica, replica.Replica, str]) -> None:
    liar, honest, url = ends
    assert (1, {"bad_document": len(LIES)}) == bad_and_good(replica.replicate(liar, f"{url}/honest", "push").push)
    is_unharmed(honest)


@pytest.mark.parametrize("was_empty", [True, False])
def test_law_9_what_is_pulled(ends: tuple[replica.Replica, replica.Replica, str], was_empty: bool) -> None:
    """To a replica that has nothing documents come in another way."""
    _, honest, url = ends
    if not was_empty:
        honest.put({"b": 1})
    assert (1, {"bad_document": len(LIES)}) == bad_and_good(replica.replicate(honest, f"{url}/liar", "pull").pull)
    is_unharmed(honest)


def test_law_9_what_is_copied(ends: tuple[replica.Replica, replica.Replica, str], tmp_path: Path) -> None:
    _, _, url = ends
    with replica.open(f"{url}/liar") as remote, remote.copy(tmp_path / "copy.db") as copy:
        is_unharmed(copy)


def test_what_is_in_no_canonical_form_is_damage(ends: tuple[replica.Replica, replica.Replica, str]) -> None:
    liar, _, _ = ends
    assert sorted(LIES) == sorted(found["unid"] for found in liar.verify()["damaged"])
