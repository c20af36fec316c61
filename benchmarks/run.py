"""`make bench`: measure this library, SQLite's own limit and PouchDB side by side, in one run.

    python benchmarks/run.py [--http | --rights] [--corpus FILE] [--documents N] [--seed S] [--runs 3] [--peers]

Every measurement is made `--runs` times, each in a fresh process on fresh databases; the lanes take turns, so that a
machine that is slower for a while is so for all of them. Medians are reported, all figures are kept. Writes `<date>.json`,
`latest.md` and `latest.svg`; with `--http`, which measures over HTTP instead, `<date>-http.json` and so on, and with
`--rights`, which measures what access checks cost there, `<date>-rights.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import machine
import startup
from lanes import HERE, Failed, Outcome, install_pouchdb, pouchdb_versions, run
from plan import CORPUS, Measurement
from suites import FILES, HTTP, RIGHTS, Place, Suite

PEAKS = ("peak_bytes", "server_peak_bytes")
USED = ("cpu_seconds", "server_cpu_seconds", "sent_bytes", "received_bytes", "round_trips")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--http", action="store_true", help="measure over HTTP instead of from file to file")
    which.add_argument("--rights", action="store_true", help="measure what access checks cost instead, over HTTP")
    parser.add_argument(
        "--corpus", type=Path, metavar="FILE", help="documents from a file: NDJSON, .gz too (default: made by seed)"
    )
    parser.add_argument(
        "--documents", type=int, default=0, metavar="N", help="how many (default: all of FILE, or 20,000)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--peers", action="store_true", help="measure PouchDB too; it is installed from npm when it is not there"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results", metavar="DIR", help="where the results go")
    parser.add_argument(
        "--work",
        type=Path,
        default=machine.ROOT / "build" / "benchmarks",
        metavar="DIR",
        help="for the databases: a real disk",
    )
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def summary(measurement: Measurement, outcomes: list[Outcome]) -> dict[str, Any]:
    """Medians of the runs, and the runs themselves. Latencies of all runs together make the percentiles."""
    result: dict[str, Any] = {
        "documents": measurement.documents,
        "seconds": statistics.median(outcome["seconds"] for outcome in outcomes),
        **{name: max(outcome[name] for outcome in outcomes) for name in PEAKS if name in outcomes[0]},
        **{name: statistics.median(outcome[name] for outcome in outcomes) for name in USED if name in outcomes[0]},
        "runs": [round(outcome["seconds"], 6) for outcome in outcomes],
    }
    latencies = [latency for outcome in outcomes for latency in outcome.get("latencies", ())]
    if latencies:
        cuts = statistics.quantiles(latencies, n=100)
        result |= {"p50_seconds": cuts[49], "p99_seconds": cuts[98]}
    return result


def measure_all(place: Place, plan: list[Measurement], runs: int, absent: dict[str, str]) -> dict[str, Any]:
    outcomes: dict[str, list[Outcome]] = {each.key: [] for each in plan}
    for number in range(runs):
        for each in plan:
            if each.lane not in absent:
                outcomes[each.key].append(place.measure(each))
                say(f"  run {number + 1}  {each.key:<28} {outcomes[each.key][-1]['seconds']:10.4f} s")
    return {
        each.key: summary(each, outcomes[each.key]) if outcomes[each.key] else {"not_measured": absent[each.lane]}
        for each in plan
    }


def absent_peers(suite: Suite, wanted: bool, facts: dict[str, Any]) -> dict[str, str]:
    """Lanes that cannot be measured, and why; the versions of the others go into `facts`."""
    reason = install_pouchdb() if wanted else "asked for with --peers"
    if reason is None:
        try:
            facts |= pouchdb_versions()
        except Failed:
            reason = "PouchDB does not start here"
    return dict.fromkeys(suite.need_peers, reason) if reason else {}


def measure(suite: Suite, options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Everything, as the results file has it."""
    facts, started = machine.facts(), startup.measure()
    absent = absent_peers(suite, options.peers, facts)
    place = suite.place(work)
    corpus = make_corpus(options, work / CORPUS)
    for lane in suite.lanes:
        if lane not in absent:
            place.prepare(lane)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": facts,
        "corpus": corpus,
        "runs": options.runs,
        "measurements": measure_all(place, suite.measurements(corpus["documents"]), options.runs, absent),
        "startup": started,
    }


def make_corpus(options: argparse.Namespace, target: Path) -> dict[str, Any]:
    script = [sys.executable, str(HERE / "corpus.py"), str(target), str(options.documents), str(options.seed)]
    facts = run([*script, str(options.corpus.resolve())] if options.corpus else script, HERE)
    say(f"{facts['documents']:,} documents, {facts['bytes'] / 1e6:.1f} MB")
    return facts


def write(suite: Suite, results: dict[str, Any], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{results['date']}{suite.suffix}.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / f"latest{suite.suffix}.md").write_text(suite.markdown(results))
    (out / f"latest{suite.suffix}.svg").write_text(suite.svg(results))


def main() -> None:
    options = arguments()
    suite = HTTP if options.http else RIGHTS if options.rights else FILES
    options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        results = measure(suite, options, Path(work).resolve())
    write(suite, results, options.out)
    print(suite.markdown(results))


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"benchmark failed: {failure}")
