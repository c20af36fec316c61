"""A server in front of another that does to requests and answers what a test tells it: refuse, change, cut."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, NamedTuple

import httpx2

PATIENCE_S = 60


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str  # with the query, percent-encoded
    headers: dict[str, str]
    body: bytes


class Told(NamedTuple):
    """An answer. `cut`: after so many bytes of the body the connection ends. `headers`: those that tell what it is."""

    status: int
    body: bytes
    cut: int | None = None
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


_PASSED = ("content-type", "content-encoding", "accept-encoding")

Way = Callable[[Asked, Callable[[Asked], Told]], Told]


class Middleman:
    """Where it is, what came by, and what is done to it: `way` is given the request and what passes it on."""

    def __init__(self, behind: str) -> None:
        self.asked: list[Asked] = []
        self.way: Way = lambda asked, ask: ask(asked)
        self.url = ""
        self._behind = behind
        self._client = httpx2.Client(timeout=60, trust_env=False)

    def paths(self) -> list[str]:
        """What was asked so far: method and path without the query."""
        return [f"{each.method} {each.path.partition('?')[0]}" for each in self.asked]

    def answer(self, asked: Asked) -> Told:
        """What is answered."""
        self.asked.append(asked)
        return self.way(asked, self.ask)

    def ask(self, asked: Asked) -> Told:
        """What the server behind answers."""
        passed = {name: asked.headers[name] for name in (*_PASSED, "accept") if name in asked.headers}
        passed.setdefault("accept-encoding", "identity")
        path = re.sub(r"^http://[^/]*", "", asked.path)
        url = self._behind + path
        with self._client.stream(asked.method, url, content=asked.body or None, headers=passed) as response:
            headers = tuple((name, response.headers[name]) for name in _PASSED if name in response.headers)
            return Told(response.status_code, b"".join(response.iter_raw()), headers=headers)


@contextmanager
def between(behind: str, tls: ssl.SSLContext | None = None, unix: str | None = None) -> Iterator[Middleman]:
    """A middleman in front of the server at `behind`, as long as the block lasts.

    On a free port, with `tls` if given; or on a Unix socket. Asked as a proxy, it also goes to the server behind.
    """
    middleman = Middleman(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = middleman.answer(Asked(self.command, self.path, headers, body))
            self.send_response(told.status)
            for header in told.headers:
                self.send_header(*header)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body[: told.cut])
            self.close_connection = told.cut is not None

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # whoever asked has gone

    class UnixServer(Server):
        address_family = socket.AF_UNIX

        def server_bind(self) -> None:
            TCPServer.server_bind(self)

        def get_request(self) -> tuple[socket.socket, Any]:
            return super().get_request()[0], ("unix", 0)

    server = UnixServer(unix, Handler) if unix else Server(("127.0.0.1", 0), Handler)  # type: ignore[arg-type]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        if not unix:
            middleman.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        yield middleman
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        middleman._client.close()


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def held_up(server: str) -> Iterator[tuple[Middleman, threading.Event, threading.Event]]:
    """Somebody in front of the server, who tells when the first question has come, and answers when he is told."""
    come, go = threading.Event(), threading.Event()

    def way(asked: Asked, ask: Callable[[Asked], Told]) -> Told:
        come.set()
        assert go.wait(PATIENCE_S)
        return ask(asked)

    with between(server) as middle:
        middle.way = way
        try:
            yield middle, come, go
        finally:
            go.set()
