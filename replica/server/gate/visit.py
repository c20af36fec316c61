"""One request and who asks: what it was let in for can be judged again while it is served."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from replica.access import ANONYMOUS, Principal
from replica.errors import NotAllowed, NotAuthenticated
from replica.rights import InForce
from replica.server.gate import rights
from replica.server.gate.rights import Need

KEY = "replica.visit"
NO_LIST = InForce()

Lists = Callable[[str], InForce]
"""The access list of a database of that name, as it is now; an absent one if there is no such database. For a thread."""


class Way(Enum):
    """How somebody proved who they are; the first two are CouchDB's words."""

    PASSWORD = "default"
    COOKIE = "cookie"
    TOKEN = "bearer"
    CERTIFICATE = "certificate"


class Proven(NamedTuple):
    """Who it is. `stamp`: what is another one as soon as the password is; a secret."""

    principal: Principal
    stamp: bytes | None = None

    def __repr__(self) -> str:
        return f"Proven({self.principal.name!r})"


@dataclass(slots=True)
class _Demand:
    """What is being done, and the access list by which it was allowed."""

    need: Need
    database: str | None
    seen: InForce


class Visit:
    """Who asks, and the `way` that was proved by; None if nobody in particular asks.

    `again` tells who it is now: None if what was shown proves nothing any more. It reads the directory: for a thread.
    """

    def __init__(self, proven: Proven, way: Way | None, again: Callable[[], Proven | None]) -> None:
        self._proven, self._again = proven, again
        self.way = way
        self._demands: list[_Demand] = []  # one thread adds to it while another looks at it again
        self._lists: Lists | None = None

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self._proven.principal

    @property
    def stamp(self) -> bytes | None:
        """What signs the cookies of whoever asks."""
        return self._proven.stamp

    @property
    def is_somebody(self) -> bool:
        """Whether anybody is known to ask; as long as there are no users, everybody is."""
        return self.principal != ANONYMOUS

    @property
    def is_everybody(self) -> bool:
        """Whether there are no users, and so everybody who asks may do everything."""
        return self.principal.name is None and self.principal.is_admin

    def depends_on_lists(self, database: str | None) -> bool:
        """Whether the access list of a database decides what may be done there: an administrator's rights come first."""
        return database is not None and not self.principal.is_admin

    def demand(self, need: Need, database: str | None, lists: Lists | None = None) -> None:
        """Refuse (`NotAllowed`, to nobody in particular `NotAuthenticated`) what may not be done; else it is done from now on.

        Where it `depends_on_lists`, and the database has to be opened, this is for a thread.
        """
        self._lists = lists or self._lists
        seen = self._list(database)
        _check(self.principal, need, database, seen)
        self._demands.append(_Demand(need, database, seen))

    def _list(self, database: str | None) -> InForce:
        if database is None or self._lists is None or not self.depends_on_lists(database):
            return NO_LIST
        return self._lists(database)

    @property
    def is_outdated(self) -> bool:
        """Whether an access list has changed since it was looked at. For a thread."""
        return any(each.seen is not self._list(each.database) for each in tuple(self._demands))

    def check_again(self) -> None:
        """Refuse (`NotAuthenticated`, `NotAllowed`) to go on with what may not be done any more. For a thread."""
        proven = self._again()
        if proven is None or proven.stamp != self._proven.stamp:
            raise NotAuthenticated("what was shown is not, or no longer, that of a user")
        self._proven = proven  # of other groups or roles, perhaps
        for each in tuple(self._demands):
            seen = self._list(each.database)
            _check(proven.principal, each.need, each.database, seen)
            each.seen = seen


def _check(principal: Principal, need: Need, database: str | None, lists: InForce) -> None:
    if need is Need.LOGIN and principal == ANONYMOUS:
        raise who_are_you()
    try:
        rights.check(principal, need, database, lists)
    except NotAllowed:
        if principal == ANONYMOUS:
            raise who_are_you() from None
        raise


def who_are_you() -> NotAuthenticated:
    """What nobody in particular is told who may not do something."""
    return NotAuthenticated("Authentication required.", hint="Say who you are: a name and password, or a token.")


def visit_of(scope: MutableMapping[str, Any]) -> Visit:
    """That of a request which the gate has let in."""
    found: Visit = scope[KEY]
    return found
