"""New files appear whole, durable and under a name that nobody had, or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from replica.errors import Exists, Mistake, NotFound
from replica.store.faults import file_errors

ROOM = len(".12345678.new-journal")  # what is added to the names of files
PRIVATE = 0o600  # of a new replica: who can open the file is its manager
SHARED = 0o666  # of an ordinary file, without what the umask takes away


@contextmanager
def whole_path() -> Iterator[None]:
    """Within the block relative names are made whole. `NotFound` if the current folder is gone."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound("the current folder is not there any more", hint="Change to another folder.") from None


def real_path(path: str) -> str:
    """The path from the root on, without symbolic links. `NotFound` if the current folder is gone."""
    with whole_path():
        return os.path.realpath(path)


@contextmanager
def new_file(path: str, mode: int = PRIVATE) -> Iterator[str]:
    """The name of a file to fill and close; when the block has ended it is at `path` and survives a power cut.

    Nobody may do more with it, at any moment, than `mode` and the umask say.

    `Exists` if that name is taken, `NotFound` if its folder is not there, `Mistake` if the name is too long.
    """
    with whole_path():
        path = os.path.abspath(path)  # SQLite would take a name like "file:a.db" for an address
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise NotFound(f"there is no folder {folder}", hint="Make the folder first.")
    if os.path.lexists(path):
        raise Exists(f"{path} is already there")
    if len(os.fsencode(name)) > os.pathconf(folder, "PC_NAME_MAX") - ROOM:
        raise Mistake(f"the name {name} is too long", hint="Choose a shorter one: files beside it have longer names.")
    unfinished = unfinished_name(path)
    try:
        with file_errors(path):
            _touch(unfinished, mode)
        yield unfinished
        with file_errors(path):
            _sync(unfinished)
            with _alone_in(folder):
                _publish(unfinished, path)
            _sync(folder)
    finally:
        for leftover in (unfinished, f"{unfinished}-journal", f"{unfinished}-wal", f"{unfinished}-shm"):
            with suppress(OSError):
                os.unlink(leftover)


def replace_file(path: str, content: bytes) -> None:
    """Write a file that others read at any moment: they find what was there, or this, whole. It need not survive a power cut.

    `NotFound` if its folder is not there, `ReadOnly`, `DiskError`.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise NotFound(f"there is no folder {folder}", hint="Make the folder first.")
    unfinished = unfinished_name(path)
    with file_errors(path):
        try:
            with open(unfinished, "xb") as file:
                file.write(content)
            os.replace(unfinished, path)
        finally:
            with suppress(OSError):
                os.unlink(unfinished)


def unfinished_name(path: str) -> str:
    """A name beside `path` that nobody has, and no database."""
    return f"{path}.{secrets.token_hex(4)}.new"


def forget_unfinished(path: str) -> None:
    """Remove the second name that a crash in the middle of publishing left to the file at `path`."""
    folder, name = os.path.split(path)
    with file_errors(path), os.scandir(folder or ".") as listing:
        for entry in listing:
            if entry.name.startswith(f"{name}.") and entry.name.endswith(".new") and os.path.samefile(entry, path):
                os.unlink(entry)


def forget_logs(path: str) -> None:
    """Remove the write-ahead log that a file which is no longer at `path` left there."""
    for suffix in ("-wal", "-shm"):
        with file_errors(path), suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def mode_of(path: str) -> int:
    """Who may do what with a file that is made from the one at `path`: nobody but its owner more than with that."""
    try:
        return os.stat(path).st_mode & SHARED | PRIVATE
    except OSError:
        return PRIVATE


def _touch(path: str, mode: int) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))


@contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """Nobody else publishes there meanwhile: whoever finds no file at a name may take a log beside it for a lost file's."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _publish(unfinished: str, path: str) -> None:
    if os.path.lexists(path):
        raise Exists(f"{path} is already there")
    forget_logs(path)
    try:
        os.link(unfinished, path)  # unlike a rename, never over another file
    except FileExistsError:
        raise Exists(f"{path} is already there") from None
    os.unlink(unfinished)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
