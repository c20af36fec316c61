"""While one batch is being written, the next one is on its way, and the source is told of the one before: by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar, cast

from replica.engine.peer import Ours
from replica.engine.replicate import Task, transfer
from replica.engine.whole import whole_loads
from replica.errors import LimitReached
from replica.store.sessions import Session
from replica.tally import Tally

T = TypeVar("T")
GIVE_UP_S = 1.0  # for what is on its way when nobody wants it any more


def transfer_ahead(task: Task, tally: Tally) -> None:
    """Do what `engine.replicate.transfer` does between replicas of ours; meanwhile fetch the next load, and let the source
    remember the last.
    """
    with remembering_later(cast(Ours, task.source)) as source:
        transfer(task._replace(source=source), tally, lambda task, since: ahead(whole_loads(task, since)))


def ahead(items: Generator[T]) -> Generator[T]:
    """The same items. While one is used, the next one is made in another thread; never more than one."""
    end = object()
    making = partial(next, items, end)
    errand = _Errand(making)
    try:
        while (item := errand.result()) is not end:
            errand = _Errand(making)
            yield cast(T, item)
    finally:
        errand.join(GIVE_UP_S)


@contextmanager
def remembering_later(source: Ours) -> Iterator[Ours]:
    """The same peer, but whoever lets it remember something need not wait for that, only for what it was to remember before.

    At the end of the block all is remembered, unless there was an error: then the two agree on something earlier.
    """
    later = _RemembersLater(source)
    try:
        yield cast(Ours, later)
    except LimitReached:
        later.finish()
        raise
    except BaseException:
        later.give_up()
        raise
    later.finish()


class _RemembersLater:
    def __init__(self, source: Ours) -> None:
        self._source = source
        self._errand: _Errand[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def remember(self, *sessions: Session) -> None:
        self.finish()
        self._errand = _Errand(partial(self._source.remember, *sessions))

    def finish(self) -> None:
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.result()

    def give_up(self) -> None:
        if self._errand is not None:
            self._errand.join(GIVE_UP_S)


class _Errand(threading.Thread, Generic[T]):
    """Does one thing. A daemon: whoever is interrupted does not wait for a peer that says nothing."""

    def __init__(self, act: Callable[[], T]) -> None:
        super().__init__(name="prefetching", daemon=True)
        self._act = act
        self._result: T
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._act()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            self._error = error

    def result(self) -> T:
        """Wait for what comes of it. Raises what was raised in doing it."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._result
