"""One measurement of this library as a client, in a fresh process; prints one line of JSON. A and B are files.

    python ours_http.py prepare CORPUS SERVER CLIENT   the databases that the others start from (not a measurement)
    python ours_http.py copy URL B                     first copy: B is made as a copy
    python ours_http.py pull URL B                     from the server
    python ours_http.py push A URL                     to the server
    python ours_http.py sync A URL                     both ways
    python ours_http.py again A URL COUNT              both ways once, then COUNT times more, one by one

Loading the library is not timed, nor is opening the file. The greeting is: every replication makes its own connection.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2
from ours import Outcome, one_by_one, put_corpus, timed, written

from replica import Replica, create, replicate
from replica import open as open_replica
from replica.remote import RemoteReplica  # brings what the network needs, which the first replication would load


def prepare(corpus: str, server: str, client: str) -> Outcome:
    """`a` is a whole replica that has never met `empty`; `b` is to meet the hub yet."""
    here, there = Path(client), Path(server)
    with create(there / "hub.db", title="Benchmark") as hub:
        for path in (there / "empty.db", here / "empty", here / "b"):
            hub.copy(path).close()
        documents = put_corpus(hub, corpus)
        hub.copy(here / "a").close()
    return {"documents": documents}


def copy(url: str, b: str) -> Outcome:
    copies: list[Replica] = []

    def work() -> int:
        copies.append(hub.copy(b))
        return 0

    with open_replica(url) as hub:
        assert isinstance(hub, RemoteReplica)
        outcome = timed(work)
    with copies[0] as made:
        return {**outcome, "documents": len(made)}


def pull(url: str, b: str) -> Outcome:
    with open_replica(b) as here:
        return timed(lambda: written(replicate(here, url, direction="pull")))


def push(a: str, url: str) -> Outcome:
    with open_replica(a) as here:
        return timed(lambda: written(replicate(here, url, direction="push")))


def sync(a: str, url: str) -> Outcome:
    with open_replica(a) as here:
        return timed(lambda: written(replicate(here, url)))


def again(a: str, url: str, count: str) -> Outcome:
    with open_replica(a) as here:
        both = partial(replicate, here, url)
        both()
        return one_by_one([both] * int(count))


VERBS: dict[str, Callable[..., Outcome]] = {
    "prepare": prepare,
    "copy": copy,
    "pull": pull,
    "push": push,
    "sync": sync,
    "again": again,
}

if __name__ == "__main__":
    httpx2.Client().close()  # it loads more of its own when it is first used
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
