"""The replication history at rest: what this replica and its peers both remember. At most 50 sessions a peer and direction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, column, text

from replica.tally import Tally

KEPT = 50
COUNTED = ("added", "updated", "deleted", "conflicts", "merged", "resurrected", "failed")  # of the tally, in `counts`

_SAVE = text("""
    INSERT INTO session (id, direction, peer, era, position, at_ms, counts, witnesses, token)
    VALUES (:id, :direction, :peer, :era, :position, :at_ms, :counts, :witnesses, :token)
    ON CONFLICT (id, direction) DO UPDATE SET position = excluded.position, at_ms = excluded.at_ms,
        counts = excluded.counts, witnesses = excluded.witnesses, token = excluded.token""")
_PRUNE = text("""
    DELETE FROM session WHERE direction = :direction AND peer = :peer AND nr <= (
        SELECT nr FROM session WHERE direction = :direction AND peer = :peer ORDER BY nr DESC LIMIT 1 OFFSET :kept)""")
_COLUMNS = "id, direction, peer, era, position, at_ms, counts, witnesses, token"
_WITH = text(
    f"SELECT {_COLUMNS} FROM session WHERE peer IN (SELECT value FROM json_each(:peers)) ORDER BY nr DESC"
).columns(*map(column, _COLUMNS.split(", ")))
_ALL = text(f"SELECT {_COLUMNS} FROM session ORDER BY nr DESC")
_CLEAR = text("DELETE FROM session WHERE peer = :peer")


class Position(NamedTuple):
    """A place in a feed: the update sequence, and in the token what the number does not say.

    That is what a CouchDB calls the place; of a replica of ours, by whose eyes the feed is read (`token_of`).
    """

    number: int
    token: str = ""


START = Position(0)
_SIGHT = "sight:"


def token_of(sight_id: str) -> str:
    """The token of all places in the feed as it is to those of that sight; empty where everything is seen."""
    return _SIGHT + sight_id if sight_id else ""


def sight_in(token: str) -> str:
    """The token itself if it tells of a sight, else an empty text."""
    return token if token.startswith(_SIGHT) else ""


class Session(NamedTuple):
    """One exchange that two replicas remember. `position`: the source's update sequence up to which the target has all.

    `direction` is the owner's view: "in" where it was the target. `witnesses` are the source's last feed entries
    (sequence, UNID, revision), kept where the source could not remember. `token`: that of the position.
    """

    id: str
    direction: Literal["in", "out"]
    peer: str
    era: int
    position: int
    at_ms: int
    counts: dict[str, int]
    witnesses: Sequence[tuple[int, str, str]] | None = None
    token: str = ""

    @property
    def reached(self) -> Position:
        """The position as the feed takes it."""
        return Position(self.position, self.token)

    def counting(self, tally: Tally) -> Session:
        """The same session after another part of it was done."""
        done = {name: self.counts.get(name, 0) + getattr(tally, name) for name in COUNTED}
        return self._replace(counts=self.counts | done)


def save_session(connection: Connection, session: Session) -> None:
    """Note a session, or its progress, and forget the oldest beyond `KEPT`."""
    values = session._asdict()
    values["counts"] = json.dumps(session.counts)
    values["witnesses"] = None if session.witnesses is None else json.dumps(session.witnesses)
    connection.execute(_SAVE, values)
    connection.execute(_PRUNE, {"direction": session.direction, "peer": session.peer, "kept": KEPT})


def sessions_with(connection: Connection, peers: tuple[str, ...]) -> list[Session]:
    """The sessions with a peer that is or was called by one of these instance ids, newest first."""
    return [_session(row) for row in connection.execute(_WITH, {"peers": json.dumps(peers)})]


def all_sessions(connection: Connection) -> list[Session]:
    """All sessions, newest first."""
    return [_session(row) for row in connection.execute(_ALL)]


def forget_sessions(connection: Connection, peer: str) -> int:
    """Forget what is remembered of a peer; how many sessions that were."""
    return connection.execute(_CLEAR, {"peer": peer}).rowcount


def _session(row: Any) -> Session:
    witnesses = None if row.witnesses is None else [tuple(entry) for entry in json.loads(row.witnesses)]
    counts = json.loads(row.counts)
    return Session(row.id, row.direction, row.peer, row.era, row.position, row.at_ms, counts, witnesses, row.token)
