"""Taking in what a peer offers: set union with what is here, in somebody's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from sqlalchemy import Connection, text

from replica.canonical import Json
from replica.conflict import check_leaf, policy_for, settle, unite
from replica.errors import BadDocument, Corrupt, TooLarge
from replica.leaf import Leaf
from replica.revision import Ancestor, Revision
from replica.rights import Rule
from replica.store.leaves import Stored, Writer, leaves_of_many
from replica.store.settings import read_setting
from replica.store.texts import UNREADABLE
from replica.tally import Failure, Tally

_REFUSED = text("SELECT unid, revision, code FROM refused ORDER BY unid, revision")
_REFUSED_FROM = text("""
    SELECT unid, revision, code FROM refused WHERE peer IN (SELECT value FROM json_each(:peers)) ORDER BY unid, revision""")
_REFUSED_OF = text("SELECT unid, revision, code FROM refused WHERE unid IN (SELECT value FROM json_each(:unids))")
_REFUSED_ROWS = text(f"SELECT unid, revision, code FROM refused WHERE {UNREADABLE}")
_NOTE_REFUSAL = text("INSERT OR REPLACE INTO refused VALUES (:unid, :revision, :code, :peer, :at_ms)")
_HOW_MANY = text("SELECT count(*) FROM refused")
_HOW_MANY_OF = text("SELECT count(*) FROM refused WHERE peer = :peer")
_WHO_HAS_MOST = text("SELECT peer, count(*) AS many FROM refused GROUP BY peer ORDER BY many DESC, peer LIMIT 1")
_GIVE_UP = text("""
    DELETE FROM refused WHERE (unid, revision) IN (
        SELECT unid, revision FROM refused WHERE peer = :peer ORDER BY at_ms, unid, revision LIMIT :count)""")
_FORGET_REFUSAL = text("DELETE FROM refused WHERE unid = :unid AND revision = :revision")

STUB_ROOM = 2**12  # bytes: the stub of the largest document may name readers, authors and who deleted it
REFUSED_MAX = 100_000  # noted, and named in every greeting; who may bring nothing must not fill the disk with it


def receive(
    connection: Connection,
    offered: Iterable[Leaf],
    peer: str,
    at_ms: int,
    refused_before: Iterable[Failure] = (),
    rule: Rule | None = None,
) -> Tally:
    """Unite the offered leaves with those that are here, and write what changed. `peer` is the source's instance id.

    A damaged leaf, or one that is too large or against the `rule`, is left out by itself, counted, and noted so that it is
    asked for again; so is what was `refused_before` it came here.
    """
    tally = Tally()
    for failure in refused_before:
        tally.refuse(failure, failure.code)
    taken = list(_acceptable(connection, offered, tally))
    by_unid: dict[str, list[Leaf]] = {}
    for leaf in taken:
        by_unid.setdefault(leaf.unid, []).append(leaf)
    limit: int = read_setting(connection, "ancestry-limit")
    policy = read_setting(connection, "conflict-policy")
    here = leaves_of_many(connection, by_unid)
    writer = Writer(connection, at_ms)
    for unid, leaves in by_unid.items():
        stored = here.get(unid, [])
        if rule is not None:
            leaves = list(_permitted(rule, [row.leaf for row in stored], leaves, limit, tally))
        _unite(writer, stored, leaves, policy, limit, tally)
    writer.flush()
    note_refusals(connection, tally, by_unid, peer, at_ms)
    return tally


def _acceptable(connection: Connection, offered: Iterable[Leaf], tally: Tally) -> Iterator[Leaf]:
    size_max: int = read_setting(connection, "document-size-max")
    for leaf in offered:
        tally.bytes += len(leaf.body)
        if len(leaf.body) > size_max + (STUB_ROOM if leaf.deleted else 0):
            tally.refuse(leaf, TooLarge.code)
        elif is_sound(leaf, tally):
            yield leaf


def is_sound(leaf: Leaf, tally: Tally) -> bool:
    """Whether a leaf is undamaged; if it is not, that is counted as a failure."""
    try:
        check_leaf(leaf)
    except Corrupt as error:
        tally.fail(leaf, error.code)
        return False
    return True


def _permitted(rule: Rule, before: list[Leaf], offered: list[Leaf], limit: int, tally: Tally) -> Iterator[Leaf]:
    """The offered leaves that may come here. Of those that would change nothing none is refused."""
    for leaf in offered:
        code = rule(before, leaf)
        if code is None or {*map(id, unite(before, [leaf], limit))} == {*map(id, before)}:
            yield leaf
        else:
            tally.refuse(leaf, code)


def _unite(writer: Writer, here: list[Stored], offered: list[Leaf], policy: Json, limit: int, tally: Tally) -> None:
    before = [row.leaf for row in here]
    after = unite(before, list(_told_apart(before, offered, tally)), limit)
    if {id(leaf) for leaf in after} == {id(leaf) for leaf in before}:
        return  # what adds nothing is no reason to merge what was here before, either
    if len(after) > 1 and policy_for(after, policy) == "merge":
        after, merged = settle(after, limit)
        tally.merged += merged
    writer.put(here, after)
    tally.count(before, after)


def _told_apart(before: list[Leaf], offered: list[Leaf], tally: Tally) -> Iterator[Leaf]:
    """The offered leaves without those whose packed revision is that of another one: such are made only on purpose."""
    if len(before) + len(offered) == 1:
        yield from offered
        return
    texts = {Ancestor.of(leaf.revision): leaf.revision.text for leaf in before}
    for leaf in offered:
        if texts.setdefault(Ancestor.of(leaf.revision), leaf.revision.text) == leaf.revision.text:
            yield leaf
        else:
            tally.fail(leaf, Corrupt.code)


def refused(connection: Connection) -> list[Failure]:
    """What was offered so far and not taken."""
    return [Failure(*row) for row in connection.execute(_REFUSED)]


def refused_from(connection: Connection, peers: Iterable[str]) -> list[Failure]:
    """The same of what sources with these instance ids offered."""
    return [Failure(*row) for row in connection.execute(_REFUSED_FROM, {"peers": json.dumps(list(peers))})]


def note_refusals(connection: Connection, tally: Tally, judged: Iterable[str], peer: str, at_ms: int) -> None:
    """Note what was not taken now, as far as there is room, and forget what is here by now."""
    unids = {*judged, *(failure.unid for failure in tally.failures)}
    noted = {Failure(*row) for row in connection.execute(_REFUSED_OF, {"unids": json.dumps(list(unids))})}
    new = [{**asdict(failure), "peer": peer, "at_ms": at_ms} for failure in tally.failures if failure not in noted]
    new = new[: _room(connection, peer, len(new))] if new else []
    here = leaves_of_many(connection, {failure.unid for failure in noted}, bodies=False) if noted else {}
    done = [asdict(failure) for failure in noted if _is_here(failure.revision, here.get(failure.unid, []))]
    done += [asdict(failure) for failure in _readable_by_now(connection, judged)]
    for statement, rows in ((_NOTE_REFUSAL, new), (_FORGET_REFUSAL, done)):
        if rows:
            connection.execute(statement, rows)


def _room(connection: Connection, peer: str, wanted: int) -> int:
    """How many more refusals may be noted of what a peer offered. When there are `REFUSED_MAX`, the peer with the most gives up
    its oldest until the two have as many: who brings much that is refused keeps no other's from being listed and coming again.
    """
    free = REFUSED_MAX - int(connection.execute(_HOW_MANY).scalar_one())
    if wanted <= free:
        return wanted
    most = connection.execute(_WHO_HAS_MOST).one_or_none()
    mine = int(connection.execute(_HOW_MANY_OF, {"peer": peer}).scalar_one())
    given = 0 if most is None else max(0, min(wanted - free, (most.many - mine) // 2))
    if most is not None and given:
        connection.execute(_GIVE_UP, {"peer": most.peer, "count": given})
    return max(0, free) + given


def _readable_by_now(connection: Connection, judged: Iterable[str]) -> list[Failure]:
    """What was refused because its UNID could not be read, and is here now as one of these documents."""
    unnamed = [Failure(*row) for row in connection.execute(_REFUSED_ROWS)]
    rows = (
        [row for found in leaves_of_many(connection, judged, bodies=False).values() for row in found] if unnamed else []
    )
    return [failure for failure in unnamed if _is_here(failure.revision, rows)]


def _is_here(name: str, rows: list[Stored]) -> bool:
    """Whether a revision that was refused is a leaf by now or an ancestor of one."""
    try:
        ancestor = Ancestor.of(Revision.parse(name))
    except BadDocument:  # its number was damaged: it is known by the rest
        return any(row.leaf.revision.text == name.partition("-")[2] for row in rows)
    return any(row.leaf.covers(ancestor) for row in rows)
