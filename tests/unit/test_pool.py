"""Whose turn it is when several connections are to run."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.service.connection import Connection
from replica.service.pool import FOR_ONE_SERVER, SIZE, Turn, turns
from tests.unit.test_agenda import made

PLACES = ["/a", "/a/x.db", "/b", "/b/*.db", "/c/x.db"]
PEERS = [
    *PLACES,
    "https://hub.example/x",
    "https://hub.example",
    "https://anna@hub.example/x",
    "http://other.example/x",
]


def turn(name: str, here: str, peer: str) -> Turn:
    return Turn(made(name=name, here=here, peer=peer), None)


wanted = st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(PEERS)), max_size=20).map(
    lambda pairs: [turn(f"c{number}", *pair) for number, pair in enumerate(pairs)]
)


def _databases(place: str) -> set[str]:
    """What a place may be: an oracle by example, each place as the databases `x` and `y` in it."""
    server = place.rpartition("@")[2].removeprefix("https://").removeprefix("http://")
    if "://" in place:
        return {server} if "/" in server else {f"{server}/x", f"{server}/y"}
    if place.endswith("*.db"):
        return {place.replace("*", name) for name in "xy"}
    return {place} if place.endswith(".db") else {f"{place}/{name}.db" for name in "xy"}


def _may_meet(one: Connection, other: Connection) -> bool:
    """Whether two connections could replicate the same two databases at the same time."""
    pairs = [
        {frozenset((here, peer)) for here, peer in product(_databases(each.here), _databases(each.peer))}
        for each in (one, other)
    ]
    return bool(pairs[0] & pairs[1])


@given(waiting=wanted, busy=wanted, size=st.integers(1, 10))
def test_never_two_of_one_pair_nor_too_many(waiting: list[Turn], busy: list[Turn], size: int) -> None:
    before = turns(busy, [], size)
    running = [each.connection for each in before]
    left = [each for each in waiting if each.connection.name not in {other.name for other in running}]
    begun = turns(left, running, size)
    together = running + [each.connection for each in begun]
    assert len(together) <= size
    assert not any(_may_meet(one, other) for one, other in combinations(together, 2))
    assert [each for each in left if each in begun] == begun, "in their order"
    if left and not running:
        assert left[0] == begun[0], "the most urgent never waits for others that wait"


def test_one_server_does_not_get_all() -> None:
    waiting = [turn(f"hub{n}", f"/data/{n}.db", f"https://hub.example/{n}") for n in range(20)]
    waiting.append(turn("other", "/data/z.db", "https://other.example/z"))
    begun = [each.connection.name for each in turns(waiting, [], SIZE)]
    assert [*(f"hub{n}" for n in range(FOR_ONE_SERVER)), "other"] == begun


def test_files_have_no_server() -> None:
    waiting = [turn(f"c{n}", f"/data/{n}.db", f"/peers/{n}.db") for n in range(20)]
    assert SIZE == len(turns(waiting, [], SIZE))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"here": "/a/x.db", "peer": "/b/x.db"}, {"here": "/b/x.db", "peer": "/a/x.db"}, False),
        ({"here": "/a", "peer": "https://hub.example"}, {"here": "/a/x.db", "peer": "https://hub.example/x"}, False),
        ({"here": "/a/*.db", "peer": "/b"}, {"here": "/a/x.db", "peer": "/b/x.db"}, False),
        (
            {"here": "/a/x.db", "peer": "https://anna@hub.example/x"},
            {"here": "/a/x.db", "peer": "couchdb+https://hub.example/x"},
            False,
        ),
        ({"here": "/a/x.db", "peer": "/b/x.db"}, {"here": "/a/x.db", "peer": "/c/x.db"}, True),
        ({"here": "/a/x.db", "peer": "/b/x.db"}, {"here": "/ab/x.db", "peer": "/b/x.db"}, True),
    ],
)
def test_what_may_run_at_the_same_time(one: dict[str, Any], other: dict[str, Any], both: bool) -> None:
    waiting = [Turn(made(name="one", **one), None), Turn(made(name="other", **other), None)]
    assert (2 if both else 1) == len(turns(waiting, [], SIZE))
