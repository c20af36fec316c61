"""Run PouchDB's own integration tests against our server: `make conformance SUITE=PATH`.

PATH is a copy of PouchDB's repository; its dependencies are installed and its modules built there at the first run. Nothing
of it is kept here: only `results.txt`, one line a test, sorted by its name. `reasons.json` explains the tests that do not
pass, [pattern of the name, reason]; one without a reason makes the run fail, as does a reason without a test.
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
from pathlib import Path
from typing import Any, NamedTuple

from tests.servers import serving

HERE = Path(__file__).parent
DOWN_PORT = "3010"  # where the suite expects a server that answers 500 to everything
UNEXPLAINED = "UNEXPLAINED"
FILE_S = 1800
TIMEOUT_MS = "30000"  # of one test; the suite's own is 5000, on machines that do nothing else


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
                return sorted(result for file in files for result in self._results_of(file, reasons))
            finally:
                down.kill()
                down.wait()

    def _results_of(self, file: Path, reasons: list[list[str]]) -> Iterator[Result]:
        planned = self._mocha(file, "--dry-run")
        done = self._mocha(file) if planned["tests"] else planned
        failed = {name: test["err"].get("message", "") for name, test in _named(done["tests"]) if test["err"]}
        passed = {name for name, test in _named(done["tests"]) if "duration" in test and not test["err"]}
        skipped = {test["fullTitle"] for test in [*planned["pending"], *done["pending"]]}
        for name, test in _named(planned["tests"]):
            if name in passed:
                yield Result(name, "passed")
            elif test["fullTitle"] in skipped and name not in failed:
                yield Result(name, "skipped")
            else:
                why = next((why for pattern, why in reasons if re.search(pattern, name)), "")
                message = failed.get(name, "not run: an earlier one ended it all")
                yield Result(name, "failed", why or f"{UNEXPLAINED}: {message[:200]!r}")

    def _mocha(self, file: Path, *options: str) -> dict[str, Any]:
        report = self._folder / "report.json"
        report.unlink(missing_ok=True)
        command = ["node_modules/.bin/mocha", "--exit", "--timeout", TIMEOUT_MS, "--grep", self._grep, *options]
        command += ["--require", "./tests/integration/node.setup.js", "--reporter", "json"]
        command += ["--reporter-option", f"output={report}", str(file)]
        log = self._folder / "log.txt"
        with log.open("w") as out:
            # The hooks of a file of their own notice promises that nobody looked after; they belong to every test.
            command.append("tests/integration/test.setup_global_hooks.js")
            subprocess.run(
                command, cwd=self._path, env=self._environment, stdout=out, stderr=out, check=False, timeout=FILE_S
            )
        if not report.exists():
            sys.exit(f"{file.name} did not run:\n{log.read_text()[-2000:]}")
        return dict(json.loads(report.read_text()))


def _named(tests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tests by name; of the same name are those that run once for each kind of database."""
    seen: Counter[str] = Counter()
    for test in tests:
        title = re.sub(r"\s+", " ", test["fullTitle"]).strip()
        seen[title] += 1
        yield (title if seen[title] == 1 else f"{title} ({seen[title]})"), test


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
    for result in results:
        if result.outcome == "failed":
            print(f"{result.name}\n    {result.why}")
    if not grep:
        (HERE / "results.txt").write_text(table)
    if any(result.why.startswith(UNEXPLAINED) for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
