"""How the server is doing: `/_metrics`."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.errors import ReplicaError
from replica.exposition import MEDIA_TYPE, Metric, exposition
from replica.server.call import Call
from replica.server.catalogue import Catalogue
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need


async def metrics(call: Call) -> Response:
    """Everything that is counted, in Prometheus's text format."""
    found = [
        *call.server.metrics.all(),
        Metric(
            "replica_security_log_lost_total",
            "counter",
            "Lines that could not be written into the security log.",
            [("", {}, call.server.gate.directory.log.lost)],
        ),
        *await run_in_threadpool(lambda: [*_databases(call.server.catalogue), *_process()]),
    ]
    return Response(exposition(found), media_type=MEDIA_TYPE)


def _databases(catalogue: Catalogue) -> Iterator[Metric]:
    """Of the databases that are open only: to look at all would open all."""
    held = catalogue.held()
    yield Metric("replica_databases_open", "gauge", "Databases that are open.", [("", {}, len(held))])
    sequences = []
    for name, each in held.items():
        with suppress(ReplicaError):  # closed meanwhile
            sequences.append(("", {"db": name}, each.replica.update_sequence))
    yield Metric("replica_update_sequence", "gauge", "The update sequence of a database that is open.", sequences)


def _process() -> Iterator[Metric]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = usage.ru_utime + usage.ru_stime
    yield Metric("process_cpu_seconds_total", "counter", "Processor time used.", [("", {}, seconds)])
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    yield Metric("process_peak_memory_bytes", "gauge", "The most memory held at any time.", [("", {}, peak)])
    with suppress(OSError):  # Linux only
        with open("/proc/self/statm", encoding="ascii") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        yield Metric("process_resident_memory_bytes", "gauge", "Memory held.", [("", {}, resident)])
        files = len(os.listdir("/proc/self/fd"))
        yield Metric("process_open_fds", "gauge", "Open files and connections.", [("", {}, files)])


ENDPOINTS = [Endpoint(("GET",), "/_metrics", metrics, Need.OBSERVE, opens_database=False)]
