"""Backups and copies that are taken while another process writes are whole, and have all that was acknowledged before."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import replica
from tests.house.source import ROOT
from tests.system.oracle import look

pytestmark = pytest.mark.system

TAKEN = 20

# One transaction after the other: a document each, and one that all of them change. Acknowledged by a line with its number.
BUSY = """
import itertools, sys, replica
with replica.open(sys.argv[1]) as hub:
    for n in itertools.count(1):
        with hub.batch():
            hub.put({"by": n, "pad": "x" * 500}, unid=f"n/{n}")
            last = hub.get("last")
            last["by"] = n
            hub.put(last)
        print(n, flush=True)
"""


class Writer:
    """The other process, and how far it has come."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._out = process.stdout
        self._told = b""

    def acknowledged(self, at_least: int = 0) -> int:
        """The number of the last transaction that was acknowledged by now, or when it is as far as that."""
        while select.select([self._out], [], [], 0)[0] or self._last() < at_least:
            more = os.read(self._out.fileno(), 65536)
            assert more, "the writer has ended"
            self._told = self._told[-100:] + more
        return self._last()

    def _last(self) -> int:
        lines = self._told.split(b"\n")
        return int(lines[-2]) if len(lines) > 1 else 0


@contextmanager
def busy(path: Path) -> Iterator[Writer]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", BUSY, str(path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield Writer(process)
        finally:
            process.kill()


def assert_whole(path: Path, at_least: int, at_most: int) -> None:
    """The file holds all transactions up to one of these, and nothing of the next."""
    with replica.open(str(path)) as taken:
        found = look(taken)
        last = taken.get("last")["by"]
        assert {f"n/{n}" for n in range(1, last + 1)} | {"last"} == found.leaves.keys(), "torn"
        assert at_least <= last <= at_most, "lost"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[replica.Replica]:
    with replica.create(str(tmp_path / "hub.db")) as hub:
        hub.put({"by": 0}, unid="last")
        yield hub


@pytest.mark.parametrize("how", ["backup", "copy"])
def test_what_is_taken_while_another_process_writes_is_whole(hub: replica.Replica, tmp_path: Path, how: str) -> None:
    taken = []
    with busy(tmp_path / "hub.db") as writer:
        for n in range(TAKEN if how == "backup" else TAKEN // 4):
            path = tmp_path / f"{n}.db"
            before = writer.acknowledged(at_least=n + 1)
            if how == "backup":
                hub.backup(str(path))
            else:
                hub.copy(str(path)).close()
            taken.append((path, before, writer.acknowledged() + 1))
    for path, before, after in taken:
        assert_whole(path, before, after)
    assert taken[0][1] < taken[-1][1], "nothing was written meanwhile"
    assert look(hub)
