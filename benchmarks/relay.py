"""Bytes and round trips between a client and a server, counted by standing between them.

The same for every client and every server, and nothing of theirs has to be believed: all that goes through the
connections, heads and bodies. What is counted so is not timed, as standing between takes time.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType

PIECE = 2**18


class Relay:
    """Listens on a port of this machine and passes everything on to another one, as long as the block lasts.

    `sent` and `received`: bytes, as the client sees them. `round_trips`: how often a client spoke after the server had; with
    one request after the other on a connection, as HTTP/1.1 has it, that is the number of requests.
    """

    def __init__(self, port: int, to: int) -> None:
        self.sent = self.received = self.round_trips = 0
        self._to = to
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Relay:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # else the thread would keep it listening
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server, contextlib.suppress(OSError):
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            speaking = server
            while True:
                for each in select.select([client, server], [], [])[0]:
                    data = each.recv(PIECE)
                    if not data:
                        return
                    turns = each is client and speaking is server
                    speaking = each
                    if each is client:
                        self._count(sent=len(data), round_trips=int(turns))
                        server.sendall(data)
                    else:
                        self._count(received=len(data))
                        client.sendall(data)

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                setattr(self, name, getattr(self, name) + number)
