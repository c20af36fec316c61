"""A server process: from a socket that listens to a clean end."""

from __future__ import annotations

import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

import uvicorn

from replica.errors import BadSettings, ReadOnly
from replica.server.access_log import AccessLog
from replica.server.app import App, create_app
from replica.server.listening import is_loopback, listen_at, listen_on, url_of
from replica.server.wire import Protocol

GRACE_S = 10  # for requests that are running when the server is told to stop
IDLE_S = 75  # for a connection between two requests: longer than proxies keep theirs, so that the proxy hangs up first
_IN_CLEAR = "there is no TLS: passwords can be read on their way, unless a proxy before the server has it"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """Tells when it is ready, and ends live feeds before it waits for what is running."""

    def __init__(self, config: uvicorn.Config, app: App, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app, self._ready = app, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.dismiss()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A signal ends the server well, and is not raised again afterwards: that it ended well is all there is to say."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Place(NamedTuple):
    """Where to listen: at an Internet address, or a Unix socket if it has a `path`; with TLS if there is a context for it."""

    host: str
    port: int
    path: str | None = None
    tls: ssl.SSLContext | None = None


def serve(
    folder: str,
    place: Place,
    *,
    cors: Sequence[str],
    access_log: str,
    ready: Callable[[str, str | None], None],
) -> None:
    """Serve the databases of `folder` until SIGINT or SIGTERM.

    `ready` is called once connections are accepted, with the address and what should be thought about, if anything. Must run
    in the main thread. Refused before: what `listen_on`, `listen_at` and `create_app` refuse, and `ReadOnly`.
    """
    _check(folder)
    observers = [] if access_log == "none" else [AccessLog(access_log, _write)]
    app = create_app(folder, cors=cors, observers=observers)
    _allow_many_connections()
    with closing(app), closing(_listening(place, app)) as listener:
        inode = None if place.path is None else os.stat(place.path).st_ino
        address = place.path or _url(place, listener)
        in_clear = place.path is None and place.tls is None and not is_loopback(listener.getsockname())
        server = _Server(_configuration(app, place.tls), app, lambda: ready(address, _IN_CLEAR if in_clear else None))
        try:
            server.run([listener])
        finally:
            if place.path is not None:
                with suppress(FileNotFoundError):
                    if os.stat(place.path).st_ino == inode:
                        os.unlink(place.path)


def _listening(place: Place, app: App) -> socket.socket:
    if place.path is not None:
        return listen_at(place.path)
    return listen_on(place.host, place.port, anywhere=app.has_administrator)


def _url(place: Place, listener: socket.socket) -> str:
    return url_of(listener.family, listener.getsockname(), "http" if place.tls is None else "https")


def _configuration(app: App, tls: ssl.SSLContext | None) -> uvicorn.Config:
    configuration = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=_LOGGING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    configuration.load()
    configuration.ssl = tls
    return configuration


def _check(folder: str) -> None:
    if not os.path.isdir(folder):
        raise BadSettings(f"there is no folder {folder}", hint="Make it, or name another with --data.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ReadOnly(f"{folder} cannot be written", hint="Make the folder writable for this user, or name another.")


def _allow_many_connections() -> None:
    """Each connection is an open file, and the usual limit is 1,024; up to the hard limit it is ours to raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS has a lower one that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _write(line: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads the log; that is no reason to stop
        sys.stderr.write(line)
        sys.stderr.flush()


_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "replicate: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "WARNING", "propagate": False} for name in ("uvicorn", "replica")
    },
}
