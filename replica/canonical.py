"""JSON in and out, strictly: one parser for every door, and the one encoding that is stored, hashed and shipped.

The canonical bytes of a value are what Python's `json` writes with sorted keys, the separators ``,`` and ``:`` and no
escapes beyond the necessary ones, in UTF-8. Integers keep every digit and stay apart from floats (``1`` is not
``1.0``); floats are written as Python's `repr`, the shortest text that reads back as the same number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from replica.errors import BadDocument

DEPTH_MAX = 200  # levels of nesting; the standard parser itself gives up near 1,000, lower deep inside a server
DIGITS_MAX = 4300  # of one integer: Python's own bound against quadratic conversion

_SCALARS = frozenset((str, int, bool, float, type(None)))

Json = Any  # str | int | float | bool | None | list[Json] | dict[str, Json]

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def parse(text: bytes | str) -> Json:
    """The value of one JSON text.

    Refused (`BadDocument`): invalid UTF-8, a byte-order mark, trailing text, duplicate keys, NaN and Infinity, numbers
    too large for a float (1e999), lone surrogates, nesting deeper than `DEPTH_MAX`.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as error:
            raise BadDocument(f"not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}") from error
    elif not text.isascii():
        _check_unicode(text)
    if text.startswith("\ufeff"):
        raise BadDocument("the text begins with a byte-order mark", hint="Save the file as UTF-8 without a BOM.")
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        raise BadDocument(f"not JSON: {error}") from error
    except RecursionError as error:
        raise BadDocument(f"nested deeper than {DEPTH_MAX} levels") from error
    except ValueError as error:  # an integer of more than DIGITS_MAX digits
        raise BadDocument(f"a number has more than {DIGITS_MAX} digits") from error
    if text.count("[") + text.count("{") > DEPTH_MAX:
        check(value)
    if "\\u" in text:
        canonical(value)  # finds the lone surrogates
    return value


def canonical(value: Json) -> bytes:
    """The canonical bytes of a value that `parse` returned or `check` accepted."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError as error:
        raise BadDocument("a text holds a lone surrogate, which is not Unicode") from error
    except RecursionError as error:
        raise BadDocument(f"nested deeper than {DEPTH_MAX} levels") from error
    except ValueError as error:
        raise BadDocument("a number is NaN, Infinity, or longer than JSON here may be") from error


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadDocument("a text holds a lone surrogate, which is not Unicode") from error


def check(value: object) -> None:
    """Refuse (`BadDocument`) what is nested too deep, or what JSON cannot say although the encoder would write something."""
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if type(item) in _SCALARS:
            continue
        if depth > DEPTH_MAX:
            raise BadDocument(f"nested deeper than {DEPTH_MAX} levels")
        inner: Iterable[object]
        if isinstance(item, dict):
            if not {str}.issuperset(map(type, item)):
                raise BadDocument("a key is not a text")
            inner = item.values()
        elif isinstance(item, list | tuple):
            inner = item
        else:
            raise BadDocument(f"JSON has no {type(item).__name__}")
        pending.extend((each, depth + 1) for each in inner if type(each) not in _SCALARS)


def same(a: Json, b: Json) -> bool:
    """Whether two values are the same JSON, exactly: 1, 1.0 and true are three values."""
    if type(a) is type(b) and type(a) in (str, int, bool, type(None)):
        return bool(a == b)
    return canonical(a) == canonical(b)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadDocument(f"the key {twice!r} is there twice")
    return value


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise BadDocument(f"the number {text[:40]} is too large for a float")
    return value


def _constant(name: str) -> NoReturn:
    raise BadDocument(f"{name} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant).decode
