"""While one batch is being written, the next one is on its way: a thread goes one step ahead."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Generic, TypeVar

from replica.engine.replicate import Task, transfer
from replica.engine.whole import whole_loads
from replica.tally import Tally

T = TypeVar("T")
GIVE_UP_S = 1.0  # for what is on its way when nobody wants it any more


def transfer_ahead(task: Task, tally: Tally) -> None:
    """Do what `engine.replicate.transfer` does between replicas of ours, and fetch each load while the one before is taken."""
    transfer(task, tally, lambda task, since: ahead(whole_loads(task, since)))


def ahead(items: Generator[T]) -> Generator[T]:
    """The same items. While one is used, the next one is made in another thread; never more than one."""
    step = _Step(items)
    try:
        while step.brought_one():
            item = step.item
            step = _Step(items)
            yield item
    finally:
        step.join(GIVE_UP_S)


class _Step(threading.Thread, Generic[T]):
    """Makes one item. A daemon: whoever is interrupted does not wait for a peer that says nothing."""

    item: T

    def __init__(self, items: Generator[T]) -> None:
        super().__init__(name="prefetching", daemon=True)
        self._items = items
        self._ended = False
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.item = next(self._items)
        except StopIteration:
            self._ended = True
        except BaseException as error:  # noqa: BLE001 - it is raised where the item is waited for
            self._error = error

    def brought_one(self) -> bool:
        """Wait for the item; whether there was one. Raises what was raised in making it."""
        self.join()
        if self._error is not None:
            raise self._error
        return not self._ended
