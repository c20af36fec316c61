"""A scheduler of our own: runs what is due as soon as it is, until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from replica.clock import Clock, system_clock
from replica.errors import ReplicaError
from replica.service.agenda import upcoming
from replica.service.configuration import Configuration
from replica.service.past import NEVER, Past, at
from replica.service.pool import Pool, Turn
from replica.service.run import Run
from replica.service.running import Runner

LOOK = timedelta(seconds=30)  # at the latest it looks again: clocks are set, and others write the log
SOON = timedelta(milliseconds=50)  # at the earliest


class Order(Enum):
    """What a scheduler may be told while it runs."""

    STOP = "stop"
    RELOAD = "reload"
    TELL = "tell"


class Listener(NamedTuple):
    """Who is told what a scheduler does. `ran`: of each run; `loaded`: of each configuration that counts from now on;
    `failed`: of what is wrong with a new one, the log or a hook; `asked`: when it was told to tell how it is doing;
    `alive`: now and then.
    """

    ran: Callable[[Run], object]
    loaded: Callable[[Configuration], object]
    failed: Callable[[ReplicaError], object]
    asked: Callable[[Configuration], object]
    alive: Callable[[], object]


class Scheduler:
    """Runs the connections of what `load` reads, or of these only those in `names`. Orders may be given by any thread or signal.

    What goes wrong with one connection keeps no other from running. `environment` is as for `Runner`.
    """

    def __init__(
        self,
        load: Callable[[], Configuration],
        listener: Listener,
        *,
        names: Collection[str] = (),
        environment: Mapping[str, str] | None = None,
        look: timedelta = LOOK,
        clock: Clock = system_clock,
    ) -> None:
        self._load, self._listener, self._names = load, listener, names
        self._environment, self._look, self._clock = environment, look, clock
        self._pool = Pool()
        self._memory: dict[str, Past] = {}
        self._held: dict[str, datetime] = {}  # by somebody else, until when that is not looked at again
        self._told = ""

    def order(self, order: Order) -> None:
        """Tell it something; it does so as soon as it can."""
        self._pool.inbox.put(order)

    def go_on(self) -> None:
        """Run what is due until it is told to stop. Then all that runs ends with the batch in hand. At first, the errors of
        `load`.
        """
        configuration = self._load()
        self._listener.loaded(configuration)
        with ExitStack() as stack:
            runner = self._runner(configuration, stack)
            try:
                while True:
                    self._begin(runner)
                    found = self._pool.next(self._pause(runner).total_seconds())
                    while isinstance(found, Run):  # all that have ended, before what is due is worked out again
                        self._note(found, runner)
                        found = self._pool.next(0)
                    if found is Order.STOP:
                        return
                    if found is Order.TELL:
                        self._listener.asked(configuration)
                    reloaded = self._reloaded() if found is Order.RELOAD else None
                    may_be_there = runner.log_error is not None and found is None and not self._pool.busy
                    if reloaded is not None or may_be_there:  # a log that could not be opened, too
                        configuration = reloaded or configuration
                        runner = self._runner(configuration, stack)
                    self._listener.alive()
            finally:
                self._pool.end()

    def _note(self, run: Run, runner: Runner) -> None:
        if run.skipped:
            self._held[run.connection.name] = run.end + self._look
        self._listener.ran(run)
        self._told_of(runner)

    def _runner(self, configuration: Configuration, stack: ExitStack) -> Runner:
        if not self._pool.busy:
            stack.close()  # nobody needs the one before any more
        runner = stack.enter_context(
            Runner(configuration, environment=self._environment, memory=self._memory, clock=self._clock)
        )
        self._told_of(runner)
        return runner

    def _reloaded(self) -> Configuration | None:
        try:
            found = self._load()
        except ReplicaError as error:  # the one before goes on to count
            self._listener.failed(error)
            return None
        self._listener.loaded(found)
        return found

    def _begin(self, runner: Runner) -> None:
        now = at(self._clock())
        self._held = {name: until for name, until in self._held.items() if now < until <= now + self._look}
        due = [Turn(*each) for each in runner.due() if self._is_mine(each.connection.name)]
        self._pool.begin(runner, [turn for turn in due if turn.connection.name not in self._pool.busy])

    def _is_mine(self, name: str) -> bool:
        return (not self._names or name in self._names) and name not in self._held

    def _pause(self, runner: Runner) -> timedelta:
        """How long nothing will be due; what waits for others to end is looked at when they have."""
        now = at(self._clock())
        pasts = runner.pasts()
        coming = [upcoming(each, pasts.get(each.name, NEVER), now) for each in runner.connections]
        pauses = [moment - now for moment in coming if moment is not None and moment > now]
        return max(SOON, min([self._look, *pauses]))

    def _told_of(self, runner: Runner) -> None:
        """Tell what is wrong beside the runs, each once."""
        errors, runner.hook_errors = runner.hook_errors, []
        for error in errors:
            self._listener.failed(error)
        said = "" if runner.log_error is None else str(runner.log_error)
        if runner.log_error is not None and said != self._told:
            self._listener.failed(runner.log_error)
        self._told = said
