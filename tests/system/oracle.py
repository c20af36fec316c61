"""What a replica must be after a fault: sound in itself, and true to what was acknowledged.

Workloads mark what they save: every save has the token of its attempt as the item `by`, and a document is deleted at
most once. So it can be seen of every promise whether it was kept in full, in part or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import replica
import replica.replication  # not when it is first used, in every forked process anew
from replica.leaf import Leaf
from replica.revision import Ancestor, Revision
from replica.store.sessions import START

ALL = 100_000
STUB = "a deletion stub"
UNFINISHED = re.compile(r"\w+\.db\.[0-9a-f]{8}\.new(-journal)?")

Token = str | int
Mark = tuple[str, Token]  # a UNID, and who saved it: a token, or STUB


@dataclass(frozen=True)
class Found:
    """A replica that is sound, and what was found in it."""

    hub: replica.Replica
    leaves: Mapping[str, list[Leaf]]
    marks: frozenset[Mark]  # of leaves and superseded revisions

    @property
    def tips(self) -> dict[str, list[Token]]:
        """Who saved the leaves of each document."""
        return _tips(self.leaves)


Effect = Callable[[Found], bool]  # whether one thing that an attempt promised is there


def _tips(leaves: Mapping[str, list[Leaf]]) -> dict[str, list[Token]]:
    return {unid: sorted(map(_by, of_one), key=str) for unid, of_one in leaves.items()}


def _by(leaf: Leaf) -> Token:
    by = STUB if leaf.deleted else leaf.items["by"]
    assert isinstance(by, Token)
    return by


def tips(hub: replica.Replica) -> dict[str, list[Token]]:
    """`Found.tips`, without a look at the rest."""
    return _tips(_leaves(hub))


def look(hub: replica.Replica) -> Found:
    """Assert that a replica is undamaged, and that its feed, documents, conflicts and counts say the same."""
    report = hub.verify()
    assert report["ok"], f"damaged: {report['damaged']}"
    feed = list(hub.changes())
    sequences = [change.sequence for change in feed]
    info = hub.info()
    assert sorted(set(sequences)) == sequences, "the feed is not in order"
    assert max(sequences, default=0) <= info["update_seq"], "the feed is ahead of the update sequence"
    leaves = _leaves(hub)
    assert {change.unid: sorted(change.leaves) for change in feed} == {
        unid: sorted(str(leaf.revision) for leaf in of_one) for unid, of_one in leaves.items()
    }, "the feed and the documents differ"
    live = [change.unid for change in feed if not change.deleted]
    assert (len(live), len(feed) - len(live)) == (info["documents"], info["deleted"]), "counts"
    _assert_shown(hub, live, leaves, info["conflicts"])
    return Found(hub, leaves, _marks(hub, leaves))


def _leaves(hub: replica.Replica) -> dict[str, list[Leaf]]:
    offers = [offer for entry in hub.peer.changes(START, ALL).entries for offer in entry.offers]
    found: dict[str, list[Leaf]] = {}
    for leaf in hub.peer.fetch([(offer.unid, offer.revision) for offer in offers]).leaves:
        found.setdefault(leaf.unid, []).append(leaf)
    return found


def _assert_shown(hub: replica.Replica, live: list[str], leaves: Mapping[str, list[Leaf]], conflicts: int) -> None:
    losing = sum(max(0, len({leaf.body for leaf in of_one if not leaf.deleted}) - 1) for of_one in leaves.values())
    shown = list(hub.documents(conflicts=True))
    assert sorted(live) == sorted(document.unid for document in shown if not document.conflict), "live documents"
    assert losing == conflicts == sum(document.conflict for document in shown), "conflict documents"
    assert losing == sum(len(conflict.leaves) for conflict in hub.conflicts()), "conflicts"


def _marks(hub: replica.Replica, leaves: Mapping[str, list[Leaf]]) -> frozenset[Mark]:
    """Who saved what is here; every revision that is here is a leaf or an ancestor of one."""
    found: set[Mark] = set()
    for unid, of_one in leaves.items():
        found |= {(unid, _by(leaf)) for leaf in of_one}
        for document in hub.revisions(unid) if any(leaf.revision.number > 1 for leaf in of_one) else ():
            ancestor = Ancestor.of(Revision.parse(document.revision))
            assert any(leaf.covers(ancestor) for leaf in of_one), f"{document.revision} of {unid} has no descendant"
            found.add((unid, STUB if document.deleted else document["by"]))
    return frozenset(found)


def saved(*wanted: Mark) -> list[Effect]:
    """The effects of an attempt that saved (or deleted) these."""
    return [lambda found, mark=mark: mark in found.marks for mark in wanted]


def assert_kept(
    found: Found,
    promised: Mapping[Token, list[Effect]],
    acknowledged: Iterable[Token],
    unknown: Iterable[Token],
) -> None:
    """Each promise was kept as a whole or not at all, those that were acknowledged were, and nothing else is there."""
    for token, effects in promised.items():
        kept = [effect(found) for effect in effects]
        assert len(set(kept)) == 1, f"torn: {token}: {kept}"
        assert kept[0] or token not in acknowledged, f"lost: {token}"
        assert not kept[0] or token in acknowledged or token in unknown, f"from nowhere: {token}"


def assert_works(hub: replica.Replica) -> None:
    """It takes saves again, with nothing done about it before."""
    hub.delete(hub.put({"by": "afterwards"}))
    unid = hub.put({"by": "afterwards"}).unid
    assert hub.get(unid)["by"] == "afterwards"


def assert_no_litter(folder: Path, *names: str) -> None:
    """Nothing is beside these replicas but their own files, and unfinished ones of a process that was killed."""
    own = {f"{name}{suffix}" for name in names for suffix in ("", "-wal", "-shm", "-lock", "-journal")}
    others = {path.name for path in folder.iterdir()} - own
    assert all(UNFINISHED.fullmatch(name) for name in others), f"left behind: {others}"
