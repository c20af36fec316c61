"""CouchDB's `_security`: the access list in its words."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.canonical import Json, canonical
from replica.conflict import ACCESS_LIST, live
from replica.errors import BadDocument, Corrupt, ReplicaError, StaleRevision
from replica.leaf import Leaf
from replica.rights import CLOSED, AccessList, Security, changed_to, read_security, said_by, security_of
from replica.server.answers import answer
from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.store.edits import Edit, save_edits
from replica.store.leaves import leaves_of

AS_SAID = "security"  # the item that keeps what was said, as long as it says what the entries say


async def show(call: Call) -> Response:
    """Who may do what, as far as CouchDB has words for it."""
    return answer(await run_in_threadpool(_shown, call))


async def change(call: Call) -> Response:
    """Change who may do what; what CouchDB has no words for is kept."""
    value = await call.json_object()
    security = read_security(value)
    await run_in_threadpool(_change, call, value, security)
    call.held.watch.notice()
    return answer({"ok": True})


def _shown(call: Call) -> Any:
    with call.replica.file.read() as connection:
        leaves = live(row.leaf for row in leaves_of(connection, ACCESS_LIST))
    if not leaves:
        return {} if call.server.gate.directory.is_empty else CLOSED
    security = security_of(map(said_by, leaves))
    said = _items(leaves[0]).get(AS_SAID)
    return said if _says(said, security) else security.to_json()


def _says(said: Json, security: Security) -> bool:
    try:
        return isinstance(said, dict) and read_security(said) == security
    except ReplicaError:
        return False


def _change(call: Call, value: dict[str, Json], security: Security) -> None:
    with call.replica.file.write() as connection:
        rows = leaves_of(connection, ACCESS_LIST)
        leaves = live(row.leaf for row in rows)
        if len(leaves) > 1:
            raise StaleRevision(
                "the access list was changed in two places",
                hint=f"End the conflict of {ACCESS_LIST} first: DELETE one of the revisions in its `_conflicts`.",
            )
        items = _items(leaves[0]) if leaves else {}
        listed = said_by(leaves[0]) if leaves else AccessList({})
        entries = changed_to(security, listed if isinstance(listed, AccessList) else AccessList({})).to_json()
        if leaves and entries == items.get("entries") and value == items.get(AS_SAID):
            return
        body = canonical({**items, "entries": entries, AS_SAID: value})
        edit = Edit(ACCESS_LIST, leaves[0].revision if leaves else None, body, False)
        (outcome,) = save_edits(connection, [edit], call.replica.saving, call.ruling(connection))
        if isinstance(outcome, ReplicaError):
            raise outcome


def _items(leaf: Leaf) -> dict[str, Json]:
    try:
        return leaf.items
    except (BadDocument, Corrupt):
        return {}


ENDPOINTS = [
    Endpoint(("GET",), "/{db}/_security", show, Need.READ),
    Endpoint(("PUT",), "/{db}/_security", change, Need.MANAGE),
]
