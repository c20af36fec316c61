"""A message: a line of JSON, the bytes of documents if it brings any, and an end that says that nothing was changed or lost.

    {"protocol":1,"verb":"fetch","name":"…","say":…}\\n
    …the bodies, one behind the other…
    {"end":"<SHA-256 of everything before, in hex>"}\\n

`name` is the instance id of the replica that is addressed (in a question; empty before the greeting) or that answers.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from replica.errors import Garbled, OtherProtocol
from replica.rows import Rows

PROTOCOL = 1
MEDIA_TYPE = "application/vnd.notes-replica"
HEAD_BYTES_MAX = 2**20  # in front of content that comes in pieces

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


class _Protocol(msgspec.Struct):
    protocol: int


class _Head(msgspec.Struct):
    verb: str = ""
    name: str = ""
    say: msgspec.Raw = msgspec.Raw(b"null")


def is_ours(content_type: str) -> bool:
    """Whether that is what messages are; parameters of it mean nothing."""
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


def written(verb: str, name: str, say: Any, rows: Rows | None = None) -> bytes:
    """The bytes of a message."""
    data = b"".join([_head(verb, name, say), *(rows.bodies if rows is not None else ())])
    return data + _END % hashlib.sha256(data).hexdigest().encode()


def streamed(verb: str, name: str, say: Any, content: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a message whose content is no document's, and may be large, piece by piece."""
    head = _head(verb, name, say)
    whole = hashlib.sha256(head)
    yield head
    for piece in content:
        whole.update(piece)
        yield piece
    yield _END % whole.hexdigest().encode()


def read(verb: str, data: bytes) -> Message:
    """The message in these bytes. `Garbled` if one is missing or changed, `OtherProtocol`."""
    end = len(data) - _END_SIZE
    if end < 0 or data[end:] != _END % hashlib.sha256(memoryview(data)[:end]).hexdigest().encode():
        raise _cut_off()
    line = data.index(b"\n")
    return Message(*_addressed(verb, data[:line]), data[line + 1 : end])


def read_streamed(verb: str, pieces: Iterable[bytes]) -> tuple[Message, Iterator[bytes]]:
    """A message that `streamed` wrote, without its content; and this, piece by piece.

    `Garbled`, `OtherProtocol`: at once if the first line says so, else when the last piece was read: not before then is it
    known that nothing was missing or changed.
    """
    coming, head = iter(pieces), b""
    while b"\n" not in head:
        piece = next(coming, None)
        if piece is None or len(head) > HEAD_BYTES_MAX:
            raise _cut_off()
        head += piece
    line, _, rest = head.partition(b"\n")
    return Message(*_addressed(verb, line), b""), _content(hashlib.sha256(line + b"\n"), rest, coming)


def _content(whole: Any, held_back: bytes, coming: Iterator[bytes]) -> Iterator[bytes]:
    for piece in chain((b"",), coming):
        held_back += piece
        if len(held_back) > _END_SIZE:
            content, held_back = held_back[:-_END_SIZE], held_back[-_END_SIZE:]
            whole.update(content)
            yield content
    if held_back != _END % whole.hexdigest().encode():
        raise _cut_off()


def _head(verb: str, name: str, say: Any) -> bytes:
    return _encode({"protocol": PROTOCOL, "verb": verb, "name": name, "say": say}) + b"\n"


def _addressed(verb: str, line: bytes) -> tuple[str, msgspec.Raw]:
    """Whom the message names, and what it says."""
    try:
        spoken = _decoder(_Protocol).decode(line).protocol  # by itself: another protocol may have another head
        if spoken != PROTOCOL:
            raise OtherProtocol(f"protocol {spoken} was spoken, and protocol {PROTOCOL} is understood")
        head = _decoder(_Head).decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(f"the message is not what it should be: {error}") from error
    if head.verb != verb:
        raise Garbled(f"the message is about {head.verb[:40]!r} and not about {verb!r}")
    return head.name, head.say


def _cut_off() -> Garbled:
    return Garbled("the message was cut off or changed on its way")
