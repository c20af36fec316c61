"""Several connections at once, each in a thread of its own: the most urgent first, and never two that are about the same."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from glob import has_magic
from queue import Empty, SimpleQueue
from typing import NamedTuple
from urllib.parse import urlsplit

from replica.clock import stopwatch
from replica.service.connection import Connection
from replica.service.run import Run
from replica.service.running import Runner
from replica.transports.address import is_address

SIZE = 8  # runs at once: they wait for the network more than they work
FOR_ONE_SERVER = 6  # of these: one that hangs leaves room for others
PATIENCE_S = 5.0  # in which a run that is to end has ended, or its peer says nothing


class Turn(NamedTuple):
    """A connection to run, and the moment for which; None if it was called by name."""

    connection: Connection
    moment: datetime | None


class _Ended(NamedTuple):
    name: str
    run: Run | None
    error: BaseException | None


class Pool:
    """Runs connections. `inbox`: whoever waits for a run to end can be woken by what is put there. To be used by one thread."""

    def __init__(self, size: int = SIZE) -> None:
        self.inbox: SimpleQueue[object] = SimpleQueue()
        self._size = size
        self._stop = threading.Event()
        self._busy: dict[str, tuple[Connection, Runner]] = {}

    @property
    def busy(self) -> Collection[str]:
        """The names of the connections that run."""
        return self._busy.keys()

    def begin(self, runner: Runner, waiting: Sequence[Turn]) -> list[Turn]:
        """Begin those whose turn it is; the others."""
        begun = turns(waiting, [connection for connection, _ in self._busy.values()], self._size)
        for turn in begun:
            self._busy[turn.connection.name] = (turn.connection, runner)
            threading.Thread(target=self._run, args=(runner, turn), name=turn.connection.name, daemon=True).start()
        return [turn for turn in waiting if turn not in begun]

    def next(self, seconds: float | None = None) -> object:
        """What came of the next one that ends: a `Run`, or None if it did not take place; else what was put into the inbox.
        None also after so many seconds. What a run raised that it should not have is raised.
        """
        try:
            found = self.inbox.get(timeout=seconds) if seconds != 0 else self.inbox.get_nowait()
        except Empty:
            return None
        if not isinstance(found, _Ended):
            return found
        self._busy.pop(found.name, None)
        if found.error is not None:
            raise found.error
        return found.run

    def run(self, runner: Runner, wanted: Iterable[Turn]) -> Iterator[Run]:
        """Run them all; each when it has ended. If somebody interrupts that, all are told to end, as by `end`."""
        waiting = list(wanted)
        try:
            while waiting or self._busy:
                waiting = self.begin(runner, waiting)
                done = self.next()
                if isinstance(done, Run):
                    yield done
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Let all end with the batch in hand. Whose peer says nothing is left, and noted as interrupted."""
        self._stop.set()
        elapsed = stopwatch()
        while self._busy and (left := PATIENCE_S - elapsed()) > 0:
            with suppress(Exception):  # it is noted in the log, and nobody waits for it any more
                self.next(left)
        for runner in {runner for _, runner in self._busy.values()}:
            runner.abandon()

    def _run(self, runner: Runner, turn: Turn) -> None:
        name = turn.connection.name
        try:
            self.inbox.put(_Ended(name, runner.run(turn.connection, turn.moment, self._stop), None))
        except BaseException as error:  # noqa: BLE001 - whatever it is: `next` raises it in the thread that waits
            self.inbox.put(_Ended(name, None, error))


def turns(waiting: Sequence[Turn], busy: Sequence[Connection], size: int) -> list[Turn]:
    """Whose turn it is, of those who wait in the order of their urgency, while the busy ones run. Pure.

    At most `size` run at once, and `FOR_ONE_SERVER` with one server. Two that are about the same databases, or may be, do not.
    """
    running, begun = list(busy), []
    for turn in waiting:
        if len(running) >= size:
            break
        if all(_may_run_beside(turn.connection, other) for other in running) and _has_room(turn.connection, running):
            running.append(turn.connection)
            begun.append(turn)
    return begun


def _has_room(connection: Connection, running: Sequence[Connection]) -> bool:
    server = _server(connection)
    return server is None or sum(_server(other) == server for other in running) < FOR_ONE_SERVER


def _server(connection: Connection) -> str | None:
    return (
        urlsplit(connection.peer.removeprefix("couchdb+")).netloc.rpartition("@")[2]
        if is_address(connection.peer)
        else None
    )


def _may_run_beside(one: Connection, other: Connection) -> bool:
    if one.name == other.name:
        return False
    same = _touch(one.here, other.here) and _touch(one.peer, other.peer)
    crossed = _touch(one.here, other.peer) and _touch(one.peer, other.here)
    return not (same or crossed)


def _touch(one: str, other: str) -> bool:
    """Whether two places are one, or one is within the other."""
    one, other = _fixed(one), _fixed(other)
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _fixed(place: str) -> str:
    """A place without the user that asks there; of a pattern, what comes before it."""
    if is_address(place):
        scheme, _, rest = place.removeprefix("couchdb+").partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"
    while has_magic(place):
        place = place.rpartition("/")[0]
    return place
