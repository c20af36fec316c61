"""What access checks cost, as Markdown.

python benchmarks/rights_table.py results/DATE-rights.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from compare import Results, measured, verdict
from http_table import costs, table
from rights_plan import COST_MAX, EVERYBODY, TITLES
from table import cell, title

VERBS = ("pull", "push")
NOTES = """\
Client and server are processes of their own, over loopback; *against* tells how many times as long it takes as without
users. Per document, because where documents are withheld fewer are moved. Times are medians of all runs.
"""


def markdown(results: Results) -> str:
    """The table, the goals and what the figures mean."""
    return (
        title(results, "What access checks cost")
        + table(("who asks", *(f"{verb}, against" for verb in VERBS)), _rows(results))
        + table(("goal", "", "measured", "met"), _verdicts(results))
        + NOTES
        + "\n## What it took\n\n"
        + table(
            ("measurement", "time", "sent", "received", "round trips", "processor time", "peak memory"), costs(results)
        )
    )


def against(results: Results, verb: str, lane: str) -> float | None:
    """How many times as long a document takes as without users."""
    found, plain = (measured(results, f"{name}/{verb}") for name in (lane, EVERYBODY.name))
    if not found or not plain:
        return None
    return (found["seconds"] / found["documents"]) / (plain["seconds"] / plain["documents"])


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    for lane, words in TITLES.items():
        cells = []
        for verb in VERBS:
            ratio = against(results, verb, lane.name)
            told = cell(measured(results, f"{lane.name}/{verb}"))
            cells.append(told if ratio is None or lane is EVERYBODY else f"{told}, {ratio:.2f} ×")
        yield words, *cells


def _verdicts(results: Results) -> Iterator[tuple[str, str, str, str]]:
    for lane, words in TITLES.items():
        for verb in VERBS:
            if lane is not EVERYBODY and f"{lane.name}/{verb}" in results["measurements"]:
                yield verdict(f"{verb}, {words}", COST_MAX, False, against(results, verb, lane.name))


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())), end="")
