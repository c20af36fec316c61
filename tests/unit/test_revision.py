"""Revision ids byte by byte, as docs/revisions.md says, and ancestries: what covers what, cut and joined."""

from __future__ import annotations

import hashlib
import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replica.canonical import canonical, parse
from replica.clock import MS_MAX
from replica.conflict import check_leaf, conflict_unid, merge
from replica.errors import BadDocument
from replica.leaf import Leaf, closing_stub, next_revision
from replica.revision import (
    NUMBER_MAX,
    TEXT_MAX,
    WIDTH,
    Ancestor,
    Ancestry,
    Revision,
    descend,
    entries,
    join,
    pack,
    revision_id,
)

PAGE = (Path(__file__).parents[2] / "docs" / "revisions.md").read_text(encoding="utf-8")
LIMIT = 1000


def on_the_page(heading: str, language: str) -> str:
    """The first code block under a heading of docs/revisions.md."""
    match = re.search(rf"^## {heading}\n(?:(?!^## ).)*?^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert match, heading
    return match[1]


VECTORS: list[dict[str, Any]] = json.loads(on_the_page("Test vectors", "json"))
PACKED: list[dict[str, Any]] = json.loads(on_the_page("Foreign and packed revisions", "json"))
FAMILY: list[dict[str, Any]] = json.loads(on_the_page("A family", "json"))


def by_the_page(vector: dict[str, Any]) -> str:
    """The id of a revision worked out from the words of the page alone, not by the library."""
    time_ms = min(max(vector["time_ms"], 0), 2**48 - 1)
    lines = [
        "replica revision 1",
        str(vector["number"]),
        str(time_ms),
        "1" if vector["deleted"] else "0",
        " ".join(f"{parent.split('-', 1)[0]}-{packed_by_the_page(parent).hex()}" for parent in vector["parents"]),
        "{}",
    ]
    hashed = "".join(line + "\n" for line in lines) + vector["canonical"]
    return f"{vector['number']}-{time_ms:012x}{hashlib.sha256(hashed.encode()).hexdigest()[:20]}"


def packed_by_the_page(revision: str) -> bytes:
    text = revision.split("-", 1)[1]
    ours = len(text) == 32 and set(text) <= set("0123456789abcdef")
    return bytes.fromhex(text) if ours else hashlib.sha256(text.encode()).digest()[:16]


# -- the page


def test_the_page_has_enough_vectors() -> None:
    assert len(VECTORS) >= 12
    assert len(VECTORS) == len({vector["what"] for vector in VECTORS})


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["what"] for vector in VECTORS])
def test_the_library_computes_the_ids_of_the_page(vector: dict[str, Any]) -> None:
    items = canonical(parse(vector["items"]))
    assert vector["canonical"] == items.decode()
    parents = [Ancestor.of(Revision.parse(parent)) for parent in vector["parents"]]
    made = revision_id(vector["number"], vector["time_ms"], parents, vector["deleted"], items)
    assert vector["revision"] == str(made)
    assert vector["revision"] == by_the_page(vector)


def test_different_vectors_have_different_ids_unless_they_say_the_same() -> None:
    said = {
        (v["number"], min(max(v["time_ms"], 0), MS_MAX), *v["parents"], v["deleted"], v["canonical"]) for v in VECTORS
    }
    assert len(said) == len({vector["revision"] for vector in VECTORS})


def test_the_bytes_shown_on_the_page_are_those_that_are_hashed() -> None:
    shown = bytes.fromhex("".join(line[6:53] for line in on_the_page("The id of a revision", "text").splitlines()))
    digest = hashlib.sha256(shown).hexdigest()
    assert f"`{digest}`" in PAGE
    assert any(vector["revision"].endswith(digest[:20]) for vector in VECTORS)


@pytest.mark.parametrize("case", PACKED, ids=[case["revision"] for case in PACKED])
def test_revisions_are_packed_as_the_page_says(case: dict[str, Any]) -> None:
    revision = Revision.parse(case["revision"])
    assert case["revision"] == str(revision)
    assert case["packed"] == revision.packed.hex() == packed_by_the_page(case["revision"]).hex()
    assert case["foreign"] == revision.is_foreign


def family() -> dict[str, Leaf]:
    """The family of the page, made by the library."""
    leaves: dict[str, Leaf] = {}
    for member in FAMILY:
        parents = [leaves[name] for name in member["of"]]
        items = canonical(parse(member["items"]))
        if member["made_by"] == "merge":
            merged = merge(parents[0], parents[1], LIMIT)
            assert merged is not None
            leaf = merged
        elif member["made_by"] == "foreign":
            (above,) = parents
            ancestry = Ancestry(line=above.revision.packed + above.ancestry.line)
            revision = Revision.parse(member["revision"])
            leaf = Leaf("order/1", revision, False, False, ancestry, None, hashlib.sha256(items).digest(), items)
        else:
            leaf = next_revision("order/1", parents, items, member["time_ms"], LIMIT, member["deleted"])
        leaves[member["name"]] = leaf
    return leaves


@pytest.mark.parametrize("member", FAMILY, ids=[member["name"] for member in FAMILY])
def test_the_family_of_the_page_is_what_the_library_makes(member: dict[str, Any]) -> None:
    leaf = family()[member["name"]]
    made = {
        "deleted": leaf.deleted,
        "items": leaf.body.decode(),
        "revision": str(leaf.revision),
        "packed": leaf.revision.packed.hex(),
        "line": leaf.ancestry.line.hex(),
        "side": leaf.ancestry.side.hex(),
        "parents": leaf.ancestry.parents.hex(),
        "marks": leaf.marks,
        "hash": leaf.hash.hex(),
        "verified": leaf.verified,
        "conflict_unid": conflict_unid(leaf),
    }
    assert {name: member[name] for name in made} == made
    check_leaf(leaf)


@pytest.mark.parametrize("member", FAMILY, ids=[member["name"] for member in FAMILY])
def test_what_the_page_says_of_conflict_documents_and_body_hashes_holds_for_the_family(member: dict[str, Any]) -> None:
    named = b"conflict\0" + b"order/1" + b"\0" + member["revision"].encode()
    assert member["conflict_unid"] == hashlib.sha256(named).hexdigest()[:32]
    assert member["hash"] == hashlib.sha256(member["items"].encode()).hexdigest()


def test_the_closing_stub_of_the_page_is_the_first_in_the_side() -> None:
    leaves = family()
    stub = closing_stub(leaves["B"], LIMIT)
    assert f"`{stub.revision}`" in PAGE
    assert Ancestor.of(stub.revision) == next(entries(leaves["D"].ancestry.side))
    assert stub.deleted


# -- ids

ids = st.builds(
    revision_id,
    st.integers(1, NUMBER_MAX),
    st.integers(-5, 2**50),
    st.lists(st.builds(Ancestor, st.integers(1, 50), st.binary(min_size=16, max_size=16)), max_size=3),
    st.booleans(),
    st.binary(max_size=20),
)


@given(ids)
def test_an_id_of_ours_reads_back(revision: Revision) -> None:
    assert revision == Revision.parse(str(revision))
    assert not revision.is_foreign
    assert revision.text == revision.packed.hex()


@given(ids, ids)
def test_ids_sort_by_number_then_time(a: Revision, b: Revision) -> None:
    assert (a < b) == ((a.number, a.packed) < (b.number, b.packed))
    if a.number == b.number and a.time_ms != b.time_ms:
        assert (a < b) == (a.time_ms < b.time_ms)


@given(st.integers(0, 253_402_300_799_999))
@example(0)
@example(1_700_000_000_123)
@example(253_402_300_799_999)
def test_the_sequence_time_reads_back_to_the_millisecond(time_ms: int) -> None:
    time = revision_id(1, time_ms, [], False, b"{}").time
    assert timedelta(0) == time.utcoffset()
    assert timedelta(milliseconds=time_ms) == time - datetime(1970, 1, 1, tzinfo=UTC)


def test_a_sequence_time_beyond_the_calendar_is_its_last_millisecond() -> None:
    assert datetime(9999, 12, 31, 23, 59, 59, 999000, UTC) == revision_id(1, MS_MAX, [], False, b"{}").time


@pytest.mark.parametrize(
    "text",
    [
        "1-a",
        "1-A",
        "3-abc",
        "12-a-b-c",
        "1- ",
        "1-" + "f" * 32,
        "1-" + "F" * 32,
        f"{NUMBER_MAX}-x",
        "1-" + "x" * TEXT_MAX,
        "1-日本",
        "1-é",
        "1-😀",
        "1-_",
    ],
)
def test_a_revision_comes_back_as_it_came(text: str) -> None:
    assert text == str(Revision.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1-",
        "-a",
        "a-1",
        "0-a",
        "01-a",
        "+1-a",
        "-1-a",
        " 1-a",
        "1.0-a",
        "1_0-a",
        "１-a",
        "1-a\n",
        "1-a\0",
        "1-\ud800",
        "1-\u2028",
        "1–a",
        f"{NUMBER_MAX + 1}-a",
        "9" * 30 + "-a",
        "1-" + "x" * (TEXT_MAX + 1),
        None,
        1,
        ["1-a"],
        b"1-a",
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_is_not_a_revision_is_refused(text: object) -> None:
    with pytest.raises(BadDocument, match="is not a revision"):
        Revision.parse(text)


# -- ancestry


def packed(name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()[:WIDTH]


def line_of(*names: object) -> bytes:
    return b"".join(map(packed, names))


@given(st.lists(st.builds(Ancestor, st.integers(1, NUMBER_MAX), st.binary(min_size=16, max_size=16)), max_size=6))
def test_packed_ancestors_read_back_in_their_order(ancestors: list[Ancestor]) -> None:
    assert ancestors == list(entries(pack(ancestors)))


def test_an_ancestor_in_the_line_is_found_by_its_place() -> None:
    ancestry = Ancestry(line=line_of("c", "b", "a"))
    assert ancestry.holds(4, Ancestor(3, packed("c")))
    assert ancestry.holds(4, Ancestor(1, packed("a")))
    assert not ancestry.holds(4, Ancestor(2, packed("a")))  # another revision with the same digits
    assert not ancestry.holds(4, Ancestor(4, packed("c")))
    assert not ancestry.holds(4, Ancestor(9, packed("c")))
    assert not ancestry.holds(9, Ancestor(1, packed("a")))
    assert not ancestry.holds(4, Ancestor(3, b""))
    assert not Ancestry().holds(1, Ancestor(1, packed("a")))


def histories(seed: int, size: int, limit: int) -> tuple[list[Leaf], list[set[Ancestor]]]:
    """Revisions of one document, each on top of one to three random earlier ones, and what each really descends from."""
    chance = random.Random(seed)
    made: list[Leaf] = []
    truth: list[set[Ancestor]] = []
    for step in range(size):
        chosen = sorted(chance.sample(range(len(made)), min(len(made), chance.choice([1, 1, 1, 2, 3]))))
        above = [made[i] for i in chosen]
        made.append(next_revision("u", above, canonical({"n": step}), step, limit))
        stubs = sorted(above, key=lambda leaf: leaf.revision, reverse=True)[1:]
        known = {Ancestor.of(closing_stub(leaf, limit).revision) for leaf in stubs}
        truth.append(known.union(*(truth[i] | {Ancestor.of(made[i].revision)} for i in chosen)))
    return made, truth


seeds = st.integers(0, 2**32)


@given(seeds)
def test_an_ancestry_within_the_bound_is_the_true_one(seed: int) -> None:
    made, truth = histories(seed, 12, LIMIT)
    for leaf, ancestors in zip(made, truth, strict=True):
        assert ancestors == leaf.ancestry.all(leaf.revision.number)
        assert len(ancestors) == leaf.ancestry.length
        for other in made:
            mark = Ancestor.of(other.revision)
            assert (mark in ancestors) == leaf.ancestry.holds(leaf.revision.number, mark)


@given(seeds, st.integers(1, 6))
def test_a_cut_ancestry_says_nothing_false_and_keeps_the_parents(seed: int, limit: int) -> None:
    made, _ = histories(seed, 12, limit)
    whole, truth = histories(seed, 12, LIMIT)
    assert [leaf.revision for leaf in made] == [leaf.revision for leaf in whole]
    for leaf, ancestors in zip(made, truth, strict=True):
        number = leaf.revision.number
        assert leaf.ancestry.all(number) <= ancestors
        assert set(leaf.ancestry.all_parents(number)) <= leaf.ancestry.all(number)
        assert all(leaf.covers(parent) for parent in leaf.ancestry.all_parents(number))
        assert len(leaf.ancestry.line) <= limit * WIDTH
        assert len(list(entries(leaf.ancestry.side))) <= limit
        check_leaf(leaf)


@given(seeds)
def test_line_and_side_hold_nothing_twice(seed: int) -> None:
    for leaf in histories(seed, 12, LIMIT)[0]:
        side = list(entries(leaf.ancestry.side))
        assert sorted(set(side), reverse=True) == side
        assert not set(side) & set(leaf.ancestry.in_line(leaf.revision.number))


@given(seeds, st.integers(1, 8))
def test_cutting_twice_is_cutting_once(seed: int, limit: int) -> None:
    for leaf in histories(seed, 8, LIMIT)[0]:
        cut = leaf.ancestry.cut(limit)
        assert cut == cut.cut(limit)
        assert cut == cut.cut(limit + 1)
        assert leaf.ancestry == leaf.ancestry.cut(LIMIT)
        assert leaf.ancestry.all_parents(leaf.revision.number) == cut.all_parents(leaf.revision.number)


def partly_known(seed: int) -> tuple[int, list[Ancestry]]:
    """Copies of one revision whose holders know different parts of its ancestry, none of them more than the bound."""
    chance = random.Random(seed)
    number = chance.randrange(2, 7)
    lines = [line_of(*(("straight", n) for n in range(number - 1, 0, -1)))]
    lines.append(lines[0][:WIDTH] + line_of(*(("other", n) for n in range(number - 2, 0, -1))))
    beside = [Ancestor(n, packed(("side", n))) for n in range(1, number)]
    beside += [Ancestor(n, packed(("other", n))) for n in range(1, number - 1)]
    parents = chance.choice([b"", pack(beside[:1])])
    copies = []
    for _ in range(3):
        line = chance.choice(lines)[: chance.randrange(1, number) * WIDTH]
        side = set(chance.sample(beside, chance.randrange(len(beside)))) - set(Ancestry(line).in_line(number))
        copies.append(Ancestry(line, pack(sorted(side, reverse=True)), parents))
    return number, copies


@given(seeds)
def test_joining_what_copies_know_loses_nothing_and_invents_nothing(seed: int) -> None:
    number, (a, b, _) = partly_known(seed)
    assert a.all(number) | b.all(number) == join(number, a, b, LIMIT).all(number)


@given(seeds)
def test_joining_is_commutative_associative_and_idempotent_as_long_as_nothing_is_cut(seed: int) -> None:
    number, (a, b, c) = partly_known(seed)
    assert a == join(number, a, a, LIMIT)
    assert join(number, a, b, LIMIT) == join(number, b, a, LIMIT)
    joined = join(number, a, b, LIMIT)
    assert joined == join(number, joined, a, LIMIT)
    assert join(number, joined, c, LIMIT) == join(number, a, join(number, b, c, LIMIT), LIMIT)


@given(seeds, st.integers(1, 5))
def test_joining_under_a_bound_is_commutative_and_idempotent(seed: int, limit: int) -> None:
    """Not associative: an entry that was cut does not come back."""
    number, copies = partly_known(seed)
    a, b, _ = (copy.cut(limit) for copy in copies)
    joined = join(number, a, b, limit)
    assert a == join(number, a, a, limit)
    assert joined == join(number, b, a, limit)
    assert joined == join(number, joined, joined, limit)
    assert joined == joined.cut(limit)


def test_a_longer_line_takes_the_place_of_a_shorter_one() -> None:
    whole = Ancestry(line=line_of("c", "b", "a"))
    for length in range(4):
        assert whole == join(4, whole, Ancestry(line=whole.line[: length * WIDTH]), LIMIT)


def test_the_first_of_several_parents_is_the_line() -> None:
    base = Revision(1, packed("base").hex())
    high, low = Revision(3, packed("high").hex()), Revision(2, packed("low").hex())
    above = [(high, Ancestry(line=line_of("mid", "base"))), (low, Ancestry(line=line_of("base")))]
    ancestry = descend(above, [], LIMIT)
    assert line_of("high", "mid", "base") == ancestry.line
    assert [Ancestor.of(low)] == list(entries(ancestry.side))
    assert [Ancestor.of(high), Ancestor.of(low)] == ancestry.all_parents(4)
    assert ancestry.holds(4, Ancestor.of(base))
