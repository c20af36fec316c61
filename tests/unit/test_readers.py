"""Who may read one document, by what it says."""

from __future__ import annotations

from typing import Any

import pytest

from replica.access import ANONYMOUS, Principal
from replica.canonical import Json, canonical
from replica.leaf import Leaf, next_revision
from replica.rights import Sight, sight_of

ANNA = sight_of(Principal("anna", frozenset({"clerk"}), frozenset({"Sales"})), frozenset({"approver"}))


def leaf(items: dict[str, Any], deleted: bool = False, unid: str = "x") -> Leaf:
    return next_revision(unid, [], canonical(items), 1, 10, deleted)


@pytest.mark.parametrize("readers", [None, "", []])
def test_a_document_that_names_nobody_is_for_everybody(readers: Json) -> None:
    assert ANNA.may_read((readers, None))
    assert ANNA.may_read((readers, "bob")), "authors alone restrict nothing"


@pytest.mark.parametrize("name", ["anna", "group:Sales", "role:clerk", "role:approver"])
def test_somebody_is_meant_by_name_group_and_role(name: str) -> None:
    assert ANNA.may_read((name, None))
    assert ANNA.may_read((["bob", name], None))
    assert ANNA.may_read((["bob"], [name])), "authors may read"
    assert ANNA.may_read((["bob"], name))


@pytest.mark.parametrize(
    "readers",
    [
        "bob",
        ["bob"],
        "Anna",
        "Sales",
        "clerk",
        "group:clerk",
        "role:Sales",
        "anonymous",
        "-default-",
        [""],
        ["", "bob"],
        "*",
    ],
)
def test_whoever_is_not_meant_does_not_read(readers: Json) -> None:
    assert not ANNA.may_read((readers, None))
    assert not ANNA.may_read((readers, ["bob", "carl"]))


@pytest.mark.parametrize("readers", [0, 5, True, False, {}, {"anna": 1}, ["anna", 5], [["anna"]], [None], 1.5])
def test_what_cannot_be_understood_is_for_nobody(readers: Json) -> None:
    assert not ANNA.may_read((readers, None))
    assert not ANNA.may_read((readers, ["anna"]))


@pytest.mark.parametrize("authors", [5, {}, ["anna", 5], False])
def test_authors_that_cannot_be_understood_are_nobody(authors: Json) -> None:
    assert not ANNA.may_read((["bob"], authors))
    assert ANNA.may_read((["anna"], authors))


def test_whoever_has_not_logged_in_is_meant_by_one_word() -> None:
    nobody = sight_of(ANONYMOUS, frozenset())
    assert nobody.may_read(("anonymous", None))
    assert not nobody.may_read((["anna", "-default-"], None))
    called_so = sight_of(Principal("anonymous"), frozenset())
    assert not called_so.may_read(("anonymous", None)), "a user of that name is somebody else"


def test_a_sight_is_known_by_the_names() -> None:
    alike = [sight_of(Principal("a", frozenset(roles)), frozenset(more)) for roles, more in (("xy", "z"), ("zy", "x"))]
    assert alike[0].id == alike[1].id != sight_of(Principal("a"), frozenset()).id
    assert (
        sight_of(Principal("a", frozenset("g")), frozenset()).id
        != sight_of(Principal("a", groups=frozenset("g")), frozenset()).id
    )


def test_a_document_is_seen_as_a_unit() -> None:
    mine, theirs, all_s = ({"$Readers": name} if name else {} for name in ("anna", "bob", ""))
    for leaves, seen in (
        ([leaf(mine), leaf(all_s)], True),
        ([leaf(mine), leaf(theirs)], False),
        ([leaf(mine), leaf(theirs, deleted=True)], True),
        ([leaf(mine, deleted=True), leaf(theirs, deleted=True)], False),
        ([leaf(mine, deleted=True), leaf({}, deleted=True)], True),
        ([leaf(theirs, unid="_design/x")], True),
        ([], True),
    ):
        assert seen == ANNA.sees(leaves), leaves


def test_only_the_item_itself_counts() -> None:
    for items in ({"a": {"$Readers": "bob"}}, {"a": '"$Readers"'}, {"a": ["$Readers"]}, {'a"$Readers"': "bob"}):
        assert ANNA.sees([leaf(items)])
    torn = leaf({"$Readers": "anna"})
    assert not ANNA.sees([torn._replace(body=torn.body[:-1] + b",}")]), "what cannot be read is for nobody"


def test_what_the_file_says_is_judged_alike() -> None:
    sight = Sight(frozenset({"anna"}))
    seen = {'["anna",null]': True, '["bob",["anna"]]': True, "[5,null]": False, None: False, "{": False, "[]": False}
    for said, verdict in [*seen.items()] * 2:
        assert verdict == sight.may_read_text(said)
