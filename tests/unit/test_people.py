"""Users and groups: names, what documents say, and who is in what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.access.people import check_password, check_role, groups_of, read_members, read_user, unite
from replica.access.principal import ANONYMOUS, Principal
from replica.canonical import canonical
from replica.errors import BadDocument, Corrupt, Mistake
from replica.leaf import NOTHING, Leaf, next_revision
from replica.naming import check_name


@pytest.mark.parametrize("name", ["anna", "Anna Müller", "a@b.example", "x" * 200, "李", "group", "-", "a/b", "a_b"])
def test_a_name_is_almost_any_text(name: str) -> None:
    assert name == check_name(name)


@pytest.mark.parametrize(
    "name", ["", "_admin", "a:b", ":", "x" * 201, "é" * 101, "a\nb", "a\0b", " a", "a ", "\ud800", "a\u200bb", "\x7f"]
)
def test_what_cannot_be_told_apart_or_sent_is_no_name(name: str) -> None:
    with pytest.raises(Mistake):
        check_name(name)


def test_roles_do_not_begin_with_what_the_server_keeps_for_itself() -> None:
    assert "_admin" == check_role("_admin")
    for role in ("_writer", "", " ", "a\nb"):
        with pytest.raises(Mistake):
            check_role(role)


def test_a_password_is_neither_empty_nor_endless_and_not_in_the_error() -> None:
    for password in ("", "secret" * 200):
        with pytest.raises(Mistake) as caught:
            check_password(password)
        assert "secret" not in str(caught.value)


USER = {"type": "user", "name": "anna", "roles": ["a", "b"]}


@pytest.mark.parametrize(
    "items",
    [
        {},
        USER | {"type": "group"},
        USER | {"name": "bruno"},
        USER | {"roles": "_admin"},
        USER | {"roles": ["a", 1]},
        USER | {"roles": None},
        USER | {"roles": {"_admin": True}},
        USER | {"removed": "no"},
        USER | {"password_hash": "damaged"},
    ],
)
def test_a_document_that_is_no_user_gives_no_rights(items: dict[str, Any]) -> None:
    with pytest.raises(BadDocument):
        read_user("anna", items)


@pytest.mark.parametrize("members", [None, "anna", [1], {"anna": True}])
def test_a_document_that_is_no_group_has_no_members(members: Any) -> None:
    with pytest.raises(BadDocument):
        read_members({"type": "user", "members": ["anna"]})
    items = {"type": "group", "members": members}
    with pytest.raises(BadDocument):
        read_members(items)


def leaf(items: dict[str, Any], time_ms: int = 1) -> Leaf:
    return next_revision("org.couchdb.user:anna", [], canonical(items), time_ms, 1000)


def test_of_a_conflict_remain_the_roles_in_which_all_agree() -> None:
    roles = (["a", "b", "_admin"], ["b", "c", "_admin"], ["_admin", "b"])
    assert {"b", "_admin"} == unite("anna", [leaf(USER | {"roles": given}) for given in roles]).roles
    assert set() == unite("anna", [leaf(USER), leaf({"type": "user"})]).roles


def test_whoever_was_removed_anywhere_is_removed() -> None:
    gone = leaf(USER | {"removed": True})
    assert unite("anna", [leaf(USER), gone]).removed
    assert unite("anna", [gone, leaf(USER)]).removed
    assert not unite("anna", [leaf(USER), leaf(USER | {"removed": False})]).removed


def test_a_user_whose_bytes_are_damaged_is_none() -> None:
    with pytest.raises(Corrupt):
        unite("anna", [leaf(USER)._replace(body=NOTHING)])
    assert set() == unite("anna", [leaf(USER), leaf(USER)._replace(body=NOTHING)]).roles


def test_groups_are_found_through_groups() -> None:
    groups = {"Sales": {"anna", "Nordic"}, "Nordic": {"bruno"}, "All": {"Sales"}, "Other": {"carla"}}
    frozen = {name: frozenset(members) for name, members in groups.items()}
    assert {"Sales", "All"} == groups_of("anna", frozen)
    assert {"Nordic", "Sales", "All"} == groups_of("bruno", frozen)
    assert set() == groups_of("nobody", frozen)


def test_a_circle_of_groups_does_no_harm() -> None:
    circle = {"A": frozenset({"B"}), "B": frozenset({"C", "anna"}), "C": frozenset({"A", "C"})}
    assert {"A", "B", "C"} == groups_of("anna", circle)


@given(st.dictionaries(st.sampled_from("ABCDE"), st.frozensets(st.sampled_from("ABCDEx"))))
def test_who_is_in_a_group_is_in_all_that_hold_it(groups: dict[str, frozenset[str]]) -> None:
    found = groups_of("x", groups)
    assert found == {name for name, members in groups.items() if "x" in members or members & found}


def test_nobody_in_particular_is_no_administrator() -> None:
    assert not ANONYMOUS.is_admin
    assert Principal("chef", frozenset({"_admin"})).is_admin
    assert ANONYMOUS.reaches("orders")
    assert not Principal("chef", databases=frozenset({"orders"})).reaches("order")
