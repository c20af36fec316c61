"""A real server on a free port of this machine: `with serving(folder) as url`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from replica.server.app import create_app
from replica.server.running import GRACE_S
from replica.server.wire import Protocol


class _Server(uvicorn.Server):
    """Answers those who wait for changes before it waits for its connections to end."""

    def __init__(self, config: uvicorn.Config, app: Any) -> None:
        super().__init__(config)
        self._app = app
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.dismiss()
        await super().shutdown(sockets)


@contextmanager
def serving(folder: Path | str, port: int = 0, **options: Any) -> Iterator[str]:
    """The databases in `folder`, served by a thread; the URL comes back. Everything is closed when the block ends."""
    with running(create_app(str(folder), **options), port) as url:
        yield url


@contextmanager
def running(app: Any, port: int = 0) -> Iterator[str]:
    """An application that may be dismissed, served by a thread."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited; asyncio does it for its own only
        configuration = uvicorn.Config(
            app, http=Protocol, log_level="error", lifespan="on", timeout_graceful_shutdown=GRACE_S
        )
        server = _Server(configuration, app)
        thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
        thread.start()
        try:
            assert server.ready.wait(20), "the server did not start"
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive(), "the server did not stop"
