"""What the web server knows of the connection that a request came by, beyond what ASGI tells."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

KEY = "replica.connection"


class Connection(NamedTuple):
    """`certificate`: the name in the client's certificate, if it showed one that an authority of ours has signed.

    `hang_up` ends the connection in the middle of an answer, so that nobody takes it for a whole one.
    """

    certificate: str | None = None
    hang_up: Callable[[], None] = lambda: None


_UNKNOWN = Connection()  # another web server than `replicate serve` has


def connection_of(scope: MutableMapping[str, Any]) -> Connection:
    """That of a request."""
    found: Connection = scope.get(KEY, _UNKNOWN)
    return found
