"""What a peer may say, where a number, a name or a list has a bound: the shapes that a message is decoded into.

Each is the value of the same name, held to what this replica can take and keep. Only here does a value need msgspec, which
takes longer to load than a command takes for a file.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from replica.changes import Entry, Offer, Page
from replica.engine.peer import Greeting
from replica.revision import ANCESTRY_LIMIT_MAX, Revision
from replica.store.sessions import Position, Session

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # what SQLite can hold
Moment = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Token = Annotated[str, Meta(max_length=10_000)]
Counts = Annotated[dict[Name, Count | bool], Meta(max_length=100)]
Witnesses = Annotated[list[tuple[Count, str, str]], Meta(max_length=1000)]
AncestryLimit = Annotated[int, Meta(ge=0, le=ANCESTRY_LIMIT_MAX)]


class HeardPosition(Position):
    """A `Position` that a peer named."""

    __slots__ = ()
    number: Count
    token: Token


class HeardSession(Session):
    """A `Session` that a peer told of."""

    __slots__ = ()
    id: Name
    peer: Name
    era: Count
    position: Count
    at_ms: Moment
    counts: Counts
    witnesses: Witnesses | None
    token: Token


class HeardGreeting(Greeting):
    """A peer's `Greeting`."""

    __slots__ = ()
    replica_id: Name
    ids: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=1000)]
    place: Name
    era: Count
    update_seq: Count
    ancestry_limit: AncestryLimit
    sessions: list[HeardSession]
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
