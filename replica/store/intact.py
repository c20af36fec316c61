"""Whether stored leaves are undamaged, asked of many rows at once, and beside other work: hashing keeps a second processor busy.

A row of `leaf` never changes but for `winner`, and its number is never used again: what was found of a row holds for
every state of the file that has it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection

from replica.conflict import has_shape
from replica.errors import BadDocument
from replica.marks import check_marks
from replica.revision import Ancestry, entries, packed_id
from replica.store.leaves import update_sequence
from replica.store.nesting import driver_of
from replica.store.sqlite import SQLiteFile

CHUNK = 500

_FITS = (  # what can be told in SQL
    "winner IN (0, 1) AND length(line) % 16 = 0 AND length(line) / 16 < number AND length(side) % 24 = 0"
    " AND unid > '' AND substr(unid, 1, 1) <> '_' AND instr(unid, char(0)) = 0 AND length(CAST(unid AS BLOB)) <= 4096"
)
_ROWS = f"""
    SELECT seq, {_FITS}, number, packed, substr(line, 1, 16), parents, deleted, verified, marks, hash, CAST(body AS BLOB)
    FROM leaf WHERE seq > ? AND seq <= ?"""


def damaged_rows(
    connection: Connection, since: int, until: int, is_over: Callable[[], bool] = lambda: False
) -> list[int]:
    """The update sequences, within the span, of rows that `conflict.check_leaf` would refuse. `is_over`: stop looking."""
    rows = driver_of(connection).execute(_ROWS, (since, until))
    damaged: list[int] = []
    while chunk := rows.fetchmany(CHUNK):
        damaged += [row[0] for row in chunk if not (row[1] and _is_intact(*row[2:]))]
        if is_over():
            rows.close()
            break
    return damaged


class Check:
    """A look for damage that goes on in a thread: of the rows up to `until`."""

    def __init__(self, until: int, damaged: Future[list[int]]) -> None:
        self.until = until
        self._damaged = damaged

    def damaged(self) -> list[int]:
        """Wait for its end; the update sequences of the damaged rows."""
        return self._damaged.result()


@contextmanager
def checking(file: SQLiteFile, since: int, until: int | None = None) -> Iterator[Check]:
    """Look in a thread, while the block runs, for damage in rows with a number above `since`, up to `until` or all.

    It looks at the state that the file has now: later states have none of those rows that this one has not.
    """
    begun: Future[int] = Future()
    over = threading.Event()

    def look() -> list[int]:
        try:
            with file.read() as connection:
                last = update_sequence(connection)  # reading begins the transaction
                last = last if until is None else min(last, until)
                begun.set_result(last)
                return damaged_rows(connection, since, last, over.is_set)
        except BaseException:
            if not begun.done():
                begun.set_result(since)  # the error itself comes with the result
            raise

    with ThreadPoolExecutor(1, "checking") as thread:
        damaged = thread.submit(look)
        try:
            yield Check(begun.result(), damaged)
        finally:
            over.set()


def _is_intact(
    number: int,
    packed: bytes,
    first: bytes | None,  # substr of nothing is NULL
    parents: bytes,
    deleted: int,
    verified: int,
    marks: str | None,
    digest: bytes,
    body: bytes,
) -> bool:
    """What `conflict.check_leaf` checks, for one row, in a fraction of the time."""
    if hashlib.sha256(body).digest() != digest or (marks and not _can_be_read(marks)):
        return False
    if not has_shape(number, Ancestry(first or b"", b"", parents), body):
        return False
    above = f"{number - 1}-{first.hex()}" if first else ""
    if parents:
        above = " ".join([above, *map(str, entries(parents))])
    return not verified or packed_id(number, int.from_bytes(packed[:6], "big"), above, deleted, body) == packed


def _can_be_read(marks: str) -> bool:
    try:
        check_marks(marks)
    except BadDocument:
        return False
    return True
