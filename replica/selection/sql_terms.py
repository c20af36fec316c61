"""Terms of SQL conditions on items, and how SQLite sees the values in them.

Through ``json_extract``, true and false are 1 and 0, null is NULL like a missing item, integers beyond 64 bits are REAL
and perhaps infinite, arrays and objects are their JSON text, and a string ends at its first U+0000. Numbers come before
all text. A term may hold for more values than it is named after, never for fewer.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import NamedTuple

from replica.canonical import Json
from replica.selection.collation import Path, is_index

PATH_MAX = 1000  # characters of an item path that is worth an expression
DEPTH_MAX = 16  # of brackets: SQLite's parser gives up at about 28

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1
_LARGE = sys.float_info.max * (1 - 1e-12)


class Term(NamedTuple):
    """A condition that needs no further brackets, and how deep its own are nested."""

    sql: str
    depth: int = 1


EVERYTHING, NOTHING = Term("1", 0), Term("0", 0)


def both(parts: Iterable[Term]) -> Term:
    """All of the parts. What is too deep is left out."""
    said = [part for part in parts if part != EVERYTHING]
    if NOTHING in said:
        return NOTHING
    deepest = DEPTH_MAX - len(said).bit_length()
    said = [part for part in said if part.depth <= deepest]
    return _joined("AND", said) if said else EVERYTHING


def either(parts: Iterable[Term]) -> Term:
    """One of the parts at least. Everything, if it would be too deep."""
    said = [part for part in parts if part != NOTHING]
    deepest = DEPTH_MAX - len(said).bit_length()
    if any(part == EVERYTHING or part.depth > deepest for part in said):
        return EVERYTHING
    return _joined("OR", said) if said else NOTHING


def _joined(word: str, parts: list[Term]) -> Term:
    """Halved again and again, because the depth of a chain would be its length."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    first, second = _joined(word, parts[:middle]), _joined(word, parts[middle:])
    return Term(f"({first.sql} {word} {second.sql})", max(first.depth, second.depth) + 1)


class Item(NamedTuple):
    """An item in SQL: the expressions for its value and its type, and what is known of it already."""

    value: str
    type: str
    above_booleans: bool = False
    below_arrays: bool = False

    @property
    def exists(self) -> Term:
        """It is there, be it null."""
        return Term(f"{self.type} IS NOT NULL")

    @property
    def is_missing(self) -> Term:
        """It is not there."""
        return Term(f"{self.type} IS NULL")

    @property
    def not_null(self) -> Term:
        """It is there, and not null."""
        return Term(f"{self.value} IS NOT NULL")

    def of_type(self, name: str) -> Term:
        """It is of that JSON type. As ranges where possible, for an index to serve them."""
        return Term(_OF_TYPE[name].format(value=self.value, type=self.type))


_OF_TYPE = {
    "null": "({value} IS NULL AND {type} = 'null')",
    "boolean": "({value} IN (0, 1) AND {type} IN ('true', 'false'))",
    "number": "{value} < ''",
    "string": "{value} >= ''",
    "array": "({value} > '[' AND {value} < '[~')",
    "object": "({value} > '{{' AND {value} < '{{~')",
}


def json_path(path: Path) -> str | None:
    """The path as SQLite writes it, for a literal in single quotes; None if it cannot be said."""
    if path[0].startswith("_") or sum(map(len, path)) > PATH_MAX or any(is_index(step) for step in path[1:]):
        return None
    if any(character in '"\\:\x7f' or character < " " for step in path for character in step):
        return None
    return "$" + "".join(f'."{step}"' for step in path).replace("'", "''")


def is_plain(value: Json) -> bool:
    """Whether SQL's own equality never misses it: booleans, short integers however written, strings without U+0000."""
    if isinstance(value, str):
        return "\0" not in value
    return isinstance(value, int | float) and value == int(value) and _INTEGER_MIN <= value <= _INTEGER_MAX


def around(number: int | float) -> tuple[float, float]:
    """A little less and a little more, perhaps infinite: SQLite need not read every decimal to the last bit."""
    try:
        near = float(number)
    except OverflowError:
        return (_LARGE, math.inf) if number > 0 else (-math.inf, -_LARGE)
    margin = abs(near) * 1e-12 + 1e-300
    return near - margin, near + margin


def cut(text: str) -> str:
    """What SQLite may make of a text: its part before U+0000."""
    return text.partition("\0")[0]


def successor(prefix: str) -> str | None:
    """The lowest text above all that begin with `prefix`; None if there is none."""
    prefix = prefix.rstrip(chr(sys.maxunicode))
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(0xE000 if following == 0xD800 else following)  # there are no surrogates
