"""What a request needs, and whether somebody has it. Pure.

`level_of` is the one place that knows what people may do; everything else asks `check`.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from replica.access import Principal
from replica.errors import NotAllowed


class Level(IntEnum):
    """How much somebody may do in a database; each includes those before it."""

    NONE = 0
    DEPOSITOR = 1  # adds documents, reads none
    READER = 2
    AUTHOR = 3  # reads all, changes their own
    EDITOR = 4
    DESIGNER = 5
    MANAGER = 6


class Need(Enum):
    """What an endpoint needs of whoever asks; the values are the words of docs/server.md."""

    NOTHING = "nothing"
    LOGIN = "login"  # to be anybody who is known
    READ = "read"
    NOTE = "note"  # to read, and write down how far a replication came: that is no change of the database
    WRITE = "write"  # of which documents is judged one by one
    DESIGN = "design"
    MANAGE = "manage"
    OBSERVE = "observe"  # the server as a whole
    ADMINISTER = "administer"


_LEVELS = {
    Need.READ: Level.READER,
    Need.NOTE: Level.READER,
    Need.WRITE: Level.DEPOSITOR,
    Need.DESIGN: Level.DESIGNER,
    Need.MANAGE: Level.MANAGER,
}
_CHANGING = (Need.WRITE, Need.DESIGN, Need.MANAGE, Need.ADMINISTER)
_NO_ACCESS = "You are not allowed to access this db."  # CouchDB's words; the same whether or not it is there


def level_of(principal: Principal, database: str) -> Level:
    """How much somebody may do in a database: an administrator everything, others nothing so far."""
    return Level.MANAGER if principal.is_admin and principal.reaches(database) else Level.NONE


def check(principal: Principal, need: Need, database: str | None) -> None:
    """Refuse (`NotAllowed`) what somebody may not do. `database`: the one in the path, if there is one."""
    if need is Need.NOTHING or need is Need.LOGIN:
        return
    if need in _LEVELS:
        if database is None or level_of(principal, database) < _LEVELS[need]:
            raise NotAllowed(_NO_ACCESS)
    elif not principal.is_admin or not _reaches(principal, database):
        raise NotAllowed("You are not a server admin.")
    if principal.read_only and need in _CHANGING:
        raise NotAllowed("this token is for reading only", hint="Ask with another one.")


def may_see(principal: Principal, database: str) -> bool:
    """Whether somebody is told that there is such a database."""
    return level_of(principal, database) > Level.NONE


def _reaches(principal: Principal, database: str | None) -> bool:
    return principal.databases is None if database is None else principal.reaches(database)
