"""Taking in many documents at once: those that are new here and have one leaf become rows without a look at each as a leaf.

The result is that of `receive`, which judges all others (a test compares the two).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from replica.document import check_unid
from replica.errors import BadDocument
from replica.leaf import NOTHING, Leaf
from replica.revision import ENTRY, WIDTH, Revision
from replica.rows import Row, Rows, leaf_of
from replica.store.intact import is_intact, is_intact_first
from replica.store.leaves import insert_rows, remember_texts, update_sequence
from replica.store.receive import note_refusals, receive
from replica.store.settings import read_setting
from replica.tally import Failure, Tally

_KNOWN = text("SELECT value FROM json_each(:unids) WHERE EXISTS (SELECT 1 FROM leaf WHERE unid = value)")


def receive_rows(
    connection: Connection, offered: Rows, peer: str, at_ms: int, refused_before: Sequence[Failure] = ()
) -> Tally:
    """Do what `receive` does: unite the offered leaves with those that are here, and write what changed."""
    times = Counter(row[0] for row in offered.rows)
    known = set(connection.execute(_KNOWN, {"unids": json.dumps(list(times))}).scalars())
    bounds = (read_setting(connection, "document-size-max"), read_setting(connection, "ancestry-limit"))
    sequence = update_sequence(connection)
    new: list[tuple[Any, ...]] = []
    others: list[Leaf] = []
    texts: dict[bytes, str] = {}
    for row, body in zip(offered.rows, offered.bodies, strict=True):
        unid, revision = row[0], Revision(row[1], row[2])
        packed = revision.packed
        if times[unid] == 1 and unid not in known and _is_simple(row, packed, body, *bounds):
            new.append(_inserted(sequence + len(new) + 1, row, packed, body))
            if packed.hex() != revision.text:
                texts[packed] = revision.text
        else:
            others.append(leaf_of(row, body))
    insert_rows(connection, new)
    remember_texts(connection, texts)
    tally = Tally(added=len(new), bytes=sum(values[-2] for values in new))
    note_refusals(connection, tally, [values[1] for values in new], peer, at_ms)
    if others or refused_before:
        tally.add(receive(connection, others, peer, at_ms, refused_before))
    return tally


def _is_simple(row: Row, packed: bytes, body: bytes, size_max: int, limit: int) -> bool:
    """Whether nothing can be said against this leaf; what fails here is judged by `receive`, which says why."""
    unid, number, name, deleted, verified, line, side, parents, marks, digest, _ = row
    try:
        check_unid(unid)
        if packed.hex() != name:
            Revision.parse(f"{number}-{name}")
    except BadDocument:
        return False
    if len(body) > max(size_max, len(NOTHING)):
        return False
    if number == 1 and verified and not (deleted or line or side or parents or marks):
        return is_intact_first(packed, digest, body)
    if len(line) > limit * WIDTH or len(side) > limit * ENTRY or len(line) // WIDTH >= number:
        return False
    if len(line) % WIDTH or len(side) % ENTRY:
        return False
    return is_intact(number, packed, line, side, parents, bool(deleted), bool(verified), marks, digest, body)


def _inserted(sequence: int, row: Row, packed: bytes, body: bytes) -> tuple[Any, ...]:
    """A row of the table of leaves, the winner of its document."""
    unid, number, _, deleted, verified, line, side, parents, marks, digest, _ = row
    head = (sequence, unid, number, packed, bool(deleted), bool(verified), True)
    return (*head, line, side, parents, marks, digest, len(body), body.decode())
