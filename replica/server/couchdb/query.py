"""What `_find` is asked for, checked."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from replica.canonical import Json, canonical, parse
from replica.errors import BadDocument, BadRequest
from replica.selection import Selector, compile_selector, sort_key
from replica.selection.collation import parse_path
from replica.server.call import COUNT_MAX, Call
from replica.server.couchdb import indexes

LIMIT = 25  # CouchDB's

_IGNORED = ("use_index", "r", "stale", "update", "stable", "allow_fallback", "partition")
_TAKEN = ("selector", "limit", "skip", "sort", "fields", "bookmark", "conflicts", "execution_stats", *_IGNORED)


class Query(NamedTuple):
    """What is looked for. `after`: the UNID behind which to go on; only without `sort`."""

    selector: Selector
    sort: list[Json]
    fields: list[tuple[str, ...]]
    skip: int
    limit: int
    after: str
    conflicts: bool
    stats: bool
    asked: dict[str, Json]


def query_of(call: Call, body: dict[str, Json]) -> Query:
    """What the body asks for. `BadRequest`, `BadSelector`; `TooLarge` if more is to be put in order than the server keeps."""
    for name in body:
        if name not in _TAKEN:
            raise BadRequest(f"Invalid key {name[:80]} for this request.")
    if "selector" not in body:
        raise BadRequest("Missing required key: selector")
    sort, fields = _list(body, "sort"), _list(body, "fields")
    if not all(isinstance(name, str) for name in fields):
        raise BadRequest("`fields` is a list of item names")
    mark = _read_bookmark(body.get("bookmark"))
    skip, limit = _count(body, "skip", 0) + mark.get("skip", 0), _count(body, "limit", LIMIT)
    if sort:
        call.check_count(skip + limit, "documents in order")
    return Query(
        _selector(call, body, sort),
        sort,
        [parse_path(name) for name in fields],
        skip,
        limit,
        mark.get("after", ""),
        _flag(body, "conflicts"),
        _flag(body, "execution_stats"),
        body,
    )


def _selector(call: Call, body: dict[str, Json], sort: list[Json]) -> Selector:
    """With what CouchDB's indexes leave out: documents that lack an item of the order, or are not in a partial index."""
    compile_selector(body["selector"])
    sort_key(sort)
    names = [name for field in sort for name in ([field] if isinstance(field, str) else field)]
    parts = [body["selector"], *({name: {"$exists": True}} for name in names if name not in ("_id", "_rev"))]
    partial = indexes.partial_filter(call.replica.file, body.get("use_index"))
    return compile_selector(
        {"$and": [*parts, *([partial] if partial else [])]} if len(parts) > 1 or partial else parts[0]
    )


def _list(body: dict[str, Json], name: str) -> list[Json]:
    value = body.get(name) or []
    if not isinstance(value, list):
        raise BadRequest(f"`{name}` is a list")
    return value


def _count(body: dict[str, Json], name: str, default: int) -> int:
    value = body.get(name, default)
    if type(value) is not int or not 0 <= value <= COUNT_MAX:
        raise BadRequest(f"`{name}` is a whole number from 0")
    return value


def _flag(body: dict[str, Json], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise BadRequest(f"`{name}` is true or false")
    return value


def bookmark(mark: dict[str, Json]) -> str:
    """Where an answer ended, for the next question."""
    return base64.urlsafe_b64encode(canonical(mark)).decode()


def _read_bookmark(text: Json) -> dict[str, Any]:
    """Where an earlier answer ended."""
    if text in (None, "", "nil"):
        return {}
    try:
        mark = parse(base64.urlsafe_b64decode(text)) if isinstance(text, str) else None
    except (BadDocument, ValueError):
        mark = None
    kinds = {"after": str, "skip": int}
    if not isinstance(mark, dict) or any(type(value) is not kinds.get(name) for name, value in mark.items()):
        raise BadRequest("`bookmark` is none that this server gave")
    return mark
