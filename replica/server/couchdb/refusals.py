"""What of CouchDB's API is not done here: 501, with the reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from replica.errors import NotSupported
from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need


def _refused(reason: str, hint: str) -> Callable[[Call], Awaitable[Response]]:
    async def refuse(call: Call) -> Response:
        raise NotSupported(reason, hint=hint)

    refuse.__doc__ = f"Not offered: {reason}."
    return refuse


_javascript = _refused("no JavaScript is run: views, shows, lists and updates are not offered", "Use `_find`.")
_replicate = _refused("this server replicates when it is asked by the other side", "Use `replicate sync`.")
_purge = _refused("purging is not offered: deletion stubs are kept for ever", "Delete the documents.")
_attachments = _refused("attachments are not offered yet", "Keep files elsewhere, and their names in documents.")
_copy = _refused("COPY is not offered", "GET the document and PUT it under the other UNID.")
_search = _refused("full-text search and partitions are not offered", "Use `_find`.")

_ANY = ("GET", "POST", "PUT", "DELETE")
_JAVASCRIPT = ("_view", "_show", "_list", "_update", "_rewrite")
_DESIGN = "/{db}/_design/{design}"

FIRST = [Endpoint(("GET", "POST"), "/_replicate", _replicate, Need.LOGIN, opens_database=False)]
"""Before the databases: it is none."""

EARLY = [
    Endpoint(("POST",), "/{db}/_purge", _purge, Need.READ),
    Endpoint(("GET",), "/{db}/_purged_infos", _purge, Need.READ),
    Endpoint(("GET", "PUT"), "/{db}/_purged_infos_limit", _purge, Need.READ),
    Endpoint(("POST",), "/{db}/_temp_view", _javascript, Need.READ),
    Endpoint(("GET",), "/{db}/_partition/{rest:path}", _search, Need.READ),
    Endpoint(("GET",), f"{_DESIGN}/_info", _javascript, Need.READ),
    *(Endpoint(_ANY, f"{_DESIGN}/{word}/{{rest:path}}", _javascript, Need.READ) for word in _JAVASCRIPT),
    *(Endpoint(_ANY, f"{_DESIGN}/{word}/{{rest:path}}", _search, Need.READ) for word in ("_search", "_nouveau")),
]
"""Before the documents."""

LATE = [
    Endpoint(("COPY",), _DESIGN, _copy, Need.READ),
    Endpoint(("COPY",), "/{db}/{unid}", _copy, Need.READ),
    Endpoint(("GET", "PUT", "DELETE"), f"{_DESIGN}/{{attachment:path}}", _attachments, Need.READ, ("rev",)),
    Endpoint(("GET", "PUT", "DELETE"), "/{db}/{unid}/{attachment:path}", _attachments, Need.READ, ("rev",)),
]
"""After them."""
