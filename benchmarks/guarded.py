"""Makes databases of `ours_http.py prepare` those of a server with users; prints one line of JSON.

    python guarded.py LANE SERVER CLIENT

The lanes are those of `rights_plan.py`. Where documents have readers, every tenth has, at both ends in the same revision.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ours import Outcome
from rights_plan import EVERYBODY, PASSWORD, READERS, TENTH, USER

from replica import Document
from replica import open as open_replica
from replica.access import lists
from replica.access.directory import Directory


def restrict(hub_path: Path, copy: Path, reader: str) -> None:
    """Let every tenth document name who may read it, and the copy be one of that."""
    with open_replica(hub_path) as hub:
        chosen: list[Document] = list(hub.documents())[::TENTH]
        with hub.batch():
            for document in chosen:
                document["$Readers"] = [reader]
                hub.put(document)
        for leftover in copy.parent.glob(f"{copy.name}*"):
            leftover.unlink()
        hub.copy(copy).close()


def guard(lane: str, server: str, client: str) -> Outcome:
    there = Path(server)
    if lane in READERS:
        restrict(there / "hub.db", Path(client) / "a", READERS[lane])
    for name in ("hub.db", "empty.db"):
        with open_replica(there / name) as hub:
            lists.set_entry(hub, USER, "editor")
    if lane != EVERYBODY.name:
        known = Directory(server)
        known.add("boss", PASSWORD, roles=["_admin"])
        known.add(USER, PASSWORD)
        known.close()
    return {"documents": 0}


if __name__ == "__main__":
    print(json.dumps(guard(*sys.argv[1:])))
