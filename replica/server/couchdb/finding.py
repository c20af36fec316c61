"""Finding documents with CouchDB's `_find`. A search that takes too long is ended."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.canonical import Json, canonical, parse
from replica.clock import stopwatch
from replica.errors import LimitReached
from replica.leaf import Leaf
from replica.selection import Selector, sort_key
from replica.selection.collation import MISSING, NOWHERE, look_up
from replica.server.answers import answer, encode, streamed
from replica.server.call import Call
from replica.server.couchdb import index_views
from replica.server.couchdb.query import Query, bookmark, query_of
from replica.server.couchdb.seen import Seen, Wanted
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.store.leaves import leaves_of
from replica.store.searching import index_for, matching_leaves
from replica.store.sqlite import SQLiteFile

FIND_S_MAX = 30.0  # how long one search may look at documents
PIECE_BYTES = 2**20  # of an answer that are sent at once


async def find(call: Call) -> Response:
    """The documents that match a selector."""
    body = await call.json_object()
    query = await run_in_threadpool(query_of, call, body)
    return await streamed(_found(call.replica.file, query))


async def explain(call: Call) -> Response:
    """How a search would be done."""
    body = await call.json_object()
    query = await run_in_threadpool(query_of, call, body)
    name = await run_in_threadpool(_index_used, call.replica.file, query.selector)
    index = index_views.described(name) if name is not None else index_views.SPECIAL
    said = {"dbname": call.part("db"), "index": index, "selector": query.asked["selector"], "opts": query.asked}
    return answer(
        {**said, "limit": query.limit, "skip": query.skip, "fields": query.asked.get("fields") or "all_fields"}
    )


def _found(file: SQLiteFile, query: Query) -> Iterator[bytes]:
    looked = _Looked()
    chosen = _in_order(file, query, looked) if query.sort else _in_row(file, query, looked)
    piece, size, number, last = [b'{"docs":['], 0, 0, None
    for leaf in chosen:
        row = (b",\n" if number else b"\n") + _document(file, leaf, query)
        piece.append(row)
        number, size, last = number + 1, size + len(row), leaf.unid
        if size > PIECE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    mark = {"skip": query.skip + number} if query.sort else {"after": last or query.after}
    end: dict[str, Json] = {"bookmark": bookmark(mark) if number else "nil"}
    if _index_used(file, query.selector) is None:
        end["warning"] = "No matching index found, create an index to optimize query time."
    if query.stats:
        end["execution_stats"] = looked.stats(number)
    yield b"".join(piece) + b"\n]," + encode(end)[1:] + b"\n"


def _in_row(file: SQLiteFile, query: Query, looked: _Looked) -> Iterator[Leaf]:
    left, skip = query.limit, query.skip
    leaves = matching_leaves(file, query.selector, query.after, looked)
    while left and (leaf := next(leaves, None)) is not None:
        if leaf.unid.startswith("_design/"):
            continue
        if skip:
            skip -= 1
            continue
        left -= 1
        yield leaf


def _in_order(file: SQLiteFile, query: Query, looked: _Looked) -> Iterator[Leaf]:
    by_items = sort_key(query.sort)
    leaves = (
        leaf for leaf in matching_leaves(file, query.selector, "", looked) if not leaf.unid.startswith("_design/")
    )
    found = heapq.nsmallest(
        query.skip + query.limit, leaves, key=lambda leaf: by_items(leaf.items | {"_id": leaf.unid})
    )
    yield from found[query.skip :]


class _Looked:
    """Counts the documents that a search looked at, and ends it when it takes too long."""

    def __init__(self) -> None:
        self._number = 0
        self._watch = stopwatch()

    def __call__(self) -> None:
        self._number += 1
        if self._watch() > FIND_S_MAX:
            hint = "Make an index of the items, or ask for less."
            raise LimitReached(f"the search took more than {FIND_S_MAX:g} seconds", hint=hint)

    def stats(self, found: int) -> dict[str, Json]:
        """As CouchDB tells them."""
        return {
            "total_keys_examined": 0,
            "total_docs_examined": self._number,
            "total_quorum_docs_examined": 0,
            "results_returned": found,
            "execution_time_ms": round(self._watch() * 1000, 3),
        }


def _document(file: SQLiteFile, leaf: Leaf, query: Query) -> bytes:
    seen = None
    if query.conflicts:
        with file.read() as connection:
            seen = Seen(leaves_of(connection, leaf.unid))
    body = (seen or _alone(leaf)).json(leaf, Wanted(conflicts=query.conflicts))
    return canonical(_picked(parse(body), query.fields)) if query.fields else body


def _alone(leaf: Leaf) -> Seen:
    seen = Seen(())
    seen.leaves = [leaf]
    return seen


def _picked(document: dict[str, Json], fields: list[tuple[str, ...]]) -> dict[str, Json]:
    """Only these items, each in its place; what is not there is left out."""
    picked: dict[str, Json] = {}
    for path in fields:
        value = look_up(document, path)
        if value is MISSING or value is NOWHERE:
            continue
        place = picked
        for step in path[:-1]:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else {}
        place[path[-1]] = value
    return picked


def _index_used(file: SQLiteFile, selector: Selector) -> str | None:
    with file.read() as connection:
        return index_for(connection, selector)


ENDPOINTS = [
    Endpoint(("POST",), "/{db}/_find", find, Need.READ),
    Endpoint(("POST",), "/{db}/_explain", explain, Need.READ),
]
