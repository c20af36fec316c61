"""From an address to a peer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import random

from replica.engine.peer import Peer
from replica.transports.address import Address, parse_address
from replica.transports.couchdb.peer import CouchPeer
from replica.transports.network import PLAIN, Network
from replica.transports.retrying import Patience
from replica.transports.throttled import Meter
from replica.transports.web import Web


@contextmanager
def web_to(address: Address, network: Network | None) -> Iterator[Web]:
    """A patient connection to a database on a server, as long as the block lasts."""
    network = network or PLAIN
    web = Web(address, network.client(address), Meter(network.bytes_per_second), Patience(random))
    try:
        yield web
    finally:
        web.close()


@contextmanager
def connected(address: str, network: Network | None) -> Iterator[Peer]:
    """The peer at an address, as long as the block lasts."""
    with web_to(parse_address(address), network) as web:
        yield CouchPeer(web)
