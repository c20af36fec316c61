"""Replications are cut at any step, steps are taken twice, somebody writes meanwhile: it goes on where it ended."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.property.machine import People, changes, direction, histories, lane, number, who
from tests.saboteurs import CutAfter, CutBefore
from tests.world import World

one_way = st.sampled_from(["pull", "push"])
step = st.integers(2, 24)  # the first two are greetings


class Interruptions(People):
    """People whose replications do not go well, and whose files are copied and restored in the middle of them."""

    @rule(who=who, other=who, direction=direction, lane=lane, at=step, taken=st.booleans())
    def cut(self, who: int, other: int, direction: str, lane: str, at: int, taken: bool) -> None:
        self.do("cut", who, other, direction, lane, CutAfter(at) if taken else CutBefore(at))

    @rule(who=who, other=who, direction=one_way, lane=lane, at=step, change=changes)
    def meddle(self, who: int, other: int, direction: str, lane: str, at: int, change: dict[str, Any]) -> None:
        self.do("meddle", who, other, direction, lane, at, change)

    @rule(who=who, other=who, direction=one_way, at=step, change=changes)
    def meddle_at_target(self, who: int, other: int, direction: str, at: int, change: dict[str, Any]) -> None:
        self.do("meddle_at_target", who, other, direction, at, change)

    @rule(who=who, other=who, direction=direction, lane=lane, at=step)
    def ask_twice(self, who: int, other: int, direction: str, lane: str, at: int) -> None:
        self.do("ask_twice", who, other, direction, lane, at)

    @rule(who=who, other=who, direction=direction)
    def hurry(self, who: int, other: int, direction: str) -> None:
        self.do("hurry", who, other, direction)

    @rule(who=who, what=st.sampled_from(["copy_file", "restore", "copy", "back_up", "move"]))
    def handle_the_file(self, who: int, what: str) -> None:
        self.do(what, who)

    @rule(who=who, which=number)
    def forget(self, who: int, which: int) -> None:
        self.do("forget", who, which)


TestInterruption = Interruptions.TestCase
TestInterruption.settings = histories(100, soak=100)  # 10,000 of them


def test_what_is_merged_before_the_rest_of_it_is_sent() -> None:
    """A document moves on between being offered and being fetched: what is left of it is merged, the rest comes later.

    Found by the soak (seed 20260401): the oracle knew these two in one order only.
    """
    with World(4, clocks=("absurd", "absurd"), policies=("merge",), batch=2) as world:
        world.edit(1, 0, 0, {"a": 0})
        world.edit(2, 0, 0, {"a": 1})
        world.edit(7, 2, 0, {"a": 2})
        world.edit(8, 2, 0, {"$ConflictAction": "merge"})
        world.meddle(4, 0, "pull", "general", 6, {"a": 1})
        world.edit(7, 1, 0, {"a": 2})
        world.edit(8, 1, 0, {"é": True, "c": 1, "b": ...})
        world.meddle(5, 1, "push", "general", 17, {"": ..., "a": 1, "b": ...})
        world.edit(2, 1, 0, {})
        world.edit(3, 1, 0, {"é": 1, "b": ..., "": ...})
        world.meddle(2, 4, "pull", "attached", 21, {"$ConflictAction": "merge"})
        world.meddle(2, 3, "pull", "attached", 12, {"a": 2})
        world.meddle(6, 5, "push", "general", 9, {"$ConflictAction": "conflict"})
        world.settle(0)


def test_a_document_that_asked_to_be_merged_and_says_so_no_more() -> None:
    """The soak found (seed 20261125) that the oracle took only a document that still says so for one that may be merged."""
    with World(2, clocks=("absurd",), batch=1) as world:
        world.meddle_at_target(0, 0, "pull", 2, {"a": 0})
        world.edit(0, 0, 0, {"$ConflictAction": "merge"})
        world.edit(1, 0, 0, {"a": 0})
        world.ask_twice(0, 0, "both", "attached", 2)
        world.edit(0, 0, 0, {"a": 0})
        world.load(3, 2, {"a": 0})
        world.settle(0)
