"""One measurement of single requests to a server, whosever it is; prints one line of JSON.

    python singles.py get URL COUNT CONNECTIONS     read COUNT documents of the database
    python singles.py put URL COUNT CONNECTIONS     save COUNT new ones

The requests are shared out evenly among the connections, which are kept alive, one thread each. Connecting is not timed.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

from ours import Outcome, cpu_seconds, peak_bytes

Request = tuple[str, str, bytes | None]
CONNECT_S = 60
HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


def answer(connection: HTTPConnection, request: Request) -> bytes:
    """What is answered; anything but success ends the measurement."""
    method, path, body = request
    connection.request(method, path, body, HEADERS)
    response = connection.getresponse()
    data = response.read()
    if response.status not in (200, 201):
        raise SystemExit(f"{method} {path}: {response.status} {data!r}")
    return data


def ids(connection: HTTPConnection, path: str, count: int) -> list[str]:
    """`count` of all UNIDs in order, evenly spread, as in `ours.py`."""
    rows: list[dict[str, Any]] = json.loads(answer(connection, ("GET", f"{path}/_all_docs", None)))["rows"]
    return [rows[number * len(rows) // count]["id"] for number in range(count)]


def requests(verb: str, connection: HTTPConnection, path: str, count: int) -> list[Request]:
    if verb == "get":
        return [("GET", f"{path}/{quote(unid, safe='')}", None) for unid in ids(connection, path, count)]
    items = {"Form": "Single", "Text": "x" * 800}
    bodies = (json.dumps({**items, "Number": number}).encode() for number in range(count))
    return [("PUT", f"{path}/single{number}", body) for number, body in enumerate(bodies)]


def measure(verb: str, url: str, count: str, connections: str) -> Outcome:
    parts, number = urlsplit(url), int(connections)
    assert parts.hostname
    host, port = parts.hostname, parts.port
    wanted = requests(verb, HTTPConnection(host, port), parts.path, int(count))
    ready = threading.Barrier(number + 1, timeout=CONNECT_S)

    def ask(share: list[Request]) -> list[float]:
        connection, latencies = HTTPConnection(host, port), []
        answer(connection, ("GET", "/", None))
        ready.wait()
        for request in share:
            start = time.perf_counter()
            answer(connection, request)
            latencies.append(time.perf_counter() - start)
        return latencies

    with ThreadPoolExecutor(number) as threads:
        shares = [threads.submit(ask, wanted[at::number]) for at in range(number)]
        ready.wait()
        start, used = time.perf_counter(), cpu_seconds()
        latencies = [latency for share in shares for latency in share.result()]
        seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "documents": len(latencies),
        "peak_bytes": peak_bytes(),
        "cpu_seconds": cpu_seconds() - used,
        "latencies": latencies,
    }


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
