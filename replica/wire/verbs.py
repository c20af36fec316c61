"""What is said by which verb of a peer: the shapes of questions and answers."""

from __future__ import annotations

from typing import Any

import msgspec

from replica.changes import Entry, Offer, Page
from replica.engine.peer import AncestryLimit, Greeting
from replica.revision import Revision
from replica.rows import Row
from replica.store.sessions import Count, Position, Session
from replica.tally import Failure, Tally

LIMIT_MAX = 10_000  # feed entries in one page
SIZE_MAX = 32 * 2**20  # bytes of bodies and ancestries in one answer; a single larger document comes alone
WAIT_S_MAX = 25.0  # for something new: less than what stands between two ends takes for a dead line


class Greet(msgspec.Struct):
    """Asks for a `Greeting`."""

    greeting: Greeting | None
    dry_run: bool


class Changes(msgspec.Struct, omit_defaults=True):
    """Asks for a `Page`. Where it would be empty, something new is waited for: `wait_s` seconds, `WAIT_S_MAX` at most."""

    since: Position
    limit: int
    wait_s: float = 0.0


class UpTo(msgspec.Struct):
    """Asks for the last entries up to a position."""

    position: Position
    limit: int


class Leaves(msgspec.Struct):
    """Leaves, and the texts of foreign revisions in their ancestries, in pairs."""

    rows: list[Row]
    texts: list[tuple[bytes, str]]


class Since(msgspec.Struct):
    """Asks for `Changed`: at most `limit` documents, and `size` bytes of bodies and ancestries, or a single document."""

    since: Position
    limit: int
    size: int


class Changed(msgspec.Struct):
    """The leaves of the documents in a part of the feed; `read`: how many documents, `position` and `last` as in a page."""

    rows: list[Row]
    texts: list[tuple[bytes, str]]
    read: Count
    position: Position
    last: bool


class Accept(msgspec.Struct):
    """A batch, in front of its bodies; asks for a `Tally`."""

    rows: list[Row]
    texts: list[tuple[bytes, str]]
    session: Session
    ancestry_limit: AncestryLimit
    refused: list[Failure]
    dry_run: bool


class Snapshot(msgspec.Struct):
    """What is in front of a database file: the number of its schema, and its size in bytes."""

    schema: int
    size: int


QUESTIONS: dict[str, Any] = {
    "greet": Greet,
    "changes": Changes,
    "changes-up-to": UpTo,
    "changes-of": list[str],
    "missing": list[Offer],
    "changed-leaves": Since,
    "fetch": list[tuple[str, Revision]],
    "texts": list[Row],
    "accept": Accept,
    "remember": list[Session],
    "snapshot": None,
}
ANSWERS: dict[str, Any] = {
    "greet": Greeting,
    "changes": Page,
    "changes-up-to": list[Entry],
    "changes-of": list[Entry],
    "missing": list[int],
    "changed-leaves": Changed,
    "fetch": Leaves,
    "texts": list[tuple[bytes, str]],
    "accept": Tally,
    "remember": None,
    "snapshot": Snapshot,
}
"""What is said by which verb. In the answer to `missing` an offer is named by its place in the question."""
