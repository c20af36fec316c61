"""One request and who asks: what it was let in for can be judged again while it is served."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from enum import Enum
from typing import Any, NamedTuple

from replica.access import ANONYMOUS, Principal
from replica.errors import NotAuthenticated
from replica.server.gate import rights
from replica.server.gate.rights import Need

KEY = "replica.visit"


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


class Visit:
    """Who asks, and the `way` that was proved by; None if nobody in particular asks.

    `again` tells who it is now: None if what was shown proves nothing any more. It reads the directory: for a thread.
    """

    def __init__(self, proven: Proven, way: Way | None, again: Callable[[], Proven | None]) -> None:
        self._proven, self._again = proven, again
        self.way = way
        self._demands: list[tuple[Need, str | None]] = []

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

    def demand(self, need: Need, database: str | None) -> None:
        """Refuse (`NotAllowed`, to nobody in particular `NotAuthenticated`) what may not be done; else it is done from now on."""
        if need is not Need.NOTHING and not self.is_somebody:
            raise NotAuthenticated("Authentication required.", hint="Say who you are: a name and password, or a token.")
        rights.check(self.principal, need, database)
        self._demands.append((need, database))

    def check_again(self) -> None:
        """Refuse (`NotAuthenticated`, `NotAllowed`) to go on with what may not be done any more. For a thread."""
        proven = self._again()
        if proven is None or proven.stamp != self._proven.stamp:
            raise NotAuthenticated("what was shown is not, or no longer, that of a user")
        for need, database in self._demands:
            rights.check(proven.principal, need, database)


def visit_of(scope: MutableMapping[str, Any]) -> Visit:
    """That of a request which the gate has let in."""
    found: Visit = scope[KEY]
    return found
