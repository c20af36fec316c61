"""Revision ids, how they are computed, and the ancestry that a revision carries with it.

A revision id is ``N-hex``: N, the sequence number, is one more than the highest among the parents; of the 32 hex digits
twelve are the sequence time (ms since 1970, big-endian) and twenty the head of a SHA-256 (`revision_id`). Ids of other
systems (``3-abc``) are kept and answered as they came. docs/revisions.md shows the bytes and gives test vectors.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from replica.clock import MS_MAX
from replica.errors import BadDocument

NUMBER_MAX = 2**53 - 1  # what JavaScript can count to
TEXT_MAX = 256  # characters of a foreign revision after the dash
ANCESTRY_LIMIT_MAX = 10_000  # ancestors each way. A peer may raise the limit for ever; with so many a save takes 50 ms
PARENTS_MAX = 100_000  # which are never cut: more leaves than one document can have in reason

WIDTH = 16  # bytes of a packed revision
ENTRY = 8 + WIDTH  # bytes of a numbered, packed revision
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999  # of the year 9999, where Python's calendar ends

_OURS = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TEXT = re.compile(r"([1-9][0-9]{0,15})-([^\x00]+)", re.DOTALL | re.ASCII)


class Revision(NamedTuple):
    """One saved state of a document. Compares as winners are chosen: by number, then by text."""

    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.number}-{self.text}"

    @classmethod
    def parse(cls, text: object) -> Revision:
        """The revision that `text` names; `BadDocument` if it is not one."""
        match = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if not match or len(match[2]) > TEXT_MAX or int(match[1]) > NUMBER_MAX or not match[2].isprintable():
            raise BadDocument(f"{str(text)[:80]!r} is not a revision", hint="Revisions look like 3-0190d6f4c1aa….")
        return cls(int(match[1]), match[2])

    @property
    def packed(self) -> bytes:
        """Sixteen bytes: the 32 hex digits, or the head of the SHA-256 of any other text."""
        if _OURS.fullmatch(self.text):
            return bytes.fromhex(self.text)
        return hashlib.sha256(self.text.encode()).digest()[:WIDTH]

    @property
    def is_foreign(self) -> bool:
        """Whether the text cannot be recovered from the packed form."""
        return not _OURS.fullmatch(self.text)

    @property
    def time_ms(self) -> int:
        """The sequence time that an id of ours holds; for others a number without meaning, but the same everywhere."""
        return int.from_bytes(self.packed[:6], "big")

    @property
    def time(self) -> datetime:
        """The sequence time of an id of ours, as an aware UTC datetime (the last millisecond of 9999 at most)."""
        return _EPOCH + timedelta(milliseconds=min(self.time_ms, _LAST_MS))


class Ancestor(NamedTuple):
    """A revision in an ancestry, where only the packed form is kept."""

    number: int
    packed: bytes

    def __str__(self) -> str:
        return f"{self.number}-{self.packed.hex()}"

    @classmethod
    def of(cls, revision: Revision) -> Ancestor:
        """The packed form of a revision."""
        return cls(revision.number, revision.packed)


class Ancestry(NamedTuple):
    """What a revision descends from.

    `line`: the straight line, newest first, 16 bytes an entry; entry i has the sequence number N-1-i, so that "is it an
    ancestor?" is one slice. `side`: what else it descends from after a merge or resolution, 24 bytes an entry (8 for the
    number, 16 packed), newest first. `parents`: the parents beside the first, in order, as entries. Both usually empty.
    """

    line: bytes = b""
    side: bytes = b""
    parents: bytes = b""

    @property
    def length(self) -> int:
        """How many ancestors are known."""
        return len(self.line) // WIDTH + len(self.side) // ENTRY

    def cut(self, limit: int) -> Ancestry:
        """The newest `limit` entries each way."""
        if len(self.line) <= limit * WIDTH and len(self.side) <= limit * ENTRY:
            return self
        return self._replace(line=self.line[: limit * WIDTH], side=self.side[: limit * ENTRY])

    def above(self, number: int, elder: Revision, ancestry: Ancestry, limit: int) -> Ancestry:
        """The ancestry of a revision whose sequence number is `number`, with all that its ancestor `elder` descends from."""
        at = (number - elder.number) * WIDTH
        below, tail = self.line[:at], Ancestry(self.line[at:])
        if below[at - WIDTH :] != elder.packed:
            below, tail = self.line, Ancestry()
            also = ancestry.all(elder.number)
        else:
            tail = join(elder.number, tail, ancestry, limit)
            also = set(entries(tail.side + tail.parents))
        line = (below + tail.line)[: limit * WIDTH]
        return self._replace(line=line, side=_beside(line, number, {*entries(self.side), *also}, limit))

    def holds(self, number: int, ancestor: Ancestor) -> bool:
        """Whether `ancestor` is in the ancestry of a revision whose sequence number is `number`."""
        at = (number - 1 - ancestor.number) * WIDTH
        if at >= 0 and self.line[at : at + WIDTH] == ancestor.packed:
            return True
        return _has_entry(self.side, ancestor) or _has_entry(self.parents, ancestor)

    def all(self, number: int) -> set[Ancestor]:
        """Every ancestor of a revision whose sequence number is `number`; its parents also where the bound cut them off."""
        return set(self.in_line(number)).union(entries(self.side + self.parents))

    def in_line(self, number: int) -> Iterator[Ancestor]:
        """The straight line of a revision whose sequence number is `number`, newest first."""
        for at in range(0, len(self.line), WIDTH):
            yield Ancestor(number - 1 - at // WIDTH, self.line[at : at + WIDTH])

    def all_parents(self, number: int) -> list[Ancestor]:
        """The parents, first one first; empty for a first revision."""
        first = [Ancestor(number - 1, self.line[:WIDTH])] if self.line else []
        return first + list(entries(self.parents))


def entries(packed: bytes) -> Iterator[Ancestor]:
    """The ancestors in a `side` or `parents` field."""
    for at in range(0, len(packed), ENTRY):
        yield Ancestor(int.from_bytes(packed[at : at + 8], "big"), packed[at + 8 : at + ENTRY])


def _has_entry(packed: bytes, ancestor: Ancestor) -> bool:
    """Whether a `side` or `parents` field holds it, without reading the other entries."""
    if not packed:
        return False
    entry = pack([ancestor])
    at = packed.find(entry)
    while at > 0 and at % ENTRY:  # the end of one entry and the beginning of the next
        at = packed.find(entry, at + 1)
    return at >= 0


def pack(ancestors: Iterable[Ancestor]) -> bytes:
    """The `side` or `parents` field that holds these ancestors, in this order."""
    return b"".join(a.number.to_bytes(8, "big") + a.packed for a in ancestors)


def descend(parents: list[tuple[Revision, Ancestry]], also: Iterable[Ancestor], limit: int) -> Ancestry:
    """The ancestry of a revision with these parents, the one with the highest number first, at most `limit` long each way.

    `also` is counted among the ancestors (the stubs that close the other parents for peers without merges).
    """
    if not parents:
        return Ancestry()
    (first, above), others = parents[0], parents[1:]
    line = (first.packed + above.line)[: limit * WIDTH]
    beside = set(entries(above.side + above.parents)).union(also)
    for revision, ancestry in others:
        beside |= ancestry.all(revision.number) | {Ancestor.of(revision)}
    side = _beside(line, first.number + 1, beside, limit)
    return Ancestry(line, side, pack(Ancestor.of(revision) for revision, _ in others))


def join(number: int, a: Ancestry, b: Ancestry, limit: int) -> Ancestry:
    """What two copies of one revision know of its ancestry, together; in any order, the same."""
    if a == b:
        return a
    longer, other = sorted((a, b), key=lambda x: (len(x.line), x.line), reverse=True)
    line = longer.line[: limit * WIDTH]
    beside = set(entries(a.side)) | set(entries(b.side))
    if not longer.line.startswith(other.line):
        beside |= set(other.in_line(number))
    return Ancestry(line, _beside(line, number, beside, limit), max(a.parents, b.parents))


def _beside(line: bytes, number: int, beside: set[Ancestor], limit: int) -> bytes:
    if not beside:
        return b""
    beside -= set(Ancestry(line).in_line(number))
    return pack(sorted(beside, reverse=True)[:limit])


def revision_id(number: int, time_ms: int, parents: Iterable[Ancestor], deleted: bool, items: bytes) -> Revision:
    """The id of a revision of ours: the same content, time and parents give the same id on every replica.

    Hashed are these lines, each ended by a line feed, and then `items`, the canonical bytes: the words
    ``replica revision 1``; the number; the time; ``1`` if deleted, else ``0``; the parents as ``N-hex`` with a space
    between them; the canonical JSON of attachment names and the SHA-256 of their decoded bytes (so far always ``{}``).
    """
    time_ms = min(max(time_ms, 0), MS_MAX)
    return Revision(number, packed_id(number, time_ms, " ".join(map(str, parents)), deleted, items).hex())


def packed_id(number: int, time_ms: int, parents: str, deleted: int, items: bytes) -> bytes:
    """What `revision_id` computes, packed, from the parents' text: the part that is asked of every row of a database."""
    head = b"replica revision 1\n%d\n%d\n%d\n%b\n{}\n" % (number, time_ms, deleted, parents.encode())
    return time_ms.to_bytes(6, "big") + hashlib.sha256(head + items).digest()[:10]
