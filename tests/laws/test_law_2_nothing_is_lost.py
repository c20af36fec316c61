"""Law 2: every revision that was acknowledged is, in every converged replica, a leaf or an ancestor of one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.revision import Ancestor
from replica.store.leaves import leaves_of
from tests import model
from tests.property.machine import changes, direction, histories, lane, number, who
from tests.saboteurs import CutAfter, CutBefore
from tests.world import World

steps = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), who, number, number, changes),
        st.tuples(st.just("delete"), who, number, number),
        st.tuples(st.just("resolve"), who, number, number),
        st.tuples(st.just("replicate"), who, who, direction, lane),
        st.tuples(st.just("cut"), who, who, direction, lane, st.integers(2, 12), st.booleans()),
    ),
    min_size=5,
    max_size=40,
)


@histories(30)
@given(steps, st.sampled_from([2, 3, 4]), st.sampled_from([("conflict",), ("merge",)]), st.integers(0, 99))
def test_law_2_nothing_is_lost(steps: list[Any], count: int, policies: tuple[str, ...], end: int) -> None:
    with World(count, policies=policies, batch=2) as world:
        for name, *values in steps:
            if name == "cut":
                *values, at, taken = values
                values.append(CutAfter(at) if taken else CutBefore(at))
            getattr(world, name)(*values)
        world.settle(end)
        for twin in world.twins:
            assert set() == world.written.keys() - known(twin.library)


def known(library: Any) -> set[tuple[str, model.Rev]]:
    """Every leaf and every ancestor of one, as they are stored: ancestries are not public."""
    found: set[tuple[str, model.Rev]] = set()
    for change in library.changes():
        with library._file.read() as connection:
            for row in leaves_of(connection, change.unid):
                number = row.leaf.revision.number
                ancestors = row.leaf.ancestry.all(number) | {Ancestor.of(row.leaf.revision)}
                found |= {(change.unid, (ancestor.number, ancestor.packed.hex())) for ancestor in ancestors}
    return found


@pytest.mark.parametrize("content", [{"n": 2}, None])
def test_an_import_goes_on_from_all_leaves_that_are_shown_as_one(content: dict[str, int] | None) -> None:
    """Two people saved the same; the edit or deletion that is imported has both as parents: no conflict, no survivor."""
    with World(2, clocks=("right", "ahead")) as world:
        world.put(0, 0, {"n": 1})
        world.put(1, 0, {"n": 1})
        world.replicate(0, 0)
        assert [2] == [len(change.leaves) for change in world.twins[0].library.changes()]
        world.load(0, 0, content)
        assert [1] == [len(change.leaves) for change in world.twins[0].library.changes()]
        assert (content is not None) == ("d0" in world.twins[0].library)
        world.settle(0)
