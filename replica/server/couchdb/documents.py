"""A document: read it, save it, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.canonical import Json
from replica.errors import AttachmentsNotSupported, BadRequest, ReplicaError
from replica.revision import Revision
from replica.server.answers import JSON, answer, encode
from replica.server.call import Call
from replica.server.couchdb import kept, reading, writing
from replica.server.couchdb.kept import LOCAL, Saved
from replica.server.couchdb.seen import Wanted
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.store.identity import new_id

REVISIONS = ("revs", "revs_info", "conflicts", "deleted_conflicts", "local_seq", "meta")
IGNORED = ("attachments", "att_encoding_info", "atts_since")  # there are none


async def show(call: Call) -> Response:
    """Show a document, one revision of it, or several."""
    unid = unid_of(call)
    if unid.startswith(LOCAL):
        return _as_json(await run_in_threadpool(kept.read_kept, call.replica.file, unid))
    wanted = wanted_of(call)
    latest = call.flag("latest")
    if call.text("open_revs") is not None:
        revisions = _open_revs(call)
        pairs = await run_in_threadpool(reading.read_several, call.replica.file, unid, revisions, wanted, latest)
        return _multipart(pairs) if _wants_multipart(call) else answer(reading.as_rows(pairs))
    said = call.text("rev")
    shown = await run_in_threadpool(
        reading.read_one,
        call.replica.file,
        unid,
        None if said is None else writing.revision_of(said),
        wanted,
        latest,
        call.flag("deleted"),
    )
    if wanted.depends_on_others:
        return _as_json(shown.body)
    etag = f'"{_header(shown.revision)}"'
    if _has_it(call, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return _as_json(shown.body, etag)


async def save(call: Call) -> Response:
    """Save a document under the UNID in the path."""
    unid = writing.checked_unid(unid_of(call))
    if call.request.headers.get("content-type", "").startswith("multipart/"):
        raise AttachmentsNotSupported("attachments are not offered yet")
    value = writing.check_members(await call.json())
    if value.get("_id", unid) != unid:
        raise BadRequest("Document id in the body and in the path are different")
    return await _saved(call, {**_with_revision(call, value), "_id": unid})


async def post(call: Call) -> Response:
    """Save a document under the UNID that it names, or a new one."""
    value = writing.with_unid(writing.check_members(await call.json()), call.replica.clock)
    return await _saved(call, value)


async def remove(call: Call) -> Response:
    """Delete a document, or forget a local one."""
    unid = unid_of(call)
    said = _with_revision(call, {}).get("_rev")
    replica = call.replica
    if unid.startswith(LOCAL):
        forget = kept.LocalEdit(unid, 0, None)
        return _answered(call, await run_in_threadpool(kept.keep, replica.file, forget), 200)
    base = None if said is None else writing.revision_of(said)
    saved = await run_in_threadpool(writing.delete_one, replica, unid, base, call.ruling)
    call.held.watch.notice()
    return _answered(call, saved, 200)


async def _saved(call: Call, value: dict[str, Json]) -> Response:
    replica = call.replica
    is_local = value["_id"].startswith(LOCAL)
    if is_local:
        await run_in_threadpool(call.demand, Need.NOTE)
    if call.flag("new_edits", True) or is_local:
        (outcome,) = await run_in_threadpool(writing.save_new, replica, [value], call.ruling)
        if isinstance(outcome, ReplicaError):
            raise outcome
    else:
        for failure in await run_in_threadpool(writing.take_in, replica.file, replica.clock, [value], call.ruling):
            raise writing.error_for(failure)
        outcome = Saved(value["_id"], writing.said_revision(value))
    call.held.watch.notice()
    return _answered(call, outcome, 200 if value.get("_deleted") else 201)


def _answered(call: Call, saved: Saved, status: int) -> Response:
    name = "/".join(quote(part, safe="") for part in saved.unid.split("/", 1 if saved.unid.startswith("_") else 0))
    headers = {"ETag": f'"{_header(saved.revision)}"', "Location": f"/{call.request.path_params['db']}/{name}"}
    return answer({"ok": True, "id": saved.unid, "rev": saved.revision}, status, headers)


def unid_of(call: Call) -> str:
    """The UNID in the path: `_design/…` and `_local/…` may have their slash written or encoded."""
    for kind in ("design", "local"):
        if kind in call.request.path_params:
            return f"_{kind}/{call.part(kind)}"
    return call.part("unid")


def wanted_of(call: Call) -> Wanted:
    """What the query asks for about revisions."""
    meta = call.flag("meta")
    return Wanted(
        call.flag("revs"),
        call.flag("revs_info") or meta,
        call.flag("conflicts") or meta,
        call.flag("deleted_conflicts") or meta,
        call.flag("local_seq"),
    )


def _open_revs(call: Call) -> list[Revision] | None:
    if call.text("open_revs") == "all":
        return None
    names = call.json_parameter("open_revs")
    if not isinstance(names, list):
        raise BadRequest("`open_revs` is all, or a list of revisions")
    call.check_count(len(names), "revisions")
    return [writing.revision_of(name) for name in names]


def _with_revision(call: Call, value: dict[str, Json]) -> dict[str, Json]:
    """The document with the revision that the query or the header names; `BadRequest` if they do not agree."""
    for said, where in ((call.text("rev"), "query string"), (call.request.headers.get("if-match"), "etag")):
        if said is None:
            continue
        said = unquote(said.removeprefix("W/").strip('"')) if where == "etag" else said
        if value.get("_rev", said) != said:
            raise BadRequest(f"Document rev from request body and {where} have different values")
        value = {**value, "_rev": said}
    return value


def _has_it(call: Call, etag: str) -> bool:
    names = [name.strip().removeprefix("W/") for name in call.request.headers.get("if-none-match", "").split(",")]
    return etag in names or "*" in names


def _header(revision: str) -> str:
    """A revision for a header, which is not Unicode."""
    return quote(revision, safe="!#$&'()*+,-./:;<=>?@[]^_`{|}~ ")


def _as_json(body: bytes, etag: str | None = None) -> Response:
    return Response(body + b"\n", headers={} if etag is None else {"ETag": etag}, media_type=JSON)


def _wants_multipart(call: Call) -> bool:
    """As CouchDB: whoever does not say that it wants JSON gets it in parts."""
    accepted = call.request.headers.get("accept", "*/*").lower()
    return "application/json" not in accepted and any(
        kind in accepted for kind in ("multipart/mixed", "multipart/*", "*/*")
    )


def _multipart(pairs: Sequence[tuple[str, bytes | None]]) -> Response:
    boundary = new_id()
    parts = [f"--{boundary}".encode()]
    for name, body in pairs:
        kind = "application/json" + ('; error="true"' if body is None else "")  # CouchDB: nothing else may stand here
        text = encode({"missing": name}) if body is None else body
        parts.append(f"\r\nContent-Type: {kind}\r\n\r\n".encode() + text + f"\r\n--{boundary}".encode())
    return Response(b"".join([*parts, b"--"]), headers={"Content-Type": f'multipart/mixed; boundary="{boundary}"'})


_READS = ("rev", "open_revs", "latest", "deleted", *REVISIONS, *IGNORED)
_WRITES = ("rev", "new_edits", "batch")
_PLACES = ("/{db}/_design/{design}", "/{db}/{unid}")
_LOCAL = "/{db}/_local/{local}"

ENDPOINTS = [
    Endpoint(("POST",), "/{db}", post, Need.WRITE, ("batch", "new_edits")),
    Endpoint(("GET",), _LOCAL, show, Need.READ),
    Endpoint(("PUT",), _LOCAL, save, Need.NOTE, ("rev",)),
    Endpoint(("DELETE",), _LOCAL, remove, Need.NOTE, ("rev",)),
    *(Endpoint(("GET",), place, show, Need.READ, _READS) for place in _PLACES),
    *(Endpoint(("PUT",), place, save, Need.WRITE, _WRITES) for place in _PLACES),
    *(Endpoint(("DELETE",), place, remove, Need.WRITE, ("rev", "batch")) for place in _PLACES),
]
