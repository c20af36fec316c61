"""What the state machines of these tests have in common: a world, and everything that people do in it."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.saboteurs import LANES
from tests.world import CLOCKS, World, changed

SOAK = os.environ.get("REPLICA_SOAK") == "1"


def histories(count: int, soak: int = 25) -> settings:
    """Try so many in `make test`, and `soak` times as many in `make soak`."""
    return settings(max_examples=soak * count if SOAK else count)


who = st.integers(0, 7)
number = st.integers(0, 3)
direction = st.sampled_from(["both", "pull", "push"])
lane = st.sampled_from(LANES)
values = st.sampled_from([0, 1, 1.0, True, None, "", "x", [1], {"a": None}, 10**30])
edits: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"a": st.integers(0, 2)}),
    st.dictionaries(st.sampled_from(["a", "b", "c", "", "é"]), values | st.just(...), max_size=3),
)
changes = edits | st.fixed_dictionaries({"$ConflictAction": st.sampled_from(["merge", "conflict"])})
counts = st.sampled_from([2, 2, 2, 3, 3, 3, 4, 4, 5, 8])
policies = st.sampled_from([("conflict",), ("conflict",), ("merge",), ("merge", "conflict")])
clocks = st.lists(st.sampled_from(sorted(CLOCKS)), min_size=1, max_size=4).map(tuple)
batches = st.sampled_from([1, 2, 3, 1000])

WAYS = ["edit"] * 4 + ["put"] * 2 + ["delete", "resolve", "end a conflict", "load", "batch"]


class People(RuleBasedStateMachine):
    """People at their replicas; the children add what happens to replicas otherwise. It ends along one random chain."""

    world: World | None = None
    broken = False

    @initialize(
        count=counts, memory=st.booleans(), clocks=clocks, policies=policies, batch=batches, end=st.integers(0, 10**6)
    )
    def begin(
        self, count: int, memory: bool, clocks: tuple[str, ...], policies: tuple[str, ...], batch: int, end: int
    ) -> None:
        self.world = World(count, memory=memory and count < 4, clocks=clocks, policies=policies, batch=batch)
        self.end = end

    def do(self, operation: str, *values: Any) -> None:
        """Do something in the world; after the first failure there is nothing more to find out at its end."""
        assert self.world is not None
        try:
            getattr(self.world, operation)(*values)
        except BaseException:
            self.broken = True
            raise

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            if not self.broken:
                self.world.settle(self.end)
        finally:
            self.world.close()

    @rule(who=who, doc=number, branch=number, change=changes, how=st.sampled_from(WAYS))
    def write(self, who: int, doc: int, branch: int, change: dict[str, Any], how: str) -> None:
        if how == "put":
            self.do("put", who, doc, changed({}, change))
        elif how == "edit":
            self.do("edit", who, doc, branch // 2, change, branch == 1)
        elif how == "delete":
            self.do("delete", who, doc, branch // 2, branch == 1)
        elif how == "resolve":
            self.do("resolve", who, doc, branch, changed({}, change) if branch == 3 else None)
        elif how == "load":
            self.do("load", who, doc, changed({}, change) if branch else None)
        elif how == "batch":
            self.do("batch", who, doc, change)
        else:
            self.do("end_conflict", who, doc, change if branch > 1 else None)

    @rule(who=who, doc=number, branch=number, change=changes)
    def edit(self, who: int, doc: int, branch: int, change: dict[str, Any]) -> None:
        self.do("edit", who, doc, branch, change)

    @rule(who=who, doc=number, first=changes, second=changes)
    def clash(self, who: int, doc: int, first: dict[str, Any], second: dict[str, Any]) -> None:
        self.do("edit", who, doc, 0, first)
        self.do("edit", who + 1, doc, 0, second)

    @rule(who=who, other=who, direction=direction, lane=lane)
    def replicate(self, who: int, other: int, direction: str, lane: str) -> None:
        self.do("replicate", who, other, direction, lane)
