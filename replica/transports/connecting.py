"""From an address to a peer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import random

from replica.engine.peer import Peer
from replica.transports.address import parse_address
from replica.transports.couchdb.peer import CouchPeer
from replica.transports.network import PLAIN, Network
from replica.transports.retrying import Patience
from replica.transports.throttled import Meter
from replica.transports.web import Web


def web_at(address: str, network: Network | None) -> Web:
    """A patient connection to the database at an address. `Mistake`, `BadSettings`; nothing is sent yet."""
    network = network or PLAIN
    where = parse_address(address)
    return Web(where, network.client(where), Meter(network.bytes_per_second), Patience(random))


@contextmanager
def connected(address: str, network: Network | None) -> Iterator[Peer]:
    """The peer at an address, as long as the block lasts."""
    web = web_at(address, network)
    try:
        yield CouchPeer(web)
    finally:
        web.close()
