"""What belongs to a database as a whole: its limits, its file."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.server.answers import answer
from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need

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


ENDPOINTS = [
    Endpoint(("POST",), "/{db}/_ensure_full_commit", ensure_full_commit, Need.READ),
    Endpoint(("POST",), "/{db}/_compact", compact, Need.MANAGE),
    Endpoint(("POST",), "/{db}/_view_cleanup", view_cleanup, Need.MANAGE),
    Endpoint(("GET",), "/{db}/_revs_limit", revs_limit, Need.READ),
    Endpoint(("PUT",), "/{db}/_revs_limit", set_revs_limit, Need.MANAGE),
]
