"""Whether stored leaves are undamaged, asked of many rows at once, and beside other work: hashing keeps a second processor busy.

A row of `leaf` never changes but for `winner`, and its number is never used again: what was found of a row holds for
every state of the file that has it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection

from replica.conflict import has_shape
from replica.document import check_unid
from replica.errors import BadDocument
from replica.marks import check_marks
from replica.revision import WIDTH, Ancestry, entries, packed_id
from replica.store.leaves import update_sequence
from replica.store.nesting import driver_of
from replica.store.sqlite import SQLiteFile
from replica.store.texts import NO_REVISION, REVISION_TEXT, marks_of, revision_of

CHUNK = 500
NONSENSE = (AttributeError, TypeError, ValueError)  # what comes of values that no row of ours can have

_PLACED = "winner IN (0, 1) AND typeof(unid) = 'text'"
_NAMED = (  # as most are; of others more than SQL can say is to be asked
    "unid > '' AND substr(unid, 1, 1) <> '_' AND instr(unid, char(0)) = 0 AND length(CAST(unid AS BLOB)) <= 4096"
)
_FITS = f"{_PLACED} AND length(line) % 16 = 0 AND length(line) / 16 < number AND length(side) % 24 = 0"
_ORDINARY = f"""
    number = 1 AND NOT deleted AND verified AND marks = '' AND line = x'' AND side = x'' AND parents = x''
    AND typeof(packed) = 'blob' AND {_PLACED} AND {_NAMED}"""
_ROWS = f"""
    SELECT seq, CAST(unid AS BLOB), packed, hash, CASE WHEN {_ORDINARY} THEN CAST(body AS BLOB) END
    FROM leaf WHERE seq > ? AND seq <= ?"""  # no body: one to look at closely
_CLOSELY = f"""
    SELECT seq, {_FITS}, CAST(unid AS BLOB), {REVISION_TEXT},
        number, packed, line, side, parents, deleted, verified, CAST(marks AS BLOB), hash, CAST(body AS BLOB)
    FROM leaf WHERE seq IN (SELECT value FROM json_each(?))"""


def damaged_rows(
    connection: Connection,
    since: int,
    until: int,
    is_over: Callable[[], bool] = lambda: False,
    is_canonical: Callable[[bytes], bool] = lambda body: True,
) -> list[int]:
    """The update sequences, within the span, of rows that `conflict.check_leaf` would refuse. `is_over`: stop looking.

    `is_canonical` is asked of the bodies, where whoever saved them may not have seen to that.
    """
    driver = driver_of(connection)
    rows = driver.execute(_ROWS, (since, until))
    damaged: list[int] = []
    while chunk := rows.fetchmany(CHUNK):
        suspects = _suspects(chunk, is_canonical)
        if suspects:
            closely = driver.execute(_CLOSELY, (json.dumps(suspects),))
            damaged += [seq for seq, *row in closely if not (_is_whole(*row) and is_canonical(row[-1]))]
        if is_over():
            rows.close()
            break
    return damaged


def _suspects(
    rows: list[tuple[int, bytes, bytes, bytes, bytes | None]], is_canonical: Callable[[bytes], bool]
) -> list[int]:
    """Which of these rows are not, at first sight, intact first revisions, as nearly all rows of many databases are."""
    return [
        seq
        for seq, unid, packed, digest, body in rows
        if body is None
        or not (unid.isascii() or _is_text(unid))
        or not is_intact_first(packed, digest, body)
        or not is_canonical(body)
    ]


def _is_whole(fits: int, unid: bytes, foreign: bytes | None, *row: Any) -> bool:
    """What `conflict.check_leaf` checks, of a row looked at closely."""
    number, packed, line, side, parents, deleted, verified, marks, digest, body = row
    try:
        if not fits or (foreign is not None and revision_of(number, packed, foreign).text == NO_REVISION):
            return False
        check_unid(unid.decode())
        return is_intact(number, packed, line, side, parents, deleted, verified, marks_of(marks), digest, body)
    except (BadDocument, *NONSENSE):
        return False


_new = hashlib.sha256().copy  # to copy is faster than to make


def is_intact_first(packed: bytes, digest: bytes, body: bytes) -> bool:
    """What `is_intact` says of a verified first revision that is no stub and has no marks, in half the time again."""
    if body[:1] != b"{" or body[-1:] != b"}" or not (body.isascii() or _is_text(body)):
        return False
    own, whole = _new(), _new()
    own.update(body)
    whole.update(b"replica revision 1\n1\n%d\n0\n\n{}\n%b" % (int.from_bytes(packed[:6], "big"), body))
    return own.digest() == digest and whole.digest()[:10] == packed[6:]


class Check(NamedTuple):
    """A look for damage in the rows up to `until`. `damaged` waits for its end: the update sequences of what it found."""

    until: int
    damaged: Callable[[], list[int]]


@contextmanager
def checking(file: SQLiteFile, since: int, until: int | None = None) -> Iterator[Check]:
    """Look in a thread, while the block runs, for damage in rows with a number above `since`, up to `until` or all.

    It looks at the state that the file has now: later states have none of those rows that this one has not. A few rows
    are looked at before the block: a thread takes as long to start.
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

    if until is not None and until - since <= CHUNK:
        damaged = look()
        yield Check(begun.result(), lambda: damaged)
        return
    with ThreadPoolExecutor(1, "checking") as thread:
        looking = thread.submit(look)
        try:
            yield Check(begun.result(), looking.result)
        finally:
            over.set()


def is_intact(
    number: int,
    packed: bytes,
    line: bytes,
    side: bytes,
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
    if not has_shape(number, Ancestry(line, side, parents), body):
        return False
    above = f"{number - 1}-{line[:WIDTH].hex()}" if line else ""
    if parents:
        above = " ".join([above, *map(str, entries(parents))])
    return not verified or packed_id(number, int.from_bytes(packed[:6], "big"), above, deleted, body) == packed


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _can_be_read(marks: str) -> bool:
    try:
        check_marks(marks)
    except BadDocument:
        return False
    return True
