"""Leaves from other systems: mangled bytes, ids of other forms, ancestries known in part. All replicas still end equal."""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import replica
from replica.engine.peer import Batch
from replica.leaf import Leaf, next_revision
from replica.revision import ENTRY, WIDTH, Ancestry, Revision
from replica.store.leaves import leaves_of
from replica.store.sessions import Session
from tests.property.machine import histories
from tests.saboteurs import LANES
from tests.saboteurs import replicate as by_lane
from tests.world import World, revisions

LIMIT = 1000


def family() -> list[Leaf]:
    """A document as a foreign system may have it: a line of revisions, a branch, a deletion; ids of ours and of theirs;
    someone there who goes on from a merge, and knows of it only its first parent."""
    first = next_revision("d", [], b'{"n":1}', 1, LIMIT)
    foreign = Leaf("d", Revision(2, "abc"), False, False, Ancestry(first.revision.packed), None, first.hash, first.body)
    second = next_revision("d", [first], b'{"n":2.0}', 2, LIMIT)
    third = next_revision("d", [second], b'{"n":3}', 3, LIMIT)
    branch = next_revision("d", [second], b'{"b":1,"n":2.0}', 4, LIMIT)
    merged = next_revision("d", [third, branch], b'{"b":1,"n":3}', 5, LIMIT)
    line = Ancestry(merged.revision.packed + merged.ancestry.line)
    beyond = Leaf("d", Revision(merged.revision.number + 1, "beyond"), False, False, line, None, first.hash, first.body)
    after = next_revision("d", [foreign], b'{"n":4}', 6, LIMIT)
    stub = next_revision("d", [branch], b"{}", 7, LIMIT, deleted=True)
    return [first, foreign, second, third, branch, merged, after, stub, beyond]


FAMILY = family()


def mangled(leaf: Leaf, how: int, known: int) -> Leaf:
    """The same revision as it comes back from elsewhere: other bytes, no marks, less of its ancestry."""
    if how == 0 and known >= 5:
        return leaf
    other = leaf if how < 2 or leaf.deleted else next_revision("d", [], b'{"mangled":%d}' % how, 0, LIMIT)
    line, side, _ = leaf.ancestry
    ancestry = leaf.ancestry._replace(line=line[: known * WIDTH], side=side[: (known - 1) * ENTRY])
    return leaf._replace(verified=False, marks=None, body=other.body, hash=other.hash, ancestry=ancestry)


arrivals = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, len(FAMILY) - 1),
        st.integers(0, 3),
        st.integers(1, 5),
        st.booleans(),
    ),
    min_size=2,
    max_size=10,
)


@histories(40)
@given(arrivals, st.sampled_from([2, 3, 4]), st.sampled_from(["conflict", "merge"]), st.integers(0, 99))
def test_foreign_leaves_converge(arrivals: list[Any], count: int, policy: str, seed: int) -> None:
    """Leaves, bytes and what is known of them end equal everywhere, verified bytes win, and then it is quiet."""
    luck = random.Random(seed)
    with World(count, policies=(policy,)) as world:
        libraries = [twin.library for twin in world.twins]
        for number, (who, which, how, known, link) in enumerate(arrivals):
            session = Session(f"s{number}", "in", "elsewhere", 0, number, 0, {})
            hub = libraries[who % count]
            hub.peer.accept(Batch([mangled(FAMILY[which], how, known)], {}, session, LIMIT), False)
            if link:
                by_lane(hub, libraries[(who + 1) % count], lane=luck.choice(LANES))
        line = luck.sample(libraries, count)
        for _ in range(count + 2):
            before = [library.info()["update_seq"] for library in line]
            for a, b in [*itertools.pairwise(line), *itertools.pairwise(line[::-1])]:
                by_lane(a, b, lane=luck.choice(LANES))
            if before == [library.info()["update_seq"] for library in line]:
                break
        else:
            raise AssertionError("it never goes quiet")
        first, *others = line
        for other in others:
            assert revisions(first) == revisions(other)
            assert first.compare(other)["ok"]
            assert stored(first) == stored(other)
        assert first.verify()["ok"]


def stored(hub: replica.Replica) -> set[Leaf]:
    """The leaves as they are stored, but for how much is known of their ancestry and marks."""
    with hub._file.read() as connection:
        return {row.leaf._replace(ancestry=Ancestry(), marks=None) for row in leaves_of(connection, "d")}
