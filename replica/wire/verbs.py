"""What is said by which verb of a peer: the shapes of questions and answers, and those that they are heard in."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from replica.engine.peer import Withheld
from replica.store.sessions import Position
from replica.tally import Tally
from replica.wire.bounds import (
    AncestryLimit,
    Count,
    HeardEntry,
    HeardOffer,
    HeardPage,
    HeardPosition,
    HeardRevision,
    HeardRow,
    HeardWithdrawn,
    SaidFailure,
    SaidGreeting,
    SaidSession,
)

LIMIT_MAX = 10_000  # feed entries in one page
SIZE_MAX = 32 * 2**20  # bytes of bodies and ancestries in one answer; a single larger document comes alone
WAIT_S_MAX = 25.0  # for something new: less than what stands between two ends takes for a dead line


class Greet(msgspec.Struct):
    """Asks for a `Greeting`."""

    greeting: SaidGreeting | None
    dry_run: bool


class Changes(msgspec.Struct, omit_defaults=True):
    """Asks for a `Page`. Where it would be empty, something new is waited for: `wait_s` seconds, `WAIT_S_MAX` at most."""

    since: Position
    limit: int
    wait_s: float = 0.0


class HeardChanges(Changes, omit_defaults=True):
    """The same within bounds."""

    since: HeardPosition


class UpTo(msgspec.Struct):
    """Asks for the last entries up to a position."""

    position: Position
    limit: int


class HeardUpTo(UpTo):
    """The same within bounds."""

    position: HeardPosition


class Leaves(msgspec.Struct):
    """Leaves, and the texts of foreign revisions in their ancestries, in pairs."""

    rows: list[HeardRow]
    texts: list[tuple[bytes, str]]


class Since(msgspec.Struct):
    """Asks for `Changed`: at most `limit` documents, and `size` bytes of bodies and ancestries, or a single document."""

    since: Position
    limit: int
    size: int


class HeardSince(Since):
    """The same within bounds."""

    since: HeardPosition


class Changed(msgspec.Struct):
    """The leaves of the documents in a part of the feed; `read`: how many documents, `position` and `last` as in a page."""

    rows: list[HeardRow]
    texts: list[tuple[bytes, str]]
    read: Count
    position: Position
    last: bool


class HeardChanged(Changed):
    """The same within bounds."""

    position: HeardPosition


class Accept(msgspec.Struct):
    """A batch, in front of its bodies; asks for a `Tally`."""

    rows: list[HeardRow]
    texts: list[tuple[bytes, str]]
    session: SaidSession
    ancestry_limit: AncestryLimit
    refused: Annotated[list[SaidFailure], Meta(max_length=LIMIT_MAX)]
    dry_run: bool


class Snapshot(msgspec.Struct):
    """What is in front of a database file: the number of its schema, and its size in bytes."""

    schema: Count
    size: Count


QUESTIONS: dict[str, Any] = {
    "greet": Greet,
    "changes": HeardChanges,
    "changes-up-to": HeardUpTo,
    "changes-of": list[str],
    "missing": list[HeardOffer],
    "withdrawn": HeardChanges,
    "withheld": list[tuple[str, list[HeardRevision]]],
    "changed-leaves": HeardSince,
    "fetch": list[tuple[str, HeardRevision]],
    "texts": list[HeardRow],
    "accept": Accept,
    "remember": list[SaidSession],
    "snapshot": None,
}
ANSWERS: dict[str, Any] = {
    "greet": SaidGreeting,
    "changes": HeardPage,
    "changes-up-to": list[HeardEntry],
    "changes-of": list[HeardEntry],
    "withdrawn": HeardWithdrawn,
    "withheld": Withheld,
    "missing": list[Count],
    "changed-leaves": HeardChanged,
    "fetch": Leaves,
    "texts": list[tuple[bytes, str]],
    "accept": Tally,
    "remember": None,
    "snapshot": Snapshot,
}
"""What is heard by which verb. In the answer to `missing` an offer is named by its place in the question."""
