"""Who wins, what clashes, what merges: laws over random histories, and each rule by name.

The histories are graphs of revisions made by `next_revision`; who descends from whom is kept beside them, so that the
library's own ancestries are judged, not believed.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.canonical import Json, canonical
from replica.conflict import (
    check_leaf,
    conflict_unid,
    differences,
    is_better,
    live,
    merge,
    policy_for,
    reconcile,
    settle,
    unite,
    versions,
    winner,
)
from replica.errors import Corrupt
from replica.leaf import Leaf, closing_stub, next_revision
from replica.naming import saved_by
from replica.revision import WIDTH, Ancestor, Ancestry, Revision

LIMIT = 1000
SAVERS = "$UpdatedBy"
seeds = st.integers(0, 2**32)


def saved(items: dict[str, Json], *parents: Leaf, time_ms: int = 1, limit: int = LIMIT) -> Leaf:
    return next_revision("u", list(parents), canonical(items), time_ms, limit)


def deleted(*parents: Leaf, time_ms: int = 1) -> Leaf:
    return next_revision("u", list(parents), b"{}", time_ms, LIMIT, deleted=True)


def foreign(text: str, items: dict[str, Json], *, line: bytes = b"") -> Leaf:
    body = canonical(items)
    digest = hashlib.sha256(body).digest()
    return Leaf("u", Revision.parse(text), False, False, Ancestry(line=line), None, digest, body)


class History(NamedTuple):
    """Revisions of one document, and for each those it truly descends from, closing stubs of its other parents included."""

    made: list[Leaf]
    above: list[set[Revision]]

    def ends(self, known: Iterable[int]) -> set[Revision]:
        """The leaves among these revisions."""
        covered = set[Revision]().union(*(self.above[i] for i in known))
        return {self.made[i].revision for i in known} - covered


def history(seed: int, size: int = 10, limit: int = LIMIT) -> History:
    chance = random.Random(seed)
    made: list[Leaf] = []
    above: list[set[Revision]] = []
    for step in range(size):
        count = chance.choice([0, 1, 1, 1, 1, 2, 3]) if step else 0
        chosen = chance.sample(range(step), min(step, count))
        parents = [made[i] for i in chosen]
        items: dict[str, Json] = dict(parents[0].items) if parents else {}
        items[chance.choice("abcd")] = chance.choice([0, 1, 2, "x", None])
        if chance.random() < 0.2:
            items.pop(chance.choice(sorted(items)))
        dead = bool(parents) and chance.random() < 0.15
        leaf = next_revision("u", parents, canonical({} if dead else items), chance.randrange(5), limit, dead)
        if all(leaf.revision != known.revision for known in made):  # the same save twice is one revision
            made.append(leaf)
            others = sorted(parents, key=lambda parent: parent.revision)[:-1]
            stubs = {closing_stub(parent, limit).revision for parent in others}
            above.append(stubs.union(*(above[i] | {made[i].revision} for i in chosen)))
        else:
            made.append(saved({"step": step}, time_ms=step))
            above.append(set())
    return History(made, above)


def some(chance: random.Random, found: History) -> list[Leaf]:
    """The leaves of a replica that knows some of the revisions."""
    return unite([], chance.sample(found.made, chance.randrange(len(found.made) + 1)), LIMIT)


# -- uniting


@given(seeds)
def test_uniting_leaves_what_nothing_descends_from(seed: int) -> None:
    found, chance = history(seed), random.Random(seed)
    known = chance.sample(range(len(found.made)), chance.randrange(1, len(found.made) + 1))
    offered = [found.made[i] for i in known]
    cut = chance.randrange(len(offered) + 1)
    united = unite(unite([], offered[:cut], LIMIT), offered[cut:], LIMIT)
    assert found.ends(known) == {leaf.revision for leaf in united}


@given(seeds)
def test_uniting_is_commutative_associative_and_idempotent_as_long_as_no_ancestry_is_cut(seed: int) -> None:
    found, chance = history(seed), random.Random(seed)
    a, b, c = (some(chance, found) for _ in range(3))
    assert a == unite(a, a, LIMIT)
    assert unite(a, b, LIMIT) == unite(b, a, LIMIT)
    both = unite(a, b, LIMIT)
    assert both == unite(both, a, LIMIT)
    assert unite(both, c, LIMIT) == unite(a, unite(b, c, LIMIT), LIMIT)


@given(seeds, st.integers(1, 4))
def test_uniting_under_a_bound_is_commutative_and_idempotent(seed: int, limit: int) -> None:
    found, chance = history(seed, limit=limit), random.Random(seed)
    a, b = (unite([], chance.sample(found.made, 5), limit) for _ in range(2))
    united = unite(a, b, limit)
    assert united == unite(b, a, limit)
    assert united == unite(united, united, limit)
    assert united == unite(united, a, limit)


@given(seeds, st.integers(1, 4))
def test_a_bound_may_leave_too_much_but_never_loses_a_leaf(seed: int, limit: int) -> None:
    found, chance = history(seed, limit=limit), random.Random(seed)
    known = chance.sample(range(len(found.made)), 6)
    cut = chance.randrange(7)
    united = unite(unite([], [found.made[i] for i in known[:cut]], limit), [found.made[i] for i in known[cut:]], limit)
    assert found.ends(known) <= {leaf.revision for leaf in united}


@given(seeds, st.integers(1, 4))
def test_replicas_that_have_all_met_hold_the_same_leaves_under_any_bound(seed: int, limit: int) -> None:
    found, chance = history(seed, limit=limit), random.Random(seed)
    replicas = [unite([], chance.sample(found.made, chance.randrange(10)), limit) for _ in range(3)]
    for _ in range(4):
        for i, j in itertools.permutations(range(3), 2):
            replicas[j] = unite(replicas[j], replicas[i], limit)
    assert replicas[0] == replicas[1] == replicas[2]


def test_under_a_bound_covering_is_not_transitive_and_the_order_of_meetings_may_show() -> None:
    """What law 1 excepts: the eldest is covered by the middle one, the middle one by the youngest, and that is all."""
    eldest = saved({"a": 1}, limit=1)
    middle = saved({"a": 2}, eldest, limit=1)
    youngest = saved({"a": 3}, middle, limit=1)
    assert [youngest] == unite([youngest], unite([middle], [eldest], 1), 1)
    assert [youngest, eldest] == unite(unite([youngest], [middle], 1), [eldest], 1)


def test_a_leaf_goes_only_if_one_that_stays_covers_it() -> None:
    eldest = saved({"a": 1}, limit=1)
    middle = saved({"a": 2}, eldest, limit=1)
    youngest = saved({"a": 3}, middle, limit=1)
    assert [youngest, eldest] == unite([eldest], [youngest, middle], 1)


@pytest.mark.parametrize("time_ms", [0, 5, 9])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_stubs_that_close_the_parents_of_a_resolution_are_covered_by_it(count: int, time_ms: int) -> None:
    """They have its own number, and whether their text is lower or higher depends on the clocks."""
    first = saved({"a": 0})
    leaves = [saved({"a": i}, first, time_ms=5) for i in range(count)]
    others = sorted(leaves, key=lambda leaf: leaf.revision)[:-1]
    stubs = [closing_stub(leaf, LIMIT) for leaf in others]
    for resolved in (saved({"a": -1}, *leaves, time_ms=time_ms), deleted(*leaves, time_ms=time_ms)):
        assert [resolved] == unite(stubs, [resolved], LIMIT)
        assert [resolved] == unite([resolved], stubs, LIMIT)


def test_a_leaf_that_was_here_stays_the_same_object() -> None:
    here = saved({"a": 1})
    united = unite([here], [saved({"a": 1}), saved({"a": 2})], LIMIT)
    assert any(leaf is here for leaf in united)


@pytest.mark.parametrize(("count", "limit"), [(2, 1), (3, 1), (40, 1), (40, 2), (40, 30), (700, 1000)])
def test_a_resolution_ends_the_conflict_however_many_versions_there_are(count: int, limit: int) -> None:
    first = saved({"a": 0}, limit=limit)
    leaves = [saved({"a": i}, first, time_ms=i, limit=limit) for i in range(count)]
    resolved = saved({"a": -1}, *leaves, limit=limit)
    assert [resolved] == unite(leaves, [resolved], limit)
    check_leaf(resolved)


def test_a_resolution_covers_an_old_version_beside_a_long_merged_history() -> None:
    limit = 10
    old = saved({"a": "old"}, time_ms=1, limit=limit)
    newest = saved({"a": 0}, time_ms=2, limit=limit)
    for step in range(30):
        newest = saved({"a": step}, newest, saved({"b": step}, newest, time_ms=step, limit=limit), limit=limit)
    resolved = saved({"a": -1}, old, newest, limit=limit)
    assert [resolved] == unite([old, newest], [resolved], limit)


# -- two copies of one revision


def copies(chance: random.Random) -> list[Leaf]:
    """Three copies of one revision: some verified, some came through a foreign peer, with parts of the ancestry."""
    first = saved({"a": 1})
    second = saved({"a": 2}, first)
    own = saved({"a": 3, "b": 1}, second)
    found = []
    for _ in range(3):
        verified = chance.random() < 0.4
        body = own.body if verified else canonical({"a": chance.choice([3, 3.0]), "b": 1})
        digest = hashlib.sha256(body).digest()
        line = own.ancestry.line[: chance.choice([1, 2]) * WIDTH]
        marks = own.marks if body == own.body and chance.random() < 0.7 else None
        found.append(own._replace(verified=verified, body=body, hash=digest, marks=marks, ancestry=Ancestry(line=line)))
    return found


@given(seeds)
def test_copies_of_one_revision_agree_in_whatever_order_they_meet(seed: int) -> None:
    a, b, c = copies(random.Random(seed))
    assert a is reconcile(a, a, LIMIT)
    assert reconcile(a, b, LIMIT) == reconcile(b, a, LIMIT)
    assert reconcile(reconcile(a, b, LIMIT), c, LIMIT) == reconcile(a, reconcile(b, c, LIMIT), LIMIT)


def test_verified_bytes_replace_unverified_ones_whatever_their_hash() -> None:
    verified = saved({"a": 1.0})
    for value in range(20):
        body = canonical({"a": value})
        copy = verified._replace(verified=False, body=body, hash=hashlib.sha256(body).digest(), marks=None)
        assert is_better(verified, copy)
        assert not is_better(copy, verified)
        assert verified == reconcile(copy, verified, LIMIT)
        assert verified is reconcile(verified, copy, LIMIT)


def test_of_two_unverified_copies_the_one_with_the_smaller_hash_stays() -> None:
    low, high = sorted((foreign("1-x", {"a": 1}), foreign("1-x", {"a": 2})), key=lambda leaf: leaf.hash)
    assert is_better(low, high)
    assert low is reconcile(low, high, LIMIT)
    assert low == reconcile(high, low, LIMIT)


def test_marks_come_along_only_with_the_bytes_they_belong_to() -> None:
    marked = saved({"a": 1})
    bare = marked._replace(marks=None)
    assert marked == reconcile(bare, marked, LIMIT)
    other = canonical({"a": 1.0})
    unverified = bare._replace(verified=False, body=other, hash=hashlib.sha256(other).digest(), marks="")
    assert bare == reconcile(bare, unverified, LIMIT)


def test_a_longer_ancestry_is_joined() -> None:
    own = saved({"a": 3}, saved({"a": 2}, saved({"a": 1})))
    short = own._replace(ancestry=Ancestry(line=own.ancestry.line[:WIDTH]))
    assert own == reconcile(short, own, LIMIT)
    assert own is reconcile(own, short, LIMIT)


@pytest.mark.parametrize("field", ["line", "parents"])
def test_an_unverified_copy_cannot_change_the_parents_of_a_verified_one(field: str) -> None:
    own = saved({"a": 3}, saved({"a": 1}))
    wrong = Ancestry(line=b"\xff" * 5 * WIDTH) if field == "line" else own.ancestry._replace(parents=b"\xff" * 24)
    lie = own._replace(verified=False, marks=None, ancestry=wrong)
    for united in (reconcile(own, lie, LIMIT), reconcile(lie, own, LIMIT)):
        assert own == united
        check_leaf(united)


# -- the winner


def test_the_winner_is_live_then_saved_more_often_then_greater() -> None:
    first = saved({"a": 1})
    low, high = sorted((saved({"a": 2}, first), saved({"a": 3}, first)), key=lambda leaf: leaf.revision)
    stub = deleted(saved({"a": 9}, low), time_ms=9)
    assert high is winner([low, high, stub])
    assert stub is winner([stub])
    assert winner([]) is None
    third = saved({"a": 0}, low, time_ms=0)
    assert third is winner([high, third, stub])


@given(seeds)
def test_the_winner_does_not_depend_on_the_order(seed: int) -> None:
    chance = random.Random(seed)
    leaves = some(chance, history(seed))
    shown = winner(leaves)
    assert shown is winner(chance.sample(leaves, len(leaves)))
    assert live(leaves) == live(chance.sample(leaves, len(leaves)))
    if live(leaves):
        assert shown is live(leaves)[0]


def test_foreign_revisions_of_the_same_number_win_by_their_text() -> None:
    names = ["2-" + "0" * 32, "2-9", "2-A", "2-a", "2-é"]
    leaves = [foreign(name, {"name": name}) for name in names]
    assert names[::-1] == [str(leaf.revision) for leaf in live(leaves)]


# -- what there is to see


def test_leaves_of_equal_content_are_one_version() -> None:
    first = saved({"a": 1})
    same = [saved({"a": 5}, first, time_ms=time) for time in (1, 2, 3)]
    other = saved({"a": 6}, first, time_ms=9)
    found = versions([*same, other, deleted(first)])
    assert [other, same[2]] == [version.shown for version in found]
    assert [[other], same[::-1]] == [version.leaves for version in found]


def test_what_two_saved_alike_is_one_version() -> None:
    first = saved({"a": 1})
    alike = [saved(saved_as(by, {"a": 5}), first) for by in (None, "anna", "bob")]
    (found,) = versions([*alike, deleted(first)])
    assert sorted(alike) == sorted(found.leaves)


def test_one_and_one_point_zero_are_two_versions() -> None:
    assert 2 == len(versions([saved({"a": 1}), saved({"a": 1.0})]))


@given(seeds)
def test_versions_hold_every_live_leaf_once(seed: int) -> None:
    leaves = some(random.Random(seed), history(seed))
    found = versions(leaves)
    assert sorted(live(leaves)) == sorted(itertools.chain(*(version.leaves for version in found)))
    assert len(found) == len({saved_by(None, version.shown.body) for version in found})
    if found:
        assert winner(leaves) is found[0].shown


def test_a_conflict_document_has_the_same_unid_everywhere() -> None:
    leaf = foreign("2-abc", {"a": 1})._replace(unid="order/1")
    expected = hashlib.sha256(b"conflict\0order/1\x002-abc").hexdigest()[:32]
    assert expected == conflict_unid(leaf)
    assert expected == conflict_unid(leaf._replace(verified=True, body=b"{}", ancestry=Ancestry(b"x" * 16)))
    assert expected != conflict_unid(leaf._replace(unid="order/2"))


def test_differences_name_each_item_with_both_values() -> None:
    a = saved({"same": [1], "one": 1, "only_a": 2, "null": None, "sign": 0.0})
    b = saved({"same": [1], "one": 1.0, "only_b": 3, "sign": -0.0})
    found = differences(a, b)
    expected = {"null": [None, None], "one": [1, 1.0], "only_a": [2, None], "only_b": [None, 3], "sign": [0.0, -0.0]}
    assert repr(expected) == repr(found)
    assert {} == differences(a, a)


# -- merging


class Fork(NamedTuple):
    """Two lines of edits from one revision; what each side changed on its way, whatever the values are now."""

    a: Leaf
    b: Leaf
    changed_a: set[str]
    changed_b: set[str]


def fork(seed: int) -> Fork:
    chance = random.Random(seed)
    base = saved({name: 0 for name in "abcde" if chance.random() < 0.7})
    ends, changes = [], []
    for _ in range(2):
        leaf, changed = base, set[str]()
        for _ in range(chance.randrange(1, 4)):
            items = dict(leaf.items)
            for name in chance.sample("abcde", chance.choice([0, 1, 1, 2])):
                before = items.get(name, "gone")
                if chance.random() < 0.25:
                    items.pop(name, None)
                else:
                    items[name] = chance.choice([0, 1, 2])
                if items.get(name, "gone") != before:
                    changed.add(name)
            items = saved_as(chance.choice([None, "anna", "bob"]), items) if chance.random() < 0.3 else items
            leaf = saved(items, leaf, time_ms=chance.randrange(100))
        ends.append(leaf)
        changes.append(changed)
    if ends[0].revision < ends[1].revision:
        ends, changes = ends[::-1], changes[::-1]
    return Fork(*ends, *changes)


def saved_as(by: str | None, items: dict[str, Json]) -> dict[str, Json]:
    """The items as somebody saves them."""
    bare = {name: value for name, value in items.items() if name != SAVERS}
    return bare if by is None else bare | {SAVERS: [by]}


def expected_merge(side: Fork) -> dict[str, Json] | None:
    """What a person would do: everybody's changes, or nothing if two changed the same item to different values.

    Who saved it are all who are named.
    """
    x, y = side.a.items, side.b.items
    savers = {name for items in (x, y) for name in items.get(SAVERS, [])}
    merged: dict[str, Json] = {SAVERS: sorted(savers)} if savers else {}
    for name in (x.keys() | y.keys()) - {SAVERS}:
        in_a, in_b = x.get(name, "gone"), y.get(name, "gone")
        if name in side.changed_a and name in side.changed_b and in_a != in_b:
            return None
        value = in_b if name in side.changed_b else in_a
        if value != "gone":
            merged[name] = value
    return merged


@given(seeds)
def test_a_merge_has_the_changes_of_both_sides_or_is_refused(seed: int) -> None:
    side = fork(seed)
    if side.a.covers(Ancestor.of(side.b.revision)) or side.a.revision == side.b.revision:
        return
    merged = merge(side.a, side.b, LIMIT)
    assert expected_merge(side) == (merged and merged.items)


@given(seeds)
def test_a_merge_is_the_same_revision_whoever_makes_it(seed: int) -> None:
    side = fork(seed)
    there, back = merge(side.a, side.b, LIMIT), merge(side.b, side.a, LIMIT)
    assert (there and there.revision) == (back and back.revision)
    assert there == merge(side.a, side.b, LIMIT)
    if there:
        assert max(side.a.revision.time_ms, side.b.revision.time_ms) == there.revision.time_ms
        assert there.covers(Ancestor.of(side.a.revision))
        assert there.covers(Ancestor.of(side.b.revision))
        check_leaf(there)


@given(seeds)
def test_a_merge_keeps_the_marks_of_both_sides(seed: int) -> None:
    side = fork(seed)
    merged = merge(side.a, side.b, LIMIT)
    if merged is None:
        return
    mine, theirs = side.a.read_marks() or {}, side.b.read_marks() or {}
    marks = merged.read_marks() or {}
    assert mine.keys() | theirs.keys() == marks.keys()
    own = Ancestor.of(merged.revision)
    assert all(mark in (mine.get(name), theirs.get(name)) for name, mark in marks.items() if name != SAVERS)
    assert SAVERS not in merged.items or own == marks[SAVERS]
    for name in side.changed_b - side.changed_a:
        assert theirs[name] == marks[name]


def test_changes_of_different_items_merge() -> None:
    first = saved({"a": 1, "b": 1, "c": 1})
    merged = merge(saved({"a": 2, "b": 1, "c": 1}, first), saved({"a": 1, "b": 1}, first), LIMIT)
    assert merged is not None
    assert {"a": 2, "b": 1} == merged.items


def test_changes_of_one_item_to_different_values_clash() -> None:
    first = saved({"a": 1})
    assert merge(saved({"a": 2}, first), saved({"a": 3}, first), LIMIT) is None
    assert merge(saved({"a": 2}, first), saved({}, first), LIMIT) is None
    assert merge(saved({"a": 2}, first), saved({"a": 2.0}, first), LIMIT) is None


def test_changes_of_one_item_to_equal_values_merge() -> None:
    first = saved({"a": 1, "b": 1})
    merged = merge(saved({"a": 2, "b": 1}, first), saved({"a": 2, "b": 3}, first), LIMIT)
    assert merged is not None
    assert {"a": 2, "b": 3} == merged.items


def test_a_change_that_was_taken_back_is_still_a_change() -> None:
    """Somebody decided on the old value after seeing another: that is not for a machine to overrule."""
    first = saved({"a": 1})
    back = saved({"a": 1}, saved({"a": 2}, first))
    assert merge(back, saved({"a": 3}, first), LIMIT) is None


def test_what_has_no_common_ancestor_never_merges() -> None:
    assert merge(saved({"a": 1}), saved({"b": 1}), LIMIT) is None


def test_what_came_through_a_foreign_system_never_merges() -> None:
    first = saved({"a": 1, "b": 1})
    here = saved({"a": 2, "b": 1}, first)
    there = foreign("2-abc", {"a": 1, "b": 2}, line=first.revision.packed)
    assert merge(here, there, LIMIT) is None
    assert merge(there, here, LIMIT) is None


@pytest.mark.parametrize("damage", ["[]", '{"x":true}', "{", '{"1-zz":["a"]}'])
def test_what_has_damaged_marks_never_merges_and_can_be_saved(damage: str) -> None:
    first = saved({"a": 1, "b": 1})
    damaged = saved({"a": 2, "b": 1}, first)._replace(marks=damage)
    assert merge(damaged, saved({"a": 1, "b": 2}, first), LIMIT) is None
    assert saved({"a": 3}, damaged).marks is None


def test_a_clash_that_a_person_resolved_does_not_come_back() -> None:
    first = saved({"a": 1, "b": 1})
    left, right = saved({"a": 2, "b": 1}, first), saved({"a": 3, "b": 1}, first)
    resolved = saved({"a": 2, "b": 1}, left, right)
    later = saved({"a": 3, "b": 5}, right)
    assert [resolved] == unite([left, right], [resolved], LIMIT)
    merged = merge(resolved, later, LIMIT)
    assert merged is not None
    assert {"a": 2, "b": 5} == merged.items


# -- settling


@given(seeds)
def test_settling_ends_with_what_does_not_merge_and_loses_nothing(seed: int) -> None:
    chance = random.Random(seed)
    before = some(chance, history(seed))
    after, merged = settle(before, LIMIT)
    assert all(any(leaf.covers(Ancestor.of(old.revision)) for leaf in after) for old in before)
    assert not any(merge(a, b, LIMIT) for a, b in itertools.combinations(live(after), 2))
    assert merged <= max(0, len(live(before)) - 1)
    assert [leaf for leaf in before if leaf.deleted] == [leaf for leaf in after if leaf.deleted]
    again, merged_again = settle(chance.sample(before, len(before)), LIMIT)
    assert (sorted(after), merged) == (sorted(again), merged_again)
    assert (after, 0) == settle(after, LIMIT)


@given(seeds)
def test_replicas_that_merge_on_their_own_agree_when_they_meet(seed: int) -> None:
    found, chance = history(seed, 7), random.Random(seed)
    replicas = [settle(some(chance, found), LIMIT)[0] for _ in range(3)]
    for _ in range(8):
        before = [*replicas]
        for i, j in itertools.permutations(range(3), 2):
            replicas[j] = settle(unite(replicas[j], replicas[i], LIMIT), LIMIT)[0]
        if before == replicas:
            break
    assert replicas[0] == replicas[1] == replicas[2]


@pytest.mark.parametrize("limit", [1, 2, 5])
@given(seeds)
def test_settling_ends_under_any_bound(limit: int, seed: int) -> None:
    found = history(seed, limit=limit)
    after, _ = settle(unite([], found.made, limit), limit)
    assert after


def test_three_versions_that_changed_different_items_become_one() -> None:
    first = saved({"a": 1, "b": 1, "c": 1})
    leaves = [saved({**first.items, name: 2}, first, time_ms=ord(name)) for name in "abc"]
    after, merged = settle(unite([], leaves, LIMIT), LIMIT)
    assert 2 == merged
    assert [{"a": 2, "b": 2, "c": 2}] == [leaf.items for leaf in after]


# -- policy


@pytest.mark.parametrize(
    ("items", "policy", "expected"),
    [
        ({}, "conflict", "conflict"),
        ({}, "merge", "merge"),
        ({"$ConflictAction": "merge"}, "conflict", "merge"),
        ({"$ConflictAction": "conflict"}, "merge", "conflict"),
        ({"$ConflictAction": "whatever"}, "merge", "merge"),
        ({"$ConflictAction": ["merge"]}, "conflict", "conflict"),
        ({"$ConflictAction": 1}, "merge", "merge"),
        ({"Form": "Order"}, {"Order": "merge"}, "merge"),
        ({"Form": "Memo"}, {"Order": "merge"}, "conflict"),
        ({"Form": "Memo"}, {"Order": "merge", "*": "merge"}, "merge"),
        ({"Form": "Order"}, {"Order": "conflict", "*": "merge"}, "conflict"),
        ({"Form": "Order", "$ConflictAction": "conflict"}, {"Order": "merge"}, "conflict"),
        ({"Form": 5}, {"*": "merge"}, "merge"),
        ({"Form": ["Order"]}, {"Order": "merge"}, "conflict"),
        ({}, {"Order": "merge"}, "conflict"),
        ({}, {}, "conflict"),
    ],
)
def test_the_document_decides_before_its_form_and_that_before_the_database(
    items: dict[str, Json], policy: Json, expected: str
) -> None:
    assert expected == policy_for([saved(items), deleted(saved({"x": 1}))], policy)


def test_the_winner_says_which_policy_holds() -> None:
    first = saved({})
    low = saved({"$ConflictAction": "merge"}, first)
    high = saved({"$ConflictAction": "conflict"}, low)
    assert "conflict" == policy_for([low, high], "merge")
    assert "merge" == policy_for([deleted(high)], "merge")
    assert "merge" == policy_for([], "merge")


# -- damage


def flipped(data: bytes, bit: int = 0) -> bytes:
    return bytes([data[0] ^ (1 << bit)]) + data[1:]


DAMAGE: dict[str, dict[str, Any]] = {
    "the bytes": {"body": b'{"a":2,"b":1}'},
    "the hash": {"hash": b"\0" * 32},
    "the bytes and the hash": {"body": b"{}", "hash": hashlib.sha256(b"{}").digest()},
    "the number": {"revision": Revision(3, "0" * 32)},
    "the deletion": {"deleted": True},
    "the parents": {"ancestry": Ancestry()},
    "a parent more": {"ancestry": Ancestry(line=b"\0" * 16, parents=b"\0" * 24)},
    "the marks": {"marks": '{"x":1}'},
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_leaf_is_noticed(what: str) -> None:
    leaf = saved({"a": 1, "b": 1}, saved({"a": 0}))
    check_leaf(leaf)
    with pytest.raises(Corrupt):
        check_leaf(leaf._replace(**DAMAGE[what]))


@given(st.integers(0, 127))
def test_every_bit_of_an_id_is_checked(bit: int) -> None:
    leaf = saved({"a": 1}, saved({"a": 0}))
    packed = bytearray(leaf.revision.packed)
    packed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Corrupt, match="is not what its id says"):
        check_leaf(leaf._replace(revision=Revision(2, packed.hex())))


def test_an_unverified_leaf_is_not_refused_for_its_id() -> None:
    leaf = foreign("2-abc", {"a": 1})
    check_leaf(leaf)
    check_leaf(saved({"a": 1})._replace(verified=False, revision=Revision(2, "f" * 32)))
    with pytest.raises(Corrupt, match="do not match their hash"):
        check_leaf(leaf._replace(hash=flipped(leaf.hash)))
    with pytest.raises(Corrupt, match="is not what its id says"):
        check_leaf(leaf._replace(verified=True))


def test_what_a_foreign_system_saved_over_a_resolution_descends_from_all_that_was_resolved() -> None:
    """CouchDB knows straight lines only: without this, the other branch would be a conflict again."""
    first = saved({"n": 1})
    one, other = saved({"n": 2}, first, time_ms=2), saved({"n": 3}, first, time_ms=3)
    resolved = saved({"n": 4}, one, other, time_ms=4)
    line = resolved.revision.packed + resolved.ancestry.line
    after = foreign("4-zzz", {"n": 5}, line=line)
    [kept] = unite([resolved], [after], LIMIT)
    assert kept.revision == after.revision
    assert unite([kept], [other], LIMIT) == [kept] == unite([other, one], [kept], LIMIT)
    assert kept.covers(Ancestor.of(closing_stub(one, LIMIT).revision)) or kept.covers(
        Ancestor.of(closing_stub(other, LIMIT).revision)
    )
    further = foreign("5-zzz", {"n": 6}, line=after.revision.packed + line)
    [kept] = unite([kept], [further], LIMIT)
    assert unite([kept], [other], LIMIT) == [kept]


def test_what_a_foreign_system_forgot_of_an_ancestry_is_still_known() -> None:
    line = [Revision(number, text * 32).packed for number, text in ((3, "c"), (2, "b"), (1, "a"))]
    elder = foreign("3-" + "c" * 32, {"n": 3}, line=line[1] + line[2])
    [kept] = unite([elder], [foreign("4-" + "d" * 32, {"n": 4}, line=line[0])], LIMIT)
    assert kept.ancestry.line == b"".join(line)
    [bounded] = unite([elder], [foreign("4-" + "d" * 32, {"n": 4}, line=line[0])], 2)
    assert bounded.ancestry.line == line[0] + line[1]


def test_what_a_foreign_system_saved_beside_a_resolution_does_not_bury_what_was_resolved() -> None:
    first = saved({"n": 1})
    one, other = saved({"n": 2}, first, time_ms=2), saved({"n": 3}, first, time_ms=3)
    resolved = saved({"n": 4}, one, other, time_ms=4)
    beside = foreign("3-zzz", {"n": 5}, line=one.revision.packed + one.ancestry.line)
    together = unite([resolved], [beside], LIMIT)
    assert {leaf.revision for leaf in together} == {resolved.revision, beside.revision}
    [alone] = unite([], [beside], LIMIT)
    assert {leaf.revision for leaf in unite([alone], [other], LIMIT)} == {beside.revision, other.revision}
