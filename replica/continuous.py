"""Replication that goes on: a round, as `engine.meeting` defines it, whenever either end has something new.

All of it is done in a thread, for which whoever asked for it waits: so a peer that says nothing keeps nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import random
from typing import NamedTuple

from replica.clock import stopwatch
from replica.engine.meeting import Transfer
from replica.engine.peer import Peer
from replica.engine.replicate import Task
from replica.engine.report import Report, Sum
from replica.errors import Replaced, ReplicaError
from replica.store.sessions import Position
from replica.tally import Tally
from replica.transports.retrying import Pauses
from replica.transports.waiting import Lookout

LOOK_S = 0.2  # how often it is looked whether it is over
GIVE_UP_S = 1.0  # for a peer that says nothing, when it is over
FIRST_PAUSE_S = 1.0  # after a round that failed
FIRST_REST_S = 0.1  # after a wait that failed: the next round tells why
LONGEST_PAUSE_S = 60.0

Around = Callable[[Transfer], Transfer]


class Course(NamedTuple):
    """What to do again and again, and until when.

    `here` and `there` reach the two peers for one round. `meet` is the round: it puts something around its transfers, and
    ends after the batch in hand when it is told that it is over. `on_wait` is told why nothing is done for now: what went
    wrong, or None.
    """

    here: Callable[[None], Peer]
    there: Callable[[Peer], Peer]
    meet: Callable[[Peer, Peer, Around, Callable[[], bool]], object]
    is_over: Callable[[], bool]
    on_wait: Callable[[ReplicaError | None], object]


def go_on(course: Course, *, at_any_cost: bool) -> Report:
    """Replicate until it is over; the sum of all rounds. What will not get better is raised.

    The batch in hand is finished, unless a peer says nothing for `GIVE_UP_S`; with `at_any_cost` that is not asked.
    """
    left = threading.Event()
    rounds = Rounds(course._replace(is_over=lambda: left.is_set() or course.is_over()))
    rounds.start()
    try:
        while rounds.is_alive() and not course.is_over():
            rounds.join(LOOK_S)
        passed = -1
        while rounds.is_alive() and (at_any_cost or rounds.passed() != passed):
            passed = rounds.passed()
            rounds.join(GIVE_UP_S)
    except BaseException:  # an interrupt: nobody goes on behind the back of the one who is told
        left.set()
        rounds.join(GIVE_UP_S)
        raise
    left.set()
    if rounds.error is not None:
        raise rounds.error
    return rounds.sum.fold()


class Rounds(threading.Thread):
    """Rounds, and waiting between them, until it is over. `error`: what ended it before, if something did."""

    def __init__(self, course: Course) -> None:
        super().__init__(name="rounds", daemon=True)
        self.sum = Sum()
        self.error: BaseException | None = None
        self._course = course
        # By direction: its source, how far that had come when it greeted, and who looks out for more.
        self._peers: dict[str, Peer] = {}
        self._reached: dict[str, Position] = {}
        self._lookouts: dict[str, Lookout] = {}
        self._bell = threading.Event()
        self._tries = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S, random)
        self._waits = Pauses(FIRST_REST_S, LONGEST_PAUSE_S, random)

    def run(self) -> None:
        """Go on until it is over."""
        try:
            self._go_on()
        except BaseException as error:  # noqa: BLE001 - it is raised where the rounds are waited for
            self.error = error
        finally:
            for lookout in self._lookouts.values():
                lookout.dismiss()

    def passed(self) -> int:
        """How many bytes have gone over the network, as far as it is known."""
        return sum(peer.web.meter.wire_bytes for peer in self._peers.values() if hasattr(peer, "web"))

    def _go_on(self) -> None:
        replaced = False
        while not self._course.is_over():
            try:
                self._round()
            except ReplicaError as error:
                # At an address another file may have taken the place of the one that greeted: that one is greeted now.
                again = isinstance(error, Replaced) and not replaced
                if not error.may_retry and not again:
                    raise
                replaced = again
                self._course.on_wait(error)
                self._pause(self._tries.next())
            else:
                replaced = False
                self._tries.reset()
                self._wait()

    def _round(self) -> None:
        here = self._course.here(None)
        there = self._course.there(here)
        self._peers = {"pull": there, "push": here}
        try:
            self._course.meet(here, there, self._around, self._course.is_over)
        finally:
            self.sum.fold()

    def _around(self, transfer: Transfer) -> Transfer:
        def go(task: Task, tally: Tally) -> None:
            self.sum.begin(task.direction, tally)
            self._reached[task.direction] = task.by.reached  # and not as it is afterwards: somebody may write meanwhile
            transfer(task, tally)

        return go

    def _wait(self) -> None:
        """Until a source has something new, or cannot be asked: then the next round tells what to think of it."""
        if not self._course.is_over():
            self._course.on_wait(None)
        elapsed = stopwatch()
        for direction, since in self._reached.items():
            self._look_out(direction, since)
        while not self._course.is_over() and not any(lookout.ended for lookout in self._lookouts.values()):
            self._bell.wait(LOOK_S)
            self._bell.clear()
        errors = [lookout.error for lookout in self._lookouts.values() if lookout.error is not None]
        for error in errors:
            if not isinstance(error, ReplicaError):
                raise error
        if not errors or elapsed() > LONGEST_PAUSE_S:
            self._waits.reset()
        if errors:
            self._pause(self._waits.next())

    def _look_out(self, direction: str, since: Position) -> None:
        """Let somebody look out; who does so already for the same goes on, because it may hang in a question for long."""
        before = self._lookouts.get(direction)
        if before is not None and (before.ended or before.since != since):
            before.dismiss()
            before = None
        self._lookouts[direction] = before or Lookout(self._peers[direction], since, self._bell)

    def _pause(self, seconds: float) -> None:
        elapsed = stopwatch()
        while not self._course.is_over() and elapsed() < seconds:
            time.sleep(min(LOOK_S, max(0.0, seconds - elapsed())))
