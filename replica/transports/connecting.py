"""From an address to a peer, and the way between two peers of which one is on the network."""

from __future__ import annotations

from random import random

from replica.engine.meeting import Transfer
from replica.engine.peer import Greeting, Peer
from replica.engine.replicate import transfer
from replica.errors import Garbled
from replica.transports.acquaintance import acquainted
from replica.transports.address import parse_address
from replica.transports.couchdb.identity import root_of
from replica.transports.couchdb.peer import CouchPeer
from replica.transports.direct import DirectPeer
from replica.transports.http import HTTPPeer, introduce
from replica.transports.network import PLAIN, Network
from replica.transports.prefetching import transfer_ahead
from replica.transports.retrying import Patience
from replica.transports.throttled import Meter, counting
from replica.transports.web import Web


def web_at(address: str, network: Network | None) -> Web:
    """A patient connection to the database at an address. `Mistake`, `BadSettings`; nothing is sent yet."""
    network = network or PLAIN
    where = parse_address(address)
    return Web(where, network.client(where), Meter(network.bytes_per_second), Patience(random))


def peer_at(web: Web, other: Greeting | None = None, dry_run: bool = False) -> Peer:
    """The peer there: a replica of ours, which is greeted by `other` meanwhile, or else one that speaks CouchDB's protocol.

    What the server refuses is raised, and all of `TransportError`. `Garbled` where a server of ours was not understood: by
    CouchDB's protocol marks and whole ancestries would get lost, and nobody would notice.
    """
    if web.address.as_couchdb:
        return CouchPeer(web)
    ours = introduce(web, other, dry_run)
    if ours is not None:
        return ours
    root = root_of(web)
    if root.is_of_ours:
        hint = "Try again. If something on the way lets no `_replica` pass, write couchdb+ in front of the address."
        raise Garbled(f"{web.address} is on a server of ours, and its answer to our greeting is none", hint=hint)
    return CouchPeer(web, root)


def way_between(here: Peer, there: Peer, force: bool) -> Transfer:
    """How documents go between two peers that are not both files here. `NotAReplica`, as `acquainted`."""
    both_ours = all(isinstance(peer, DirectPeer | HTTPPeer) for peer in (here, there))
    way = acquainted(here, there, force, transfer_ahead if both_ours else transfer)
    return counting([peer.web.meter for peer in (here, there) if isinstance(peer, HTTPPeer | CouchPeer)], way)
