"""The feed as programs read it, to its end or for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

from replica.changes import changes_since
from replica.store.sqlite import SQLiteFile
from replica.store.texts import is_readable

PAGE = 500
POLL_S = 0.1  # how often a live feed looks whether anyone, in any process, has written


class Change(NamedTuple):
    """One document that changed: its present state, at the update sequence of its latest change."""

    sequence: int | str  # a text where a server has no numbers
    unid: str
    revision: str  # of the winner
    deleted: bool
    leaves: list[str]  # all leaf revisions, the winner first


def follow(file: SQLiteFile, since: int, live: bool) -> Iterator[Change]:
    """The changes after `since`, in order; `live` waits at the end for more."""
    pause = threading.Event()
    while True:
        with file.read() as connection:
            page = changes_since(connection, since, PAGE)
        for entry in page.entries:
            if not is_readable(entry.unid):
                continue  # `verify` tells of the damage
            winner = entry.offers[0]
            leaves = [str(offer.revision) for offer in entry.offers]
            yield Change(entry.sequence, entry.unid, leaves[0], winner.deleted, leaves)
        since = page.position.number
        if page.last:
            if not live:
                return
            pause.wait(POLL_S)
