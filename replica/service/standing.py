"""How far the databases of a connection have come, as can be seen from here: nobody far away is asked.

What is known of a peer behind an address is what the last run saw there; of one in a file, what is in it now.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from replica.changes import pending_since
from replica.errors import ReplicaError
from replica.replica import Replica, open_path
from replica.service.connection import Connection
from replica.service.expansion import Pair, pairs_of
from replica.service.past import at
from replica.service.run import Mark, Reached
from replica.store.leaves import update_sequence
from replica.store.sessions import Position
from replica.transports.address import is_address

PAGE = 5000  # documents looked at together
NOTHING: Reached = {}


class Standing(NamedTuple):
    """Documents that are known to be still to come and to go; conflict documents here; when a batch was last exchanged with
    anybody. None where it is not known, or there is no such direction.
    """

    pending_in: int | None
    pending_out: int | None
    conflicts: int | None
    moved: datetime | None


UNKNOWN = Standing(None, None, None, None)


def standing(connection: Connection, reached: Mapping[str, Reached]) -> Standing:
    """All databases of a connection together. `reached`: how far its runs came, by the files here."""
    try:
        found = [_of(pair, connection, reached.get(pair.here, NOTHING)) for pair in pairs_of(connection)]
    except ReplicaError:  # the next run tells
        return UNKNOWN
    return Standing(
        _sum([each.pending_in for each in found]),
        _sum([each.pending_out for each in found]),
        _sum([each.conflicts for each in found]),
        max((each.moved for each in found if each.moved is not None), default=None),
    )


def _of(pair: Pair, connection: Connection, reached: Reached) -> Standing:
    way = connection.direction
    with closing(open_path(pair.here)) as here:
        if is_address(pair.peer):
            pull, push = reached.get("pull"), reached.get("push")
            coming = None if pull is None else pull.end - pull.after
            going = _changed(here, 0 if push is None else push.after)
        else:
            coming, going = _compared(here, pair.peer, reached)
        moved = max((session.at_ms for session in here.history()), default=None)
        return Standing(
            None if way == "push" else coming,
            None if way == "pull" else going,
            here.info()["conflicts"],
            None if moved is None else at(moved),
        )


def _changed(source: Replica, after: int) -> int | None:
    """How many documents changed since; not known of a file that was replaced by an older one."""
    with source.file.read() as connection:
        return pending_since(connection, after) if after <= update_sequence(connection) else None


def _compared(here: Replica, path: str, reached: Reached) -> tuple[int | None, int | None]:
    """How many documents each of two files has to get from the other."""
    try:
        with closing(open_path(path)) as there:
            return _missing(there, here, reached.get("pull")), _missing(here, there, reached.get("push"))
    except ReplicaError:  # the next run tells
        return None, None


def _missing(source: Replica, target: Replica, mark: Mark | None) -> int:
    """How many of the documents that changed at the source since the mark are not in the target as they are there."""
    number = 0 if mark is None or mark.after > source.update_sequence else mark.after
    found, page = 0, source.peer.changes(Position(number), PAGE)
    while page.entries:
        offers = [offer for entry in page.entries for offer in entry.offers]
        found += len({offer.unid for offer in target.peer.missing(offers)})
        page = source.peer.changes(page.position, PAGE)
    return found


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
