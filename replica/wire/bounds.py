"""What a peer may say, where a number, a name or a list has a bound: the shapes that a message is decoded into.

Each is the value of the same name, held to what this replica can take and keep. Only here does a value need msgspec, which
takes longer to load than a command takes for a file.

What may have to tell more one day is an object, `Said…`, of which unknown members are ignored; what goes by the thousand is a
list, `Heard…`, and has its places for ever.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from replica.changes import Entry, Offer, Page
from replica.engine.peer import Greeting, Withdrawn
from replica.revision import ANCESTRY_LIMIT_MAX, Revision
from replica.store.receive import REFUSED_MAX
from replica.store.sessions import Position, Session
from replica.tally import Failure

SESSIONS_MAX = 20_000  # 50 by each name in each direction, and a replica has a hundred and one names at most

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # what SQLite can hold
Moment = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=10_000)]
Token = Text
Unid = Annotated[str, Meta(max_length=20_000)]  # a damaged one is told by its row and its bytes
Flag = Annotated[int, Meta(ge=0, le=1)]
Counts = Annotated[dict[Name, Count | bool], Meta(max_length=100)]
Witnesses = Annotated[list[tuple[Count, Unid, Text]], Meta(max_length=1000)]
AncestryLimit = Annotated[int, Meta(ge=0, le=ANCESTRY_LIMIT_MAX)]
HeardRow = tuple[str, int, str, Flag, Flag, bytes, bytes, bytes, str | None, bytes, int]
"""A `Row` of a peer."""


class SaidSession(msgspec.Struct):
    """A `Session`."""

    id: Name
    direction: Literal["in", "out"]
    peer: Name
    era: Count
    position: Count
    at_ms: Moment
    counts: Counts
    witnesses: Witnesses | None = None
    token: Token = ""

    @classmethod
    def of(cls, session: Session) -> SaidSession:
        """As it is said."""
        return cls(**session._asdict())

    def meant(self) -> Session:
        """What is said by it."""
        return Session(**msgspec.structs.asdict(self))


class SaidGreeting(msgspec.Struct):
    """A `Greeting`."""

    replica_id: Annotated[str, Meta(max_length=200)]  # empty: of a peer that has none (CouchDB)
    ids: Annotated[list[Name], Meta(min_length=1, max_length=1000)]
    place: Annotated[str, Meta(max_length=200)]
    era: Count
    update_seq: Count
    empty: bool
    remembers: bool
    paused: bool
    ancestry_limit: AncestryLimit
    sessions: Annotated[list[SaidSession], Meta(max_length=SESSIONS_MAX)]
    refused: Annotated[list[Unid], Meta(max_length=REFUSED_MAX)]
    token: Token = ""

    @classmethod
    def of(cls, greeting: Greeting) -> SaidGreeting:
        """As it is said."""
        sessions = [SaidSession.of(session) for session in greeting.sessions]
        return cls(**greeting._asdict() | {"ids": list(greeting.ids), "sessions": sessions})

    def meant(self) -> Greeting:
        """What is said by it."""
        sessions = [session.meant() for session in self.sessions]
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        return Greeting(**said | {"ids": tuple(self.ids), "sessions": sessions})


class SaidFailure(msgspec.Struct):
    """A `Failure`."""

    unid: Unid
    revision: Text
    code: Name

    def meant(self) -> Failure:
        """What is said by it."""
        return Failure(self.unid, self.revision, self.code)


class HeardPosition(Position):
    """A `Position` that a peer named."""

    __slots__ = ()
    number: Count
    token: Token


class HeardRevision(Revision):
    """A `Revision` that a peer named."""

    __slots__ = ()
    number: Count


class HeardOffer(Offer):
    """An `Offer` of a peer."""

    __slots__ = ()
    revision: HeardRevision
    size: Count
    ancestors: Count


class HeardEntry(Entry):
    """An `Entry` of a peer's feed."""

    __slots__ = ()
    sequence: Count
    offers: list[HeardOffer]
    token: Token


class HeardPage(Page):
    """A `Page` of a peer's feed."""

    __slots__ = ()
    entries: list[HeardEntry]
    position: HeardPosition


class HeardWithdrawn(Withdrawn):
    """What a peer says can be seen there no more."""

    __slots__ = ()
    unids: list[tuple[Count, str]]
    position: HeardPosition
