"""Running connections: one at a time, each alone on this machine, and noted in the log."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Event
from types import TracebackType
from typing import Self, TypeVar

from replica.clock import Clock, system_clock
from replica.errors import Locked, ReplicaError
from replica.service.agenda import Due, due, forgotten, moments
from replica.service.configuration import Configuration
from replica.service.connection import Connection
from replica.service.hooks import tell
from replica.service.lock import Holder, forget_holder, held
from replica.service.log import Log, after
from replica.service.past import NEVER, Past, at, read, written
from replica.service.places import host, lock_path
from replica.service.run import Run
from replica.service.work import Stopped, do

T = TypeVar("T")


class Runner:
    """Runs connections of a configuration. Also a context manager.

    `environment`: the variables in which secrets may be, and those of the commands that are told. A log that cannot be opened or
    written keeps nothing from running; `log_error` is what is wrong with it. Nor does somebody who cannot be told of something:
    `hook_errors`. `memory`: of each connection by name, for as long as the log cannot be read; changed by what is run.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        environment: Mapping[str, str] | None = None,
        memory: dict[str, Past] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.log_error: ReplicaError | None = None
        self.hook_errors: list[ReplicaError] = []
        self._configuration = configuration
        self._environment = environment or {}
        self._clock = clock
        self._memory = {} if memory is None else memory
        self._active: dict[str, Run] = {}  # taking out of a dict is one step, whichever thread does it
        self._log = self._try(lambda: Log(configuration.log_path, configuration.path, clock, configuration.keep_runs_s))

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Those that it may run."""
        return self._configuration.connections

    def due(self) -> list[Due]:
        """What is due now, the most urgent first."""
        pasts = self.pasts()
        now = at(self._clock())  # after they were read: nothing is remembered of a later time
        return due(self.connections, pasts, now)

    def pasts(self) -> Mapping[str, Past]:
        """What is remembered of each connection, by name. Without a log, and of what did not run since, as if it had run until
        a minute ago.
        """
        found = None if self._log is None else self._try(self._log.pasts)
        return {each.name: self._recalled(each) for each in self.connections} if found is None else found

    def _recalled(self, connection: Connection) -> Past:
        """What is remembered without the log."""
        past = self._memory.get(connection.name)
        return forgotten(connection, at(self._clock())) if past is None else past

    def run(self, connection: Connection, moment: datetime | None = None, stop: Event | None = None) -> Run | None:
        """Run a connection now: for a moment that is due, or because it is called by name (None). Threads may do so for
        different connections. When `stop` is set it ends with the batch in hand, as one that was interrupted.

        None if the moment is not due any more, because somebody else has taken it on. What goes wrong is in the run, not
        raised; an interruption is raised when it is noted.
        """
        before = self._past(connection) or self._memory.get(connection.name, NEVER)
        done = self._run_locked(connection, moment, stop or Event())
        if done is not None:
            self.hook_errors += tell(self._configuration.hook, before, done, self._environment)
        return done

    def _run_locked(self, connection: Connection, moment: datetime | None, stop: Event) -> Run | None:
        holder = Holder(os.getpid(), host(), written(at(self._clock())))
        try:
            with held(self._lock_path(connection), holder) as before:
                if before is not None:
                    self._note_lost(connection, before)
                return self._run_alone(connection, moment, stop)
        except Locked as error:
            return self._noted(self._nothing(connection, moment, error, skipped=True))
        except ReplicaError as error:
            return self._noted(self._nothing(connection, moment, error, skipped=False))

    def _run_alone(self, connection: Connection, moment: datetime | None, stop: Event) -> Run | None:
        if moment is not None:
            moment = self._still_due(connection, moment)
            if moment is None:
                return None
        log = self._log
        recalled = self._recalled(connection)
        start = None if log is None else self._try(lambda: log.begin(connection.name, moment))
        if start is None:
            start = at(self._clock())
            if moment is not None and not moments(connection, recalled, start):
                return None  # it is not remembered when it ran last, so that it would run every minute
        self._memory[connection.name] = recalled.begun(moment, start)
        run = Run(connection, moment, start, start)
        self._active[connection.name] = run
        try:
            do(run, self._environment, stop)
        except (ReplicaError, Stopped) as error:
            run.error = error
        if self._active.pop(connection.name, None) is None:
            return None  # it was given up, and that is noted
        run.end = at(self._clock())
        self._noted(run)
        for cause in run.errors:
            if not isinstance(cause, Exception | Stopped):
                raise cause
        return run

    def abandon(self) -> None:
        """Give up what threads run: it is noted as interrupted, and nobody waits for it. For a process that is about to end."""
        for name in list(self._active):
            run = self._active.pop(name, None)
            if run is not None:
                run.error, run.end = Stopped(), at(self._clock())
                self._noted(run)
                forget_holder(self._lock_path(run.connection))

    def _lock_path(self, connection: Connection) -> str:
        return lock_path(self._configuration.log_path, self._configuration.path, connection.name)

    def _still_due(self, connection: Connection, moment: datetime) -> datetime | None:
        """The moment for which it is due now; None if somebody has taken it on since it was found to be."""
        past = self._past(connection)
        if past is None:
            return moment
        found = moments(connection, past, max(at(self._clock()), moment))
        if connection.on_missed == "all":
            return moment if moment in found else None
        return found[0] if found else None

    def _nothing(self, connection: Connection, moment: datetime | None, error: ReplicaError, *, skipped: bool) -> Run:
        now = at(self._clock())
        return Run(connection, moment, now, now, error=error, skipped=skipped)

    def _noted(self, run: Run) -> Run:
        name, log = run.connection.name, self._log
        self._memory[name] = after(self._memory.get(name, NEVER), run)
        if log is not None:
            self._try(lambda: log.note(run))
        return run

    def _note_lost(self, connection: Connection, before: Holder) -> None:
        log, past = self._log, self._past(connection)
        if log is None or past is None:
            return
        now = at(self._clock())
        moment, start = _cut_off(past) if past.ending == "running" else (None, read(before.since) or now)
        lost = Run(connection, moment, start, now, error=KeyboardInterrupt())
        self._try(lambda: log.note_lost(lost, before))

    def _past(self, connection: Connection) -> Past | None:
        """What is remembered of it; None if that cannot be known."""
        log = self._log
        return None if log is None else self._try(lambda: log.past(connection.name))

    def _try(self, call: Callable[[], T]) -> T | None:
        """Do something with the log; what goes wrong is kept in `log_error`."""
        try:
            return call()
        except ReplicaError as error:
            self.log_error = self.log_error or error
            return None

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cut_off(past: Past) -> tuple[datetime | None, datetime]:
    assert past.started is not None
    return past.moment, past.started
