"""The server itself: who it is, which databases it has."""

from __future__ import annotations

from importlib.metadata import version

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.errors import BadRequest
from replica.rights import InForce
from replica.server.answers import answer
from replica.server.call import Call
from replica.server.catalogue import Catalogue
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need, may_see
from replica.server.gate.visit import NO_LIST, Visit
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
    """The names of all databases that whoever asks may know of."""
    return answer(await run_in_threadpool(_seen_by, call.visit, call.server.catalogue))


def _seen_by(visit: Visit, catalogue: Catalogue) -> list[str]:
    return [name for name in catalogue.names() if may_see(visit.principal, name, _list_for(visit, name, catalogue))]


def _list_for(visit: Visit, name: str, catalogue: Catalogue) -> InForce:
    return catalogue.access_list(name) if visit.depends_on_lists(name) else NO_LIST


async def uuids(call: Call) -> Response:
    """New UNIDs for clients that want some."""
    count = call.count("count", 1) or 0
    if count > UUIDS_MAX:
        raise BadRequest(f"count parameter too large: at most {UUIDS_MAX}")
    return answer({"uuids": [new_id() for _ in range(count)]}, headers={"Cache-Control": "no-store"})


ENDPOINTS = [
    Endpoint(("GET",), "/", welcome, Need.NOTHING, opens_database=False),
    Endpoint(("GET",), "/_up", up, Need.NOTHING, opens_database=False),
    Endpoint(("GET",), "/_all_dbs", all_databases, Need.LOGIN, opens_database=False),
    Endpoint(("GET",), "/_uuids", uuids, Need.LOGIN, ("count",), opens_database=False),
]
