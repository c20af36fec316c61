"""The feed as it is served: read in pages of any size it is what it is in one piece, whatever is chosen from it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import replica
from replica import couchdb
from replica.engine.peer import Batch
from replica.selection import compile_selector
from replica.server.catalogue import Held
from replica.server.couchdb.feed import PAGE, Feed, Rows
from replica.server.couchdb.wanted_changes import Choice, Wanted
from replica.store.leaves import leaves_of
from replica.store.sessions import Session
from tests.property.machine import histories
from tests.property.test_foreign import FAMILY, LIMIT

UNIDS = ["a", "b", "c", "d", "_design/e"]

arrivals = st.lists(st.tuples(st.sampled_from(UNIDS), st.integers(0, len(FAMILY) - 1)), max_size=20)
choices = st.one_of(
    st.just(Choice()),
    st.lists(st.sampled_from([*UNIDS, "absent"]), unique=True).map(lambda unids: Choice(unids=unids)),
    st.just(Choice(prefix="_design/")),
    st.sampled_from([{"n": {"$gt": 1}}, {"b": 1}, {"_deleted": True}, {"n": 7}]).map(
        lambda selector: Choice(selector=compile_selector(selector))
    ),
)
styles = st.tuples(st.booleans(), st.booleans())


def wanted(
    since: str, limit: int | None, descending: bool, all_leaves: bool, documents: bool, choice: Choice
) -> Wanted:
    return Wanted("normal", since, limit, descending, all_leaves, documents, True, 1, None, 0.0, choice)


def read(held: Held, asked: Wanted) -> tuple[list[Any], str, int]:
    """The rows of one answer, `last_seq` and `pending`."""
    feed = Feed(held.replica.file, held.pending, asked)
    position = feed.start()
    left, rows = asked.limit, []
    while True:
        page = feed.page(position, left)
        rows += [json.loads(row) for _, row in page.rows]
        left = None if left is None else left - len(page.rows)
        position = page.position
        if page.last or left == 0:
            return rows, *feed.end(position)


@pytest.mark.parametrize("choice", [Choice(), Choice(unids=["hot", "d0"]), Choice(selector=compile_selector({"n": 0}))])
def test_what_moves_on_while_it_is_told_is_told(choice: Choice) -> None:
    """A replication that stops at the end of the answer has all that was there when it began."""
    with replica.create(":memory:") as db:
        hot = db.put({"n": 0}, unid="hot")
        db.put_many(replica.Document({"n": 0}, unid=f"d{n}") for n in range(PAGE + 1))
        feed = Feed(db.file, Held(db).pending, wanted("0", None, False, True, False, choice))
        page, told = Rows([], feed.start(), False), []
        while not page.last:
            hot = db.put(hot)
            page = feed.page(page.position, None)
            told += [json.loads(row) for _, row in page.rows]
        assert str(hot.revision) in [change["rev"] for row in told for change in row["changes"]]
        assert feed.end(page.position)[0].startswith(f"{db.update_sequence}-")


def test_all_that_moves_on_while_it_is_told_is_told() -> None:
    with replica.create(":memory:") as db:
        db.put_many(replica.Document({"n": 0}, unid=f"d{n:04}") for n in range(3 * PAGE))
        feed = Feed(db.file, Held(db).pending, wanted("0", None, False, True, False, Choice()))
        page = feed.page(feed.start(), None)
        told = [json.loads(row)["id"] for _, row in page.rows]
        db.put_many([document for document in db.documents() if document.unid not in told])
        while not page.last:
            page = feed.page(page.position, None)
            told += [json.loads(row)["id"] for _, row in page.rows]
        assert told == [f"d{n:04}" for n in range(3 * PAGE)]


def test_who_writes_faster_does_not_make_it_endless() -> None:
    with replica.create(":memory:") as db:
        db.put_many({} for _ in range(PAGE + 1))
        feed = Feed(db.file, Held(db).pending, wanted("0", None, False, True, False, Choice()))
        page, pages = Rows([], feed.start(), False), 0
        while not page.last:
            db.put_many({} for _ in range(PAGE + 1))
            page, pages = feed.page(page.position, None), pages + 1
        assert 3 <= pages <= 6


@histories(100)
@given(arrivals, choices, styles, st.integers(1, 4))
def test_pages_make_up_the_whole(arrivals: list[Any], choice: Choice, style: tuple[bool, bool], limit: int) -> None:
    with replica.create(":memory:") as db:
        for number, (unid, which) in enumerate(arrivals):
            session = Session(f"s{number}", "in", "elsewhere", 0, number, 0, {})
            db.peer.accept(Batch([FAMILY[which]._replace(unid=unid)], {}, session, LIMIT), False)
        held = Held(db)
        whole, last_seq, pending = read(held, wanted("0", None, False, *style, choice))
        assert (last_seq.split("-")[0], pending) == (str(db.update_sequence), 0)

        since, pages = "0", []
        while True:
            rows, since, pending = read(held, wanted(since, limit, False, *style, choice))
            assert pending == read(Held(db), wanted(since, 0, False, *style, choice))[2]
            pages += rows
            if len(rows) < limit:
                break
        assert pages == whole
        assert (since, pending) == (last_seq, 0)

        backwards, *_ = read(held, wanted("0", None, True, *style, choice))
        assert backwards == whole[::-1]
        assert read(held, wanted("0", limit, True, *style, choice))[0] == backwards[:limit]

        with db._file.read() as connection:
            for row in whole:
                check(row, [stored.leaf for stored in leaves_of(connection, row["id"])], choice, *style)


def check(row: dict[str, Any], leaves: list[Any], choice: Choice, all_leaves: bool, documents: bool) -> None:
    """What a row tells is what is stored, the winner first."""
    told = [change["rev"] for change in row["changes"]]
    known = {str(leaf.revision) for leaf in couchdb.with_closing_stubs(leaves)}
    assert len(told) == len(set(told))
    assert set(told) <= known
    winner = max(leaves, key=lambda leaf: (not leaf.deleted, leaf.revision))
    assert row.get("deleted", False) == winner.deleted
    if choice.selector is None:
        assert told[0] == str(winner.revision)
        assert set(told) == (known if all_leaves else {told[0]})
    if documents:
        assert row["doc"]["_rev"] == str(winner.revision)
