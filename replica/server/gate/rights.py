"""What a request needs, and whether somebody has it. Pure.

`rights_of` is the one place that knows what people may do; everything else asks `check`.
"""

from __future__ import annotations

from enum import Enum

from replica.access import Principal
from replica.errors import NotAllowed
from replica.rights import ALL_RIGHTS, NO_RIGHTS, InForce, Level, Rights


class Need(Enum):
    """What an endpoint needs of whoever asks; the values are the words of docs/server.md."""

    NOTHING = "nothing"
    LOGIN = "login"  # to be anybody who is known
    OFFER = "offer"  # to say what one has, and learn of it alone whether it is wanted
    READ = "read"
    COPY = "copy"  # to read all of it one after the other, as a replication does
    NOTE = "note"  # to read, and write down how far a replication came: that is no change of the database
    WRITE = "write"  # of which documents is judged one by one
    DESIGN = "design"
    MANAGE = "manage"
    OBSERVE = "observe"  # the server as a whole
    ADMINISTER = "administer"


_LEVELS = {
    Need.OFFER: Level.DEPOSITOR,
    Need.READ: Level.READER,
    Need.COPY: Level.READER,
    Need.NOTE: Level.READER,
    Need.WRITE: Level.DEPOSITOR,
    Need.DESIGN: Level.DESIGNER,
    Need.MANAGE: Level.MANAGER,
}
_CHANGING = (Need.WRITE, Need.DESIGN, Need.MANAGE, Need.ADMINISTER)
_NO_ACCESS = "You are not allowed to access this db."  # CouchDB's words; the same whether or not it is there


def rights_of(principal: Principal, database: str, lists: InForce) -> Rights:
    """What somebody may do in a database whose access list is this: an administrator everything.

    A token reaches no other databases than it names; that it may be for reading only, `check` knows.
    """
    if not principal.reaches(database):
        return NO_RIGHTS
    return ALL_RIGHTS if principal.is_admin else lists.rights_of(principal)


def check(principal: Principal, need: Need, database: str | None, lists: InForce) -> None:
    """Refuse (`NotAllowed`) what somebody may not do. `database`: the one in the path, if there is one, and its `lists`."""
    if need is Need.NOTHING or need is Need.LOGIN:
        return
    if need in _LEVELS:
        rights = rights_of(principal, database, lists) if database is not None else NO_RIGHTS
        if rights.level < _LEVELS[need]:
            raise NotAllowed(_NO_ACCESS)
        if need is Need.COPY and "replicate" in rights.denied:
            raise NotAllowed("You are not allowed to replicate this db.", hint="Ask a manager of it for the privilege.")
    elif not principal.is_admin or not _reaches(principal, database):
        raise NotAllowed("You are not a server admin.")
    if principal.read_only and need in _CHANGING:
        raise NotAllowed("this token is for reading only", hint="Ask with another one.")


def may_see(principal: Principal, database: str, lists: InForce) -> bool:
    """Whether somebody is told that there is such a database."""
    return rights_of(principal, database, lists).level > Level.NONE


def _reaches(principal: Principal, database: str | None) -> bool:
    return principal.databases is None if database is None else principal.reaches(database)
