"""Counting the bytes that pass, and a bound on how fast they do: of a line that others need too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import httpx2

from replica.clock import stopwatch
from replica.engine.meeting import Transfer
from replica.engine.replicate import Task
from replica.tally import Tally

PIECE = 16 * 1024  # bytes that pass together


class Throttle:
    """Lets so many bytes pass in a second, on the average; who is too early waits. One for each direction."""

    def __init__(
        self,
        bytes_per_second: float,
        elapsed: Callable[[], float] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._elapsed = elapsed or stopwatch()
        self._sleep = sleep
        self._free_at = 0.0  # when what has passed so far should have taken its time

    def spend(self, count: int) -> None:
        """Let so many bytes pass."""
        now = self._elapsed()
        self._free_at = max(self._free_at, now) + count / self._rate
        if self._free_at > now:
            self._sleep(self._free_at - now)


class Meter:
    """Counts the bytes of bodies as they are on the wire, in both directions, and holds them up where that is asked for."""

    def __init__(self, bytes_per_second: float | None = None) -> None:
        self.wire_bytes = 0
        self._up, self._down = (None if bytes_per_second is None else Throttle(bytes_per_second) for _ in range(2))

    def sending(self, request: httpx2.Request) -> None:
        """Count what a request sends."""
        assert isinstance(request.stream, httpx2.SyncByteStream)
        request.stream = _Metered(request.stream, self, self._up)

    def arriving(self, response: httpx2.Response) -> None:
        """Count what its answer brings."""
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Metered(response.stream, self, self._down)


class _Metered(httpx2.SyncByteStream):
    """A body that is counted while it passes."""

    def __init__(self, body: httpx2.SyncByteStream, meter: Meter, throttle: Throttle | None) -> None:
        self._body = body
        self._meter = meter
        self._throttle = throttle

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            for piece in (chunk,) if self._throttle is None else _pieces(chunk):
                self._meter.wire_bytes += len(piece)
                if self._throttle is not None:
                    self._throttle.spend(len(piece))
                yield piece

    def close(self) -> None:
        """Close the connection's end of it."""
        self._body.close()


def _pieces(chunk: bytes) -> Iterator[bytes]:
    for at in range(0, len(chunk), PIECE):
        yield chunk[at : at + PIECE]


def counting(meters: Sequence[Meter], transfer: Transfer) -> Transfer:
    """The same transfer; what goes over the wire meanwhile is counted in its tally."""

    def go(task: Task, tally: Tally) -> None:
        before = sum(meter.wire_bytes for meter in meters)
        try:
            transfer(task, tally)
        finally:
            tally.wire_bytes += sum(meter.wire_bytes for meter in meters) - before

    return go
