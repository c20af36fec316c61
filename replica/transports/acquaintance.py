"""Who was met at an address: a database on a server that is not ours has no replica id by which to know it again.

It is noted in this replica's file, by address and beside the documents. Not in a session: those are kept by peer, and
are forgotten one after the other. A copy or a backup of the file has made no acquaintances, or only those it had.
"""

from __future__ import annotations

import json

from replica.engine.meeting import Transfer
from replica.engine.peer import Peer
from replica.engine.replicate import Task
from replica.errors import NotAReplica
from replica.store.local import LocalDocument, read_local, write_local
from replica.store.sqlite import SQLiteFile
from replica.tally import Tally
from replica.transports.couchdb.peer import CouchPeer
from replica.transports.direct import DirectPeer


def acquainted(here: Peer, there: Peer, force: bool, transfer: Transfer) -> Transfer:
    """The same transfer, which first notes who was met.

    `NotAReplica` if another server or database was met at that address before; with `force` that is accepted.
    """
    pairs = [
        (ours.file, theirs)
        for ours, theirs in ((here, there), (there, here))
        if isinstance(ours, DirectPeer) and isinstance(theirs, CouchPeer)
    ]
    for file, peer in pairs:
        if not force and _noted(file, peer) not in (None, peer.id):
            raise NotAReplica(
                f"at {peer.web.address} there is another server or database than before",
                hint="Look at both; if it is meant to take the place of the other, repeat with `--force`.",
            )

    def go(task: Task, tally: Tally) -> None:
        for file, peer in pairs:
            if not task.dry_run and not file.read_only and _noted(file, peer) != peer.id:
                _note(file, peer)
        transfer(task, tally)

    return go


def _noted(file: SQLiteFile, peer: CouchPeer) -> str | None:
    with file.read() as connection:
        noted = read_local(connection, _name(peer))
    return None if noted is None else str(json.loads(noted.body)["peer"])


def _note(file: SQLiteFile, peer: CouchPeer) -> None:
    with file.write() as connection:
        write_local(connection, _name(peer), LocalDocument(1, json.dumps({"peer": peer.id})))


def _name(peer: CouchPeer) -> str:
    return f"acquaintance {peer.web.address}"
