"""Bodies that come from elsewhere: are they canonical bytes, as those that are saved here?

A peer that is wrong about that, or lies, would bring documents that nobody can search, read or import again. A body is
looked at here because it is nowhere else: on its way it is parsed by nobody, and its hash and its id tell nothing about it.
"""

from __future__ import annotations

import hashlib

import msgspec

from replica.canonical import DEPTH_MAX, parse
from replica.conflict import has_shape
from replica.document import canonical_items
from replica.errors import BadDocument
from replica.revision import Ancestry
from replica.rows import Row, Rows
from replica.tally import Failure


def _float(text: str) -> float:
    """Python's way to write a float is the canonical one."""
    number = float(text)
    if repr(number) != text:
        raise ValueError
    return number


_decode = msgspec.json.Decoder(dict, float_hook=_float).decode
_encode = msgspec.json.Encoder(order="sorted").encode


def sifted(rows: Rows) -> tuple[Rows, tuple[Failure, ...]]:
    """The rows whose bodies are canonical, or so damaged that whoever takes them in will see it; the others, as refused."""
    bad = [at for at, body in enumerate(rows.bodies) if not is_canonical(body) and _is_whole(rows.rows[at], body)]
    if not bad:
        return rows, ()
    left_out = {*bad}
    good = [at for at in range(len(rows)) if at not in left_out]
    failures = tuple(Failure(row[0], f"{row[1]}-{row[2]}", BadDocument.code) for row in (rows.rows[at] for at in bad))
    return Rows([rows.rows[at] for at in good], [rows.bodies[at] for at in good]), failures


def _is_whole(row: Row, body: bytes) -> bool:
    return hashlib.sha256(body).digest() == row[9] and has_shape(row[1], Ancestry(*row[5:8]), body)


def is_canonical(body: bytes) -> bool:
    """Whether these are the canonical bytes of a document's items.

    msgspec says yes to nearly all in a third of the time; where it does not, the one parser that decides is asked.
    """
    unreserved = b"_" not in body or b'"_' not in body  # the first is looked for much faster
    simple = unreserved and body.count(b"[") + body.count(b"{") <= DEPTH_MAX
    try:
        if simple and _encode(_decode(body)) == body:
            return True
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:
        items = parse(body)
        return isinstance(items, dict) and canonical_items(items) == body
    except BadDocument:
        return False
