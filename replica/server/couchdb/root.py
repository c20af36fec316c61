"""The server itself: who it is, which databases it has."""

from __future__ import annotations

from importlib.metadata import version

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.errors import BadRequest
from replica.server.answers import answer
from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.store.identity import new_id

UUIDS_MAX = 1000  # CouchDB's bound


async def welcome(call: Call) -> Response:
    """Say who this is. `uuid` stays the same for ever: clients name their checkpoints after it."""
    number = version("notes-replica")
    vendor = {"name": "notes-replica", "version": number}
    body = {"couchdb": "Welcome", "version": number, "uuid": call.server.catalogue.uuid, "vendor": vendor}
    return answer(body | {"features": ["replica"]})


async def up(call: Call) -> Response:
    """Whether the server answers."""
    return answer({"status": "ok", "seeds": {}})


async def all_databases(call: Call) -> Response:
    """The names of all databases."""
    return answer(await run_in_threadpool(call.server.catalogue.names))


async def uuids(call: Call) -> Response:
    """New UNIDs for clients that want some."""
    count = call.count("count", 1) or 0
    if count > UUIDS_MAX:
        raise BadRequest(f"count parameter too large: at most {UUIDS_MAX}")
    return answer({"uuids": [new_id() for _ in range(count)]}, headers={"Cache-Control": "no-store"})


async def session(call: Call) -> Response:
    """Who is asking: nobody has a name so far, and everybody may do everything."""
    context = {"name": None, "roles": ["_admin"]}
    return answer({"ok": True, "userCtx": context, "info": {"authentication_handlers": []}})


ENDPOINTS = [
    Endpoint(("GET",), "/", welcome, opens_database=False),
    Endpoint(("GET",), "/_up", up, opens_database=False),
    Endpoint(("GET",), "/_all_dbs", all_databases, opens_database=False),
    Endpoint(("GET",), "/_uuids", uuids, ("count",), opens_database=False),
    Endpoint(("GET",), "/_session", session, opens_database=False),
]
