"""What is measured over HTTP: the lanes, each a client and a server, the rows of the tables, and the goals.

In a measurement, `a`, `empty`, `b` and `new` are the client's databases, as in `plan.py`, and `/hub` and `/empty` the
server's: `/hub` holds the corpus, `/empty` nothing. The client's `b` has replicated with `/hub` before. Every run starts
from fresh ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from plan import AGAIN, OURS, POUCHDB, Edit, Measurement

POUCHDB_SERVER = "pouchdb-server"
REQUESTS = "requests"
SINGLES = 2000
CONNECTIONS = (1, 8)
HUB, EMPTY = "/hub", "/empty"


@dataclass(frozen=True)
class Lane:
    """A client program and a server program; `scheme` goes before an address of ours that is not to be spoken to as such.

    `user`: who asks, ``"name:password"``, where the server has users.
    """

    name: str
    client: str
    server: str
    scheme: str = ""
    user: str = ""


NATIVE = Lane("replica@replica", OURS, OURS)
COUCHDB = Lane("couchdb@replica", OURS, OURS, "couchdb+")
FROM_OURS = Lane("pouchdb@replica", POUCHDB, OURS)
TO_OTHERS = Lane("replica@pouchdb-server", OURS, POUCHDB_SERVER)
OTHERS = Lane("pouchdb@pouchdb-server", POUCHDB, POUCHDB_SERVER)
OUR_REQUESTS = Lane("requests@replica", REQUESTS, OURS)
OTHER_REQUESTS = Lane("requests@pouchdb-server", REQUESTS, POUCHDB_SERVER)
REPLICATIONS = (NATIVE, COUCHDB, FROM_OURS, TO_OTHERS, OTHERS)
LANES = {lane.name: lane for lane in (*REPLICATIONS, OUR_REQUESTS, OTHER_REQUESTS)}
NEED_PEERS = [lane.name for lane in LANES.values() if {POUCHDB, POUCHDB_SERVER} & {lane.client, lane.server}]


@dataclass(frozen=True)
class Row:
    """A line of the table: the measurement of that name in each lane; where PouchDB has none such, `peer` of it."""

    title: str
    name: str
    peer: str = ""

    def key(self, lane: Lane) -> str:
        """The lane's measurement in the results."""
        name = self.peer if self.peer and lane.client == POUCHDB else self.name
        return f"{lane.name}/{name}"


@dataclass(frozen=True)
class Goal:
    """How many times as fast as the `other` lane, at least; or another `measure` of our own conversation, below the bound."""

    title: str
    row: str
    bound: float
    other: Lane | None = None
    measure: str = ""


def measurements(documents: int) -> list[Measurement]:
    """All of them for a corpus of that size, in the order of the rows, so that the lanes take turns."""
    few, singles = max(1, documents // 100), min(SINGLES, documents)
    changed = (Edit(HUB, few, "changed"),)
    rows: list[tuple[str, dict[str, tuple[str, ...]], int, tuple[Edit, ...]]] = [
        ("copy", {OURS: ("copy", HUB, "new")}, documents, ()),
        ("pull", {OURS: ("pull", HUB, "empty"), POUCHDB: ("replicate", HUB, "new")}, documents, ()),
        ("push", {OURS: ("push", "a", EMPTY), POUCHDB: ("replicate", "a", EMPTY)}, documents, ()),
        ("changed", {OURS: ("pull", HUB, "b"), POUCHDB: ("replicate", HUB, "b")}, few, changed),
        ("unchanged", {OURS: ("sync", "b", HUB), POUCHDB: ("sync", "b", HUB)}, 0, ()),
        ("again", {OURS: ("again", "b", HUB, str(AGAIN)), POUCHDB: ("syncs", "b", HUB, str(AGAIN))}, AGAIN, ()),
    ]
    replications = [
        Measurement(name, lane.name, commands[lane.client], count, edits)
        for name, commands, count, edits in rows
        for lane in REPLICATIONS
        if lane.client in commands
    ]
    requests = [
        Measurement(f"{verb}-{connections}", lane.name, (verb, HUB, str(singles), str(connections)), singles)
        for verb in ("get", "put")
        for connections in CONNECTIONS
        for lane in (OUR_REQUESTS, OTHER_REQUESTS)
    ]
    return [*replications, *requests]


ROWS = (
    Row("first copy, `copy`", "copy", peer="pull"),
    Row("pull into an empty replica", "pull"),
    Row("push into an empty replica", "push"),
    Row("1 % changed, pull", "changed"),
    Row("nothing changed, new process, both ways", "unchanged"),
    Row("nothing changed, 20 times, both ways", "again"),
)
SINGLE_ROWS = tuple((verb, number) for verb in ("get", "put") for number in CONNECTIONS)

GOALS = (
    Goal("first copy against PouchDB, from the same server", "copy", 25, FROM_OURS),
    Goal("first copy against PouchDB, from pouchdb-server", "copy", 25, OTHERS),
    Goal("pull against PouchDB, from the same server", "pull", 12, FROM_OURS),
    Goal("pull against PouchDB, from pouchdb-server", "pull", 12, OTHERS),
    Goal("push against PouchDB, to the same server", "push", 12, FROM_OURS),
    Goal("push against PouchDB, to pouchdb-server", "push", 12, OTHERS),
    Goal("nothing changed, both ways: round trips", "unchanged", 2, measure="round_trips"),
    Goal("peak memory of the client, pull (MB)", "pull", 150, measure="peak_bytes"),
    Goal("peak memory of the server, pull (MB)", "pull", 150, measure="server_peak_bytes"),
    Goal("peak memory of the client, push (MB)", "push", 150, measure="peak_bytes"),
    Goal("peak memory of the server, push (MB)", "push", 150, measure="server_peak_bytes"),
)
