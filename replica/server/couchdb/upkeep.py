"""What belongs to a database as a whole: its limits, its rights, its file."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.canonical import Json, canonical
from replica.errors import BadRequest
from replica.server.answers import answer
from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.store.local import read_local, save_local
from replica.store.sqlite import SQLiteFile

SECURITY = "_security"
START_TIME = "0"  # as in the description of the database: it says that the database is the same as before


async def ensure_full_commit(call: Call) -> Response:
    """Say that everything acknowledged is durable, as it always is."""
    return answer({"ok": True, "instance_start_time": START_TIME}, 201)


async def compact(call: Call) -> Response:
    """Forget superseded revisions and give space back; answered when that is done."""
    await run_in_threadpool(call.replica.compact)
    return answer({"ok": True}, 202)


async def view_cleanup(call: Call) -> Response:
    """There is nothing to clean up: no views are kept."""
    return answer({"ok": True}, 202)


async def revs_limit(call: Call) -> Response:
    """How many ancestors a revision carries."""
    return answer(await run_in_threadpool(call.replica.settings.__getitem__, "ancestry-limit"))


async def set_revs_limit(call: Call) -> Response:
    """Raise that: it only grows, because peers may rely on what is kept."""
    limit = await call.json()
    await run_in_threadpool(call.replica.settings.__setitem__, "ancestry-limit", limit)
    return answer({"ok": True})


async def security(call: Call) -> Response:
    """Who may do what, as it was said; nobody is kept out by it so far."""
    return answer(msgspec.Raw(await run_in_threadpool(_security, call.replica.file)))


async def set_security(call: Call) -> Response:
    """Keep who may do what."""
    rights = await call.json_object()
    _check_rights(rights)
    await run_in_threadpool(_set_security, call.replica.file, rights)
    return answer({"ok": True})


def _security(file: SQLiteFile) -> bytes:
    with file.read() as connection:
        found = read_local(connection, SECURITY)
    return b"{}" if found is None else found.body.encode()


def _set_security(file: SQLiteFile, rights: Mapping[str, Json]) -> None:
    with file.write() as connection:
        save_local(connection, SECURITY, 0, canonical(rights).decode())


def _check_rights(rights: Mapping[str, Json]) -> None:
    for group in ("admins", "members"):
        people = rights.get(group, {})
        if not isinstance(people, dict):
            raise BadRequest(f"{group} must be a JSON object")
        for kind in ("names", "roles"):
            names = people.get(kind, [])
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise BadRequest(f"{kind} must be a JSON list of strings")


ENDPOINTS = [
    Endpoint(("POST",), "/{db}/_ensure_full_commit", ensure_full_commit, Need.READ),
    Endpoint(("POST",), "/{db}/_compact", compact, Need.MANAGE),
    Endpoint(("POST",), "/{db}/_view_cleanup", view_cleanup, Need.MANAGE),
    Endpoint(("GET",), "/{db}/_revs_limit", revs_limit, Need.READ),
    Endpoint(("PUT",), "/{db}/_revs_limit", set_revs_limit, Need.MANAGE),
    Endpoint(("GET",), "/{db}/_security", security, Need.READ),
    Endpoint(("PUT",), "/{db}/_security", set_security, Need.MANAGE),
]
