"""Routing: a request goes where the table of endpoints says when it is read from top to bottom, as Starlette reads it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from replica.server.app import ENDPOINTS
from replica.server.routing import Routes

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "COPY", "OPTIONS", "BREW")
WORDS = sorted({word for each in ENDPOINTS for word in each.path.split("/") if word and not word.startswith("{")})
FIRST = ("", "db", "_up", "_replicate", "_design")
LATER = ("", "a%2F", "_design", "json", "_view", "_info")


class Served:
    """Stands where an endpoint is served; Starlette takes a class for ASGI."""

    def __init__(self, place: tuple[str, tuple[str, ...]]) -> None:
        self.place = place

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve nothing."""


SERVED = [(endpoint, Served((endpoint.path, endpoint.methods))) for endpoint in ENDPOINTS]
TABLE = [Route(endpoint.path, served, methods=list(endpoint.methods)) for endpoint, served in SERVED]
ROUTES = Routes()
for _endpoint, _served in SERVED:
    ROUTES.add(_endpoint.path, _endpoint.methods, _served)


def paths() -> Iterator[str]:
    """Every word at every place of short paths; of longer ones those with the words that may stand there."""
    shapes = [(FIRST,), (FIRST, [*WORDS, "", "a"]), (("db",), [*WORDS, "a"], LATER)]
    shapes += [(("db",), ("a", "_index", "_design"), *[LATER] * more) for more in (2, 3, 4)]
    for shape in shapes:
        yield from ("/" + "/".join(path) for path in itertools.product(*shape))


def scope(method: str, path: str, **more: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, **more}


def expected(table: list[Route], asked: dict[str, Any]) -> tuple[Match, dict[str, Any]]:
    """What Starlette's router makes of it."""
    found = [route.matches(asked) for route in table]
    return next(iter([each for each in found if each[0] is Match.FULL] or found), (Match.NONE, {}))


def place(match: Match, found: dict[str, Any]) -> object:
    """Where a request goes; if no endpoint there takes its method, only the path tells."""
    if match is Match.NONE:
        return found
    path, methods = found["endpoint"].place
    return (path, methods if match is Match.FULL else None, found["path_params"])


def test_every_request_goes_where_the_table_says() -> None:
    for path in paths():
        table = [route for route in TABLE if route.matches(scope("GET", path))[0] is not Match.NONE]
        for method in METHODS:
            there, here = expected(table, scope(method, path)), ROUTES.matches(scope(method, path))
            assert (there[0], method, path) == (here[0], method, path)
            assert (place(*there), method, path) == (place(*here), method, path)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/_up", "GET HEAD"),
        ("/db", "DELETE GET HEAD POST PUT"),
        ("/db/a", "COPY DELETE GET HEAD PUT"),
        ("/db/_index", "GET HEAD POST"),
    ],
)
def test_a_wrong_method_is_told_all_that_there_are(path: str, allowed: str) -> None:
    match, found = ROUTES.matches(scope("BREW", path))
    assert Match.PARTIAL is match
    with pytest.raises(HTTPException) as refused:
        asyncio.run(ROUTES.handle({**scope("BREW", path), **found}, None, None))
    assert (405, allowed.split()) == (
        refused.value.status_code,
        sorted((refused.value.headers or {})["Allow"].split(", ")),
    )


def test_below_another_application_its_part_of_the_path_does_not_count() -> None:
    asked = scope("GET", "/couch/db/a", root_path="/couch")
    match, found = ROUTES.matches({**asked, "path_params": {"tenant": "x"}})
    assert (Match.FULL, {"tenant": "x", "db": "db", "unid": "a"}) == (match, found["path_params"])


def test_a_websocket_goes_nowhere() -> None:
    assert (Match.NONE, {}) == ROUTES.matches({"type": "websocket", "path": "/db"})
