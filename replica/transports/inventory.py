"""What a peer holds of every document, asked for with the verbs of a replication."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby

from replica.engine.peer import Peer
from replica.engine.replicate import PAGE, portions
from replica.store.checking import Holding, holding
from replica.store.sessions import START

_TABLE = "CREATE TABLE holding (unid TEXT PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID"


def inventory_of(peer: Peer) -> Iterator[Holding]:
    """What the peer holds, in UNID order, which is not that of its feed. Kept in a temporary file meanwhile."""
    with closing(sqlite3.connect("", isolation_level=None)) as sorting:
        sorting.execute(_TABLE)
        for held in _as_they_come(peer):
            sorting.execute("INSERT OR REPLACE INTO holding VALUES (?, ?)", held)  # what changes meanwhile comes again
        yield from map(Holding._make, sorting.execute("SELECT unid, digest FROM holding ORDER BY unid"))


def _as_they_come(peer: Peer) -> Iterator[Holding]:
    since, last = START, False
    while not last:
        page = peer.changes(since, PAGE)
        for portion in portions(page, since, {entry.unid: list(entry.offers) for entry in page.entries}):
            wanted = [(offer.unid, offer.revision) for offer in portion.wanted]
            found = sorted(peer.fetch(wanted).leaves, key=lambda leaf: leaf.unid) if wanted else []
            for unid, leaves in groupby(found, key=lambda leaf: leaf.unid):
                yield holding(unid, leaves)
        since, last = page.position, page.last
