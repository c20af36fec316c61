"""Replications are cut at any step, steps are taken twice, somebody writes meanwhile: it goes on where it ended."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.property.machine import People, changes, direction, histories, lane, number, who
from tests.saboteurs import CutAfter, CutBefore

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
TestInterruption.settings = histories(100)
