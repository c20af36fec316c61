"""Whose a document is, for those who may change their own alone: judged by what is here, never by what is brought."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.access import ANONYMOUS, Principal
from replica.canonical import canonical
from replica.leaf import Leaf, next_revision
from replica.revision import Ancestry
from replica.rights import Level, Rights, refusal

ANNA = Principal("anna", frozenset({"clerk"}), frozenset({"Sales"}))
AUTHOR = Rights(Level.AUTHOR, frozenset({"approver"}))
BY_ANNA, BY_BOB = {"$UpdatedBy": ["anna"]}, {"$UpdatedBy": ["bob"]}
HERS: list[dict[str, Any]] = [
    BY_ANNA,
    {"$UpdatedBy": "anna"},
    {"$Authors": None, **BY_ANNA},
    {"$Authors": [], **BY_ANNA},
    *({"$Authors": authors, **BY_BOB} for authors in ("anna", ["bob", "anna"], ["group:Sales"], ["role:clerk"])),
    {"$Authors": "role:approver"},
]
NOT_HERS: list[dict[str, Any]] = [
    {},
    BY_BOB,
    {"$UpdatedBy": ["anna", "bob"]},
    {"$UpdatedBy": []},
    {"$UpdatedBy": {"name": "anna"}},
    *({"$Authors": authors, **BY_ANNA} for authors in ("bob", ["Sales"], ["role:boss"], 5, ["anna", 5], ["anonymous"])),
    {"$Readers": ["anna"]},
]
ITEMS = st.sampled_from([*HERS, *NOT_HERS])


def leaf(items: dict[str, Any], *parents: Leaf, time: int = 1, deleted: bool = False) -> Leaf:
    return next_revision("x", list(parents), canonical(items), time, 1000, deleted)


def may(before: list[Leaf], after: Leaf, rights: Rights = AUTHOR, who: Principal = ANNA) -> bool:
    return refusal(rights, who, before, after) is None


@pytest.mark.parametrize("items", HERS, ids=str)
def test_an_author_changes_and_deletes_what_is_theirs(items: dict[str, Any]) -> None:
    here = leaf(items)
    assert may([here], leaf(BY_ANNA, here))
    assert may([here], leaf({}, here)), "who saved it need not be said"
    assert may([here], leaf(BY_ANNA, here, deleted=True))
    assert not may([here], leaf(BY_BOB, here)), "but not that somebody else did"


@pytest.mark.parametrize("items", NOT_HERS, ids=str)
def test_an_author_changes_nothing_else_whatever_is_brought(items: dict[str, Any]) -> None:
    here = leaf(items)
    for brought in HERS:
        for deleted in (False, True):
            assert not may([here], leaf(brought, here, deleted=deleted))
            assert not may([here], leaf(brought, time=9, deleted=deleted)), "nor beside it"


@given(st.lists(st.tuples(ITEMS, st.booleans()), min_size=1, max_size=3), st.sets(st.integers(0, 2)), st.booleans())
def test_all_that_goes_has_to_be_theirs_and_where_nothing_goes_all_that_is_shown(
    there: list[tuple[dict[str, Any], bool]], follows: set[int], deleted: bool
) -> None:
    before = [leaf(items, time=n, deleted=gone) for n, (items, gone) in enumerate(there)]
    followed = [n for n in sorted(follows) if n < len(there)]
    after = leaf(BY_ANNA, *(before[n] for n in followed), time=9, deleted=deleted)
    counting = followed or [n for n, (_, gone) in enumerate(there) if not gone] or [*range(len(there))]
    assert all(there[n][0] in HERS for n in counting) == may(before, after)


@given(ITEMS)
def test_a_claim_to_descend_from_what_was_never_seen_buries_nothing(items: dict[str, Any]) -> None:
    """A revision made elsewhere, with an ancestry that its sender wrote."""
    here = leaf(items)
    forged = leaf(BY_ANNA)._replace(
        revision=leaf(BY_ANNA, here).revision, verified=False, ancestry=Ancestry(line=here.revision.packed)
    )
    assert (items in HERS) == may([here], forged)
    same = leaf(BY_ANNA)._replace(revision=here.revision, verified=False)
    assert (items in HERS) == may([here], same), "other bytes for a revision that is here"


@given(ITEMS, st.booleans())
def test_authors_refine_levels_and_never_override_them(items: dict[str, Any], deleted: bool) -> None:
    here = leaf(items)
    after = leaf(BY_BOB, here, deleted=deleted)
    for level in Level:
        if level is not Level.AUTHOR:
            assert (level >= Level.EDITOR) == may([here], after, Rights(level))
    for unid in ("_design/x", "_design/access"):
        assert not may([here._replace(unid=unid)], leaf(BY_ANNA, here)._replace(unid=unid))


def test_what_is_denied_to_an_author_is_denied_for_their_own_too() -> None:
    here = leaf(BY_ANNA)
    gone = leaf(BY_ANNA, here, deleted=True)
    no_new, no_end = (AUTHOR._replace(denied=frozenset({name})) for name in ("create", "delete"))
    assert [True, False] == [may([here], gone, rights) for rights in (no_new, no_end)]
    assert [True, True] == [may([here], leaf(BY_ANNA, here), rights) for rights in (no_new, no_end)]
    assert [False, True] == [may([gone], leaf(BY_ANNA, gone), rights) for rights in (no_new, no_end)], (
        "bringing it back"
    )


def test_what_is_new_names_whoever_brings_it_or_nobody() -> None:
    for level in (Level.DEPOSITOR, Level.AUTHOR):
        for items in (BY_ANNA, {}, {"$UpdatedBy": "anna"}, {"$Authors": ["bob"]}, {"a": BY_BOB}):
            assert may([], leaf(items), Rights(level))
        for items in (BY_BOB, {"$UpdatedBy": ["anna", "bob"]}, {"$UpdatedBy": 5}):
            assert not may([], leaf(items), Rights(level))
        assert may([], leaf({}), Rights(level), ANONYMOUS)
        assert not may([], leaf(BY_ANNA), Rights(level), ANONYMOUS)


def test_nobody_in_particular_owns_nothing_but_what_names_them() -> None:
    here = leaf({})
    assert not may([here], leaf({}, here), AUTHOR, ANONYMOUS)
    named = leaf({"$Authors": "anonymous"})
    assert may([named], leaf({}, named), AUTHOR, ANONYMOUS)
    assert not may([named], leaf({}, named), AUTHOR, Principal("anonymous"))


def test_what_is_damaged_is_nobody_s() -> None:
    here = leaf(BY_ANNA)._replace(body=b'{"$UpdatedBy":["anna"')
    after = leaf(BY_ANNA, leaf(BY_ANNA))
    assert not may([here], after)
    assert not may([], after._replace(body=here.body))


@given(
    st.dictionaries(
        st.sampled_from(["$UpdatedBy", "x$UpdatedBy", "a", '"$UpdatedBy":["anna"]']),
        st.sampled_from(
            ["$UpdatedBy", '"$UpdatedBy":["anna"]', ["anna"], ["bob"], "anna", BY_ANNA, BY_BOB, [BY_ANNA], None, []]
        ),
    )
)
def test_bytes_tell_who_saved_as_the_items_do(items: dict[str, Any]) -> None:
    """Whatever looks like it elsewhere in the document."""
    brought = items.get("$UpdatedBy", "anna") in (["anna"], "anna")
    assert brought == may([], leaf(items))
