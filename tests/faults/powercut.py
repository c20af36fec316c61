"""Every disk that a power cut could leave, rebuilt from a recorded trace.

The rules are those a file system may use, not those that a kind one keeps:

- What was written to a file is sure once that file was fsynced; before, any part of it may be there, in sectors.
- A name that was made, removed or moved is sure once its folder was fsynced; before, it may be so or not, each for
  itself, whatever happened to the contents. A rename is one step: never both names, never none.
- Nothing that was never asked for appears. Folders themselves are taken to be durable.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.faults.zygote import Token

SECTOR = 512
HEADER = struct.Struct("=cBHHQqq")  # struct header of shim.c


@dataclass(frozen=True)
class Step:
    """One record of a trace."""

    op: str  # O open, W write, T truncate, S sync, D sync of a folder, U unlink, R rename, L link, B begun, A acknowledged
    name: str = ""  # below the folder of the run
    other: str = ""  # the new name of a rename
    inode: int = 0
    created: bool = False
    offset: int = 0
    data: bytes = b""


@dataclass(frozen=True)
class Trace:
    """What a run asked of the disk, in order."""

    steps: list[Step]

    @staticmethod
    def read(path: Path, folder: Path) -> Trace:
        """The trace in a file that the shim wrote, of a run in `folder`."""
        raw = path.read_bytes()
        steps, at = [], 0
        while at < len(raw):
            op, created, name_size, other_size, inode, offset, size = HEADER.unpack_from(raw, at)
            at += HEADER.size
            name, other = (
                os.path.relpath(path.decode(), folder) if path else ""
                for path in (raw[at : at + name_size], raw[at + name_size : at + name_size + other_size])
            )
            at += name_size + other_size
            steps.append(Step(op.decode(), name, other, inode, bool(created), offset, raw[at : at + size]))
            at += size
        return Trace(steps)


@dataclass
class File:
    """What a name leads to: bytes that are sure, and steps since then that may be lost."""

    sure: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        self.sure, self.pending = self.content(lambda step: [step]), []

    def content(self, survives: Callable[[Step], list[Step]]) -> bytearray:
        """The bytes if of each pending step only what `survives` gives has reached the disk."""
        content = bytearray(self.sure)
        for pending in self.pending:
            for step in survives(pending):
                missing = step.offset - len(content)
                content.extend(bytes(max(0, missing)))
                if step.op == "T":
                    del content[step.offset :]
                else:
                    content[step.offset : step.offset + len(step.data)] = step.data
        return content


@dataclass
class Renaming:
    """Names that changed in one step, and whether that is sure."""

    names: dict[str, File | None]
    sure: bool = False

    def within(self, folder: str) -> bool:
        return any(str(PurePosixPath(name).parent) == folder for name in self.names)


class Disk:
    """The disk of a running program: what it sees, and what of that is sure."""

    def __init__(self, base: dict[str, bytes]) -> None:
        self._sure: dict[str, File] = {name: File(bytearray(content)) for name, content in base.items()}
        self._seen = dict(self._sure)
        self._changes: list[Renaming] = []
        self._inodes: dict[int, File] = {}
        self.begun: list[Token] = []
        self.acknowledged: list[Token] = []

    def take(self, step: Step) -> None:
        """Do one step of a trace."""
        if step.op == "O":
            self._open(step)
        elif step.op in "WT":
            self._inodes[step.inode].pending.append(step)
        elif step.op == "S":
            self._inodes[step.inode].sync()
        elif step.op == "D":
            self._sync_folder(step.name)
        elif step.op == "U":
            self._rename({step.name: None})
        elif step.op == "R":
            self._rename({step.name: None, step.other: self._seen[step.name]})
        elif step.op == "L":
            self._rename({step.name: self._inodes[step.inode]})
        else:
            {"B": self.begun, "A": self.acknowledged}[step.op].append(json.loads(step.data))

    def _open(self, step: Step) -> None:
        if not step.created:
            if step.name in self._seen:  # else it is a folder
                self._inodes[step.inode] = self._seen[step.name]
            return
        file = self._inodes[step.inode] = File()
        if step.name:
            self._rename({step.name: file})

    def _rename(self, names: dict[str, File | None]) -> None:
        self._changes.append(Renaming(names))
        _apply(names, self._seen)

    def _sync_folder(self, folder: str) -> None:
        for change in self._changes:
            change.sure = change.sure or change.within(folder)
        while self._changes and self._changes[0].sure:
            _apply(self._changes.pop(0).names, self._sure)

    @property
    def unknown(self) -> list[Token]:
        """Begun, but not acknowledged."""
        return [token for token in self.begun if token not in self.acknowledged]

    def after_a_cut(
        self, named: Callable[[], bool], survives: Callable[[Step], list[Step]]
    ) -> tuple[dict[str, bytes], list[list[str]]]:
        """Files and their contents, and the groups of names that lead to one file."""
        names = dict(self._sure)
        for change in self._changes:
            if change.sure or named():
                _apply(change.names, names)
        together: dict[int, list[str]] = {}
        for name, file in names.items():
            together.setdefault(id(file), []).append(name)
        contents = {id(file): bytes(file.content(survives)) for file in {id(f): f for f in names.values()}.values()}
        return {name: contents[id(file)] for name, file in names.items()}, list(together.values())


def _apply(changes: dict[str, File | None], names: dict[str, File]) -> None:
    for name, file in changes.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


@dataclass(frozen=True)
class State:
    """A disk after a power cut, and what the program had promised by then."""

    what: str
    files: dict[str, bytes]
    links: list[list[str]]  # names of one file
    acknowledged: list[Token]
    unknown: list[Token]

    def write(self, folder: Path) -> None:
        """Make the folder that the next start of the program finds."""
        folder.mkdir(exist_ok=True)
        for first, *others in self.links:
            path = folder / first
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.files[first])
            for other in others:
                (folder / other).parent.mkdir(parents=True, exist_ok=True)
                (folder / other).hardlink_to(path)

    def digest(self) -> bytes:
        """Equal for states that the program cannot tell apart: SQLite's -shm is worthless after a restart."""
        digest = hashlib.blake2b(repr((self.links, self.acknowledged, self.unknown)).encode())
        for name, content in sorted(self.files.items()):
            digest.update(b"" if name.endswith("-shm") else b"%d " % len(content) + content)
        return digest.digest()


def crash_states(
    trace: Trace, base: dict[str, bytes], every: int = 1, random_states: int = 3, seed: int = 0
) -> Iterator[State]:
    """The distinct disks after a cut behind each n-th step: nothing unsure survived, all did, and random mixtures.

    `base` is what was on the disk, and sure, when the recording began.
    """
    chance = random.Random(seed)
    disk = Disk(base)
    seen: set[bytes] = set()
    for number, step in enumerate(trace.steps, 1):
        disk.take(step)
        if number % every:
            continue
        for mixture in range(2 + random_states):
            state = _state(disk, number, mixture, chance)
            digest = state.digest()
            if digest not in seen:
                seen.add(digest)
                yield state


def _state(disk: Disk, number: int, mixture: int, chance: random.Random) -> State:
    if mixture < 2:
        words = ("nothing unsure", "everything")[mixture]
        files, links = disk.after_a_cut(lambda: mixture == 1, lambda step: [step] * mixture)
    else:
        words = f"mixture {mixture - 1}"
        name_share, write_share = chance.choice((0.1, 0.5, 0.9)), chance.choice((0.1, 0.5, 0.9))
        files, links = disk.after_a_cut(
            lambda: chance.random() < name_share, lambda step: _torn(step, write_share, chance)
        )
    what = f"power cut after step {number}, {words} survived"
    return State(what, files, links, list(disk.acknowledged), disk.unknown)


def _torn(step: Step, share: float, chance: random.Random) -> list[Step]:
    """A step that may be lost; of a write of several sectors, now and then only some of them."""
    if step.op == "T" or len(step.data) <= SECTOR or chance.random() < 0.7:
        return [step] if chance.random() < share else []
    sectors = []
    start = 0
    while start < len(step.data):
        end = start + SECTOR - (step.offset + start) % SECTOR
        if chance.random() < share:
            sectors.append(Step("W", offset=step.offset + start, data=step.data[start:end]))
        start = end
    return sectors
