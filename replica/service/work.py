"""What a run does: replicate each database of a connection, in its time."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event

from replica.clock import stopwatch
from replica.engine.replicate import Outset, Progress
from replica.replication import replicate
from replica.service.approach import network_of
from replica.service.connection import Connection
from replica.service.expansion import Pair, pairs_of
from replica.service.run import Part, Run, Way
from replica.transports.network import Network


class Stopped(KeyboardInterrupt):
    """A run was told to end early."""


def do(run: Run, environment: Mapping[str, str], stop: Event) -> None:
    """Replicate what the run's connection is about, database by database, and put what came of each into the run.

    One that fails keeps no other from it. When `stop` is set it ends with the batch in hand. `NotFound` if there is no database,
    `Mistake` if a secret is not there.
    """
    connection, elapsed = run.connection, stopwatch()
    pairs = pairs_of(connection)
    network = network_of(connection, environment)
    for pair in pairs:
        if stop.is_set():
            raise Stopped
        left = None if connection.time_limit is None else connection.time_limit - elapsed()
        part = Part(pair)
        run.parts.append(part)
        if left is not None and left <= 0:
            part.limited = True
            continue
        _replicate(part, connection, network, left, stop)
        if part.error is not None and not isinstance(part.error, Exception):
            return


def _replicate(part: Part, connection: Connection, network: Network | None, seconds: float | None, stop: Event) -> None:
    def begin(outset: Outset) -> None:
        since = outset.since.number
        part.ways[outset.direction] = Way(outset.tally, since, max(since, outset.end.number), since)

    def progress(progress: Progress) -> None:
        way = part.ways[progress.direction]
        way.after = way.before + progress.done

    pair: Pair = part.pair
    try:
        report = replicate(
            pair.here,
            pair.peer,
            connection.direction,
            max_duration=seconds,
            network=network,
            stop=stop,
            on_progress=progress,
            on_begin=begin,
        )
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever it is, it is noted, and the others run
        part.error = error
        return
    part.limited = report.limit == "max_duration"
    part.error = Stopped() if report.limit == "stop" else None
    for name, way in part.ways.items():
        if report.limit is None or name != [*part.ways][-1]:
            way.after = max(way.after, way.end)
