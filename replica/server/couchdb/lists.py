"""Lists of documents by UNID: `_all_docs` and its kin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.canonical import Json
from replica.errors import BadRequest, ReplicaError, http_form
from replica.server.answers import answer, encode, streamed
from replica.server.call import Call
from replica.server.couchdb.kept import LOCAL, local_json
from replica.server.couchdb.list_wish import NOTHING, PARAMETERS, Wish, named, options, wish_of
from replica.server.couchdb.seen import Seen, Wanted
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.server.sequences import place
from replica.store import listing
from replica.store.enough import few_enough
from replica.store.identity import read_identity
from replica.store.leaves import Stored, leaves_of_many, update_sequence
from replica.store.listing import Span
from replica.store.local import all_local
from replica.store.sqlite import SQLiteFile

PAGE = 200  # documents read at once
NAMES_PAGE = 5000  # where only the names are read
DESIGN = ("_design/", "_design0")


async def all_docs(call: Call) -> Response:
    """The live documents, in the order of their UNIDs, or those that are named."""
    wish = wish_of(await options(call))
    return await streamed(_rows(call, wish, Span()))


async def design_docs(call: Call) -> Response:
    """The same, of design documents alone."""
    wish = wish_of(await options(call))
    return await streamed(_rows(call, wish, Span().within(*DESIGN)))


async def local_docs(call: Call) -> Response:
    """The documents that stay here."""
    wish = wish_of(await options(call))
    rows = await run_in_threadpool(_local_rows, call.replica.file, wish)
    return answer({"total_rows": None, "offset": None, "rows": rows})


async def queries(call: Call) -> Response:
    """Several lists of documents in one answer."""
    body = await call.json_object()
    asked = body.get("queries")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise BadRequest("POST body must include `queries` parameter.")
    call.check_count(len(asked), "queries")
    wishes = [wish_of(named(one)) for one in asked]

    def pieces() -> Iterator[bytes]:
        yield b'{"results":['
        for number, wish in enumerate(wishes):
            yield b",\n" if number else b"\n"
            yield from _rows(call, wish, Span())
        yield b"]}\n"

    return await streamed(pieces())


# -- rows


def _rows(call: Call, wish: Wish, bounds: Span) -> Iterator[bytes]:
    """The answer in pieces. Each page is read in a transaction of its own."""
    file = call.replica.file
    span = wish.span if bounds == Span() else wish.span.within(*DESIGN)
    with file.read() as connection:
        total = listing.count(connection, bounds)
        before = listing.count(connection, _before(span, bounds)) if wish.keys is None else None
        newest = place(update_sequence(connection), read_identity(connection).instance_id, file.sight_id)
    head: dict[str, Json] = {"total_rows": total}
    head["offset"] = None if before is None else min(total, before + wish.skip)
    if wish.update_seq:
        head["update_seq"] = newest
    yield encode(head)[:-1] + b',"rows":['
    separator = b"\n"
    pages = _span_pages(file, wish, span) if wish.keys is None else _key_pages(file, wish, wish.keys)
    for rows in pages:
        if rows:
            yield separator + b",\n".join(rows)
            separator = b",\n"
    yield b"\n]}\n"


def _before(span: Span, bounds: Span) -> Span:
    """What is skipped because the list begins later."""
    if span.descending:
        return bounds._replace(low=span.high, low_inside=not span.high_inside) if span.high else NOTHING
    return bounds._replace(high=span.low, high_inside=not span.low_inside) if span.low else NOTHING


def _span_pages(file: SQLiteFile, wish: Wish, span: Span) -> Iterator[list[bytes]]:
    left, skip = wish.limit, wish.skip
    page = PAGE if wish.include_docs else NAMES_PAGE
    while left > 0:
        size = min(page, left)
        with file.read() as connection:
            if wish.include_docs:
                found, complete = listing.listed(connection, span, size, skip)
                others = leaves_of_many(connection, _unids(found), bodies=False) if wish.conflicts else {}
                rows = [_row(row.leaf.unid, row, others.get(row.leaf.unid), True) for row in found]
                last = found[-1].leaf.unid if found else ""
            else:
                names, complete = listing.named(connection, span, size, skip), True
                rows = [encode(_named_row(unid, str(revision))) for unid, revision in names]
                last = names[-1][0] if names else ""
        yield rows
        if complete and len(rows) < size:
            return
        left, skip, span = left - len(rows), 0, span.after(last)


def _key_pages(file: SQLiteFile, wish: Wish, keys: list[Json]) -> Iterator[list[bytes]]:
    keys = keys[::-1] if wish.span.descending else keys
    keys = keys[wish.skip : wish.skip + wish.limit]
    while keys:
        with file.read() as connection:
            some = keys[: few_enough(connection, keys[:PAGE])]
            unids = [key for key in some if isinstance(key, str)]
            found = listing.winners_of(connection, unids)
            others = leaves_of_many(connection, unids, bodies=False) if wish.conflicts else {}
        yield [_key_row(key, found, others, wish.include_docs) for key in some]
        keys = keys[len(some) :]


def _key_row(key: Json, found: dict[str, Stored], others: dict[str, list[Stored]], include_docs: bool) -> bytes:
    row = found.get(key) if isinstance(key, str) else None
    if row is None:
        return encode({"key": key, "error": "not_found"})
    return _row(row.leaf.unid, row, others.get(row.leaf.unid), include_docs)


def _row(unid: str, row: Stored, others: list[Stored] | None, include_docs: bool) -> bytes:
    shown = _named_row(unid, str(row.leaf.revision))
    if row.leaf.deleted:
        shown["value"]["deleted"] = True
    if include_docs:
        try:
            shown["doc"] = None if row.leaf.deleted else msgspec.Raw(_document(row, others))
        except ReplicaError as error:  # damaged: the others are not
            shown["error"], shown["reason"] = http_form(error)[1], str(error)
    return encode(shown)


def _document(row: Stored, others: list[Stored] | None) -> bytes:
    if others is None:
        return Seen([row]).json(row.leaf)
    return Seen(others).json(row.leaf, Wanted(conflicts=True))


def _named_row(unid: str, revision: str) -> dict[str, Any]:
    return {"id": unid, "key": unid, "value": {"rev": revision}}


def _unids(rows: list[Stored]) -> list[str]:
    return [row.leaf.unid for row in rows]


def _local_rows(file: SQLiteFile, wish: Wish) -> list[dict[str, Any]]:
    with file.read() as connection:
        found = all_local(connection, LOCAL)
    names = [key for key in wish.keys if isinstance(key, str)] if wish.keys is not None else _within(wish.span, found)
    rows = []
    for name in names[wish.skip : wish.skip + wish.limit]:
        if name not in found:
            rows.append({"key": name, "error": "not_found"})
            continue
        row = _named_row(name, found[name].revision)
        if wish.include_docs:
            row["doc"] = msgspec.Raw(local_json(name, found[name]))
        rows.append(row)
    return rows


def _within(span: Span, names: dict[str, Any]) -> list[str]:
    inside = [name for name in names if span.holds(name)]
    return inside[::-1] if span.descending else inside


ENDPOINTS = [
    Endpoint(("GET", "POST"), "/{db}/_all_docs", all_docs, Need.READ, PARAMETERS),
    Endpoint(("POST",), "/{db}/_all_docs/queries", queries, Need.READ),
    Endpoint(("GET", "POST"), "/{db}/_design_docs", design_docs, Need.READ, PARAMETERS),
    Endpoint(("GET", "POST"), "/{db}/_local_docs", local_docs, Need.READ, PARAMETERS),
]
