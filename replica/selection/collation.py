"""The order of JSON values and of documents, and the dotted paths that lead to an item.

Collation, lowest first: null, false, true, numbers, strings, arrays, objects. Numbers compare by value and exactly,
whatever their size (1 equals 1.0; true is no number). Strings compare by code point, not by the rules of a language as
CouchDB's do. Arrays compare element by element, objects by their entries in the order of the names; the shorter goes
first. A missing item comes before all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from replica.canonical import Json
from replica.errors import BadSelector

NULL, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT = range(7)  # the ranks of values
TYPES = ("null", "boolean", "boolean", "number", "string", "array", "object")  # by rank

MISSING: Final = object()  # what `look_up` finds when the object in question has no such name
NOWHERE: Final = object()  # what it finds when the path leads through something that has no names at all

INDEX_DIGITS = 9  # of a step into an array

Path = tuple[str, ...]


def rank(value: Json) -> int:
    """Where values of this kind stand in the collation."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, str):
        return STRING
    if isinstance(value, int | float):
        return NUMBER
    return ARRAY if isinstance(value, list) else OBJECT


def collation_key(value: Json) -> tuple[Any, ...]:
    """A key that compares, and is equal, as its value does in the collation. It can be hashed."""
    place = rank(value)
    if place in (NUMBER, STRING):
        return (place, value)
    if place == ARRAY:
        return (place, tuple(collation_key(element) for element in value))
    if place == OBJECT:
        return (place, tuple((name, collation_key(value[name])) for name in sorted(value)))
    return (place,)


def parse_path(name: str) -> Path:
    r"""The steps of a dotted path: ``a.b`` is item b of item a. A backslash takes the next character as it is (``a\.b``).

    Refused (`BadSelector`): empty steps, and a backslash at the end.
    """
    steps = name.split(".") if "\\" not in name else _unescaped(name)
    if "" in steps:
        raise BadSelector(f"the item name {name[:80]!r} is empty or has an empty part")
    return tuple(steps)


def _unescaped(name: str) -> list[str]:
    steps = [""]
    characters = iter(name)
    for character in characters:
        if character == ".":
            steps.append("")
        elif character == "\\":
            following = next(characters, None)
            if following is None:
                raise BadSelector(f"the item name {name[:80]!r} ends with a backslash that escapes nothing")
            steps[-1] += following
        else:
            steps[-1] += character
    return steps


def look_up(value: Json, path: Path) -> Json:
    """The value at the end of a path, `MISSING` or `NOWHERE`. Steps into an array are numbers, the first is 0."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
            if value is MISSING:
                return MISSING
        elif isinstance(value, list) and is_index(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return NOWHERE
    return value


def is_index(step: str) -> bool:
    """Whether a step can lead into an array."""
    return step.isascii() and step.isdigit() and len(step) <= INDEX_DIGITS


class _Descending:
    """A key that compares the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: _Descending) -> bool:
        return other.key < self.key


_UNKNOWN = (-1,)  # the key of a missing item


def sort_key(sort: object) -> Callable[[Mapping[str, Json]], tuple[Any, ...]]:
    """A key function for `sorted` and its like, from ``[{"Total": "desc"}, "Form"]``; `BadSelector` if it is none.

    Fields compare by the collation. A document without a field is kept: it comes first ascending, last descending.
    What is equal in all fields comes in the order of `_id`, ascending.
    """
    if not isinstance(sort, list | tuple):
        raise BadSelector(f"a sort is an array of item names, not {type(sort).__name__}", hint=_SORT_HINT)
    fields = [_sort_field(field) for field in sort]

    def key(document: Mapping[str, Json]) -> tuple[Any, ...]:
        root = document if isinstance(document, dict) else dict(document)
        return (*(_field_key(root, path, descending) for path, descending in fields), root.get("_id", ""))

    return key


_SORT_HINT = 'A sort is like [{"Total": "desc"}, "Form"].'


def _sort_field(field: object) -> tuple[Path, bool]:
    if isinstance(field, str):
        return parse_path(field), False
    if isinstance(field, dict) and len(field) == 1:
        [(name, direction)] = field.items()
        if isinstance(name, str) and direction in ("asc", "desc"):
            return parse_path(name), direction == "desc"
    raise BadSelector(f'{str(field)[:80]!r} is neither an item name nor {{name: "asc" or "desc"}}', hint=_SORT_HINT)


def _field_key(document: dict[str, Json], path: Path, descending: bool) -> Any:
    value = look_up(document, path)
    key = _UNKNOWN if value is MISSING or value is NOWHERE else collation_key(value)
    return _Descending(key) if descending else key
