"""A message: a line of JSON, the bytes of documents if it brings any, and an end that says that nothing was changed or lost.

    {"protocol":1,"verb":"fetch","name":"…","say":…}\\n
    …the bodies, one behind the other…
    {"end":"<SHA-256 of everything before, in hex>"}\\n

`name` is the instance id of the replica that is addressed (in a question; empty before the greeting) or that answers.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any, NamedTuple

import msgspec

from replica.changes import Entry, Offer, Page
from replica.engine.peer import Greeting
from replica.errors import Garbled, OtherProtocol
from replica.revision import Revision
from replica.rows import Row, Rows
from replica.store.sessions import Position, Session
from replica.tally import Failure, Tally

PROTOCOL = 1
MEDIA_TYPE = "application/vnd.notes-replica"
LIMIT_MAX = 10_000  # feed entries in one page

_END = b'{"end":"%b"}\n'
_END_SIZE = len(_END % (b"0" * 64))
_encode = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """What was said: still JSON, for `understood`; and the bodies behind it."""

    name: str
    say: msgspec.Raw
    bodies: bytes

    def understood(self, meaning: Any) -> Any:
        """What is said, which must be of that kind. `Garbled` if it is not, or brings bodies where none belong."""
        if self.bodies:
            raise Garbled("the message has bytes that do not belong to it")
        return self._decoded(meaning)

    def batch(self, meaning: Any) -> tuple[Any, Rows]:
        """What is said, which has `rows`, and these with their bodies. `Garbled`."""
        head = self._decoded(meaning)
        bodies, at = [], 0
        for row in head.rows:
            size = row[-1]
            if size < 0:
                raise Garbled("the message has a body with a negative size")
            bodies.append(self.bodies[at : at + size])
            at += size
        if at != len(self.bodies):
            raise Garbled("the bodies have not the sizes that they should have")
        return head, Rows(head.rows, bodies)

    def _decoded(self, meaning: Any) -> Any:
        try:
            return _decoder(meaning).decode(self.say)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Garbled(f"the message is not what it should be: {error}") from error


@functools.cache
def _decoder(meaning: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(meaning)


class _Head(msgspec.Struct):
    protocol: int
    verb: str = ""
    name: str = ""
    say: msgspec.Raw = msgspec.Raw(b"null")


class Greet(msgspec.Struct):
    """Asks for a `Greeting`."""

    greeting: Greeting | None
    dry_run: bool


class Changes(msgspec.Struct):
    """Asks for a `Page`."""

    since: Position
    limit: int


class UpTo(msgspec.Struct):
    """Asks for the last entries up to a position."""

    position: Position
    limit: int


class Leaves(msgspec.Struct):
    """Leaves, and the texts of foreign revisions in their ancestries, in pairs."""

    rows: list[Row]
    texts: list[tuple[bytes, str]]


class Accept(msgspec.Struct):
    """A batch, in front of its bodies; asks for a `Tally`."""

    rows: list[Row]
    texts: list[tuple[bytes, str]]
    session: Session
    ancestry_limit: int
    refused: list[Failure]
    dry_run: bool


QUESTIONS: dict[str, Any] = {
    "greet": Greet,
    "changes": Changes,
    "changes-up-to": UpTo,
    "changes-of": list[str],
    "missing": list[Offer],
    "fetch": list[tuple[str, Revision]],
    "texts": list[Row],
    "accept": Accept,
    "remember": Session,
}
ANSWERS: dict[str, Any] = {
    "greet": Greeting,
    "changes": Page,
    "changes-up-to": list[Entry],
    "changes-of": list[Entry],
    "missing": list[int],
    "fetch": Leaves,
    "texts": list[tuple[bytes, str]],
    "accept": Tally,
    "remember": None,
}
"""What is said by which verb. In the answer to `missing` an offer is named by its place in the question."""


def written(verb: str, name: str, say: Any, rows: Rows | None = None) -> bytes:
    """The bytes of a message."""
    head = _encode({"protocol": PROTOCOL, "verb": verb, "name": name, "say": say})
    data = b"".join([head, b"\n", *(rows.bodies if rows is not None else ())])
    return data + _END % hashlib.sha256(data).hexdigest().encode()


def read(verb: str, data: bytes) -> Message:
    """The message in these bytes. `Garbled` if one is missing or changed, `OtherProtocol`."""
    end = len(data) - _END_SIZE
    if end < 0 or data[end:] != _END % hashlib.sha256(memoryview(data)[:end]).hexdigest().encode():
        raise Garbled("the message was cut off or changed on its way")
    line = data.index(b"\n")
    try:
        head = _decoder(_Head).decode(memoryview(data)[:line])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(f"the message is not what it should be: {error}") from error
    if head.protocol != PROTOCOL:
        raise OtherProtocol(f"the other end speaks protocol {head.protocol}, and this one {PROTOCOL}")
    if head.verb != verb:
        raise Garbled(f"the message is about {head.verb[:40]!r} and not about {verb!r}")
    return Message(head.name, head.say, data[line + 1 : end])
