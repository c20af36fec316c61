"""The results over HTTP as Markdown.

python benchmarks/http_table.py results/DATE-http.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from compare import Results, measured, verdict
from http_plan import (
    COUCHDB,
    FROM_OURS,
    GOALS,
    NATIVE,
    OTHER_REQUESTS,
    OTHERS,
    OUR_REQUESTS,
    REPLICATIONS,
    ROWS,
    SINGLE_ROWS,
    TO_OTHERS,
    Goal,
    Lane,
    Row,
)
from table import cell, duration, times, title

HEADINGS = {
    NATIVE: "replica ↔ replica",
    COUCHDB: "the same by CouchDB's protocol",
    FROM_OURS: "PouchDB ↔ replica",
    TO_OTHERS: "replica ↔ pouchdb-server",
    OTHERS: "PouchDB ↔ pouchdb-server",
}
NOTES = """\
Client ↔ server, both on this machine, over loopback, each in a process of its own. *Against* tells how many times as fast
replica ↔ replica is. Time is wall-clock within a fresh client process, databases already open; medians of all runs.
Processor time and peak memory are those of the whole process, client / server: time while the measurement ran, the median;
memory since the process began, the highest. *Sent* and *received* are all bytes of the connections, heads and bodies, as the
client sees them, and a round trip is a question with its answer: counted in a run of their own that is not timed. Requests of
replica's server that save wait for the disk; LevelDB, below PouchDB and pouchdb-server, does not.
"""


def markdown(results: Results) -> str:
    """The tables, the goals and what the figures mean."""
    return (
        title(results, "Benchmarks over HTTP")
        + table(
            ("measurement", "documents", *HEADINGS.values(), "against PouchDB, our server", "its own"), _rows(results)
        )
        + table(("single requests", "replica", "pouchdb-server", "throughput against it"), _singles(results))
        + table(("goal", "", "measured", "met"), (verdict(*_check(results, goal)) for goal in GOALS))
        + NOTES
        + "\n## What it took\n\n"
        + table(
            ("measurement", "time", "sent", "received", "round trips", "processor time", "peak memory"), costs(results)
        )
        + "![the same as a picture](latest-http.svg)\n"
    )


def table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rule = ("---", *["--:"] * (len(head) - 1))
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *lines)) + "\n"


def against(results: Results, row: Row, other: Lane) -> float | None:
    """How many times as fast our own conversation is as the other lane."""
    ours, theirs = measured(results, row.key(NATIVE)), measured(results, row.key(other))
    return theirs["seconds"] / ours["seconds"] if ours and theirs else None


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    for row in ROWS:
        found = [measured(results, row.key(lane)) for lane in REPLICATIONS]
        count = next((f"{each['documents']:,}" for each in found if each), "")
        ratios = [times(against(results, row, other)) for other in (FROM_OURS, OTHERS)]
        yield (row.title, count, *map(cell, found), *ratios)


def _singles(results: Results) -> Iterator[tuple[str, ...]]:
    for verb, number in SINGLE_ROWS:
        ours, theirs = (measured(results, f"{lane.name}/{verb}-{number}") for lane in (OUR_REQUESTS, OTHER_REQUESTS))
        ratio = theirs["seconds"] / ours["seconds"] if ours and theirs else None
        name = f"{verb.upper()}, {number} connection{'s' if number > 1 else ''}"
        yield name, cell(ours), cell(theirs), times(ratio)


def _check(results: Results, goal: Goal) -> tuple[str, float, bool, float | None]:
    row = next(row for row in ROWS if row.name == goal.row)
    if goal.other:
        return goal.title, goal.bound, True, against(results, row, goal.other)
    value = (measured(results, row.key(NATIVE)) or {}).get(goal.measure)
    return goal.title, goal.bound, False, value / 1e6 if value and goal.measure.endswith("bytes") else value


def costs(results: Results) -> Iterator[tuple[str, ...]]:
    for key in results["measurements"]:
        each = measured(results, key)
        if each:
            processor = [
                duration(each[name]) if name in each else "–" for name in ("cpu_seconds", "server_cpu_seconds")
            ]
            memory = [
                f"{each[name] / 1e6:.0f} MB" if name in each else "–" for name in ("peak_bytes", "server_peak_bytes")
            ]
            wire = [f"{each[name] / 1e3:,.1f} kB" for name in ("sent_bytes", "received_bytes")]
            yield (
                key,
                duration(each["seconds"]),
                *wire,
                f"{each['round_trips']:,.0f}",
                *map(" / ".join, (processor, memory)),
            )


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())), end="")
