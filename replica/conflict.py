"""Who wins, what clashes, what merges. Pure and total: the same leaves give the same verdict on every replica."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from typing import NamedTuple

from replica.canonical import Json, canonical
from replica.document import check_unid
from replica.errors import BadDocument, Corrupt
from replica.leaf import Leaf, next_revision, same_item
from replica.marks import check_marks
from replica.naming import UPDATED_BY, content_of, savers_of_both
from replica.revision import (
    ANCESTRY_LIMIT_MAX,
    ENTRY,
    NUMBER_MAX,
    PARENTS_MAX,
    WIDTH,
    Ancestor,
    Ancestry,
    Revision,
    join,
)

ACCESS_LIST = (
    "_design/access"  # who may do what: CouchDB's peers carry design documents, and only their admins write them
)
ROOM = 2**20  # how often a revision with the highest number that is taken can still be saved


def rank(leaf: Leaf) -> tuple[bool, int, str]:
    """The winner has the highest: live before deleted, then more saves, then the greater text. CouchDB's rule too."""
    return (not leaf.deleted, *leaf.revision)


def winner(leaves: Iterable[Leaf]) -> Leaf | None:
    """The leaf that is shown as the document."""
    return max(leaves, key=rank, default=None)


def live(leaves: Iterable[Leaf]) -> list[Leaf]:
    """The leaves that are not deleted, the winner first."""
    return sorted((leaf for leaf in leaves if not leaf.deleted), key=rank, reverse=True)


def unite(own: Iterable[Leaf], offered: Iterable[Leaf], limit: int) -> list[Leaf]:
    """The set union of two sets of leaves of one document: its leaves when both are known.

    Judged together, descendants first: a leaf goes only if one that stays covers it, because under a bound on the
    ancestry covering is not transitive.
    """
    known = {leaf.revision: leaf for leaf in own}
    for leaf in offered:
        mine = known.get(leaf.revision)
        known[leaf.revision] = _bounded(leaf, limit) if mine is None else reconcile(mine, leaf, limit)
    if len(known) == 1:  # nearly every document
        return list(known.values())
    if not all(leaf.verified for leaf in known.values()):
        known = _inherited(known, limit)
    kept: list[Leaf] = []
    covering: list[Leaf] = []  # of a thousand leaves, most may be first revisions, which cover nothing
    for leaf in sorted(known.values(), key=_descent, reverse=True):
        ancestor = Ancestor.of(leaf.revision)
        if not any(stays.covers(ancestor) for stays in covering):
            kept.append(leaf)
            if leaf.ancestry.length:
                covering.append(leaf)
    return kept


def _inherited(known: dict[Revision, Leaf], limit: int) -> dict[Revision, Leaf]:
    """What came through a foreign system descends from all that its known ancestors descend from, told or not.

    CouchDB tells straight lines, and no more of them than it keeps: otherwise a resolution would be forgotten as soon as
    someone there saved the document again.
    """
    joined: dict[Revision, Leaf] = {}
    for leaf in sorted(known.values(), key=_descent):
        for elder in joined.values() if not leaf.verified and leaf.ancestry.length else ():
            if elder.ancestry.length and leaf.covers(Ancestor.of(elder.revision)):
                ancestry = leaf.ancestry.above(leaf.revision.number, elder.revision, elder.ancestry, limit)
                leaf = leaf if ancestry == leaf.ancestry else leaf._replace(ancestry=ancestry)
        joined[leaf.revision] = leaf
    return joined


def _descent(leaf: Leaf) -> tuple[int, bool, str]:
    """Sorts descendants after ancestors: of one number, what has several parents after the stubs that close them."""
    return (leaf.revision.number, bool(leaf.ancestry.parents), leaf.revision.text)


def _bounded(leaf: Leaf, limit: int) -> Leaf:
    return leaf._replace(ancestry=leaf.ancestry.cut(limit))


def reconcile(a: Leaf, b: Leaf, limit: int) -> Leaf:
    """Two copies of one revision: the better bytes, and both ancestries joined. `a` itself if `b` adds nothing."""
    better, other = (b, a) if is_better(b, a) else (a, b)
    marks = other.marks if better.marks is None and better.hash == other.hash else better.marks
    ancestry = join(a.revision.number, a.ancestry, b.ancestry, limit)
    if better.verified and ancestry.all_parents(a.revision.number) != better.ancestry.all_parents(a.revision.number):
        ancestry = better.ancestry.cut(limit)  # the id tells the parents; the other copy is wrong about them
    if better is a and marks == a.marks and ancestry == a.ancestry:
        return a
    return better._replace(ancestry=ancestry, marks=marks)


def is_better(a: Leaf, b: Leaf) -> bool:
    """Whether the bytes of `a` replace those of `b`: verified before unverified, then the smaller hash."""
    if a.verified != b.verified:
        return a.verified
    return not a.verified and a.hash < b.hash


class Version(NamedTuple):
    """The live leaves of equal content, whoever saved them, highest first: shown, saved and deleted as one."""

    leaves: list[Leaf]

    @property
    def shown(self) -> Leaf:
        """The leaf that stands for all."""
        return self.leaves[0]


def versions(leaves: Iterable[Leaf]) -> list[Version]:
    """What there is to see of a document: the winner's version first, then those shown as conflict documents."""
    groups: dict[bytes, list[Leaf]] = {}
    for leaf in live(leaves):
        groups.setdefault(content_of(leaf), []).append(leaf)
    return [Version(group) for group in groups.values()]


def conflict_unid(leaf: Leaf) -> str:
    """The UNID of the conflict document that shows a losing leaf: the same on every replica."""
    return hashlib.sha256(f"conflict\0{leaf.unid}\0{leaf.revision}".encode()).hexdigest()[:32]


def differences(a: Leaf, b: Leaf) -> dict[str, list[Json]]:
    """The items that differ, with both values, `a`'s first; a missing item is null."""
    x, y = a.items, b.items
    return {name: [x.get(name), y.get(name)] for name in sorted(x.keys() | y.keys()) if not same_item(x, y, name)}


def merge(a: Leaf, b: Leaf, limit: int) -> Leaf | None:
    """The revision that joins two live leaves, `a` the winner; None if they clash.

    They merge when they have a common ancestor and no item was changed on both sides to different values. An item was
    changed on one side if its mark is not in the other's ancestry. The time is the later of the two: no clock is asked.
    Saved by two is no clash: the merge was saved by both.
    """
    mine, theirs = a.read_marks(), b.read_marks()
    if mine is None or theirs is None or not a.ancestry.all(a.revision.number) & b.ancestry.all(b.revision.number):
        return None
    x, y = a.items, b.items
    from_a = {name for name, mark in mine.items() if not b.covers(mark)}
    from_b = {name for name, mark in theirs.items() if not a.covers(mark)}
    savers = savers_of_both(x.get(UPDATED_BY), y.get(UPDATED_BY))
    if any(not same_item(x, y, name) for name in from_a & from_b if savers is None or name != UPDATED_BY):
        return None
    for name in from_b - from_a:
        mine[name] = theirs[name]
        if name in y:
            x[name] = y[name]
        else:
            x.pop(name, None)
    if savers:
        x[UPDATED_BY] = savers
        mine.pop(UPDATED_BY, None)  # who saved the merge is said by it
    time_ms = max(a.revision.time_ms, b.revision.time_ms)
    return next_revision(a.unid, [a, b], canonical(x), time_ms, limit, marks=mine)


def settle(leaves: list[Leaf], limit: int) -> tuple[list[Leaf], int]:
    """Merge whatever merges; the leaves that remain, and how many merges were made."""
    merged = 0
    while True:
        pairs = itertools.combinations(live(leaves), 2)
        found = next((leaf for a, b in pairs if (leaf := merge(a, b, limit))), None)
        if found is None:
            return leaves, merged
        leaves, merged = unite(leaves, [found], limit), merged + 1


def policy_for(leaves: Iterable[Leaf], policy: Json) -> str:
    """`merge` or `conflict` for one document: its item `$ConflictAction`, else the policy of its `Form`, else the policy.

    `policy` is one of the two words, or an object from Form to word where the name ``*`` stands for all others. The access
    list is a unit: of two of them nobody has said what both together say.
    """
    shown = winner(leaves)
    if shown is not None and shown.unid == ACCESS_LIST:
        return "conflict"
    items = {} if shown is None or shown.deleted else shown.items
    if items.get("$ConflictAction") in ("merge", "conflict"):
        return str(items["$ConflictAction"])
    if isinstance(policy, dict):
        form = items.get("Form")
        policy = policy.get(form if isinstance(form, str) else "*", policy.get("*", "conflict"))
    return str(policy)


def check_leaf(leaf: Leaf) -> None:
    """Refuse (`Corrupt`) a leaf whose bytes are not those of its hash or no document, whose id claims to be verified and is
    not, or whose ancestry or marks cannot be read. Its JSON is not parsed: nothing on the way of a document parses it.
    """
    problem = _problem(leaf)
    if problem:
        raise Corrupt(f"revision {leaf.revision} of {leaf.unid[:80]!r} {problem}")


def _problem(leaf: Leaf) -> str | None:
    if hashlib.sha256(leaf.body).digest() != leaf.hash:
        return "is damaged: its bytes do not match their hash"
    if not has_shape(leaf.revision.number, leaf.ancestry, leaf.body):
        return "is malformed"
    if leaf.verified and leaf.expected_revision() != leaf.revision:
        return "is not what its id says"
    try:
        check_unid(leaf.unid)
        check_marks(leaf.marks or "")
        if leaf.revision.is_foreign:
            Revision.parse(str(leaf.revision))
    except BadDocument as error:
        return f"is damaged: {error}"
    return None


def has_shape(number: int, ancestry: Ancestry, body: bytes) -> bool:
    """Whether a leaf can be one, as far as can be told without reading it: an object in UTF-8, an ancestry that fits."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return (
        body[:1] + body[-1:] == b"{}"
        and max(len(ancestry.line) // WIDTH, len(ancestry.side) // ENTRY) <= ANCESTRY_LIMIT_MAX
        and len(ancestry.parents) // ENTRY <= PARENTS_MAX
        and 0 < number <= NUMBER_MAX - ROOM
        and len(ancestry.line) % WIDTH == len(ancestry.side) % ENTRY == len(ancestry.parents) % ENTRY == 0
        and len(ancestry.line) // WIDTH < number
    )
