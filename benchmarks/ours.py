"""One measurement of this library in a fresh process; prints one line of JSON.

    python ours.py prepare CORPUS A EMPTY B    the databases that the others start from (not a measurement)
    python ours.py import CORPUS A             a file of one JSON document a line
    python ours.py snapshot A B                first copy: B is made as a snapshot
    python ours.py attached A EMPTY            first copy: into an empty replica, by SQL from file to file
    python ours.py general A EMPTY             first copy: into an empty replica, batch by batch through the Peer verbs
    python ours.py replicate A B               A to B: some changed, nothing changed
    python ours.py again A B COUNT             A to B once, then COUNT times more, one by one: what a running program sees
    python ours.py sync A B                    B to A, then A to B
    python ours.py edit A COUNT TAG            change COUNT documents, evenly spread (a preparation, not a measurement)
    python ours.py put A COUNT                 save COUNT new documents, one by one, each durable before the next
    python ours.py get A COUNT                 read COUNT documents, one by one
    python ours.py open A                      open a database, the first time in this process and again

Loading the library is not timed, nor is opening except in `open`. Every save waits for the disk (`synchronous=FULL`).
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from replica import Document, Replica, Report, create
from replica import open as open_replica
from replica import replicate as replicate_replicas
from replica.canonical import Json
from replica.clock import system_clock
from replica.engine.meeting import Options, meet
from replica.engine.replicate import transfer
from replica.store.identity import new_id

Outcome = dict[str, Any]
OPENINGS = 20


def peak_bytes() -> int:
    """The most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cpu_seconds() -> float:
    """Processor time of this process so far, all threads together."""
    return time.process_time()


def timed(work: Callable[[], int]) -> Outcome:
    """Run `work`, which tells how many documents it wrote or read."""
    start, used = time.perf_counter(), cpu_seconds()
    documents = work()
    seconds, used = time.perf_counter() - start, cpu_seconds() - used
    return {"seconds": seconds, "documents": documents, "peak_bytes": peak_bytes(), "cpu_seconds": used}


def one_by_one(steps: Iterable[Callable[[], object]]) -> Outcome:
    latencies = []

    def work() -> int:
        for step in steps:
            start = time.perf_counter()
            step()
            latencies.append(time.perf_counter() - start)
        return len(latencies)

    return {**timed(work), "latencies": latencies}


def put_corpus(hub: Replica, corpus: str) -> int:
    with Path(corpus).open("rb") as lines:
        report = hub.put_many(Document.from_json(line) for line in lines)
    if not report.ok:
        raise SystemExit(f"import failed: {report}")
    return report.added


def written(report: Report) -> int:
    """Documents that arrived, in both directions together."""
    if not report.ok:
        raise SystemExit(f"replication failed: {report.to_dict()}")
    return sum(tally.added + tally.updated + tally.deleted for tally in (report.pull, report.push) if tally)


def prepare(corpus: str, a: str, empty: str, b: str) -> Outcome:
    with create(a, title="Benchmark") as hub:
        hub.copy(empty).close()
        documents = put_corpus(hub, corpus)
        with hub.copy(b) as other:
            replicate_replicas(hub, other)
    return {"documents": documents}


def import_corpus(corpus: str, a: str) -> Outcome:
    with create(a) as hub:
        return timed(lambda: put_corpus(hub, corpus))


def snapshot(a: str, b: str) -> Outcome:
    copies: list[Replica] = []

    def work() -> int:
        copies.append(hub.copy(b))
        return 0

    with open_replica(a) as hub:
        outcome = timed(work)
    with copies[0] as copy:
        return {**outcome, "documents": len(copy)}


def replicate(a: str, b: str) -> Outcome:
    with open_replica(a) as source, open_replica(b) as target:
        return timed(lambda: written(replicate_replicas(source, target, direction="push")))


def again(a: str, b: str, count: str) -> Outcome:
    with open_replica(a) as source, open_replica(b) as target:
        push = partial(replicate_replicas, source, target, direction="push")
        push()
        return one_by_one([push] * int(count))


def general(a: str, b: str) -> Outcome:
    """As `replicate`, but by the path that every transport can take."""
    with open_replica(a) as source, open_replica(b) as target:
        options = Options(direction="push")
        return timed(lambda: written(meet(source.peer, target.peer, options, transfer, system_clock, new_id)))


def sync(a: str, b: str) -> Outcome:
    with open_replica(a) as here, open_replica(b) as there:
        return timed(lambda: written(replicate_replicas(here, there)))


def spread(hub: Replica, count: int) -> list[str]:
    """`count` of all UNIDs in order, evenly spread; the same choice as in `peers/pouchdb.mjs`."""
    unids = [document.unid or "" for document in hub.documents()]
    return [unids[number * len(unids) // count] for number in range(count)]


def edit(a: str, count: str, tag: str) -> Outcome:
    with open_replica(a) as hub, hub.batch():
        unids = spread(hub, int(count))
        for unid in unids:
            document = hub.get(unid)
            document["Edited"] = tag
            hub.put(document)
    return {"documents": len(unids)}


def put(a: str, count: str) -> Outcome:
    def steps(hub: Replica) -> Iterator[Callable[[], object]]:
        for number in range(int(count)):
            items: dict[str, Json] = {"Form": "Single", "Number": number, "Text": "x" * 800}
            yield partial(hub.put, items, unid=f"single/{number}")

    with open_replica(a) as hub:
        return one_by_one(steps(hub))


def get(a: str, count: str) -> Outcome:
    with open_replica(a) as hub:
        return one_by_one([partial(hub.get, unid) for unid in spread(hub, int(count))])


def opening(a: str) -> Outcome:
    outcome = one_by_one([lambda: open_replica(a).close()] * (1 + OPENINGS))
    first, *again = outcome.pop("latencies")
    return {**outcome, "seconds": first, "documents": 1, "latencies": again}


VERBS: dict[str, Callable[..., Outcome]] = {
    "prepare": prepare,
    "import": import_corpus,
    "snapshot": snapshot,
    "attached": replicate,
    "general": general,
    "replicate": replicate,
    "again": again,
    "sync": sync,
    "edit": edit,
    "put": put,
    "get": get,
    "open": opening,
}

if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
