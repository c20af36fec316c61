"""Peers that make trouble: they cut a replication at any step, say things twice, or let somebody write in between.

A step is one verb asked of either peer, or one report of progress; they are counted over both ends together.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from replica.clock import system_clock
from replica.engine.meeting import Options, meet
from replica.engine.replicate import Task, transfer
from replica.engine.report import Report
from replica.engine.whole import whole_loads
from replica.replica import Replica
from replica.store.identity import new_id
from replica.tally import Tally
from replica.transports.attached import transfer_attached
from replica.transports.prefetching import transfer_ahead
from tests.behind_http import behind_http

LANES = ("attached", "general")
VERBS = ("greet", "changes", "changed_leaves", "changes_of", "missing", "fetch", "texts", "accept", "remember")


class Cut(Exception):
    """The connection is gone."""


class Trouble:
    """Does nothing at the `at`-th step; its children do something. `seen`: the steps so far, by name."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.seen: list[str] = []

    def step(self, name: str, act: Callable[[], Any]) -> Any:
        """Let a step happen, or not, or more than that."""
        self.seen.append(name)
        return self.strike(act) if len(self.seen) - 1 == self.at else act()

    def strike(self, act: Callable[[], Any]) -> Any:
        """What happens at the chosen step."""
        return act()


class CutBefore(Trouble):
    """The chosen step is not taken."""

    def strike(self, act: Callable[[], Any]) -> Any:
        raise Cut


class CutAfter(Trouble):
    """The chosen step is taken, but whoever asked for it does not learn that."""

    def strike(self, act: Callable[[], Any]) -> Any:
        act()
        raise Cut


class Twice(Trouble):
    """The chosen step is taken twice, as by a peer that asks again because the answer got lost."""

    def strike(self, act: Callable[[], Any]) -> Any:
        act()
        return act()


class Meddler(Trouble):
    """Somebody else does something just before the chosen step."""

    def __init__(self, at: int, meddle: Callable[[], object]) -> None:
        super().__init__(at)
        self.meddle = meddle

    def strike(self, act: Callable[[], Any]) -> Any:
        self.meddle()
        return act()


class Troubled:
    """A peer whose verbs are steps; everything else is the real peer's."""

    def __init__(self, peer: Any, trouble: Trouble) -> None:
        self._peer = peer
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._peer, name)
        if name not in VERBS:
            return found
        return lambda *values: self._trouble.step(name, lambda: found(*values))


class Forgetful:
    """A peer that can only be read, as a file without permission to write is: it remembers no session."""

    def __init__(self, peer: Any) -> None:
        self._peer = peer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._peer, name)

    def greet(self, other: Any, dry_run: bool = False) -> Any:
        """It cannot take a new name either."""
        return self._peer.greet(other, True)._replace(remembers=False)

    def remember(self, *sessions: Any) -> None:
        """Nobody should ask."""
        raise AssertionError("a source that cannot remember was asked to")


def replicate(
    here: Replica,
    there: Replica,
    direction: str = "both",
    *,
    lane: str = "general",
    trouble: Trouble | None = None,
    dry_run: bool = False,
    force: bool = False,
    forgetful: bool = False,
) -> Report:
    """What `replica.replicate` does, by the lane of one's choice, with trouble on the way, or from a `forgetful` source."""
    trouble = trouble or Trouble()
    options = Options(direction, dry_run, force, lambda progress: trouble.step("progress", lambda: None))
    in_memory = ":memory:" in (here.path, there.path)
    by = transfer if lane != "attached" or dry_run or in_memory else attached
    if lane in (
        "http",
        "whole",
    ):  # with trouble, a thread that goes ahead would make the steps another order in every run
        by = transfer_ahead if lane == "http" and trouble.at < 0 else partial(transfer, loads=whole_loads)
    with _peer(there, lane) as other:
        ends = (Troubled(here.peer, trouble), Troubled(Forgetful(other) if forgetful else other, trouble))
        return meet(*ends, options, by, system_clock, new_id)


def _peer(there: Replica, lane: str) -> AbstractContextManager[Any]:
    return behind_http(there.path) if lane == "http" and there.path != ":memory:" else nullcontext(there.peer)


def attached(task: Task, tally: Tally) -> None:
    """SQL between two files; what it leaves to the verbs goes through the troubled peers."""
    transfer_attached(task, task.target, task.source, tally)  # type: ignore[arg-type]
