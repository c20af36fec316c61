"""What is said to those whom the gate does not let in."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.responses import Response

from replica.errors import NotAuthenticated, ReplicaError
from replica.server.answers import problem

REALM = 'Basic realm="replica", charset="UTF-8"'


def refusal(error: ReplicaError, scope: MutableMapping[str, Any]) -> Response:
    """The answer. A person at a browser is asked for a password; a script in a page handles that itself, as with CouchDB."""
    response = problem(error)
    if isinstance(error, NotAuthenticated) and not _is_by_a_script(scope):
        response.headers["WWW-Authenticate"] = REALM
    return response


def _is_by_a_script(scope: MutableMapping[str, Any]) -> bool:
    names = dict(scope["headers"])
    return (
        b"origin" in names
        or b"x-couchdb-www-authenticate" in names
        or names.get(b"sec-fetch-mode") in (b"cors", b"same-origin")
    )
