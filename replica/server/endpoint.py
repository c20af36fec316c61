"""One entry of the table of what the server does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.responses import Response

from replica.server.call import Call
from replica.server.gate.rights import Need


class Endpoint(NamedTuple):
    """A path with its methods, who answers, and what that needs of whoever asks.

    `parameters`: those of the query that mean something there.

    The docs have a table of all endpoints and parameters; a test compares them.
    """

    methods: tuple[str, ...]
    path: str
    handler: Callable[[Call], Awaitable[Response]]
    needs: Need
    parameters: tuple[str, ...] = ()
    opens_database: bool = True  # the path begins with one that must be there
