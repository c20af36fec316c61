"""The access log: one line for each request, when it is answered. Queries and headers are not logged: they may be secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from replica.clock import system_clock
from replica.server.answers import encode
from replica.server.exchange import Exchange

FORMS = ("text", "json", "none")


class AccessLog:
    """Writes a line for each exchange."""

    def __init__(self, form: str, write: Callable[[str], object]) -> None:
        self._line = _json if form == "json" else _text
        self._write = write

    def begun(self, exchange: Exchange) -> None:
        """Nothing to say yet."""

    def ended(self, exchange: Exchange) -> None:
        """Say what was asked, and how it went."""
        self._write(self._line(exchange) + "\n")


def _text(exchange: Exchange) -> str:
    asked = f"{exchange.method} {exchange.path}"
    return f"{_now()} {exchange.client} {asked} {exchange.status} {exchange.bytes_out} {exchange.seconds * 1000:.1f}ms"


def _json(exchange: Exchange) -> str:
    line = {
        "time": _now(),
        "client": exchange.client,
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "bytes": exchange.bytes_out,
        "bytes_in": exchange.bytes_in,
        "ms": round(exchange.seconds * 1000, 1),
    }
    return encode(line).decode()


def _now() -> str:
    time = datetime.fromtimestamp(system_clock() / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
