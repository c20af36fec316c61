"""Documents that leave this replica because its user may not read them any more where they came from.

Nothing is deleted by it: no stub is made, nothing of it is in the feed. The table `evicted` remembers what there was.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from replica.errors import NotAllowed
from replica.store.leaves import leaves_of_many

_ROWS_OF = "WHERE unid IN (SELECT value FROM json_each(:unids))"
_FORGET = [text(f"DELETE FROM {table} {_ROWS_OF}") for table in ("leaf", "superseded", "refused", "evicted")]
_FORGET_CONFLICTS = text("DELETE FROM conflict_document WHERE ref IN (SELECT value FROM json_each(:unids))")
_FORGET_SESSIONS = text("""
    DELETE FROM session WHERE direction = 'in' AND token <> :token AND peer IN (SELECT value FROM json_each(:peers))""")
_NOTE = text("INSERT INTO evicted VALUES (:unid, :revisions, :peer, :at_ms)")
_GONE = "NOT EXISTS (SELECT 1 FROM leaf WHERE leaf.unid = evicted.unid)"  # what has come again is here
_ALL = text(f"SELECT unid, revisions, peer, at_ms FROM evicted WHERE {_GONE} ORDER BY unid")
_AMONG = text(f"SELECT unid FROM evicted {_ROWS_OF} AND {_GONE}")
_ANY = text("SELECT EXISTS (SELECT 1 FROM evicted)")


class Evicted(NamedTuple):
    """A document that left: its leaf revisions then, at whose word (an instance id), and when."""

    unid: str
    revisions: list[str]
    peer: str
    at_ms: int


def evict(connection: Connection, judged: Mapping[str, list[str]], peers: Sequence[str], token: str, at_ms: int) -> int:
    """Forget these documents, of which a peer knows these leaf revisions; how many. What has other leaves by now stays.

    `peers`: what the peer was called, its present name last. `token`: by whose eyes it was asked. Sessions by other eyes
    are forgotten too: they say that all is here that those saw.
    """
    here = leaves_of_many(connection, judged, bodies=False)
    leaves = {unid: sorted(str(row.leaf.revision) for row in rows) for unid, rows in here.items()}
    going = [unid for unid, revisions in leaves.items() if revisions == sorted(judged[unid])]
    forget(connection, going)
    rows = [{"unid": unid, "revisions": json.dumps(leaves[unid]), "peer": peers[-1], "at_ms": at_ms} for unid in going]
    if rows:
        connection.execute(_NOTE, rows)
    connection.execute(_FORGET_SESSIONS, {"peers": json.dumps(list(peers)), "token": token})
    return len(going)


def forget(connection: Connection, unids: Iterable[str]) -> None:
    """Drop these documents without a trace: no stub tells others, so whoever has them and replicates here brings them again."""
    named = json.dumps(list(unids))
    for statement in (*_FORGET, _FORGET_CONFLICTS):
        connection.execute(statement, {"unids": named})


def evicted(connection: Connection) -> list[Evicted]:
    """What left and has not come again, by UNID."""
    return [Evicted(row.unid, json.loads(row.revisions), row.peer, row.at_ms) for row in connection.execute(_ALL)]


def evicted_among(connection: Connection, unids: Iterable[str]) -> set[str]:
    """Which of these documents left and have not come again."""
    if not connection.execute(_ANY).scalar():
        return set()
    return set(connection.execute(_AMONG, {"unids": json.dumps(list(unids))}).scalars())


def check_not_evicted(unid: str, gone: Container[str]) -> None:
    """Refuse (`NotAllowed`) to begin a document anew that is there where it came from, and left here."""
    if unid in gone:
        hint = "Save under another UNID. If it may be read again, it comes with the next pull."
        what = f"the document {unid!r} was evicted: it may not be read any more where it came from"
        raise NotAllowed(what, hint=hint)
