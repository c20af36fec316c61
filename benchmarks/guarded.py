"""Makes databases of `ours_http.py prepare` those of a server with users; prints one line of JSON.

    python guarded.py LANE SERVER CLIENT

The lanes are those of `rights_plan.py`. Where documents have readers, every tenth has, at both ends in the same revision.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ours import Outcome
from rights_plan import AUTHOR, EVERYBODY, PASSWORD, READERS, TENTH, USER

from replica import Document
from replica import open as open_replica
from replica.access import lists
from replica.access.directory import Directory
from replica.clock import system_clock
from replica.replica import create_empty


def restrict(hub_path: Path, copy: Path, reader: str) -> None:
    """Let every tenth document name who may read it, and the copy be one of that."""
    with open_replica(hub_path) as hub:
        chosen: list[Document] = list(hub.documents())[::TENTH]
        with hub.batch():
            for document in chosen:
                document["$Readers"] = [reader]
                hub.put(document)
        remove(copy)
        hub.copy(copy).close()


def save_as(copy: Path, user: str) -> None:
    """Let all documents of a copy be saved by somebody, for the first time."""
    with open_replica(copy) as made:
        replica_id, documents = made.identity.replica_id, list(made.documents())
    remove(copy)
    with create_empty(copy, replica_id, "", system_clock, user=user) as made:
        made.put_many(Document(document.items, unid=document.unid) for document in documents)


def remove(path: Path) -> None:
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()


def guard(lane: str, server: str, client: str) -> Outcome:
    there = Path(server)
    if lane in READERS:
        restrict(there / "hub.db", Path(client) / "a", READERS[lane])
    if lane == AUTHOR.name:
        save_as(Path(client) / "a", USER)
    for name in ("hub.db", "empty.db"):
        with open_replica(there / name) as hub:
            lists.set_entry(hub, USER, "author" if lane == AUTHOR.name else "editor")
    if lane != EVERYBODY.name:
        known = Directory(server)
        known.add("boss", PASSWORD, roles=["_admin"])
        known.add(USER, PASSWORD)
        known.close()
    return {"documents": 0}


if __name__ == "__main__":
    print(json.dumps(guard(*sys.argv[1:])))
