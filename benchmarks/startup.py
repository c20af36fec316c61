"""How long the command takes to say something, and the library to load, against the shortest program Python can run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from lanes import Failed
from machine import ROOT

RUNS = 15
PASS = [sys.executable, "-c", "pass"]
HELP = [
    sys.executable,
    "-c",
    "import sys; sys.argv = ['replicate', '--help']; from replica.cli import main; sys.exit(main())",
]
LOAD = [sys.executable, "-c", "from replica import create, open, replicate"]


def measure() -> dict[str, float]:
    """Median seconds of each, taken in turns; the first of each is thrown away (files not yet in memory)."""
    seconds: dict[str, list[float]] = {"pass": [], "help": [], "load": []}
    for _ in range(1 + RUNS):
        for name, command in (("pass", PASS), ("help", HELP), ("load", LOAD)):
            seconds[name].append(_seconds(command))
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr}")
    return time.perf_counter() - start
