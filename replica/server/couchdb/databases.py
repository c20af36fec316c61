"""A database: make it, look at it, remove it."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.rights import Level
from replica.server.answers import answer
from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.server.sequences import place
from replica.store.sighted import SightedFile


async def create(call: Call) -> Response:
    """Make a new database."""
    name = call.part("db")
    await run_in_threadpool(call.server.catalogue.create, name)
    return answer({"ok": True}, 201, {"Location": f"/{call.request.path_params['db']}"})


async def remove(call: Call) -> Response:
    """Remove a database."""
    await run_in_threadpool(call.server.catalogue.delete, call.part("db"))
    return answer({"ok": True})


async def show(call: Call) -> Response:
    """What is in a database."""
    return answer(await run_in_threadpool(_described, call))


def _described(call: Call) -> dict[str, Any]:
    info = call.replica.info()
    file = call.replica.file
    size = info["bytes"]
    about: dict[str, Any] = {}
    if not isinstance(file, SightedFile):  # the size of what somebody does not see is not theirs to know
        about["sizes"] = {"file": size, "active": size, "external": size}
    elif call.rights.level is Level.MANAGER:
        about["withheld"] = file.withheld()
    return {
        "db_name": call.part("db"),
        "doc_count": info["documents"],
        "doc_del_count": info["deleted"],
        "update_seq": place(info["update_seq"], info["instance_id"], file.sight_id),
        "instance_start_time": "0",
        "purge_seq": "0",
        "compact_running": False,
        "disk_format_version": info["schema"],
        "props": {},
        "cluster": {"q": 1, "n": 1, "w": 1, "r": 1},
        "replica_id": info["replica_id"],
        "title": info["title"],
        **about,
    }


ENDPOINTS = [
    Endpoint(("PUT",), "/{db}", create, Need.ADMINISTER, opens_database=False),
    Endpoint(("DELETE",), "/{db}", remove, Need.ADMINISTER, opens_database=False),
    Endpoint(("GET",), "/{db}", show, Need.READ),
]
