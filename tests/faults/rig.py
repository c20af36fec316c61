"""Runs a workload again and again, each time with another fault, and lets its checker judge what is left on the disk."""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults.powercut import Trace, crash_states
from tests.faults.shim import Control, Fault, Mode, Seen, build
from tests.faults.zygote import Token, described, load

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # a disk that is fast and forgets is all that is needed


@dataclass(frozen=True)
class Outcome:
    """One run, and what the checker said about the folder it left behind."""

    what: str  # the fault in words: "kill at call 17", "power cut after step 31, all survived"
    call: str = ""  # the call that was struck, like "pwrite a.db-wal"; "" if none was
    acknowledged: list[Token] = field(default_factory=list)
    unknown: list[Token] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # every exception the workload saw, "Type: message"
    end: str = ""  # "finished", "raised", "exit code -9", "timed out"
    calls: int = 0  # that change the disk, seen in the whole run
    at: int = 0  # the number of the call that was to be struck
    failure: str = ""  # what the checker found wrong; "" if nothing

    @property
    def silent(self) -> bool:
        """A call was refused and the workload went on as if nothing had happened."""
        return bool(self.call) and not self.errors and self.end == "finished"

    def __str__(self) -> str:
        struck = f" ({self.call})" if self.call else ""
        known = f"{len(self.acknowledged)} acknowledged, {len(self.unknown)} unknown"
        return f"{self.what}{struck}: {self.end}, {known}: {self.failure or 'nothing wrong'}"


class Rig:
    """A workload with its process and its folders; `with Rig(path) as rig`."""

    def __init__(self, workload: Path, timeout_s: float = 30.0) -> None:
        self._shim = build()
        self._workload = workload
        self._module = load(workload)
        self._timeout_s = timeout_s
        self._unread = b""

    def __enter__(self) -> Self:
        self.root = Path(
            tempfile.mkdtemp(prefix="replica-rig-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
        ).resolve()
        self.folder = self.root / "run"  # the same path for every run
        self._base = self.root / "base"
        self._base.mkdir()
        self._control = Control(self.root / "control")
        self._start()
        try:
            assert self._line(time.monotonic() + self._timeout_s)["what"] == "ready"
            outcome = self.run("prepare", self._base, attempts=False)
            assert outcome.end == "finished", f"prepare: {outcome.end} {outcome.errors}\n{self.log()}"
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _start(self) -> None:
        self._lines, theirs = os.pipe()
        zygote = Path(__file__).with_name("zygote.py")
        environment = {"LD_PRELOAD": str(self._shim), "FI_CONTROL": str(self._control.path)}
        with (self.root / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(zygote), str(ROOT), str(self._workload), str(theirs)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[theirs],
                env=os.environ | environment,
            )
        os.close(theirs)

    def _close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(self._timeout_s)
        os.close(self._lines)
        self._control.close()
        shutil.rmtree(self.root)

    def log(self) -> str:
        """The last of what the workload's processes printed."""
        return (self.root / "log").read_text(encoding="utf-8", errors="replace")[-4000:]

    # One run

    def run(
        self,
        function: str,
        folder: Path,
        fault: Fault | None = None,
        *,
        trace: Path | None = None,
        attempts: bool = True,
    ) -> Outcome:
        """Call a function of the workload in a forked process, with faults in `folder`; nothing is checked."""
        self._control.set(folder, fault, trace)
        command = {"function": function, "folder": str(folder), "attempts": attempts}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        said = list(self._until_ended())
        return _outcome(said, fault, self._control.off())

    def _until_ended(self) -> Iterator[dict[str, Any]]:
        deadline = time.monotonic() + self._timeout_s
        child = 0
        while True:
            try:
                line = self._line(deadline)
            except TimeoutError:
                yield {"what": "timed out", "value": "", "token": None}
                os.kill(child, signal.SIGKILL)
                deadline = time.monotonic() + self._timeout_s
                continue
            if line["what"] == "started":
                child = line["value"]
            yield line
            if line["what"] == "ended":
                return

    def _line(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._lines], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            more = os.read(self._lines, 65536)
            if not more:
                raise AssertionError(f"the workload's process has ended\n{self.log()}")
            self._unread += more
        line, self._unread = self._unread.split(b"\n", 1)
        said = json.loads(line)
        assert isinstance(said, dict)
        return said

    # Many runs

    def clean(self, trace: Path | None = None) -> Outcome:
        """`work` without a fault; everything must be acknowledged and right, else no run with a fault means anything."""
        _copy(self._base, self.folder)
        outcome = self._checked(self.run("work", self.folder, trace=trace))
        doubts = outcome.failure or outcome.errors or outcome.unknown or outcome.end != "finished"
        assert not doubts, f"{outcome} {outcome.errors}\n{self.log()}"
        assert outcome.acknowledged, "the workload promises nothing"
        assert outcome.calls > 0, "the workload changes nothing in its folder"
        return outcome

    def sweep(self, mode: Mode, error: int = errno.EIO, *, every: int = 1, points: Iterable[int] = ()) -> list[Outcome]:
        """`work` with a fault at each call of a clean run (or at every n-th, or at `points`), checked after each."""
        calls = self.clean().calls
        outcomes = []
        for at in list(points) or range(1, calls + 1, every):
            _copy(self._base, self.folder)
            outcomes.append(self._checked(self.run("work", self.folder, Fault(mode, at, error))))
        return outcomes

    def compound(self, mode: Mode, error: int = errno.EIO, *, every: int = 1, then_every: int = 1) -> list[Outcome]:
        """Kill `work` at every n-th call, then put a fault at each call of the workload's `recover`, then check."""
        crashed = self.root / "crashed"
        outcomes = []
        for at in range(1, self.clean().calls + 1, every):
            _copy(self._base, self.folder)
            first = self.run("work", self.folder, Fault("kill", at))
            _copy(self.folder, crashed)
            plain = self._checked(_both(first, self.run("recover", self.folder)))
            if plain.end != "finished" or plain.errors:
                plain = replace(plain, failure=f"cannot recover: {plain.errors} {plain.failure}")
            outcomes.append(plain)
            for then in range(1, plain.calls + 1, then_every):
                _copy(crashed, self.folder)
                second = self.run("recover", self.folder, Fault(mode, then, error))
                outcomes.append(self._checked(_both(first, second)))
        return outcomes

    def power_cuts(
        self, *, every: int = 1, random_states: int = 3, seed: int = 0, fault: Fault | None = None
    ) -> list[Outcome]:
        """Check every disk that a power cut after every n-th step of `work` could leave; equal ones once.

        With a fault: of a run with that fault, say a refused fsync before the cut.
        """
        trace = self.root / "trace"
        trace.unlink(missing_ok=True)
        if fault is None:
            self.clean(trace)
        else:
            _copy(self._base, self.folder)
            self.run("work", self.folder, fault, trace=trace)
        outcomes = []
        for state in crash_states(Trace.read(trace, self.folder), files_in(self._base), every, random_states, seed):
            shutil.rmtree(self.folder)
            state.write(self.folder)
            outcome = Outcome(state.what, "", list(state.acknowledged), list(state.unknown), end="power cut")
            outcomes.append(self._checked(outcome))
        return outcomes

    def _checked(self, outcome: Outcome) -> Outcome:
        """In this process: the checker sees the files without the shim and without anything the workload remembered."""
        try:
            self._module.check(self.folder, outcome.acknowledged, outcome.unknown)
        except Exception as error:  # noqa: BLE001 - a store that cannot be opened is a finding too
            return replace(outcome, failure=described(error))
        return outcome


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def files_in(folder: Path) -> dict[str, bytes]:
    """Names below a folder and what is in them."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _outcome(said: list[dict[str, Any]], fault: Fault | None, seen: Seen) -> Outcome:
    def tokens(kind: str) -> list[Token]:
        return [line["token"] for line in said if line["what"] == kind]

    acknowledged = tokens("acknowledged")
    ends = [line["what"] for line in said if line["what"] in ("timed out", "finished", "raised")]
    return Outcome(
        str(fault or "no fault"),
        seen.first,
        acknowledged,
        [token for token in tokens("begun") if token not in acknowledged],
        [line["value"] for line in said if line["what"] in ("error", "raised")],
        ends[0] if ends else f"exit code {said[-1]['value']}",
        seen.calls,
        fault.at if fault else 0,
    )


def _both(first: Outcome, second: Outcome) -> Outcome:
    """What is known after two runs in one folder."""
    return replace(
        second,
        what=f"{first.what} ({first.call}), then {second.what}",
        acknowledged=first.acknowledged + second.acknowledged,
        unknown=first.unknown + second.unknown,
    )


def sweep(workload: Path, mode: Mode, error: int = errno.EIO, *, every: int = 1) -> list[Outcome]:
    """`Rig.sweep` for a workload that is needed once."""
    with Rig(workload) as rig:
        return rig.sweep(mode, error, every=every)


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    """What went wrong, in words, for `assert [] == failures(...)`."""
    return [str(outcome) for outcome in outcomes if outcome.failure or outcome.end == "timed out"]
