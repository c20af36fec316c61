"""With so short an ancestry that covering is not transitive: whole replicas still end equal, and nothing is lost."""

from __future__ import annotations

import itertools
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import replica
from replica.store.settings import SETTINGS
from tests.property.machine import direction, histories, lane, number, who
from tests.saboteurs import LANES, replicate
from tests.world import START, new_folder, nursery, revisions


class ShortMemories(RuleBasedStateMachine):
    """One document, long chains of edits; the test keeps its own record of which revision was made from which."""

    folder: str | None = None
    broken = False

    @initialize(count=st.sampled_from([2, 3, 3, 4]), end=st.integers(0, 10**6))
    def begin(self, count: int, end: int) -> None:
        self.folder = new_folder()
        self.end = end
        self.saves = itertools.count(START)
        self.descent: dict[str, set[str]] = {}  # revision → itself and all it was made from
        self.replicas = []
        for path in nursery()[:count]:
            self.replicas.append(replica.open(shutil.copy(path, self.folder), clock=lambda: next(self.saves)))
        assert 3 == self.replicas[0].settings["ancestry-limit"]

    def teardown(self) -> None:
        if self.folder is None:
            return
        try:
            if not self.broken:
                self.settle()
        finally:
            for each in self.replicas:
                each.close()
            shutil.rmtree(self.folder)

    def some(self, who: int) -> replica.Replica:
        return self.replicas[who % len(self.replicas)]

    def note(self, saved: replica.Document, parents: list[str]) -> None:
        assert saved.revision is not None
        self.descent[saved.revision] = {saved.revision}.union(*(self.descent[parent] for parent in parents))

    def leaves(self, hub: replica.Replica, unid: str) -> list[str]:
        return revisions(hub).get(unid, [])

    @rule(who=who, branch=number, times=st.integers(1, 6))
    def edit(self, who: int, branch: int, times: int) -> None:
        hub, unid = self.some(who), "d"
        found = self.leaves(hub, unid)
        live = [revision for revision in found if not hub.get(unid, revision=revision).deleted]
        base = live[branch % len(live)] if live else None
        for _ in range(times):
            items = {"save": next(self.saves)}
            if base is None:
                saved, parents = hub.put(items, unid=unid), found[:1]
            else:
                saved, parents = hub.put(replica.Document(items, unid=unid, revision=base)), [base]
            self.note(saved, parents)
            base = saved.revision

    @rule(who=who)
    def delete(self, who: int) -> None:
        hub, unid = self.some(who), "d"
        if unid in hub:
            found = self.leaves(hub, unid)
            self.note(hub.delete(unid), found[:1])

    @rule(who=who)
    def resolve(self, who: int) -> None:
        hub, unid = self.some(who), "d"
        live = [revision for revision in self.leaves(hub, unid) if not hub.get(unid, revision=revision).deleted]
        if len(live) > 1:
            self.note(hub.resolve(unid, items={"save": next(self.saves)}), live)

    @rule(who=who, other=who, direction=direction, lane=lane)
    def replicate(self, who: int, other: int, direction: str, lane: str) -> None:
        here, there = self.some(who), self.some(who + 1 + other % (len(self.replicas) - 1))
        try:
            replicate(here, there, direction, lane=lane)
        except BaseException:
            self.broken = True
            raise

    @rule(who=who)
    def allow_more(self, who: int) -> None:
        limit = self.some(who).settings["ancestry-limit"]
        self.some(who).settings["ancestry-limit"] = limit + 1

    def settle(self) -> None:
        luck = random.Random(self.end)
        links = list(itertools.pairwise(luck.sample(self.replicas, len(self.replicas))))
        for _ in range(2 + len(links)):
            before = [each.info()["update_seq"] for each in self.replicas]
            for a, b in links + links[::-1]:
                replicate(a, b, lane=luck.choice(["attached", "general"]))
            if before == [each.info()["update_seq"] for each in self.replicas]:
                break
        else:
            raise AssertionError("it never goes quiet")
        first, *others = self.replicas
        for other in others:
            assert revisions(first) == revisions(other)
            assert first.compare(other)["ok"]
        kept = set().union(*(self.descent[leaf] for found in revisions(first).values() for leaf in found))
        assert set() == self.descent.keys() - kept


TestShortAncestry = ShortMemories.TestCase
TestShortAncestry.settings = histories(40)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases begin with a bound of three ancestors."""
    monkeypatch.setitem(SETTINGS, "ancestry-limit", SETTINGS["ancestry-limit"]._replace(default=3))


@pytest.mark.parametrize("lane", LANES)
def test_what_was_covered_only_by_a_leaf_that_goes_is_sent_again(lane: str, tmp_path: Path) -> None:
    """The 7th revision does not remember the 1st: who had the 4th covers both and needs both, or neither would agree."""
    with (
        replica.create(str(tmp_path / "hub.db")) as hub,
        hub.copy(str(tmp_path / "late.db")) as late,
        hub.copy(str(tmp_path / "later.db")) as later,
    ):
        document = hub.put({"n": 1}, unid="d")
        replicate(late, hub, lane=lane)
        for n in range(2, 8):
            document["n"] = n
            document = hub.put(document)
            if n == 4:
                replicate(later, hub, lane=lane)
        replicate(late, hub, lane=lane)
        replicate(later, late, lane=lane)
        assert [[7, 1]] * 3 == [
            [int(revision.partition("-")[0]) for revision in revisions(each)["d"]] for each in (hub, late, later)
        ]


@pytest.mark.parametrize("lane", LANES)
def test_the_bound_travels_with_the_database_and_only_grows(lane: str, tmp_path: Path) -> None:
    with replica.create(str(tmp_path / "hub.db")) as hub, hub.copy(str(tmp_path / "laptop.db")) as laptop:
        hub.settings["ancestry-limit"] = 5
        document = hub.put({"n": 0}, unid="d")
        replicate(laptop, hub, lane=lane)
        assert 5 == laptop.settings["ancestry-limit"]
        laptop.settings["ancestry-limit"] = 7
        for n in range(1, 8):
            document["n"] = n
            document = hub.put(document)
        replicate(laptop, hub, "pull", lane=lane)
        assert (5, 7) == (hub.settings["ancestry-limit"], laptop.settings["ancestry-limit"])
        with laptop.copy(str(tmp_path / "copy.db")) as copy:
            assert 7 == copy.settings["ancestry-limit"]
        with pytest.raises(replica.errors.BadSettings):
            laptop.settings["ancestry-limit"] = 6
