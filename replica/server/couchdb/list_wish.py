"""What a list of documents is asked for: CouchDB's parameters of `_all_docs`, in the query and in the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from replica.canonical import Json
from replica.errors import BadRequest
from replica.server.call import COUNT_MAX, Call
from replica.store.listing import Span

_ALIASES = {"start_key": "startkey", "end_key": "endkey"}
_JSON = {"key", "keys", "startkey", "endkey"}
_COUNTS = {"skip": 0, "limit": COUNT_MAX}
_FLAGS = {
    "inclusive_end": True,
    "descending": False,
    "include_docs": False,
    "conflicts": False,
    "update_seq": False,
}
PARAMETERS = (*sorted(_JSON), *_ALIASES, *_COUNTS, *_FLAGS)


class Wish(NamedTuple):
    """What a list is asked for."""

    span: Span
    keys: list[Json] | None
    skip: int
    limit: int
    include_docs: bool
    conflicts: bool
    update_seq: bool


async def options(call: Call) -> dict[str, Json]:
    """What the body says, and the query, which goes before."""
    options = named(await call.json_object({})) if call.request.method == "POST" else {}
    readers: dict[str, Callable[[str], Any]] = {
        **dict.fromkeys(_JSON, call.json_parameter),
        **dict.fromkeys(_COUNTS, call.count),
        **dict.fromkeys(_FLAGS, call.flag),
    }
    for name in PARAMETERS:
        if call.text(name) is not None:
            known = _ALIASES.get(name, name)
            options[known] = readers[known](name)
    if "keys" in options and not isinstance(options["keys"], list):
        raise BadRequest("`keys` parameter must be an array.")
    if "keys" in options and options.keys() & {"key", "startkey", "endkey"}:
        raise BadRequest("`keys` is incompatible with `key`, `start_key` and `end_key`")
    call.check_count(len(options.get("keys", ())), "keys")
    return options


def named(body: dict[str, Json]) -> dict[str, Json]:
    """The options in a body, under their usual names. `BadRequest`."""
    options = {_ALIASES.get(name, name): value for name, value in body.items()}
    for name, value in options.items():
        if name in _COUNTS and not (type(value) is int and 0 <= value <= COUNT_MAX):
            raise BadRequest(f"`{name}` is a whole number from 0")
        if name in _FLAGS and not isinstance(value, bool):
            raise BadRequest(f"`{name}` is true or false")
    if not isinstance(options.get("keys", []), list):
        raise BadRequest("`keys` body member must be an array.")
    return options


def wish_of(options: dict[str, Json]) -> Wish:
    """What the options ask for; what is not said is as in CouchDB."""
    settled = {**_COUNTS, **_FLAGS, **options}
    names = (settled[name] for name in ("skip", "limit", "include_docs", "conflicts", "update_seq"))
    return Wish(_span(settled), settled.get("keys"), *names)


def _span(options: dict[str, Json]) -> Span:
    descending = options["descending"]
    if "key" in options:
        key = options["key"]
        return Span(key, True, key, True, descending) if isinstance(key, str) else NOTHING
    ends = [("startkey", True), ("endkey", options["inclusive_end"])]
    (low, low_inside), (high, high_inside) = reversed(ends) if descending else ends
    return Span(
        _least(options[low]) if low in options else None,
        low_inside,
        _most(options[high]) if high in options else None,
        high_inside,
        descending,
    )


def _least(key: Json) -> str | None:
    """The lower bound that a key is among UNIDs: null, booleans and numbers come before every text, the others after."""
    if isinstance(key, list | dict):
        return _ABOVE_ALL
    return key if isinstance(key, str) else None


def _most(key: Json) -> str | None:
    """The upper bound that it is."""
    if isinstance(key, list | dict):
        return None
    return key if isinstance(key, str) else ""


_ABOVE_ALL = "\U0010ffff" * 4
NOTHING = Span(low="", high="", high_inside=False)
