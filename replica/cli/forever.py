"""The scheduler as a process, `replicate run --forever`: its signals, and what systemd is told."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from replica.cli import render
from replica.cli.complaints import complain
from replica.cli.configuration import complain_of, configuration
from replica.cli.interruption import told_to_stop
from replica.cli.notifying import notify, watchdog_s
from replica.cli.runs import tell
from replica.cli.status import rows_of
from replica.cli.terminal import Terminal
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from replica.service.configuration import Configuration
    from replica.service.run import Run
    from replica.service.scheduler import Scheduler


def go_on(arguments: argparse.Namespace, out: Terminal) -> int:
    """Run what is due until a signal says that it is enough: 130 or 143."""
    from replica.service.scheduler import LOOK, Listener, Order, Scheduler

    if arguments.names:
        found = configuration(arguments)
        for name in arguments.names:
            found.connection(name)
    watchdog = watchdog_s()
    teller = _Teller(arguments, out)
    scheduler = Scheduler(
        lambda: configuration(arguments),
        Listener(teller.ran, teller.loaded, teller.failed, teller.asked, lambda: notify("WATCHDOG=1")),
        names=arguments.names,
        environment=os.environ,
        look=LOOK if watchdog is None else min(LOOK, timedelta(seconds=watchdog / 3)),
    )
    with told_to_stop(lambda: scheduler.order(Order.STOP)) as told, _orders(scheduler):
        scheduler.go_on()
    return 128 + (told.number or signal.SIGTERM)


class _Teller:
    """Says on the terminal, and to systemd, what the scheduler does."""

    def __init__(self, arguments: argparse.Namespace, out: Terminal) -> None:
        self._arguments, self._out = arguments, out

    def ran(self, run: Run) -> None:
        if self._out.as_json:
            self._out.line(render.json_text({"run": run.id, **run.to_dict()}), now=True)
        tell(run, self._out)

    def loaded(self, found: Configuration) -> None:
        complain_of(found, self._out)
        count = render.counted(len(found.connections), "connection")
        if self._out.verbose:
            self._out.note(f"{found.path}: {count}")
        notify("READY=1", f"STATUS={count}")

    def failed(self, error: ReplicaError) -> None:
        complain(error, as_json=self._out.as_json, debug=self._arguments.debug)

    def asked(self, found: Configuration) -> None:
        for line in rows_of(found, self._out):
            self._out.note(line)


@contextmanager
def _orders(scheduler: Scheduler) -> Iterator[None]:
    """Within the block, SIGHUP lets it read its configuration again, and SIGUSR1 tell how it is doing."""
    from replica.service.scheduler import Order

    orders = {signal.SIGHUP: Order.RELOAD, signal.SIGUSR1: Order.TELL}
    before = {
        number: signal.signal(number, lambda number, _: scheduler.order(orders[signal.Signals(number)]))
        for number in orders
    }
    try:
        yield
    finally:
        notify("STOPPING=1")
        for number, handler in before.items():
            signal.signal(number, handler)
