"""What the benchmarks count between a client and a server."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.relay import Relay

ANSWER = b"x" * 1_000_000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)

    def log_message(self, *arguments: object) -> None:
        """Not at all."""


@pytest.fixture
def server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_every_byte_and_every_question_is_counted_and_nothing_is_changed(server: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"
    answered = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
    with Relay(0, server) as relay:
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", relay.port)
            for _ in range(3):
                connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
                connection.putheader("Host", "h")
                connection.putheader("Content-Length", "1000")
                connection.endheaders()
                connection.send(b"y" * 500)
                connection.send(b"y" * 500)
                assert ANSWER == connection.getresponse().read()
            connection.close()
    assert 6 == relay.round_trips
    assert 6 * (len(head) + 1000) == relay.sent
    assert 6 * (len(answered) + len(ANSWER)) == relay.received
