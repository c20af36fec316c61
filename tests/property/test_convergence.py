"""Any history of saves, deletions, resolutions, copies, restores and replications ends with equal replicas."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.property.machine import People, direction, histories, lane, number, who

EVENTS = ("copy_file", "restore", "restore", "copy", "back_up", "move", "compact", "resolve_all")
DOCUMENT_EVENTS = ("forget", "save_too_late", "abandon")


class Histories(People):
    """People, and what happens to the files of their replicas."""

    @rule(who=who, doc=number, what=st.sampled_from(EVENTS + DOCUMENT_EVENTS))
    def something_else(self, who: int, doc: int, what: str) -> None:
        if what in DOCUMENT_EVENTS:
            self.do(what, who, doc)
        else:
            self.do(what, who)

    @rule(who=who, other=who, lane=lane)
    def read_only(self, who: int, other: int, lane: str) -> None:
        self.do("read_only", who, other, lane)

    @rule(who=who, other=who, direction=direction, lane=lane, dry_run=st.booleans())
    def replicate_again(self, who: int, other: int, direction: str, lane: str, dry_run: bool) -> None:
        self.do("dry_run" if dry_run else "replicate", who, other, direction, lane)


TestConvergence = Histories.TestCase
TestConvergence.settings = histories(100, soak=100)  # 10,000 of them
