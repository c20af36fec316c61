"""The laws with a server between the replicas: edits, clashes, cuts and files that are copied and restored."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.property.machine import People, batches, changes, counts, direction, histories, policies, who
from tests.property.test_interruption import one_way, step
from tests.saboteurs import LANES, CutAfter, CutBefore
from tests.world import World

mixed = st.sampled_from(["http", "http", "http", *LANES])


class OverHTTP(People):
    """People whose replicas are reached through a server, or directly, as it comes."""

    @initialize(count=counts, policies=policies, batch=batches, end=st.integers(0, 10**6))
    def begin(self, count: int, policies: tuple[str, ...], batch: int, end: int) -> None:  # type: ignore[override]
        self.world = World(count, policies=policies, batch=batch)
        self.world.lanes = ("http", "http", *LANES)
        self.end = end

    @rule(who=who, other=who, direction=direction, lane=mixed)
    def replicate(self, who: int, other: int, direction: str, lane: str) -> None:
        self.do("replicate", who, other, direction, lane)

    @rule(who=who, other=who, direction=direction)
    def dry_run(self, who: int, other: int, direction: str) -> None:
        self.do("dry_run", who, other, direction, "http")

    @rule(who=who, other=who)
    def read_only(self, who: int, other: int) -> None:
        self.do("read_only", who, other, "http")

    @rule(who=who, other=who, direction=direction, at=step, taken=st.booleans())
    def cut(self, who: int, other: int, direction: str, at: int, taken: bool) -> None:
        self.do("cut", who, other, direction, "http", CutAfter(at) if taken else CutBefore(at))

    @rule(who=who, other=who, direction=one_way, at=step, change=changes)
    def meddle(self, who: int, other: int, direction: str, at: int, change: dict[str, Any]) -> None:
        self.do("meddle", who, other, direction, "http", at, change)

    @rule(who=who, other=who, direction=direction, at=step)
    def ask_twice(self, who: int, other: int, direction: str, at: int) -> None:
        self.do("ask_twice", who, other, direction, "http", at)

    @rule(who=who, what=st.sampled_from(["copy_file", "restore", "copy", "back_up", "move", "compact"]))
    def handle_the_file(self, who: int, what: str) -> None:
        self.do(what, who)


TestOverHTTP = OverHTTP.TestCase
TestOverHTTP.settings = histories(12)
