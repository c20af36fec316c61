"""A first copy over the network: the server sends the file, and here it becomes a replica of its own."""

from __future__ import annotations

from contextlib import suppress

from replica.errors import Garbled, ReplicaError
from replica.store.callbacks import Progress
from replica.store.faults import file_errors
from replica.store.publish import new_file
from replica.store.received import check_received
from replica.store.schema import check_schema
from replica.store.sessions import sight_in
from replica.store.tables import APPLICATION_ID
from replica.transports.http import HTTPPeer
from replica.transports.snapshot import settle
from replica.wire.bodies import is_canonical


def fetch_copy(source: HTTPPeer, path: str, now_ms: int, progress: Progress) -> None:
    """Make a new replica at `path` of the same database as the one that has greeted. Both remember that they hold the same.

    Progress is in bytes. `Exists`; `TooNew` and `TooOld` if it has another schema; `Corrupt`; all of `TransportError`.
    """
    token = source.greet(None).token  # by whose eyes; whoever sees more by now begins anew when the two meet
    with new_file(path) as unfinished:
        with source.streamed("snapshot") as (snapshot, content):
            check_schema(str(source.web.address), APPLICATION_ID, snapshot.schema)
            with file_errors(path), open(unfinished, "wb") as file:
                for piece in content:
                    file.write(piece)
                    progress(file.tell(), snapshot.size)
                    if file.tell() > snapshot.size:
                        raise Garbled("the file is larger than it should be")
        checked, damaged = check_received(unfinished, lambda: progress(snapshot.size, snapshot.size), is_canonical)
        sessions = settle(path, unfinished, checked, damaged, now_ms, sight_in(token))
    with suppress(ReplicaError):  # what the server does not remember it will compare when the two meet
        source.remember(*sessions)
