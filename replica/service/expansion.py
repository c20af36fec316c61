"""From a connection to the databases that it is about: each file here, with its peer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from glob import has_magic, iglob
from typing import NamedTuple
from urllib.parse import quote

from replica.errors import BadSettings, NotFound
from replica.service.connection import Connection
from replica.transports.address import is_address

SUFFIX = ".db"


class Pair(NamedTuple):
    """A file here and what it is replicated with."""

    here: str
    peer: str


def has_pattern(here: str) -> bool:
    """Whether `here` names files by a pattern."""
    return has_magic(here) and not os.path.lexists(here)


def pairs_of(connection: Connection) -> list[Pair]:
    """The databases of a connection, in order of their names.

    A file is one, and its peer is that of the connection. In a folder, and below it, they are the files `NAME.db`, as a
    server has them: without links, and without what begins with `.` or `_`. `NotFound` if there are none, or nothing is
    there at all. `BadSettings` if an address is to be that of a database and names none.
    """
    here = connection.here
    if not os.path.isdir(here) and not has_pattern(here):
        if not os.path.lexists(here):
            raise NotFound(f"there is no file {here}", hint="Check `here`; `replicate create` makes a new database.")
        if is_address(connection.peer) and not connection.peer.partition("://")[2].partition("/")[2]:
            raise BadSettings(f"{connection.peer} names no database", hint="Put the name of the database after it.")
        return [Pair(here, connection.peer)]
    root, files = (_fixed(here), _matching(here)) if has_pattern(here) else (here, _below(here))
    names = sorted({_name(path, root) for path in files})
    chosen = [name for name in names if not _is_excluded(name, connection.exclude)]
    if not chosen:
        beside = ", beside what is excluded" if names else ""
        raise NotFound(f"there is no database in {here}{beside}", hint="Check `here`, and that its disk is mounted.")
    return [Pair(os.path.join(root, name + SUFFIX), _joined(connection.peer, name)) for name in chosen]


def _below(folder: str) -> Iterator[str]:
    for inside, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(inside, name) for name in files if _is_database(os.path.join(inside, name)))


def _matching(pattern: str) -> Iterator[str]:
    return (path for path in iglob(pattern, recursive=True) if os.path.isfile(path) and _is_database(path))


def _is_database(path: str) -> bool:
    name = os.path.basename(path)
    return name.endswith(SUFFIX) and not name.startswith((".", "_")) and not os.path.islink(path)


def _fixed(pattern: str) -> str:
    """The folder in front of a pattern that the pattern does not touch."""
    folder = os.path.dirname(pattern)
    while has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def _name(path: str, root: str) -> str:
    return os.path.relpath(path, root).removesuffix(SUFFIX)


def _is_excluded(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) or fnmatchcase(name + SUFFIX, pattern) for pattern in patterns)


def _joined(peer: str, name: str) -> str:
    """The peer of one database: a server has `a/b` as one name, a folder has it as a path."""
    return f"{peer}/{quote(name, safe='')}" if is_address(peer) else os.path.join(peer, name + SUFFIX)
