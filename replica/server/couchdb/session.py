"""Logging in and out: `/_session`, as CouchDB has it."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.responses import Response

from replica.errors import BadRequest, NotFound
from replica.server.answers import JSON, answer
from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.server.gate.credentials import Password
from replica.server.gate.gated import cookie_header
from replica.server.gate.rights import Need
from replica.server.gate.visit import Visit, Way

FORM = "application/x-www-form-urlencoded"
BODY_BYTES_MAX = 16 * 1024  # it comes from nobody in particular


async def show(call: Call) -> Response:
    """Who is asking, and how that was proved."""
    visit = call.visit
    handlers = [way.value for way in Way] if not visit.is_everybody else []
    info: dict[str, object] = {"authentication_handlers": handlers}
    if visit.way is not None:
        info["authenticated"] = visit.way.value
    return answer({"ok": True, "userCtx": _told(visit), "info": info})


async def log_in(call: Call) -> Response:
    """Give a cookie to who proves to be somebody by name and password."""
    gate = call.server.gate
    if call.visit.is_everybody:  # CouchDB's replicator goes on without a cookie
        raise NotFound("there are no users here", hint="Make one with `replicate user add`.")
    name, password = await _form(call)
    visit = await gate.log_in(Password(name, password), call.request.scope)
    headers = {"Set-Cookie": cookie_header(call.request.scope, gate.cookie(visit) or "")}
    return answer({"ok": True, **_told(visit)}, headers=headers)


async def log_out(call: Call) -> Response:
    """Take the cookie away."""
    return answer({"ok": True}, headers={"Set-Cookie": cookie_header(call.request.scope, "")})


def _told(visit: Visit) -> dict[str, object]:
    return {"name": visit.principal.name, "roles": sorted(visit.principal.roles)}


async def _form(call: Call) -> tuple[str, str]:
    """The name and the password in the body, of a form or of JSON. `BadRequest` if they are not there, once each."""
    kind = call.request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind == FORM:
        try:
            text = (await call.body(BODY_BYTES_MAX)).decode()
            form = parse_qs(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=10)
        except ValueError as error:
            raise BadRequest("the body is no form") from error
        found = [form.get(word, []) for word in ("name", "password")]
    else:
        value = await call.json_object(most=BODY_BYTES_MAX)
        found = [[value[word]] if word in value else [] for word in ("name", "password")]
    if any(len(each) != 1 for each in found) or not all(isinstance(each[0], str) for each in found):
        raise BadRequest("the body must hold a `name` and a `password`")
    return str(found[0][0]), str(found[1][0])


ENDPOINTS = [
    Endpoint(("GET",), "/_session", show, Need.NOTHING, opens_database=False),
    Endpoint(("POST",), "/_session", log_in, Need.NOTHING, opens_database=False),
    Endpoint(("DELETE",), "/_session", log_out, Need.NOTHING, opens_database=False),
]
