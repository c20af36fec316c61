"""Replication while the network fails: a wire that breaks, falls silent or changes a bit at any byte, either way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from replica.errors import ReplicaError, TransportError
from tests.faults.wire import KINDS, WAYS, Flaw, spread
from tests.system.wire_rig import COUCHDB, NATIVE, Outcome, Rig, impatient, make_empty, rig

pytestmark = pytest.mark.system

DIRECTIONS = ("pull", "push", "both")
PROTOCOLS = {"our own": NATIVE, "CouchDB's": COUCHDB}
FEW = {NATIVE: 9, COUCHDB: 3}  # of one kind one way, in `make test`
MANY = 510  # in `make soak`

Note = Callable[[str, str, str, Counter[str]], None]


@pytest.fixture(scope="module")
def apart() -> Iterator[Rig]:
    with rig() as made:
        yield made


@pytest.fixture(scope="module")
def empty() -> Iterator[Rig]:
    with rig(make_empty) as made:
        yield made


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    def write(protocol: str, kind: str, way: str, ends: Counter[str]) -> None:
        told = ", ".join(f"{count} {end}" for end, count in ends.most_common())
        record_property("note", f"{protocol} protocol, {kind}, {way}: {ends.total()} runs: {told}")

    return write


def sweep(
    apart: Rig,
    protocol: str,
    kind: str,
    way: str,
    count: int,
    luck: random.Random,
    directions: Sequence[str] = DIRECTIONS,
) -> Counter[str]:
    """Replicate in these directions with flaws all along; how it ended, and how often."""
    ends: Counter[str] = Counter()
    problems = []
    for direction in directions:
        size = len(apart.carried(direction, protocol)[way])
        for flaw in spread(kind, way, size, count // len(directions), luck):
            try:
                outcome = apart.run(direction, protocol, flaw)
                assert_said(outcome, protocol, flaw)
                ends["done" if outcome.error is None else type(outcome.error).__name__] += 1
            except Exception as error:  # noqa: BLE001 - all of them are wanted together
                problems.append(f"{direction}, {flaw}: {type(error).__name__}: {error}")
    assert not problems, "\n".join([f"{len(problems)} problems", *problems[:20]])
    return ends


def assert_said(outcome: Outcome, protocol: str, flaw: Flaw) -> None:
    """It succeeded, or said what went wrong on the way. A bit may make another request of one, or another document."""
    if flaw.kind != "flip":
        assert outcome.error is None or isinstance(outcome.error, TransportError), repr(outcome.error)
    elif protocol == NATIVE:
        assert outcome.error is None or isinstance(outcome.error, ReplicaError), repr(outcome.error)
    else:
        assert outcome.error is None or isinstance(outcome.error, ReplicaError | AssertionError), repr(outcome.error)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_bad_wire_loses_nothing(apart: Rig, protocol: str, kind: str, way: str, note: Note) -> None:
    spoken = PROTOCOLS[protocol]
    with impatient():
        ends = sweep(apart, spoken, kind, way, FEW[spoken], random.Random(f"{protocol} {kind} {way}"))
    note(protocol, kind, way, ends)


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wire_that_is_bad_anywhere_loses_nothing(apart: Rig, protocol: str, kind: str, way: str, note: Note) -> None:
    with impatient():
        ends = sweep(apart, PROTOCOLS[protocol], kind, way, MANY, random.Random())
    note(protocol, kind, way, ends)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_wire_loses_nothing_on_its_way_to_an_empty_replica(empty: Rig, kind: str, way: str, note: Note) -> None:
    with impatient():
        ends = sweep(empty, NATIVE, kind, way, 3, random.Random(f"empty {kind} {way}"), ["pull"])
    note("our own", kind, way, ends)


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wire_that_is_bad_anywhere_loses_nothing_on_its_way_to_an_empty_replica(
    empty: Rig, kind: str, way: str, note: Note
) -> None:
    with impatient():
        ends = sweep(empty, NATIVE, kind, way, MANY // len(DIRECTIONS), random.Random(), ["pull"])
    note("our own", kind, way, ends)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_connection_that_breaks_once_is_made_again(apart: Rig, protocol: str, kind: str, way: str) -> None:
    """Unless it was the first one: whoever was never reached is not waited for."""
    greeting = len(apart.greeting()[way])
    size = len(apart.carried("both", PROTOCOLS[protocol])[way])
    flaws = [flaw for flaw in spread(kind, way, size, 5, random.Random(way)) if flaw.at >= greeting]
    with impatient(attempts=2):
        for flaw in flaws:
            outcome = apart.run("both", PROTOCOLS[protocol], flaw)
            assert outcome.struck
            assert outcome.error is None, flaw
