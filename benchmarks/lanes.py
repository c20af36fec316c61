"""The programs that measure, each run in a fresh process, so that peak memory is its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import ROOT
from plan import CORPUS, LIMIT, OURS, POUCHDB, Measurement

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
Outcome = dict[str, Any]


class Failed(Exception):
    """A measuring program ended with an error, or measured something else than it should."""


def run(command: list[str], cwd: Path) -> Outcome:
    """The JSON that the program prints. What was written before has reached the disk and does not disturb it."""
    os.sync()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr or done.stdout}")
    outcome: Outcome = json.loads(done.stdout)
    return outcome


def checked(measurement: Measurement, outcome: Outcome) -> Outcome:
    """The outcome, if it is of as many documents as it should be."""
    if outcome["documents"] != measurement.documents:
        raise Failed(f"{measurement.key}: {outcome['documents']} documents instead of {measurement.documents}")
    return outcome


def command(lane: str) -> list[str]:
    """How a lane's program is called."""
    return {
        OURS: [sys.executable, str(HERE / "ours.py")],
        LIMIT: [sys.executable, str(HERE / "sqlite_limit.py")],
        POUCHDB: ["node", str(PEERS / "pouchdb.mjs")],
    }[lane]


def install_pouchdb() -> str | None:
    """Have PouchDB installed, exactly as pinned; None, or why it cannot be measured."""
    if not shutil.which("node"):
        return "node is not installed"
    if not (PEERS / "node_modules").is_dir():
        if not shutil.which("npm"):
            return "npm is not installed"
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=PEERS, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            return "PouchDB could not be installed from npm"
    return None


def pouchdb_versions() -> Outcome:
    """Versions of PouchDB, of Node and of pouchdb-server; raises Failed where PouchDB does not start."""
    server = json.loads((PEERS / "node_modules" / "pouchdb-server" / "package.json").read_text())
    return {**run([*command(POUCHDB), "version"], PEERS), "pouchdb_server": server["version"]}


class Workplace:
    """Databases for the measurements: made once for each lane, kept apart, and laid out afresh under the same names."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.place = work / "place"

    def prepare(self, lane: str) -> None:
        """Let the lane make its databases, then put them aside."""
        self.place.mkdir()
        if lane == POUCHDB:
            run([*command(lane), "import", f"../{CORPUS}", "a"], self.place)
            run([*command(lane), "replicate", "a", "b"], self.place)
        else:
            run([*command(lane), "prepare", f"../{CORPUS}", "a", "empty", "b"], self.place)
        self.place.rename(self.work / lane)

    def measure(self, measurement: Measurement) -> Outcome:
        """One run of one measurement, on fresh databases."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.work / (OURS if measurement.lane == LIMIT else measurement.lane), self.place)
        for edit in measurement.edits:
            run([*command(measurement.lane), "edit", edit.where, str(edit.count), edit.tag], self.place)
        words = [f"../{CORPUS}" if word == CORPUS else word for word in measurement.command]
        return checked(measurement, run([*command(measurement.lane), *words], self.place))
