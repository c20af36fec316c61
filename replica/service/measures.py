"""How connections are doing, for Prometheus: what docs/monitoring.md lists. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from replica.exposition import Metric
from replica.service.past import read
from replica.service.status import State, Status

_TIMES = {
    "last_success": ("last_success", "When the last run that went well began."),
    "next_run": ("next_run", "When it runs next."),
}
_BOTH_WAYS = {
    "pending_{}": ("pending_documents", "Documents that are known to be still to come or to go."),
    "lag_{}_s": ("lag_seconds", "For how long at most the receiving side has not been what the source is."),
}


def measures(statuses: Iterable[Status]) -> Iterator[Metric]:
    """The metrics of these connections; what is not known of one is left out."""
    said = [status.to_dict() for status in statuses]
    states = [
        ("", {"connection": each["name"], "state": state}, float(each["state"] == state))
        for each in said
        for state in get_args(State)
    ]
    yield Metric("replica_connection_state", "gauge", "1 for the state that it is in, 0 for the others.", states)
    for key, (name, about) in _TIMES.items():
        times = [({"connection": each["name"]}, _seconds(each[key])) for each in said]
        yield _gauge(f"{name}_timestamp_seconds", about, times)
    for key, (name, about) in _BOTH_WAYS.items():
        ways = [
            ({"connection": each["name"], "direction": way}, each[key.format(way)])
            for each in said
            for way in ("in", "out")
        ]
        yield _gauge(name, about, ways)
    conflicts = [({"connection": each["name"]}, each["conflicts"]) for each in said]
    yield _gauge("conflicts", "Conflict documents in the databases here.", conflicts)


def _gauge(name: str, about: str, values: Iterable[tuple[dict[str, str], Any]]) -> Metric:
    known = [("", labels, float(value)) for labels, value in values if value is not None]
    return Metric(f"replica_connection_{name}", "gauge", about, known)


def _seconds(time: str | None) -> float | None:
    moment = read(time)
    return None if moment is None else moment.timestamp()
