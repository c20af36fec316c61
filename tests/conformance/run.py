"""Run PouchDB's own integration tests against our server: `make conformance SUITE=PATH`.

PATH is a copy of PouchDB's repository; its dependencies are installed and its modules built there at the first run. Nothing
of it is kept here: only `results.txt`, one line a test, sorted by its name. `reasons.json` explains the tests that do not
pass, [pattern of the name, reason]; one without a reason makes the run fail.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.servers import serving

HERE = Path(__file__).parent
DOWN_PORT = "3010"  # where the suite expects a server that answers 500 to everything
UNEXPLAINED = "UNEXPLAINED"
FILE_S = 3600
TIMEOUT_MS = "10000"  # of one test; the suite's own is 5000, on machines that do nothing else
IMPATIENT = {"test.attachments.js": "5000"}  # what is not offered, its tests wait for in vain, one by one


class Result(NamedTuple):
    """What became of one test."""

    name: str
    outcome: str  # passed, failed or skipped
    why: str = ""


def prepare(suite: Path) -> None:
    """Install and build what the suite needs, in its own folder; scripts of its dependencies are not run."""
    if not (suite / "node_modules/.bin/mocha").exists():
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=suite, check=True)
    if not (suite / "packages/node_modules/pouchdb/lib").exists():
        subprocess.run(["node", "bin/build-modules.js"], cwd=suite, check=True, stdout=subprocess.DEVNULL)


class Suite:
    """The suite, and where its traces go."""

    def __init__(self, path: Path, url: str, folder: Path, grep: str) -> None:
        self._path, self._folder, self._grep = path, folder, grep
        self._environment = os.environ | {"COUCH_HOST": url, "TESTS_DIR": str(folder / "tmp"), "SEED": "1"}

    def results(self) -> list[Result]:
        """What became of every test. Each file has a process of its own, because one that fails badly ends all that follow."""
        reasons = json.loads((HERE / "reasons.json").read_text())
        with (self._folder / "down.txt").open("w") as out:
            down = subprocess.Popen(["node", "bin/down-server.js", DOWN_PORT], cwd=self._path, stdout=out)
            try:
                files = sorted(self._path.glob("tests/integration/test.*.js"))
                lanes = [[file for file in files if (file.name in IMPATIENT) == slow] for slow in (True, False)]
                with ThreadPoolExecutor(len(lanes)) as pool:  # the slow one waits more than it works
                    done = list(pool.map(lambda lane: [self._told(file, reasons) for file in lane], lanes))
                return sorted(result for lane in done for results in lane for result in results)
            finally:
                down.kill()
                down.wait()

    def _told(self, file: Path, reasons: list[list[str]]) -> list[Result]:
        results = list(self._results_of(file, reasons))
        counts = Counter(result.outcome for result in results)
        print(file.name, *(f"{count} {outcome}" for outcome, count in counts.items()), file=sys.stderr, flush=True)
        for result in results:
            if result.why.startswith(UNEXPLAINED):
                print(f"    {result.name}\n        {result.why}", file=sys.stderr, flush=True)
        return results

    def _results_of(self, file: Path, reasons: list[list[str]]) -> Iterator[Result]:
        outcomes = self._outcomes(file)
        seen: Counter[str] = Counter()
        for title, (outcome, message) in outcomes:
            seen[title] += 1  # of the same name are those that run once for each kind of database
            name = title if seen[title] == 1 else f"{title} ({seen[title]})"
            why = next((why for pattern, why in reasons if re.search(pattern, name)), "")
            explained = why or f"{UNEXPLAINED}: {message[:200]!r}"
            yield Result(name, outcome, explained if outcome == "failed" else "")

    def _outcomes(self, file: Path) -> list[tuple[str, tuple[str, str]]]:
        """Title, outcome and message of every test; when one has ended the run, the others are run without it."""
        plan = self._mocha(file, self._grep, "--dry-run")
        skipped = [test["fullTitle"] for test in plan["pending"]]
        left = [test["fullTitle"] for test in plan["tests"]]
        done = [(title, ("skipped", "")) for title in skipped]
        left = list((Counter(left) - Counter(skipped)).elements())
        while left:
            report = self._mocha(file, f"^(?:{'|'.join(map(_escaped, sorted(set(left))))})$")
            ran = [(test["fullTitle"], _outcome(test)) for test in report["tests"] if _has_run(test)]
            left = list((Counter(left) - Counter(title for title, _ in ran)).elements())
            done += [(title, outcome) for title, outcome in ran if title not in skipped]
            if not ran:
                done += [(title, ("failed", "it ends the run before it begins")) for title in left]
                break
        return sorted((re.sub(r"\s+", " ", title).strip(), outcome) for title, outcome in done)

    def _mocha(self, file: Path, grep: str, *options: str) -> dict[str, Any]:
        report = self._folder / f"{file.name}.json"
        report.unlink(missing_ok=True)
        command = ["node_modules/.bin/mocha", "--exit", "--timeout", IMPATIENT.get(file.name, TIMEOUT_MS)]
        command += ["--grep", grep, *options]
        command += ["--require", "./tests/integration/node.setup.js", "--reporter", "json"]
        command += ["--reporter-option", f"output={report}", str(file)]
        log = self._folder / f"{file.name}.log"
        with log.open("w") as out:
            # The hooks of a file of their own notice promises that nobody looked after; they belong to every test.
            command.append("tests/integration/test.setup_global_hooks.js")
            subprocess.run(
                command, cwd=self._path, env=self._environment, stdout=out, stderr=out, check=False, timeout=FILE_S
            )
        if not report.exists():
            sys.exit(f"{file.name} did not run:\n{log.read_text()[-2000:]}")
        return dict(json.loads(report.read_text()))


def _has_run(test: dict[str, Any]) -> bool:
    return "duration" in test or bool(test["err"])


def _outcome(test: dict[str, Any]) -> tuple[str, str]:
    return ("failed", test["err"].get("message", "")) if test["err"] else ("passed", "")


def _escaped(title: str) -> str:
    """A title as a regular expression of JavaScript."""
    return re.sub(r"[.*+?^${}()|[\]\\/]", r"\\\g<0>", title)


def written(results: list[Result]) -> str:
    """The table, to be kept."""
    counts = Counter(result.outcome for result in results)
    head = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))
    lines = [f"{result.outcome}\t{result.name}" + (f"\t{result.why}" if result.why else "") for result in results]
    return "\n".join([f"# {head}", *lines]) + "\n"


def main(path: str, grep: str = "") -> None:
    """Run it all; with `grep`, the tests whose name holds that, and nothing is kept."""
    suite = Path(path).resolve()
    if not (suite / "tests/integration").is_dir():
        sys.exit(f"{path} is no copy of PouchDB's repository")
    prepare(suite)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        results = Suite(suite, url, Path(folder), grep).results()
    table = written(results)
    print(table.splitlines()[0])
    if not grep:
        (HERE / "results.txt").write_text(table)
    if any(result.why.startswith(UNEXPLAINED) for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
