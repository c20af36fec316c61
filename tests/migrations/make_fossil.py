"""Makes the fossil of the present schema: a small file with something of everything in it, and what it must show for ever.

    python -m tests.migrations.make_fossil

Run it once, when a schema is about to be released; a fossil is never made again. `test_schema.py` opens all of them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import replica
from replica.canonical import canonical
from replica.leaf import Leaf
from replica.revision import Ancestry, Revision
from replica.store.eviction import evict
from replica.store.local import LocalDocument, write_local
from replica.store.receive import receive
from replica.store.tables import SCHEMA

FOSSILS = Path(__file__).parent / "fossils"
BIG = 10**400


class Clock:
    """One second later at every look."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        self.ms += 1000
        return self.ms


def make(folder: Path, schema: int = SCHEMA) -> None:
    """Write `schema-N.db.gz` and `schema-N.json` to a folder."""
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "hub.db"
        _fill(path, Path(work) / "laptop.db")
        with replica.open(str(path)) as hub:
            expected = description(hub)
        (folder / f"schema-{schema}.db.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        text = json.dumps(expected, indent=1, ensure_ascii=True, sort_keys=True) + "\n"
        (folder / f"schema-{schema}.json").write_text(text, encoding="utf-8")


def unpack(fossil: Path, folder: Path) -> Path:
    """The file in a fossil, to be opened and changed."""
    path = folder / "fossil.db"
    with gzip.open(fossil) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path


def _fill(path: Path, other: Path) -> None:
    clock = Clock()
    with replica.create(str(path), title="Fossil", clock=clock) as hub:
        hub.settings["keep-revisions"] = 2
        hub.settings["conflict-policy"] = {"Task": "merge"}
        hub.create_index(["Form", "Total"])
        hub.put({"Form": "Order", "Total": 1, "City": "Graz"}, unid="clash")
        hub.put({"Form": "Order", "Total": 1, "City": "Graz"}, unid="resolved")
        hub.put({"Form": "Task", "a": 1, "b": 1}, unid="merged")
        hub.put({"big": BIG, "one": 1.0, "small": 1e-07, "zero": -0.0, "none": None, "": []}, unid="values")
        hub.put({"text": "\0\u2028e\u0301 \u00e9 \U0001f600"}, unid="e\u0301/日本\n😀")
        hub.put({"gone": True}, unid="deleted")
        for unid in ("restricted", "evicted"):
            hub.put({"n": 1}, unid=unid)
        _change(hub, "restricted", "$Readers", ["anna"])
        with hub.copy(str(other)) as laptop:
            laptop.settings["conflict-policy"] = {"Task": "merge"}
            for unid, item in (("clash", "Total"), ("resolved", "Total"), ("merged", "a")):
                _change(hub, unid, item, 2)
            for unid, item in (("clash", "Total"), ("resolved", "Total"), ("merged", "b")):
                _change(laptop, unid, item, 3)
            replica.replicate(laptop, hub)
        hub.resolve("resolved", items={"Form": "Order", "Total": 5})
        hub.delete("deleted")
        with hub._file.write() as connection:
            receive(connection, _foreign(), "elsewhere", clock())
            evict(connection, {"evicted": [str(hub.get("evicted").revision)]}, ("elsewhere",), "", clock())
            write_local(connection, "_local/checkpoint", LocalDocument(3, '{"b":1,"a":2}'))
        _change(hub, "values", "again", True)


def _change(here: replica.Replica, unid: str, item: str, value: Any) -> None:
    document = here.get(unid)
    document[item] = value
    here.put(document)


def _foreign() -> list[Leaf]:
    """Two clashing revisions as they come from a CouchDB, and one that is damaged."""
    leaves = []
    for text, total in (("2-abc", 1), ("2-967a00dff5e02add41819138abb3284d", 2)):
        body = canonical({"Total": total})
        line = Ancestry(line=Revision(1, "first").packed)
        leaf = Leaf("foreign", Revision.parse(text), False, False, line, None, hashlib.sha256(body).digest(), body)
        leaves.append(leaf)
    return [*leaves, leaves[0]._replace(unid="damaged", hash=b"\0" * 32)]


def description(hub: replica.Replica) -> dict[str, Any]:
    """What a replica shows of itself, without what another version may count in another way."""
    info = hub.info()
    return {
        "identity": {name: info[name] for name in ("replica_id", "instance_id")},
        "counts": {name: info[name] for name in ("documents", "deleted", "conflicts", "conflicted", "update_seq")},
        "documents": [document.to_json() for document in hub.documents(conflicts=True, deleted=True)],
        "changes": [list(change) for change in hub.changes()],
        "conflicts": [conflict.to_dict() for conflict in hub.conflicts()],
        "revisions": {
            unid: [revision.to_json() for revision in hub.revisions(unid)]
            for unid in sorted(document.unid or "" for document in hub.documents(deleted=True))
        },
        "settings": dict(hub.settings),
        "indexes": hub.indexes(),
        "sessions": [[session.id, session.direction, session.peer, session.position] for session in hub.history()],
    }


if __name__ == "__main__":
    FOSSILS.mkdir(exist_ok=True)
    make(FOSSILS)
