"""Trying a connection without moving anything: is the peer there, is it the right one, does it take the secrets?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from replica.engine.peer import Greeting
from replica.errors import ReplicaError
from replica.replication import meet_only
from replica.service.approach import network_of
from replica.service.connection import Connection
from replica.service.expansion import Pair, pairs_of
from replica.service.run import told
from replica.transports.address import is_address, without_password

Kind = Literal["file", "replica", "couchdb"]


class Probe(NamedTuple):
    """What was found about one database: `kind` of peer (a file, a replica of ours behind a server, another server), how
    far its feed goes, and what keeps the two from replicating.
    """

    pair: Pair
    kind: Kind | None
    update_seq: int | None
    error: ReplicaError | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "here": self.pair.here,
            "peer": without_password(self.pair.peer),
            "ok": self.error is None,
            "kind": self.kind,
            "update_seq": self.update_seq,
            "error": told(self.error),
        }


def probes(connection: Connection, environment: Mapping[str, str]) -> Iterator[Probe]:
    """Greet each peer of a connection, as a run would, and write nothing at either end. Nothing is raised."""
    try:
        pairs = pairs_of(connection)
        network = network_of(connection, environment)
    except ReplicaError as error:
        yield Probe(Pair(connection.here, connection.peer), None, None, error)
        return
    for pair in pairs:
        try:
            _, there = meet_only(pair.here, pair.peer, connection.direction, network=network)
        except ReplicaError as error:
            yield Probe(pair, None, None, error)
        else:
            yield Probe(pair, _kind(pair, there), there.update_seq, None)


def _kind(pair: Pair, there: Greeting) -> Kind:
    if not is_address(pair.peer):
        return "file"
    return "replica" if there.ancestry_limit else "couchdb"
