"""Access lists: what is understood, what counts for whom, and what may be brought."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.access import ANONYMOUS, Principal
from replica.canonical import canonical
from replica.conflict import ACCESS_LIST, policy_for, settle, unite
from replica.errors import BadAccessList
from replica.leaf import NOTHING, Leaf, next_revision
from replica.rights import (
    ALL_RIGHTS,
    NO_RIGHTS,
    PRIVILEGES,
    Level,
    Rights,
    in_force,
    read_access_list,
    refusal,
    rule_of,
)

LEVELS = [level.word for level in Level]
ANNA = Principal("anna", frozenset({"sales", "clerk"}), frozenset({"north", "staff"}))


def entry(name: str, level: str, roles: Any = (), deny: Any = ()) -> dict[str, Any]:
    return {"name": name, "level": level, "roles": list(roles), "deny": list(deny)}


def leaf(items: dict[str, Any], *parents: Leaf, unid: str = ACCESS_LIST, time: int = 1) -> Leaf:
    return next_revision(unid, list(parents), canonical(items), time, 1000)


def stub(*parents: Leaf, unid: str = ACCESS_LIST) -> Leaf:
    return next_revision(unid, list(parents), NOTHING, 1, 1000, deleted=True)


def listed(*entries: dict[str, Any]) -> Leaf:
    return leaf({"entries": list(entries)})


def rights(who: Principal, *entries: dict[str, Any]) -> Rights:
    return in_force([listed(*entries)]).rights_of(who)


# -- what is understood


def test_a_list_is_read_and_written_as_it_is() -> None:
    entries = [
        {"name": "anna", "level": "editor", "roles": ["approver"], "deny": ["delete"]},
        *({"name": name, "level": "reader"} for name in ("group:north", "role:a:b", "-default-", "anonymous")),
    ]
    assert entries == read_access_list({"entries": entries, "Form": "may be there too"}).to_json()


@pytest.mark.parametrize(
    "items",
    [
        {},
        {"entries": None},
        {"entries": {"anna": "editor"}},
        {"entries": ["anna"]},
        {"entries": [{"name": "anna"}]},
        {"entries": [{"level": "editor"}]},
        {"entries": [entry("anna", "Editor")]},
        {"entries": [entry("anna", "boss")]},
        {"entries": [{"name": "anna", "level": 4}]},
        {"entries": [{"name": "anna", "level": ["editor"]}]},
        {"entries": [{"name": 1, "level": "editor"}]},
        {"entries": [{"name": "anna", "level": "editor", "denny": ["delete"]}]},
        {"entries": [{"name": "anna", "level": "editor", "roles": "approver"}]},
        {"entries": [{"name": "anna", "level": "editor", "roles": None}]},
        {"entries": [entry("anna", "editor", roles=[1])]},
        {"entries": [entry("anna", "editor", roles=["x", "x"])]},
        {"entries": [entry("anna", "editor", roles=[""])]},
        {"entries": [entry("anna", "editor", roles=["_admin"])]},
        {"entries": [entry("anna", "editor", deny=["read"])]},
        {"entries": [entry("anna", "editor"), entry("anna", "editor")]},
        *(
            {"entries": [entry(name, "editor")]}
            for name in ("", "group:", "role:", "grp:north", "_x", "role:_admin", "a\n", " anna", "x" * 501)
        ),
    ],
)
def test_what_cannot_be_understood_gives_nobody_anything(items: dict[str, Any]) -> None:
    with pytest.raises(BadAccessList):
        read_access_list(items)
    found = in_force([leaf(items)])
    assert NO_RIGHTS == found.rights_of(ANNA) == found.rights_of(ANONYMOUS)
    assert found.is_there
    assert 1 == len(found.problems)


def test_a_list_whose_bytes_are_damaged_or_no_json_gives_nobody_anything() -> None:
    whole = listed(entry("anna", "manager"))
    damaged = whole._replace(body=whole.body.replace(b"manager", b"nothing"))
    no_json = next_revision("x", [], b"{not json}", 1, 1000)._replace(unid=ACCESS_LIST)
    for each in (damaged, no_json):
        assert NO_RIGHTS == in_force([each]).rights_of(ANNA)
        assert 1 == len(in_force([each]).problems)


def test_no_list_and_a_deleted_one_are_no_list() -> None:
    first = listed(entry("anna", "manager"))
    for leaves in ([], [stub(first)], [stub(first), stub()]):
        assert not in_force(leaves).is_there
        assert NO_RIGHTS == in_force(leaves).rights_of(ANNA)


# -- what counts for whom


def test_ones_own_entry_counts_alone() -> None:
    entries = [entry("group:north", "manager", ["x"]), entry("anna", "reader", ["y"], ["replicate"])]
    assert Rights(Level.READER, frozenset("y"), frozenset({"replicate"})) == rights(ANNA, *entries)
    assert NO_RIGHTS == rights(ANNA, entry("anna", "none"), entry("-default-", "manager"))


def test_of_groups_and_roles_the_highest_level_counts_and_all_roles() -> None:
    entries = [
        entry("group:north", "reader", ["a"]),
        entry("role:clerk", "editor", ["b"]),
        entry("group:south", "manager", ["c"]),
        entry("-default-", "designer", ["d"]),
    ]
    assert Rights(Level.EDITOR, frozenset("ab")) == rights(ANNA, *entries)


def test_a_privilege_is_denied_if_all_who_give_the_highest_level_deny_it() -> None:
    denying = entry("group:north", "editor", deny=["delete", "create"])
    assert {"delete", "create"} == rights(ANNA, denying, entry("group:staff", "reader")).denied
    assert {"delete"} == rights(ANNA, denying, entry("group:staff", "editor", deny=["delete"])).denied
    assert set() == rights(ANNA, denying, entry("role:sales", "editor")).denied


def test_who_is_not_named_has_what_the_default_gives_or_nothing() -> None:
    assert Rights(Level.AUTHOR) == rights(ANNA, entry("bob", "manager"), entry("-default-", "author"))
    assert NO_RIGHTS == rights(ANNA, entry("bob", "manager"))
    assert NO_RIGHTS == rights(ANNA)


def test_nobody_in_particular_has_an_entry_or_else_the_default() -> None:
    assert Level.READER is rights(ANONYMOUS, entry("anonymous", "reader"), entry("-default-", "manager")).level
    assert Level.EDITOR is rights(ANONYMOUS, entry("-default-", "editor")).level
    assert Level.NONE is rights(ANONYMOUS, entry("anonymous", "none"), entry("-default-", "editor")).level


@pytest.mark.parametrize("name", ["anonymous", "-default-"])
def test_a_user_who_is_called_like_a_special_entry_is_not_meant_by_it(name: str) -> None:
    who = Principal(name)
    assert NO_RIGHTS == rights(who, entry("anonymous", "manager"))
    assert Rights(Level.READER) == rights(who, entry("anonymous", "manager"), entry("-default-", "reader"))


@pytest.mark.parametrize("name", ["group:north", "role:sales"])
def test_a_name_with_a_kind_means_that_kind_only(name: str) -> None:
    wrong = Principal(name.partition(":")[2], frozenset({"north"}), frozenset({"sales"}))
    assert NO_RIGHTS == rights(wrong, entry(name, "manager"))
    assert NO_RIGHTS == rights(Principal(None, frozenset({"sales"}), frozenset({"north"})), entry(name, "manager"))


# -- as a unit


def branches() -> tuple[Leaf, Leaf, Leaf]:
    """A list, and two that follow it and could be merged item by item."""
    first = leaf({"entries": [entry("anna", "reader")], "$ConflictAction": "merge", "Note": 1})
    a = leaf({"entries": [entry("anna", "manager")], "$ConflictAction": "merge", "Note": 1}, first, time=2)
    b = leaf({"entries": [entry("anna", "reader")], "$ConflictAction": "merge", "Note": 2}, first, time=3)
    return first, a, b


def test_no_policy_merges_two_lists() -> None:
    _, a, b = branches()
    assert 1 == settle([a, b], 1000)[1], "they could be"
    assert "conflict" == policy_for([a, b], "merge")
    assert "conflict" == policy_for([a, b], {"*": "merge"})
    assert "merge" == policy_for([each._replace(unid="x") for each in (a, b)], "conflict")


def test_clashing_lists_give_what_both_give() -> None:
    _, a, b = branches()
    assert Level.READER is in_force(unite([a], [b], 1000)).rights_of(ANNA).level
    c = leaf({"entries": [entry("anna", "editor", ["x", "y"], ["delete"])]}, a)
    d = leaf({"entries": [entry("anna", "manager", ["y", "z"], ["create"])]}, b)
    both = Rights(Level.EDITOR, frozenset("y"), frozenset({"create", "delete"}))
    assert both == in_force([c, d]).rights_of(ANNA)
    assert Level.NONE is in_force([c, leaf({"entries": 1}, b)]).rights_of(ANNA).level
    assert Level.NONE is in_force([c, listed()]).rights_of(ANNA).level
    assert Level.EDITOR is in_force([c, stub(b)]).rights_of(ANNA).level, "an edit survives a deletion"


ENTRIES = st.builds(
    entry,
    st.sampled_from(["anna", "bob", "group:north", "group:staff", "role:sales", "-default-", "anonymous", "bad:name"]),
    st.sampled_from(LEVELS),
    st.sets(st.sampled_from("xyz")),
    st.sets(st.sampled_from(PRIVILEGES)),
)
LISTS = st.lists(ENTRIES, max_size=5).map(lambda entries: {"entries": entries}) | st.just({"entries": "broken"})
WHO = st.sampled_from([ANNA, ANONYMOUS, Principal("bob"), Principal("carl", frozenset({"sales"}))])


@given(st.lists(LISTS, min_size=1, max_size=3), LISTS, WHO)
def test_another_leaf_in_conflict_never_gives_more(lists: list[Any], another: Any, who: Principal) -> None:
    leaves = [leaf(items, time=at) for at, items in enumerate(lists)]
    before = in_force(leaves).rights_of(who)
    after = in_force([*leaves, leaf(another, time=99)]).rights_of(who)
    assert after.level <= before.level
    assert after.roles <= before.roles
    assert after.denied >= before.denied or not after.level


# -- what may be brought

NEW, THERE, DESIGN, LIST = "x", "there", "_design/x", ACCESS_LIST


def brought(unid: str) -> tuple[list[Leaf], Leaf]:
    first = leaf({"n": 1}, unid=unid)
    return ([], first) if unid == NEW else ([first], leaf({"n": 2}, first, unid=unid))


MAY: dict[Level, set[str]] = {
    Level.NONE: set(),
    Level.DEPOSITOR: {NEW},
    Level.READER: set(),
    Level.AUTHOR: {NEW},
    Level.EDITOR: {NEW, THERE},
    Level.DESIGNER: {NEW, THERE, DESIGN},
    Level.MANAGER: {NEW, THERE, DESIGN, LIST},
}


@pytest.mark.parametrize("level", Level)
def test_a_level_lets_these_documents_in(level: Level) -> None:
    let_in = {unid for unid in (NEW, THERE, DESIGN, LIST) if refusal(Rights(level), ANNA, *brought(unid)) is None}
    assert MAY[level] == let_in
    for unid in (THERE, DESIGN, LIST):
        before, _ = brought(unid)
        assert (unid in MAY[level]) == (refusal(Rights(level), ANNA, before, stub(*before, unid=unid)) is None)
        assert (unid in MAY[level] or (unid == THERE and NEW in MAY[level])) == (
            refusal(Rights(level), ANNA, [], before[0]) is None
        ), "a new one"


def test_who_may_only_add_brings_no_deletion_of_what_was_never_here() -> None:
    for level in (Level.DEPOSITOR, Level.AUTHOR):
        assert "not_allowed" == refusal(Rights(level), ANNA, [], stub(unid=NEW))


def test_a_denied_privilege_is_denied_at_every_level() -> None:
    first = leaf({"n": 1}, unid=NEW)
    gone, next_one = stub(first, unid=NEW), leaf({"n": 2}, first, unid=NEW)
    for level in (Level.EDITOR, Level.DESIGNER, Level.MANAGER):
        no_new, no_end = (Rights(level, denied=frozenset({name})) for name in ("create", "delete"))
        assert [None, "not_allowed"] == [refusal(each, ANNA, [first], gone) for each in (no_new, no_end)]
        assert ["not_allowed", None] == [refusal(each, ANNA, [], first) for each in (no_new, no_end)]
        assert [None, None] == [refusal(each, ANNA, [first], next_one) for each in (no_new, no_end)]
        back = leaf({"n": 3}, gone, unid=NEW)
        assert "not_allowed" == refusal(no_new, ANNA, [gone], back), "bringing it back makes it again"
    for level in (Level.DEPOSITOR, Level.AUTHOR):
        assert "not_allowed" == refusal(Rights(level, denied=frozenset({"create"})), ANNA, [], first)


def test_for_whom_nothing_is_forbidden_there_is_no_rule() -> None:
    assert None is rule_of(ALL_RIGHTS, ANNA)
    assert None is not rule_of(Rights(Level.MANAGER, denied=frozenset({"delete"})), ANNA)


def test_privileges_are_those_that_the_level_brings() -> None:
    shown = {level.word: Rights(level).privileges for level in Level}
    assert shown["none"] == []
    assert shown["depositor"] == ["create"]
    assert shown["reader"] == ["replicate"]
    assert shown["author"] == shown["editor"] == shown["manager"] == list(PRIVILEGES)
    assert ["create"] == Rights(Level.EDITOR, denied=frozenset({"delete", "replicate"})).privileges
