"""What documents and replication are, in a page of plain Python: the oracle of the law tests.

A document is the set of its leaves, and replication is set union; that is all. Nothing here is remembered between two
exchanges, nothing is sent in batches, nothing has a sequence: the model asks for everything, every time. So a session
that skips something, or a batch that is lost, shows as a difference between the library and this.

Nothing is shared with the library, but revisions get the same ids: both sides are given the same times, and "the
library shows the same leaves" is a comparison of two dictionaries.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Rev = tuple[int, str]  # the number and the 32 hex digits: among live leaves the greatest wins
Items = Mapping[str, str]  # item name → the JSON of its value, so that 1, 1.0 and true differ, and null is not missing

TIME_MAX = 2**48 - 1


def texts(items: Mapping[str, Any]) -> Items:
    """The items as the model has them."""
    return {name: dumps(value) for name, value in items.items()}


def dumps(value: Any) -> str:
    """Canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def spell(rev: Rev) -> str:
    """A revision as people write it."""
    return f"{rev[0]}-{rev[1]}"


class Leaf(NamedTuple):
    """A revision without descendant."""

    unid: str
    rev: Rev
    ancestry: frozenset[Rev]  # every ancestor, of all parents
    items: Items
    marks: Mapping[str, Rev]  # item name → the revision that last changed it; removed items too
    deleted: bool

    @property
    def body(self) -> str:
        """The bytes that are hashed, as a text."""
        return "{" + ",".join(f"{dumps(name)}:{self.items[name]}" for name in sorted(self.items)) + "}"

    def covers(self, rev: Rev) -> bool:
        """Whether `rev` is this revision or an ancestor."""
        return rev == self.rev or rev in self.ancestry


def child(
    unid: str,
    parents: Iterable[Leaf],
    items: Items,
    time_ms: int,
    deleted: bool = False,
    marks: Mapping[str, Rev] | None = None,
) -> Leaf:
    """The next revision. Without `marks`, every item that differs from a parent's is marked as changed here."""
    parents = sorted(parents, key=lambda parent: parent.rev, reverse=True)
    number = parents[0].rev[0] + 1 if parents else 1
    time_ms = min(max(time_ms, 0), TIME_MAX)
    leaf = Leaf(unid, (number, ""), frozenset(), items, {}, deleted)
    names = " ".join(spell(parent.rev) for parent in parents)
    head = f"replica revision 1\n{number}\n{time_ms}\n{deleted:d}\n{names}\n{{}}\n"
    rev = (number, f"{time_ms:012x}" + hashlib.sha256((head + leaf.body).encode()).hexdigest()[:20])
    if marks is None:
        bodies = [parent.items for parent in parents] or [{}]
        changed = {name for body in bodies for name in items.keys() | body.keys() if items.get(name) != body.get(name)}
        marks = {**(parents[0].marks if parents else {}), **dict.fromkeys(changed, rev)}
    ancestry = frozenset().union(*(parent.ancestry | {parent.rev} for parent in parents))
    ancestry |= {closed(parent).rev for parent in parents[1:]}
    return leaf._replace(rev=rev, ancestry=ancestry, marks=marks)


def closed(leaf: Leaf) -> Leaf:
    """The stub that ends a branch merged into another: the same everywhere, since it takes the leaf's own time."""
    return child(leaf.unid, [leaf], {}, int(leaf.rev[1][:12], 16), deleted=True)


def merge(a: Leaf, b: Leaf) -> Leaf | None:
    """One revision from two leaves with a common ancestor, `a` the winner; None if an item was changed on both sides."""
    if not a.ancestry & b.ancestry:
        return None
    mine = {name for name, mark in a.marks.items() if not b.covers(mark)}
    theirs = {name for name, mark in b.marks.items() if not a.covers(mark)}
    if any(a.items.get(name) != b.items.get(name) for name in mine & theirs):
        return None
    items, marks = dict(a.items), dict(a.marks)
    for name in theirs - mine:
        marks[name] = b.marks[name]
        items.pop(name, None)
        if name in b.items:
            items[name] = b.items[name]
    time_ms = max(int(leaf.rev[1][:12], 16) for leaf in (a, b))
    return child(a.unid, [a, b], items, time_ms, marks=marks)


def rank(leaf: Leaf) -> tuple[bool, Rev]:
    """The winner has the highest."""
    return (not leaf.deleted, leaf.rev)


class Stale(Exception):
    """Somebody saved in between."""


class Replica:
    """One whole replica."""

    def __init__(self, policy: str = "conflict") -> None:
        self.policy = policy
        self.docs: dict[str, dict[Rev, Leaf]] = {}

    def copy(self) -> Replica:
        """Another replica that holds the same."""
        other = Replica(self.policy)
        other.docs = {unid: dict(leaves) for unid, leaves in self.docs.items()}
        return other

    # -- what there is to see

    def leaves(self, unid: str) -> list[Leaf]:
        """The winner first, then live before deleted, then the highest first."""
        return sorted(self.docs.get(unid, {}).values(), key=rank, reverse=True)

    def live(self, unid: str) -> list[Leaf]:
        """The leaves that are not deleted, the winner first."""
        return [leaf for leaf in self.leaves(unid) if not leaf.deleted]

    def winner(self, unid: str) -> Leaf | None:
        """The leaf that is shown as the document."""
        return next(iter(self.leaves(unid)), None)

    def versions(self, unid: str) -> list[list[Leaf]]:
        """The live leaves; those of equal content are seen as one."""
        groups: dict[str, list[Leaf]] = {}
        for leaf in self.live(unid):
            groups.setdefault(leaf.body, []).append(leaf)
        return list(groups.values())

    def conflict_documents(self) -> dict[str, Leaf]:
        """UNID of each conflict document → the losing leaf it shows."""
        losing = [version[0] for unid in self.docs for version in self.versions(unid)[1:]]
        return {conflict_unid(leaf): leaf for leaf in losing}

    def revisions(self) -> dict[str, list[str]]:
        """UNID → its leaves, in the order of `leaves`."""
        return {unid: [spell(leaf.rev) for leaf in self.leaves(unid)] for unid in self.docs}

    def known(self) -> set[tuple[str, Rev]]:
        """Every revision that is a leaf or an ancestor of one."""
        leaves = [leaf for found in self.docs.values() for leaf in found.values()]
        return {(leaf.unid, rev) for leaf in leaves for rev in leaf.ancestry | {leaf.rev}}

    # -- what people do

    def save(self, unid: str, base: Rev | None, items: Items, time_ms: int, deleted: bool = False) -> Leaf:
        """The revision after `base`; without one, a new document, or one that goes on from a deletion stub."""
        shown = self.winner(unid)
        if base is None:
            if shown is not None and not shown.deleted:
                raise Stale
            parents = [] if shown is None else [shown]
        else:
            alike = [version for version in self.versions(unid) if base in [leaf.rev for leaf in version]]
            parents = alike[0] if alike else [leaf for leaf in self.leaves(unid) if leaf.rev == base]
            if not parents:
                raise Stale
        return self._write(child(unid, parents, items, time_ms, deleted))

    def resolve(self, unid: str, items: Items, time_ms: int) -> Leaf:
        """One revision over all live leaves."""
        return self._write(child(unid, self.live(unid), items, time_ms))

    def _write(self, leaf: Leaf) -> Leaf:
        self._union(leaf)
        return leaf

    # -- replication

    def pull(self, source: Replica) -> int:
        """Take in all that the source holds; how many documents changed."""
        return sum([self.take(source, unid) for unid in source.docs])

    def take(self, source: Replica, unid: str) -> bool:
        """Take in one document; whether it changed. By policy, what does not clash is merged."""
        new = [self._union(leaf) for leaf in source.docs.get(unid, {}).values()]
        if any(new):
            self._settle(unid)
        return any(new)

    def _union(self, leaf: Leaf) -> bool:
        leaves = self.docs.setdefault(leaf.unid, {})
        if any(known.covers(leaf.rev) for known in leaves.values()):
            return False
        for rev in [rev for rev in leaves if leaf.covers(rev)]:
            del leaves[rev]
        leaves[leaf.rev] = leaf
        return True

    def _settle(self, unid: str) -> None:
        merging = self._policy(unid) == "merge"
        while merging:
            pairs = itertools.combinations(self.live(unid), 2)
            merged = next((leaf for a, b in pairs if (leaf := merge(a, b))), None)
            if merged is None:
                return
            self._union(merged)

    def _policy(self, unid: str) -> str:
        shown = self.winner(unid)
        chosen = "" if shown is None or shown.deleted else shown.items.get("$ConflictAction", "")
        return {'"merge"': "merge", '"conflict"': "conflict"}.get(chosen, self.policy)


def conflict_unid(leaf: Leaf) -> str:
    """The UNID of the conflict document that shows a losing leaf."""
    return hashlib.sha256(f"conflict\0{leaf.unid}\0{spell(leaf.rev)}".encode()).hexdigest()[:32]
