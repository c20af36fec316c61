"""Texts of leaves as they are stored, and what is said in the place of one that cannot be read.

Where the driver is to make a text of bytes that are none, it fails, for all rows and not only for the damaged one. So it
is asked for bytes, and what cannot be read becomes something that every check of a leaf refuses. A row whose UNID cannot
be read goes by its number and what is there instead, as in ``_damaged:17:%FFA``: no UNID begins so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from replica.revision import Revision

REVISION_TEXT = "(SELECT CAST(text AS BLOB) FROM foreign_revision f WHERE f.packed = leaf.packed) AS foreign_text"
NO_REVISION = ""  # the text of a revision that cannot be read: none that can is empty
NO_MARKS = "\N{REPLACEMENT CHARACTER}"

_DAMAGED = "_damaged:"
UNREADABLE = f"unid >= '{_DAMAGED}' AND unid < '{_DAMAGED[:-1]};'"  # the SQL condition for names of such rows
_NAME = re.compile(_DAMAGED + r"([0-9]{1,18}):", re.ASCII)
_SHOWN = 100  # bytes of what is there instead of a UNID


def stored_unid(column: str) -> str:
    """The SQL term for a column of UNIDs that `unid_of` reads: bytes, or a text that shows a value of another kind."""
    return f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE quote({column}) END"


def unid_of(stored: bytes | str, row: int) -> str:
    """The UNID that is stored in the row of this number, or the name of the row if it cannot be read.

    With a NUL character in it SQLite would not find it again.
    """
    unid = as_text(stored) if isinstance(stored, bytes) else None
    return f"{_DAMAGED}{row}:{quote(stored[:_SHOWN])}" if unid is None or "\0" in unid else unid


def is_readable(unid: str) -> bool:
    """Whether this is a UNID, or might be; else it is the name of a row."""
    return not unid.startswith(_DAMAGED)


def told_apart(unids: Iterable[str]) -> tuple[list[str], list[int]]:
    """UNIDs, and the numbers of the rows that are named among them."""
    texts, rows = [], []
    for unid in unids:
        if is_readable(unid):
            texts.append(unid)
        elif match := _NAME.match(unid):
            rows.append(int(match[1]))
    return texts, rows


def revision_of(number: int, packed: Any, foreign: bytes | None) -> Revision:
    """The revision that these columns hold. If they hold none, one that no check of a leaf lets pass."""
    if foreign is None:
        return Revision(number, packed.hex() if type(packed) is bytes else NO_REVISION)
    text = as_text(foreign)
    found = Revision(number, NO_REVISION if text is None else text)
    return found if found.packed == packed else Revision(number, NO_REVISION)


def readable_texts(rows: Iterable[Any]) -> Iterator[tuple[bytes, str]]:
    """The packed forms and texts of foreign revisions, from rows of these with the text as bytes, without what cannot be read."""
    for packed, stored in rows:
        text = as_text(stored)
        if text is not None:
            yield packed, text


def marks_of(stored: bytes | None) -> str | None:
    """The text of marks."""
    text = None if stored is None else as_text(stored)
    return NO_MARKS if text is None and stored is not None else text


def as_text(stored: bytes) -> str | None:
    """The text that these bytes are, None if they are none."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return None
