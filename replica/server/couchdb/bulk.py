"""Many documents in one request: save them, read them, ask which are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.canonical import Json
from replica.errors import AttachmentsNotSupported, BadRequest, NotAllowed, NotSupported, ReplicaError, http_form
from replica.revision import Revision
from replica.server.answers import answer, streamed
from replica.server.call import Call
from replica.server.couchdb import reading, writing
from replica.server.couchdb.kept import LOCAL, Outcome, Saved
from replica.server.couchdb.reading import Asked
from replica.server.couchdb.seen import Wanted
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.tally import Failure

REVISIONS_EACH = 10  # revisions that may be named for each document that may be, on the average


async def bulk_docs(call: Call) -> Response:
    """Save many documents, in one transaction: new revisions of them, or with `new_edits: false` what others made."""
    body = await call.json_object()
    values, new_edits = _documents(call, body), body.get("new_edits", True)
    if not isinstance(new_edits, bool):
        raise BadRequest("`new_edits` parameter must be a boolean.")
    if body.get("all_or_nothing"):
        raise NotSupported("`all_or_nothing` is not offered: each document is saved or refused by itself")
    if new_edits:
        outcomes = await run_in_threadpool(_save_new, call, values)
        call.note_refused(sum(isinstance(outcome, NotAllowed) for _, outcome in outcomes))
        rows = [_row(value, outcome) for value, outcome in outcomes]
    else:
        failures = await run_in_threadpool(_take_in, call, values)
        call.note_refused(sum(failure.code == NotAllowed.code for failure in failures))
        rows = [
            {"id": failure.unid, "rev": failure.revision, **_refusal(failure.code, writing.error_for(failure))}
            for failure in failures
        ]
    call.held.watch.notice()
    return answer(rows, 201)


def _documents(call: Call, body: Mapping[str, Json]) -> list[Json]:
    if "docs" not in body:
        raise BadRequest("POST body must include `docs` parameter.")
    if not isinstance(body["docs"], list):
        raise BadRequest("`docs` parameter must be an array.")
    call.check_count(len(body["docs"]), "documents")
    return list(body["docs"])


def _checked(call: Call, values: Sequence[Json]) -> list[dict[str, Json]]:
    checked = [writing.with_unid(writing.check_members(value), call.replica.clock) for value in values]
    if any(value["_id"].startswith(LOCAL) for value in checked):
        call.demand(Need.NOTE)
    return checked


def _save_new(call: Call, values: Sequence[Json]) -> list[tuple[dict[str, Json], Outcome]]:
    checked = _checked(call, values)
    outcomes = writing.save_new(call.replica, checked, call.ruling)
    return list(zip(checked, outcomes, strict=True))


def _take_in(call: Call, values: Sequence[Json]) -> list[Failure]:
    return writing.take_in(call.replica.file, call.replica.clock, _checked(call, values), call.ruling)


def _row(value: dict[str, Json], outcome: Outcome) -> dict[str, Json]:
    if isinstance(outcome, Saved):
        return {"ok": True, "id": outcome.unid, "rev": outcome.revision}
    if isinstance(outcome, AttachmentsNotSupported):
        return {"id": value["_id"], **_refusal(outcome.code, outcome)}
    return {"id": value["_id"], **_error(outcome)}


def _error(error: ReplicaError) -> dict[str, Json]:
    return {"error": http_form(error)[1], "reason": str(error)}


def _refusal(code: str, error: ReplicaError) -> dict[str, Json]:
    """`forbidden`, whatever the rule: after any other word PouchDB gives up the whole replication."""
    return {"error": "forbidden", "reason": f"{code}: {error}"}


async def bulk_get(call: Call) -> Response:
    """Read many revisions."""
    body = await call.json_object()
    if "docs" not in body:
        raise BadRequest("Missing JSON list of 'docs'.")
    if not isinstance(body["docs"], list):
        raise BadRequest("`docs` parameter must be an array.")
    call.check_count(len(body["docs"]), "revisions")
    asked = [_asked(value) for value in body["docs"]]
    wanted = Wanted(revs=call.flag("revs"))
    return await streamed(reading.read_bulk(call.replica.file, asked, wanted, call.flag("latest")))


def _asked(value: Json) -> Asked:
    if not isinstance(value, dict):
        return Asked(None, error=BadRequest("document must be a JSON object"))
    unid, said = value.get("id"), value.get("rev")
    if unid is None:
        return Asked(None, error=BadRequest("document id missed"))
    try:
        return Asked(writing.checked_unid(unid), None if said is None else writing.revision_of(said), said)
    except ReplicaError as error:
        return Asked(unid, said=said, error=error)


async def revs_diff(call: Call) -> Response:
    """Which of these revisions are missing here."""
    return answer(await _missing(call))


async def missing_revs(call: Call) -> Response:
    """The same, in the words of older clients."""
    rows = await _missing(call)
    return answer({"missing_revs": {unid: row["missing"] for unid, row in rows.items()}})


async def _missing(call: Call) -> dict[str, Any]:
    body = await call.json_object()
    call.check_count(len(body), "documents")
    if not all(isinstance(names, list) for names in body.values()):
        raise BadRequest("Invalid list of revisions")
    call.check_count(sum(map(len, body.values())) // REVISIONS_EACH, f"groups of {REVISIONS_EACH} revisions")
    return await run_in_threadpool(_diff, call, body)


def _diff(call: Call, body: Mapping[str, list[Json]]) -> dict[str, dict[str, list[str]]]:
    asked: dict[str, list[Revision]] = {unid: [writing.revision_of(name) for name in body[unid]] for unid in body}
    return reading.missing(call.replica.file, asked)


ENDPOINTS = [
    Endpoint(("POST",), "/{db}/_bulk_docs", bulk_docs, Need.WRITE),
    Endpoint(("POST",), "/{db}/_bulk_get", bulk_get, Need.COPY, ("revs", "latest", "attachments")),
    Endpoint(("POST",), "/{db}/_revs_diff", revs_diff, Need.READ),
    Endpoint(("POST",), "/{db}/_missing_revs", missing_revs, Need.READ),
]
