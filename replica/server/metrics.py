"""Counting what is asked, for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from replica.exposition import Metric
from replica.server.exchange import Exchange

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OTHER = "other"
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")


class _Durations:
    """A histogram, not cumulative yet."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum += seconds

    def values(self, route: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
        total = 0
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), self.counts, strict=True):
            total += count
            yield "_bucket", {"route": route, "le": bound}, total
        yield "_sum", {"route": route}, self.sum
        yield "_count", {"route": route}, total


class Metrics:
    """What was asked since the start. All of it is counted in one thread, that of the event loop."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._durations: dict[str, _Durations] = defaultdict(_Durations)
        self._bytes = {"in": 0, "out": 0}
        self._running: set[Exchange] = set()

    def begun(self, exchange: Exchange) -> None:
        """One more is running."""
        self._running.add(exchange)

    def ended(self, exchange: Exchange) -> None:
        """Count what came of it. Only names from our own tables become labels: clients could invent any number."""
        self._running.discard(exchange)
        route = exchange.route or OTHER
        self._requests[exchange.method if exchange.method in _METHODS else OTHER, route, exchange.status] += 1
        self._durations[route].add(exchange.seconds)
        self._bytes["in"] += exchange.bytes_in
        self._bytes["out"] += exchange.bytes_out

    def all(self) -> Iterator[Metric]:
        """What was counted."""
        asked = ({"method": m, "route": r, "status": str(s)} for m, r, s in self._requests)
        requests = [("", labels, count) for labels, count in zip(asked, self._requests.values(), strict=True)]
        yield Metric("replica_http_requests_total", "counter", "Requests that ended.", requests)
        durations = [value for route, each in self._durations.items() for value in each.values(route)]
        yield Metric(
            "replica_http_request_seconds", "histogram", "From the request to the end of the answer.", durations
        )
        moved = [("", {"direction": direction}, count) for direction, count in self._bytes.items()]
        yield Metric("replica_http_body_bytes_total", "counter", "Bytes of bodies, as they were sent.", moved)
        running = Counter(exchange.route or OTHER for exchange in self._running)
        now = [("", {"route": route}, count) for route, count in running.items()]
        yield Metric("replica_http_requests_running", "gauge", "Requests being answered, such as live feeds.", now)
