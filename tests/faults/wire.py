"""A wire between clients and a server that does one bad thing, at the byte of one's choice. It knows nothing of HTTP.

with wire(("127.0.0.1", 5985), Flaw("reset", "answered", 1234)) as bad:
    ...                                # speak to bad.address
    assert bad.struck
"""

from __future__ import annotations

import itertools
import random
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

KINDS = ("cut", "reset", "stall", "flip")
WAYS = ("asked", "answered")  # towards the server, and back
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing is a reset

Address = tuple[str, int]


class Flaw(NamedTuple):
    """What happens when so many bytes have gone one way, over all connections: the byte `at` (from 0) does not arrive.

    `cut`: the connection ends as if both sides had closed it. `reset`: it breaks. `stall`: nothing passes any more, in
    either direction, and nothing ends. `flip`: it does arrive, with one bit changed. Other connections go on.
    """

    kind: str
    way: str
    at: int
    bit: int = 0


class _Side:
    """One end of a connection: what arrives here goes out at the other end."""

    def __init__(self, way: str, ours: socket.socket) -> None:
        self.way, self.ours = way, ours
        self.other = self


class Wire:
    """Where it is (`address`), what has gone through it each way (`carried`), and when the flaw `strikes`."""

    def __init__(self, behind: Address, flaw: Flaw | None) -> None:
        self.carried = {way: bytearray() for way in WAYS}
        self.strikes = threading.Event()
        self._behind, self._flaw = behind, flaw
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self._listener.getsockname()
        self._end, self._ended = socket.socketpair()
        self._held: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    @property
    def struck(self) -> bool:
        """Whether the flaw was met."""
        return self.strikes.is_set()

    @property
    def url(self) -> str:
        """The same for who speaks HTTP."""
        return f"http://{self.address[0]}:{self.address[1]}"

    def start(self) -> None:
        """Begin to pass things on."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """End, with all connections."""
        self._end.close()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the wire hangs"

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ended:
                    self._close()
                    return
                if key.fileobj is self._listener:
                    self._connect()
                elif self._is_passed(key.data):  # what came before it may have ended it
                    self._pass(key.data)

    def _is_passed(self, side: _Side) -> bool:
        """Whether it is looked after still; of one that is closed the selector cannot tell."""
        return side.ours.fileno() >= 0 and side.ours in self._selector.get_map()

    def _connect(self) -> None:
        client = _Side("asked", self._listener.accept()[0])
        server = _Side("answered", socket.create_connection(self._behind))
        client.other, server.other = server, client
        for side in (client, server):
            side.ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._held.append(side.ours)
            self._selector.register(side.ours, selectors.EVENT_READ, side)

    def _pass(self, side: _Side) -> None:
        try:
            data = side.ours.recv(65536)
        except OSError:
            self._reset(side)
            return
        if not data:
            self._selector.unregister(side.ours)
            with suppress(OSError):
                side.other.ours.shutdown(socket.SHUT_WR)
            return
        at = self._strikes(side, len(data))
        if at is not None and self._flaw is not None and self._flaw.kind == "flip":
            data = data[:at] + bytes([data[at] ^ (1 << self._flaw.bit)]) + data[at + 1 :]
            self.strikes.set()
            at = None
        self._send(side, data[:at])
        if at is not None:
            self._end_badly(side)

    def _strikes(self, side: _Side, size: int) -> int | None:
        """Where in the next `size` bytes the flaw is; None if it is not there."""
        if self._flaw is None or self.struck or self._flaw.way != side.way:
            return None
        at = self._flaw.at - len(self.carried[side.way])
        return at if at < size else None

    def _send(self, side: _Side, data: bytes) -> None:
        self.carried[side.way] += data
        try:
            side.other.ours.sendall(data)
        except OSError:
            self._reset(side)

    def _end_badly(self, side: _Side) -> None:
        assert self._flaw is not None
        self.strikes.set()
        if self._flaw.kind == "reset":
            self._reset(side)
            return
        for each in (side, side.other):
            self._forget(each)
            if self._flaw.kind == "cut":
                with suppress(OSError):
                    each.ours.shutdown(socket.SHUT_WR)

    def _forget(self, side: _Side) -> None:
        with suppress(KeyError):
            self._selector.unregister(side.ours)

    def _reset(self, side: _Side) -> None:
        for each in (side, side.other):
            self._forget(each)
            if each.ours.fileno() >= 0:
                each.ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                each.ours.close()

    def _close(self) -> None:
        for each in (self._listener, self._ended, *self._held):
            each.close()
        self._selector.close()


@contextmanager
def wire(behind: Address, flaw: Flaw | None = None) -> Iterator[Wire]:
    """A wire to the server at `behind`, as long as the block lasts."""
    made = Wire(behind, flaw)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def spread(kind: str, way: str, size: int, count: int, luck: random.Random) -> list[Flaw]:
    """Flaws of one kind, spread over `size` bytes, each at a place and a bit that chance chooses."""
    edges = [size * n // count for n in range(count + 1)]
    return [
        Flaw(kind, way, luck.randrange(begin, max(begin + 1, end)), luck.randrange(8))
        for begin, end in itertools.pairwise(edges)
    ]
