"""Histories that the soak found, too long to be told in words."""

from __future__ import annotations

from tests.property.test_interruption import Interruptions


def test_somebody_writes_while_several_leaves_are_merged() -> None:
    """What is offered may have moved on when it is fetched, and a covered leaf comes alone (seed 20261125).

    It adds nothing, so nothing that was there before is merged because of it.
    """
    state = Interruptions()
    try:
        state.begin(count=3, clocks=("absurd", "absurd"), batch=1000, policies=("conflict",), memory=False, end=10142)
        state.write(branch=0, change={"a": 0}, doc=0, how="edit", who=1)
        state.forget(which=0, who=0)
        state.forget(which=3, who=0)
        state.write(branch=0, change={"a": 0}, doc=0, how="edit", who=1)
        state.forget(which=0, who=0)
        state.cut(at=13, direction="push", lane="attached", other=4, taken=True, who=5)
        state.forget(which=0, who=1)
        state.meddle_at_target(at=22, change={"a": 2}, direction="push", other=5, who=5)
        state.meddle_at_target(at=19, change={"$ConflictAction": "merge"}, direction="push", other=1, who=2)
        state.cut(at=14, direction="push", lane="attached", other=5, taken=False, who=6)
        state.clash(doc=0, first={"a": None, "b": [1], "é": ...}, second={"b": {"a": None}, "a": ..., "": ...}, who=1)
        state.meddle_at_target(at=4, change={"b": ..., "": ...}, direction="push", other=1, who=5)
        state.meddle_at_target(at=8, change={"a": 0}, direction="pull", other=4, who=2)
        state.clash(doc=0, first={"": 1000000000000000000000000000000}, second={"a": 1, "c": None, "": ...}, who=7)
        state.forget(which=2, who=3)
        state.cut(at=5, direction="push", lane="attached", other=0, taken=True, who=2)
        state.edit(branch=2, change={"$ConflictAction": "conflict"}, doc=0, who=1)
        state.clash(doc=1, first={"a": 1, "c": None, "": ...}, second={"a": 1}, who=3)
        state.edit(branch=0, change={"a": 0}, doc=2, who=6)
        state.clash(doc=0, first={"a": 0}, second={"a": 2}, who=2)
        state.meddle(at=7, change={"a": 0}, direction="push", lane="general", other=1, who=1)
        state.cut(at=17, direction="push", lane="general", other=4, taken=False, who=6)
        state.write(branch=1, change={"a": 2}, doc=1, how="delete", who=0)
        state.write(branch=1, change={"$ConflictAction": "merge"}, doc=2, how="edit", who=7)
        state.forget(which=1, who=4)
        state.meddle(at=22, change={"a": ...}, direction="pull", lane="attached", other=2, who=4)
        state.meddle_at_target(at=8, change={"a": 0}, direction="pull", other=5, who=1)
        state.meddle(at=9, change={"$ConflictAction": "conflict"}, direction="pull", lane="general", other=6, who=6)
        state.cut(at=22, direction="both", lane="general", other=5, taken=True, who=3)
        state.ask_twice(at=17, direction="both", lane="general", other=1, who=2)
        state.meddle_at_target(at=7, change={"a": ..., "é": 0, "": None}, direction="push", other=0, who=7)
        state.clash(doc=3, first={"$ConflictAction": "merge"}, second={"a": 2}, who=6)
        state.ask_twice(at=14, direction="push", lane="general", other=2, who=0)
        state.write(branch=3, change={"$ConflictAction": "conflict"}, doc=3, how="edit", who=3)
        state.cut(at=10, direction="both", lane="attached", other=3, taken=True, who=6)
        state.forget(which=0, who=2)
        state.ask_twice(at=10, direction="push", lane="general", other=3, who=0)
        state.write(branch=1, change={"$ConflictAction": "merge"}, doc=3, how="load", who=2)
        state.meddle_at_target(at=3, change={"a": 1}, direction="pull", other=3, who=0)
        state.meddle(at=4, change={"$ConflictAction": "conflict"}, direction="pull", lane="general", other=7, who=2)
    finally:
        state.teardown()
