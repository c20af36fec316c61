"""CouchDB's `_security` and the access list: each says what the other does, as far as it has words for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.access import ANONYMOUS, Principal
from replica.errors import BadRequest
from replica.rights import (
    CLOSED,
    PRIVILEGES,
    AccessList,
    Level,
    changed_to,
    checked_entry,
    read_access_list,
    read_security,
    security_of,
)

PEOPLE = st.fixed_dictionaries(
    {},
    optional={
        "names": st.lists(st.sampled_from(["anna", "bob", "carl"]), max_size=3),
        "roles": st.lists(st.sampled_from(["sales", "staff", "_admin", "a:b"]), max_size=3),
    },
)
SECURITIES = st.fixed_dictionaries({}, optional={"admins": PEOPLE, "members": PEOPLE, "other": st.just(5)})
NAMES = ("anna", "bob", "dora", "role:sales", "role:a:b", "group:north", "-default-", "anonymous")
LISTS = st.lists(
    st.builds(
        checked_entry,
        st.sampled_from(NAMES),
        st.sampled_from([level.word for level in Level]),
        st.sets(st.sampled_from("xy")),
        st.sets(st.sampled_from(PRIVILEGES)),
    ),
    unique_by=lambda entry: entry.name,
).map(lambda entries: AccessList({entry.name: entry for entry in entries}))


@given(SECURITIES, LISTS)
def test_what_was_said_is_what_is_told(said: Any, before: AccessList) -> None:
    after = changed_to(read_security(said), before)
    assert read_security(said) == security_of([after])
    assert read_security(said) == read_security(security_of([after]).to_json())
    assert after == read_access_list({"entries": after.to_json()})
    assert after == changed_to(read_security(said), after), "saying it again changes nothing"


@given(SECURITIES, LISTS)
def test_what_cannot_be_said_is_kept_unless_it_contradicts(said: Any, before: AccessList) -> None:
    security = read_security(said)
    after = changed_to(security, before)
    for name, entry in before.entries.items():
        kept = after.entries.get(name)
        if kept is not None:
            assert (entry.rights.roles, entry.rights.denied) == (kept.rights.roles, kept.rights.denied)
        if name.startswith("group:"):
            assert entry == kept
        unsayable = entry.rights.level not in (Level.EDITOR, Level.MANAGER) and name not in ("-default-", "anonymous")
        if unsayable and name not in security.admins | security.members:
            assert entry == kept


@given(SECURITIES, LISTS)
def test_a_database_with_members_lets_nobody_else_in(said: Any, before: AccessList) -> None:
    security = read_security(said)
    after = changed_to(security, before)
    expected = Level.EDITOR if security.is_open else Level.NONE
    assert expected is after.rights_of(Principal("nobody known")).level
    if not security.is_open:
        assert Level.NONE is after.rights_of(ANONYMOUS).level
    for name in ("anna", "bob", "carl"):
        level = after.rights_of(Principal(name)).level
        assert (level is Level.MANAGER) == (name in security.admins)


def test_these_are_the_words_for_it() -> None:
    open_to_all = changed_to(read_security({}), AccessList({}))
    assert [{"name": "-default-", "level": "editor"}] == open_to_all.to_json()
    closed = changed_to(read_security(CLOSED), AccessList({}))
    assert [{"name": "-default-", "level": "none"}] == closed.to_json()
    assert {"admins": {"names": [], "roles": []}, "members": {"names": [], "roles": ["_admin"]}} == security_of(
        [closed]
    ).to_json()
    said = {"admins": {"names": ["anna"], "roles": ["it"]}, "members": {"names": ["bob", "anna"], "roles": ["staff"]}}
    assert [
        {"name": "anna", "level": "manager"},
        {"name": "role:it", "level": "manager"},
        {"name": "bob", "level": "editor"},
        {"name": "role:staff", "level": "editor"},
        {"name": "-default-", "level": "none"},
    ] == changed_to(read_security(said), AccessList({})).to_json()


def test_public_reading_ends_where_couchdb_has_no_words_for_it() -> None:
    public = read_access_list({"entries": [{"name": "-default-", "level": "reader"}]})
    assert Level.NONE is changed_to(read_security(CLOSED), public).rights_of(ANONYMOUS).level


@given(st.lists(LISTS, min_size=1, max_size=3))
def test_clashing_lists_are_told_as_what_all_of_them_say(lists: list[AccessList]) -> None:
    together = security_of(lists)
    each = [security_of([listed]) for listed in lists]
    assert together.is_open == all(security.is_open for security in each)
    assert together.admins == frozenset.intersection(*(security.admins for security in each))
    assert all(together.members <= security.admins | security.members or security.is_open for security in each)
    assert not together.admins & together.members


@pytest.mark.parametrize("said", [{"admins": []}, {"members": {"names": "x"}}, {"admins": {"roles": [1]}}])
def test_what_is_not_understood_is_refused(said: Any) -> None:
    with pytest.raises(BadRequest):
        read_security(said)
