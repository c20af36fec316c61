"""Builds `shim.c` and speaks with it: what it shall do, what it saw."""

from __future__ import annotations

import atexit
import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import pytest

from tests.needs import need

Mode = Literal["error", "sticky", "short", "kill"]
MODES: tuple[Mode, ...] = get_args(Mode)

LAYOUT = struct.Struct("=qiiqqq1024s1024s1024s")  # struct control


@dataclass(frozen=True)
class Fault:
    """What is to happen at the `at`-th call, counted from 1, that changes what is on the disk.

    `kill` ends the process before the call; `error` refuses that call; `sticky` that one and all later ones; `short`
    lets a write do half, say so, and refuses the next write. `error` is the errno of a refusal; with ENOSPC deleting
    still works.
    """

    mode: Mode
    at: int
    error: int = errno.EIO

    def __str__(self) -> str:
        why = "" if self.mode == "kill" else f" {errno.errorcode[self.error]}"
        return f"{self.mode}{why} at call {self.at}"


@dataclass(frozen=True)
class Seen:
    """What the shim saw: how many calls, how many of them it struck, and the first of those, like `pwrite a.db-wal`."""

    calls: int
    struck: int
    first: str


@cache
def build() -> Path:
    """The compiled shim; made once for a test session."""
    if sys.platform != "linux":
        pytest.skip("faults are injected with LD_PRELOAD, which is Linux")
    compiler = need("gcc")
    folder = Path(tempfile.mkdtemp(prefix="replica-faults-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-U_FORTIFY_SOURCE"]
    built = subprocess.run(
        [compiler, *flags, "-o", str(target), str(source), "-ldl", "-lpthread"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return target


class Control:
    """The mapped file through which every process of a run is told what to do; it outlives them all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(LAYOUT.size))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), LAYOUT.size)

    def set(self, folder: Path, fault: Fault | None = None, trace: Path | None = None) -> None:
        """From now on count from 0 for the files in `folder`, strike as `fault` says, record into `trace`."""
        mode = 1 + MODES.index(fault.mode) if fault else 0
        at, error = (fault.at, fault.error) if fault else (0, 0)
        names = [f"{folder}".encode(), f"{trace or ''}".encode()]
        assert all(len(name) < 1024 for name in names)
        self._shared[:] = LAYOUT.pack(at, mode, error, 0, 0, 0, *names, b"")

    def off(self) -> Seen:
        """Stop counting and striking; what was seen since `set`."""
        _, _, _, calls, struck, _, folder, _, first = LAYOUT.unpack(self._shared[:])
        self._shared[:] = bytes(LAYOUT.size)
        call, _, path = first.rstrip(b"\0").decode().partition(" ")
        where = os.path.relpath(path, folder.rstrip(b"\0").decode()) if path else ""
        return Seen(calls, struck, f"{call} {where}".strip())

    def close(self) -> None:
        self._shared.close()
