"""One entry of the table of what the server does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.responses import Response

from replica.server.call import Call


class Endpoint(NamedTuple):
    """A path with its methods, and who answers. `parameters`: those of the query that mean something there.

    The docs have a table of all endpoints and parameters; a test compares them.
    """

    methods: tuple[str, ...]
    path: str
    handler: Callable[[Call], Awaitable[Response]]
    parameters: tuple[str, ...] = ()
    opens_database: bool = True  # the path begins with one that must be there
