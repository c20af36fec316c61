"""What is stored as rows is what comes of judging each leaf by itself, whatever is wrong with some of them."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

import replica
from replica.leaf import Leaf, next_revision
from replica.revision import Ancestry, Revision
from replica.rows import Rows
from replica.store.bulk import receive_rows
from replica.store.receive import receive
from replica.store.settings import write_setting
from replica.tally import Tally
from tests.property.machine import histories

LIMIT = 1000
bodies = st.sampled_from([b"{}", b'{"n":1}', b'{"n":2}', b'{"long":"%b"}' % (b"x" * 60)])
DAMAGE: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"verified": False},
    {"body": b'{"n":9}'},
    {"body": b"[1]", "hash": hashlib.sha256(b"[1]").digest()},
    {"body": b"{\xff}", "hash": hashlib.sha256(b"{\xff}").digest()},
    {"hash": b""},
    {"revision": Revision(1, "0" * 32)},
    {"revision": Revision(1, "abc"), "verified": False},
    {"revision": Revision(1, "abc")},
    {"revision": Revision(1, "a\x00b"), "verified": False},
    {"revision": Revision(1, "x" * 300), "verified": False},
    {"revision": Revision(0, "0" * 32), "verified": False},
    {"revision": Revision(2**53, "0" * 32), "verified": False},
    {"ancestry": Ancestry(line=b"x" * 16), "verified": False},
    {"ancestry": Ancestry(line=b"x" * 15), "verified": False},
    {"ancestry": Ancestry(side=b"x" * 23), "verified": False},
    {"ancestry": Ancestry(parents=b"x" * 23), "verified": False},
    {"marks": None},
    {"marks": "{"},
    {"marks": '{"1-%s":["n"]}' % ("0" * 32)},
    {"unid": ""},
    {"unid": "_x"},
    {"unid": "x" * 5000},
    {"deleted": True},
)


@st.composite
def leaves(draw: st.DrawFn) -> tuple[Leaf, Leaf]:
    """A leaf, a first revision or a later one: as it was saved, and as it arrives, now and then with something wrong."""
    unid = draw(st.sampled_from(["a", "b", "c", "d", "_design/x"]))
    leaf = next_revision(unid, [], draw(bodies), draw(st.integers(0, 2)), LIMIT)
    for _ in range(draw(st.integers(0, 3))):
        leaf = next_revision(unid, [leaf], draw(bodies), draw(st.integers(0, 2)), LIMIT)
    return leaf, leaf._replace(**draw(st.sampled_from(DAMAGE)))


def stored(connection: Any) -> list[Any]:
    """All that there is, but for the order in which it came."""
    columns = "unid, number, packed, deleted, verified, winner, line, side, parents, marks, hash, size, body"
    queries = (
        f"SELECT {columns} FROM leaf ORDER BY unid, number, packed",
        "SELECT unid, number, packed, hash, body FROM superseded ORDER BY unid, number, packed",
        "SELECT * FROM conflict_document ORDER BY unid",
        "SELECT * FROM foreign_revision ORDER BY packed",
        "SELECT unid, revision, code, peer FROM refused ORDER BY unid, revision",
    )
    return [[tuple(row) for row in connection.execute(text(query))] for query in queries]


def counted(tally: Tally) -> dict[str, Any]:
    """A tally, whatever the order of what failed."""
    told = tally.to_dict()
    return told | {"failures": sorted(told["failures"], key=str)}


@histories(300)
@given(
    st.lists(leaves(), max_size=4),
    st.lists(leaves(), max_size=8),
    st.booleans(),
    st.sampled_from([5, 40, 2**20]),
    st.sampled_from([1, 2, LIMIT]),
    st.sampled_from(["conflict", "merge"]),
)
def test_rows_and_leaves_come_to_the_same(
    before: list[tuple[Leaf, Leaf]],
    then: list[tuple[Leaf, Leaf]],
    again: bool,
    size_max: int,
    limit: int,
    policy: str,
) -> None:
    here, offered = [leaf for _, leaf in before], [leaf for _, leaf in then]
    if again:
        offered += [leaf for leaf, _ in before]
    outcomes = []
    for take in (receive, lambda connection, them, *rest: receive_rows(connection, Rows.of(them), *rest)):
        with replica.create(":memory:") as target, target._file.write() as connection:
            receive(connection, here, "before", 1)
            write_setting(connection, "document-size-max", size_max)
            connection.execute(
                text("INSERT OR REPLACE INTO setting VALUES ('ancestry-limit', :limit)"), {"limit": str(limit)}
            )
            write_setting(connection, "conflict-policy", policy)
            tally = take(connection, offered, "source", 2)
            outcomes.append((counted(tally), stored(connection)))
    assert outcomes[0] == outcomes[1]
