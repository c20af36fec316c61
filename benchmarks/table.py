"""The results as Markdown.

python benchmarks/table.py results/DATE.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from compare import Results, measured, ratio, verdicts
from plan import ROWS, Row

HEAD = (
    "| measurement | documents | replica | SQLite's limit | PouchDB | against the limit | against PouchDB | peak memory |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|\n"
)
NOTES = """\
*Against* tells how many times as fast replica is. *SQLite's limit* is SQLite's own `INSERT … SELECT` of the same tables
and indexes. Time is wall-clock within a fresh process, databases already open; medians of all runs. Peak memory is that of
the whole process, the highest of the runs, replica / PouchDB. replica and SQLite wait for the disk at each commit; PouchDB's
LevelDB adapter does not.
"""


def duration(seconds: float) -> str:
    """Three digits, in the unit that suits."""
    return (
        f"{seconds:.3g} s"
        if seconds >= 1
        else f"{seconds * 1e3:.3g} ms"
        if seconds >= 1e-3
        else f"{seconds * 1e6:.3g} µs"
    )


def cell(measurement: dict[str, Any] | None) -> str:
    """Seconds, and a rate where many documents make it one; p50 and p99 where single steps were measured."""
    if measurement is None:
        return "not measured"
    seconds, documents = measurement["seconds"], measurement["documents"]
    if "p50_seconds" in measurement:
        latencies = f"p50 {duration(measurement['p50_seconds'])}, p99 {duration(measurement['p99_seconds'])}"
        return f"{latencies}, {documents / seconds:,.0f}/s"
    return f"{duration(seconds)}, {documents / seconds:,.0f}/s" if documents else duration(seconds)


def times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} ×" if value < 10 else f"{value:.0f} ×"


def _memory(results: Results, row: Row) -> str:
    peaks = [measured(results, key) for key in (row.ours, row.peer)]
    return " / ".join(f"{peak['peak_bytes'] / 1e6:.0f} MB" if peak else "–" for peak in peaks)


def _line(results: Results, row: Row) -> str:
    ours = measured(results, row.ours)
    cells = [
        row.title,
        f"{ours['documents']:,}" if ours else "",
        cell(ours),
        cell(measured(results, row.limit)) if row.limit else "",
        cell(measured(results, row.peer)),
        times(ratio(results, row, row.limit)),
        times(ratio(results, row, row.peer)),
        _memory(results, row),
    ]
    return f"| {' | '.join(cells)} |\n"


def title(results: Results, subject: str = "Benchmarks") -> str:
    """What was measured on what, with which versions."""
    machine, corpus = results["machine"], results["corpus"]
    origin = corpus.get("file") or f"made from seed {corpus['seed']}"
    pouchdb = (
        f"PouchDB {machine['pouchdb']} on Node {machine['node']}" if "pouchdb" in machine else "PouchDB not measured"
    )
    size = corpus["bytes"] / max(1, corpus["documents"])
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB"
    return (
        f"# {subject}, {results['date']}\n\n"
        f"{corpus['documents']:,} documents of {size:,.0f} bytes ({origin}), {results['runs']} runs.\n"
        f"{machine['cpu']}, {machine['cores']} cores, {memory}, {machine['system']}.\n"
        f"Python {machine['python']}, SQLite {machine['sqlite']}, SQLAlchemy {machine['sqlalchemy']}, {pouchdb}; "
        f"commit {machine['commit']}.\n\n"
    )


def _more(results: Results) -> str:
    opening, startup = measured(results, "replica/open"), results["startup"]
    opened = "not measured"
    if opening:
        opened = f"{duration(opening['seconds'])}, again in the same process {duration(opening['p50_seconds'])}"
    return (
        f"Opening this database, the first time in a process, the library loaded: {opened}.\n"
        f"`replicate --help`: {duration(startup['help'])}; loading the library: {duration(startup['load'])}; "
        f"`python -c pass`: {duration(startup['pass'])}.\n\n"
    )


def markdown(results: Results) -> str:
    """The table, the goals and what the figures mean."""
    lines = "".join(_line(results, row) for row in ROWS)
    goals = "".join(f"| {' | '.join(verdict)} |\n" for verdict in verdicts(results))
    return (
        f"{title(results)}{HEAD}{lines}\n{_more(results)}| goal | | measured | met |\n|---|--:|--:|---|\n{goals}\n{NOTES}"
        "\n![the same as a picture](latest.svg)\n"
    )


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())), end="")
