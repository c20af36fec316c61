"""Taking in many documents at once: those that are new here and have one leaf become rows without a look at each as a leaf.

The result is that of `receive`, which judges all others (a test compares the two). While rows are written, a thread looks at
the next ones: most are first revisions, and of these SQLite gets many in one statement, in which it needs nothing of Python.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, text

from replica.document import check_unid
from replica.errors import BadDocument
from replica.leaf import NOTHING, Leaf
from replica.revision import ENTRY, WIDTH, Revision
from replica.rights import Rule
from replica.rows import Row, Rows, leaf_of
from replica.store.intact import is_intact, is_intact_first
from replica.store.leaves import insert_rows, remember_texts, update_sequence
from replica.store.nesting import driver_of
from replica.store.receive import note_refusals, receive
from replica.store.settings import read_setting
from replica.tally import Failure, Tally

CHUNK = 1000  # rows
_KNOWN = text("SELECT value FROM json_each(:unids) WHERE EXISTS (SELECT 1 FROM leaf WHERE unid = value)")
_FIRST = """
    INSERT INTO leaf SELECT :sequence + key, json_extract(value, '$[0]'), 1, substr(:ids, 48 * key + 1, 16), 0, 1, 1,
        x'', x'', x'', '', substr(:ids, 48 * key + 17, 32), json_extract(value, '$[2]'),
        CAST(substr(:bodies, json_extract(value, '$[1]'), json_extract(value, '$[2]')) AS TEXT)
    FROM json_each(:heads)"""  # the winner; `ids` are packed revisions and hashes, one behind the other


class _Writer:
    """Writes rows with the next update sequences. `unids`: whose they are; `bytes`: of their bodies."""

    def __init__(self, connection: Connection) -> None:
        self.unids: list[str] = []
        self.bytes = 0
        self._connection = connection
        self._sequence = update_sequence(connection)

    def put(self, found: list[tuple[Row, bytes, bytes]]) -> None:
        """Write leaves that have nothing against them: row, packed revision and body."""
        firsts = [each for each in found if _is_first(each[0])]
        if firsts:
            self._put_firsts(firsts)
        later = [each for each in found if not _is_first(each[0])] if len(firsts) < len(found) else []
        insert_rows(self._connection, [_inserted(self._sequence + n, *each) for n, each in enumerate(later, 1)])
        foreign = {packed: row[2] for row, packed, _ in later if packed.hex() != row[2]}
        remember_texts(self._connection, foreign)
        self._sequence += len(later)
        self.unids += [row[0] for row, _, _ in found]
        self.bytes += sum(len(body) for _, _, body in found)

    def _put_firsts(self, firsts: list[tuple[Row, bytes, bytes]]) -> None:
        heads, at = [], 1
        for row, _, body in firsts:
            heads.append((row[0], at, len(body)))
            at += len(body)
        values = {
            "sequence": self._sequence + 1,
            "heads": json.dumps(heads),
            "ids": b"".join([part for row, packed, _ in firsts for part in (packed, row[9])]),
            "bodies": b"".join([body for _, _, body in firsts]),
        }
        driver_of(self._connection).execute(_FIRST, values)
        self._sequence += len(firsts)


def receive_rows(
    connection: Connection,
    offered: Rows,
    peer: str,
    at_ms: int,
    refused_before: Sequence[Failure] = (),
    rule: Rule | None = None,
) -> Tally:
    """Do what `receive` does: unite the offered leaves with those that are here, and write what changed."""
    times = Counter(row[0] for row in offered.rows)
    known = set(connection.execute(_KNOWN, {"unids": json.dumps(list(times))}).scalars())
    size_max = max(read_setting(connection, "document-size-max"), len(NOTHING))
    limit: int = read_setting(connection, "ancestry-limit")
    writer = _Writer(connection)
    others: list[Leaf] = []
    for some, packed in _looked_at(offered):
        simple = []
        for row, of_intact, body in zip(some.rows, packed, some.bodies, strict=True):
            short = len(body) <= size_max and len(row[5]) <= limit * WIDTH and len(row[6]) <= limit * ENTRY
            new = short and times[row[0]] == 1 and row[0] not in known
            if of_intact is not None and new and (rule is None or rule([], leaf_of(row, body)) is None):
                simple.append((row, of_intact, body))
            else:
                others.append(leaf_of(row, body))
        writer.put(simple)
    tally = Tally(added=len(writer.unids), bytes=writer.bytes)
    note_refusals(connection, tally, writer.unids, peer, at_ms)
    if others or refused_before:
        tally.add(receive(connection, others, peer, at_ms, refused_before, rule))
    return tally


def _looked_at(offered: Rows) -> Iterator[tuple[Rows, list[bytes | None]]]:
    """The rows in chunks, and what `_packed_of_intact` says of each."""
    chunks = [offered[at : at + CHUNK] for at in range(0, len(offered), CHUNK)]
    if len(chunks) < 2:  # a thread takes as long to start
        yield from ((chunk, _packed_of_intact(chunk)) for chunk in chunks)
        return
    with ThreadPoolExecutor(1, "receiving") as thread:
        yield from zip(chunks, thread.map(_packed_of_intact, chunks), strict=True)


def _packed_of_intact(rows: Rows) -> list[bytes | None]:
    """The packed revision of each; None if anything can be said against the leaf: then `receive` says why."""
    return [_packed(row, body) for row, body in zip(rows.rows, rows.bodies, strict=True)]


def _packed(row: Row, body: bytes) -> bytes | None:
    unid, number, name, deleted, verified, line, side, parents, marks, digest, _ = row
    try:
        check_unid(unid)
        packed = Revision(number, name).packed
        if packed.hex() != name:
            Revision.parse(f"{number}-{name}")
    except BadDocument:
        return None
    if _is_first(row):
        return packed if is_intact_first(packed, digest, body) else None
    if len(line) // WIDTH >= number or len(line) % WIDTH or len(side) % ENTRY:
        return None
    intact = is_intact(number, packed, line, side, parents, bool(deleted), bool(verified), marks, digest, body)
    return packed if intact else None


def _is_first(row: Row) -> bool:
    """Whether this is a first revision of ours, with its items: what nearly all rows of many databases are."""
    _, number, _, deleted, verified, line, side, parents, marks, _, _ = row
    return number == 1 and verified == 1 and marks == "" and not (deleted or line or side or parents)


def _inserted(sequence: int, row: Row, packed: bytes, body: bytes) -> tuple[Any, ...]:
    """A row of the table of leaves, the winner of its document."""
    unid, number, _, deleted, verified, line, side, parents, marks, digest, _ = row
    head = (sequence, unid, number, packed, bool(deleted), bool(verified), True)
    return (*head, line, side, parents, marks, digest, len(body), body.decode())
