"""CouchDB's `_index`: a view in a design document, and with it an index of SQLite's.

The document replicates like all others; SQLite's index is made where `_index` is asked for it.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.canonical import Json, canonical
from replica.errors import BadRequest, NotFound, ReplicaError
from replica.leaf import NOTHING
from replica.replica import Replica
from replica.revision import Revision
from replica.selection import item_expression
from replica.server.answers import answer
from replica.server.call import Call
from replica.server.couchdb.index_views import DESIGN, SPECIAL, Index, defined, index_asked, views_of
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.store import listing, searching
from replica.store.access_list import Ruling
from replica.store.edits import Edit, save_edits
from replica.store.leaves import winner_of
from replica.store.listing import Span
from replica.store.sqlite import SQLiteFile

DESIGN_MAX = 10_000  # design documents looked at


async def list_all(call: Call) -> Response:
    """The indexes that design documents define."""
    found = [SPECIAL, *(index.described() for index in await run_in_threadpool(_all, call.replica.file))]
    skip, limit = call.count("skip", 0) or 0, call.count("limit", len(found))
    rows = found[skip : None if limit is None else skip + limit]
    return answer({"total_rows": len(found), "indexes": rows})


async def make(call: Call) -> Response:
    """Make an index."""
    index = index_asked(await call.json_object())
    made = await run_in_threadpool(_make, call.replica, index, call.ruling)
    call.held.watch.notice()
    return answer({"result": "created" if made else "exists", "id": index.design, "name": index.name})


async def remove(call: Call) -> Response:
    """Remove an index."""
    design = DESIGN + call.part("design").removeprefix(DESIGN)
    await run_in_threadpool(_remove, call.replica, design, call.part("name"), call.ruling)
    call.held.watch.notice()
    return answer({"ok": True})


async def remove_many(call: Call) -> Response:
    """Remove all indexes of some design documents."""
    designs = (await call.json_object()).get("docids")
    if not isinstance(designs, list) or not all(isinstance(design, str) for design in designs):
        raise BadRequest("`docids` is a list of design documents")
    call.check_count(len(designs), "design documents")
    done, failed = await run_in_threadpool(_remove_many, call.replica, designs, call.ruling)
    call.held.watch.notice()
    return answer({"success": done, "fail": failed})


def partial_filter(file: SQLiteFile, use_index: Json) -> Json:
    """The selector of the partial index that a search names; None if it names none."""
    names = [use_index] if isinstance(use_index, str) else use_index or []
    if not isinstance(names, list) or len(names) > 2 or not all(isinstance(name, str) for name in names):
        raise BadRequest("`use_index` is a design document, or a list of it and the name of an index in it")
    if not names:
        return None
    design, *name = names
    found = [index for index in _of(file, DESIGN + design.removeprefix(DESIGN)) if name in ([], [index.name])]
    return found[0].partial if found and found[0].partial else None


def _make(replica: Replica, index: Index, ruling: Ruling) -> bool:
    with replica.file.write() as connection:
        shown = winner_of(connection, index.design)
        items = {} if shown is None or shown.deleted else shown.items
        if items.get("language", "query") != "query":
            raise BadRequest(f"{index.design} is a design document in another language")
        if index in list(defined(index.design, items)):
            return False
        views = {**views_of(items), index.name: index.view()}
        base = shown.revision if shown is not None and not shown.deleted else None
        _save(replica, index.design, base, {**items, "language": "query", "views": views}, ruling)
        if index.own_name in searching.indexes(connection):
            searching.drop_index(connection, index.own_name)
        names = [name for field in index.fields for name in field]
        usable = [name for name in names if item_expression(name, "body") is not None]
        if usable:
            searching.create_index(connection, usable, index.own_name)
        return True


def _remove(replica: Replica, design: str, name: str | None, ruling: Ruling) -> None:
    """Remove one index, or all of the design document."""
    with replica.file.write() as connection:
        shown = winner_of(connection, design)
        items = {} if shown is None or shown.deleted else shown.items
        found = [index for index in defined(design, items) if name in (None, index.name)]
        if shown is None or not found:
            raise NotFound("missing")
        gone = {index.name for index in found}
        views = {key: view for key, view in views_of(items).items() if key not in gone}
        _save(replica, design, shown.revision, {**items, "views": views} if views else None, ruling)
        for index in found:
            if index.own_name in searching.indexes(connection):
                searching.drop_index(connection, index.own_name)


def _remove_many(
    replica: Replica, designs: list[str], ruling: Ruling
) -> tuple[list[dict[str, Json]], list[dict[str, Json]]]:
    done, failed = [], []
    for design in designs:
        try:
            _remove(replica, DESIGN + design.removeprefix(DESIGN), None, ruling)
            done.append({"id": design, "ok": True})
        except ReplicaError as error:
            failed.append({"id": design, "error": str(error)})
    return done, failed


def _save(replica: Replica, unid: str, base: Revision | None, items: dict[str, Json] | None, ruling: Ruling) -> None:
    edit = Edit(unid, base, NOTHING if items is None else canonical(items), items is None)
    with replica.file.write() as connection:
        (outcome,) = save_edits(connection, [edit], replica.saving, ruling(connection))
    if isinstance(outcome, ReplicaError):
        raise outcome


def _all(file: SQLiteFile) -> list[Index]:
    indexes: list[Index] = []
    span, complete = Span().within(DESIGN, "_design0"), False
    while not complete:
        with file.read() as connection:
            rows, complete = listing.listed(connection, span, DESIGN_MAX)
        indexes += [index for row in rows for index in defined(row.leaf.unid, row.leaf.items)]
        span = span.after(rows[-1].leaf.unid) if rows else span
    return indexes


def _of(file: SQLiteFile, design: str) -> list[Index]:
    with file.read() as connection:
        shown = winner_of(connection, design)
    return [] if shown is None or shown.deleted else list(defined(design, shown.items))


ENDPOINTS = [
    Endpoint(("GET",), "/{db}/_index", list_all, Need.READ, ("skip", "limit")),
    Endpoint(("POST",), "/{db}/_index", make, Need.DESIGN),
    Endpoint(("POST",), "/{db}/_index/_bulk_delete", remove_many, Need.DESIGN),
    Endpoint(("DELETE",), "/{db}/_index/_design/{design}/json/{name}", remove, Need.DESIGN),
    Endpoint(("DELETE",), "/{db}/_index/{design}/json/{name}", remove, Need.DESIGN),
]
