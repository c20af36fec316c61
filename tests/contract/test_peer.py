"""What every peer does, whatever carries its words.

A peer that is not a replica of ours (a CouchDB) keeps this contract but for the clauses marked `ours`, each with the reason.
What it does there instead is in tests/system/test_couchdb.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import cast

import pytest

import replica
from replica.changes import Offer
from replica.engine.peer import Batch, Greeting, Ours, Peer
from replica.leaf import Leaf, next_revision
from replica.revision import Ancestry, Revision
from replica.store.sessions import START, Session
from replica.transports.waiting import Waits
from tests.behind_http import behind_http

LIMIT = 1000


OURS = ["file", "memory", "http"]
THEIRS = ["couchdb", "own"]  # a server that is not ours, and our own where it is taken for one
EVERY = [*OURS, *THEIRS]


@pytest.fixture(params=EVERY)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[replica.Replica]:
    """The replica at the other end of the peer."""
    if request.param in THEIRS:
        address = request.getfixturevalue(request.param).make()
        with replica.open(address) as opened:
            yield opened
        return
    path = ":memory:" if request.param == "memory" else str(tmp_path / "here.db")
    with replica.create(path) as made:
        yield made


@pytest.fixture
def peer(here: replica.Replica, request: pytest.FixtureRequest) -> Iterator[Peer]:
    if request.node.callspec.params["here"] == "http":
        with behind_http(here.path) as peer:
            yield peer
    else:
        yield here.end()


def ours(because: str) -> pytest.MarkDecorator:
    """This clause is kept by replicas of ours alone."""
    assert because
    return pytest.mark.parametrize("here", OURS, indirect=True)


def other_than(peer: Peer) -> Greeting:
    """The greeting of the one whose sessions are called "source"."""
    return peer.greet(None)._replace(ids=("source",), place="elsewhere")


def clash(here: replica.Replica, unid: str) -> None:
    """Give it a document with two leaves."""
    both = [next_revision(unid, [], b'{"n":%d}' % n, n, LIMIT) for n in range(2)]
    here.peer.accept(batch(*both), dry_run=False)


def unmarked(leaf: Leaf) -> Leaf:
    """A leaf without its marks, which CouchDB has no place for."""
    return leaf._replace(marks=None)


def session(position: int = 0, name: str = "s1") -> Session:
    return Session(name, "in", "source", 0, position, 0, {})


def batch(*leaves: Leaf, position: int = 0) -> Batch:
    return Batch(list(leaves), {}, session(position), LIMIT)


def offers(peer: Peer) -> list[Offer]:
    return [offer for entry in peer.changes(START, 1000).entries for offer in entry.offers]


def first(unid: str = "a", items: bytes = b'{"n":1}', time_ms: int = 1) -> Leaf:
    return next_revision(unid, [], items, time_ms, LIMIT)


@ours("a CouchDB has no replica id")
def test_it_says_who_it_is_and_where(here: replica.Replica, peer: Peer) -> None:
    greeting = peer.greet(None)
    assert here.identity.replica_id == greeting.replica_id
    assert here.identity.instance_id == greeting.instance_id
    assert greeting.empty
    assert greeting.remembers
    assert 0 == greeting.update_seq
    here.put({"n": 1})
    assert not peer.greet(None).empty
    assert 1 == peer.greet(None).update_seq


def test_the_feed_names_each_document_once_at_its_latest_change(here: replica.Replica, peer: Peer) -> None:
    a = here.put({"n": 1}, unid="a")
    here.put({"n": 1}, unid="b")
    here.put(a)
    page = peer.changes(START, 1000)
    assert ["b", "a"] == [entry.unid for entry in page.entries]
    assert page.last
    assert peer.greet(None).update_seq == page.position.number


def test_the_feed_comes_in_pages_that_join_without_a_gap(here: replica.Replica, peer: Peer) -> None:
    for n in range(7):
        here.put({"n": n}, unid=str(n))
    seen, since, last = [], START, False
    while not last:
        page = peer.changes(since, 3)
        seen += [entry.unid for entry in page.entries]
        since, last = page.position, page.last
    assert [str(n) for n in range(7)] == seen


@ours("a CouchDB tells which revisions there are before it gives any")
@pytest.mark.parametrize(("limit", "size"), [(1000, 2**20), (1, 2**20), (1000, 1), (1000, 40), (2, 40)])
def test_the_feed_comes_with_its_documents_too(here: replica.Replica, peer: Peer, limit: int, size: int) -> None:
    """In parts that join without a gap, each with all leaves of its documents, once at their latest change."""
    clash(here, "c")
    a, _ = (here.put({"n": 1}, unid=unid) for unid in ("a", "b"))
    here.delete(here.put({}, unid="d"))
    here.put(a)
    clash(here, "e")
    told, brought, since, last = [], [], START, False
    while not last:
        part = cast(Ours, peer).changed_leaves(since, limit, size)
        unids = list(dict.fromkeys(leaf.unid for leaf in part.leaves))
        assert len(unids) == part.read <= limit
        assert len(unids) == 1 or sum(len(leaf.body) + 16 * leaf.ancestry.length for leaf in part.leaves) <= size
        brought += [(leaf.unid, leaf.revision, leaf.body) for leaf in part.leaves]
        told += unids
        since, last = part.position, part.last
    page = peer.changes(START, 1000)
    wanted = [(offer.unid, offer.revision) for entry in page.entries for offer in entry.offers]
    assert page.position == since
    assert sorted(entry.unid for entry in page.entries) == sorted(told)
    assert sorted((leaf.unid, leaf.revision, leaf.body) for leaf in peer.fetch(wanted).leaves) == sorted(brought)


def test_it_tells_when_there_is_something_new(here: replica.Replica, peer: Peer) -> None:
    """What is there already it tells at once; else it waits."""
    assert isinstance(peer, Waits)
    here.put({}, unid="a")
    since = peer.greet(None).reached
    assert peer.newer(START)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: any(peer.newer(since) for _ in range(60)))
        assert not wait([waiting], 0.3).done
        here.put({}, unid="b")
        assert waiting.result(60)


def test_a_leaf_that_was_accepted_can_be_fetched_as_it_was(peer: Peer) -> None:
    leaf = first()
    peer.accept(batch(leaf), dry_run=False)
    assert [unmarked(leaf)] == [unmarked(each) for each in peer.fetch([("a", leaf.revision)]).leaves]


def test_what_is_none_of_the_leaves_is_left_out(peer: Peer) -> None:
    old = first()
    new = next_revision("a", [old], b'{"n":2}', 2, LIMIT)
    peer.accept(batch(new), dry_run=False)
    assert [] == list(peer.fetch([("a", old.revision), ("b", old.revision)]).leaves)


@ours("a PouchDB asks for ancestors whose content it never had; it takes them and shows nothing new")
def test_nothing_is_missing_of_a_document_whose_leaves_are_covered(peer: Peer) -> None:
    old, other = first(), first(time_ms=9)
    new = next_revision("a", [old], b'{"n":2}', 2, LIMIT)
    peer.accept(batch(new), dry_run=False)
    by_revision = {
        leaf: Offer("a", leaf.revision, False, True, True, leaf.hash, 7, leaf.ancestry.length)
        for leaf in (old, new, other)
    }
    assert [] == peer.missing([by_revision[old], by_revision[new]])
    assert [by_revision[other]] == peer.missing([by_revision[new], by_revision[other]])


def test_nothing_is_missing_of_a_leaf_that_is_there(peer: Peer) -> None:
    leaf, other = first(), first(time_ms=9)
    peer.accept(batch(leaf), dry_run=False)
    offered = [Offer("a", each.revision, False, True, True, each.hash, 7, 0) for each in (leaf, other)]
    assert [] == peer.missing(offered[:1])
    assert offered[1:] == peer.missing(offered)


@ours("a CouchDB looks at each revision by itself")
def test_with_a_leaf_that_is_missing_the_covered_ones_are_sent_too(peer: Peer) -> None:
    """The new leaf may cover the one that covers them, and, its ancestry being bounded, not them."""
    old, other = first(), first(time_ms=9)
    new = next_revision("a", [old], b'{"n":2}', 2, LIMIT)
    peer.accept(batch(new), dry_run=False)
    offered = [Offer("a", leaf.revision, False, True, True, leaf.hash, 7, 0) for leaf in (old, other)]
    assert offered == peer.missing(offered)


@ours("a CouchDB joins ancestries, but does not tell how much of them it knows")
def test_more_of_a_known_ancestry_is_missing_too(peer: Peer) -> None:
    old = first()
    new = next_revision("a", [old], b'{"n":2}', 2, LIMIT)
    peer.accept(batch(new._replace(ancestry=new.ancestry._replace(line=b""), verified=False)), dry_run=False)
    offer = Offer("a", new.revision, False, False, True, new.hash, 7, new.ancestry.length)
    assert [offer] == peer.missing([offer])
    peer.accept(batch(new._replace(verified=False)), dry_run=False)
    assert [] == peer.missing([offer])


def test_accepting_twice_changes_nothing(peer: Peer) -> None:
    leaf = first()
    assert 1 == peer.accept(batch(leaf), dry_run=False).added
    before = peer.greet(None).update_seq
    assert 0 == peer.accept(batch(leaf), dry_run=False).added
    assert before == peer.greet(None).update_seq


@ours("a CouchDB merges nothing")
def test_what_adds_nothing_is_no_reason_to_merge_what_is_there(here: replica.Replica, peer: Peer) -> None:
    base = next_revision("a", [], b'{"x":0,"y":0}', 1, LIMIT)
    both = [next_revision("a", [base], items, 2, LIMIT) for items in (b'{"x":1,"y":0}', b'{"x":0,"y":1}')]
    peer.accept(batch(*both), dry_run=False)
    here.settings["conflict-policy"] = "merge"
    before = peer.greet(None).update_seq
    assert 0 == peer.accept(batch(base), dry_run=False).merged
    assert before == peer.greet(None).update_seq
    new = next_revision("a", [base], b'{"x":0,"y":0,"z":1}', 3, LIMIT)
    assert 2 == peer.accept(batch(new), dry_run=False).merged, "now all of them are"


def test_a_dry_run_counts_and_takes_nothing(peer: Peer) -> None:
    assert 1 == peer.accept(batch(first()), dry_run=True).added
    assert [] == offers(peer)
    assert [] == peer.greet(other_than(peer)).sessions


def test_it_remembers_a_session_with_the_documents_or_not_at_all(peer: Peer) -> None:
    other = other_than(peer)
    first_part = peer.accept(batch(first(), position=5), dry_run=False)
    assert [session(5).counting(first_part)] == peer.greet(other).sessions
    second_part = peer.accept(batch(position=9), dry_run=False)
    assert [session(9).counting(second_part)] == peer.greet(other).sessions


def test_it_remembers_what_was_done_in_the_session_so_far(peer: Peer) -> None:
    other = other_than(peer)
    before = session(5)._replace(counts={"added": 2})
    peer.accept(batch(first())._replace(session=before), dry_run=False)
    assert [3] == [remembered.counts["added"] for remembered in peer.greet(other).sessions]


def test_it_remembers_what_the_receiving_side_has(peer: Peer) -> None:
    told = session(7, "s2")._replace(direction="out", peer="target")
    peer.remember(told)
    assert [told] == peer.greet(peer.greet(None)._replace(ids=("target",), place="elsewhere")).sessions


@ours("nobody can copy the file of a CouchDB")
def test_a_peer_whose_name_another_file_uses_takes_a_new_one(peer: Peer) -> None:
    mine = peer.greet(None)
    renewed = peer.greet(mine._replace(place="elsewhere"))
    assert mine.instance_id != renewed.instance_id
    assert mine.instance_id in renewed.ids


def test_a_damaged_leaf_is_left_out_counted_and_asked_for_again(peer: Peer) -> None:
    sound, damaged = first("a"), first("b")._replace(body=b'{"n":3}')
    tally = peer.accept(batch(sound, damaged), dry_run=False)
    assert (1, 1) == (tally.added, tally.failed)
    assert ["a"] == [offer.unid for offer in offers(peer)]
    assert ["b"] == peer.greet(other_than(peer)).refused
    peer.accept(batch(first("b")), dry_run=False)
    assert [] == peer.greet(other_than(peer)).refused


def test_a_revision_that_claims_to_be_verified_and_is_not_is_left_out(peer: Peer) -> None:
    leaf = first()
    forged = leaf._replace(revision=leaf.revision._replace(text="0" * 32))
    assert 1 == peer.accept(batch(forged), dry_run=False).failed
    assert 1 == peer.accept(batch(forged._replace(verified=False)), dry_run=False).added


@ours("a CouchDB keeps the bytes that it has")
def test_verified_bytes_replace_unverified_ones_and_enter_the_feed(peer: Peer) -> None:
    leaf = first(items=b'{"n":1.0}')
    through_javascript = first(items=b'{"n":1}')._replace(revision=leaf.revision, verified=False)
    peer.accept(batch(through_javascript), dry_run=False)
    before = peer.greet(None).update_seq
    assert 1 == peer.accept(batch(leaf), dry_run=False).replaced
    assert [leaf] == list(peer.fetch([("a", leaf.revision)]).leaves)
    assert before < peer.greet(None).update_seq
    assert 0 == peer.accept(batch(through_javascript), dry_run=False).replaced


def test_foreign_revisions_come_back_as_they_came(peer: Peer) -> None:
    leaf = first()._replace(verified=False)
    leaf = leaf._replace(revision=leaf.revision._replace(text="abc"))
    peer.accept(batch(leaf), dry_run=False)
    assert ["1-abc"] == [str(offer.revision) for offer in offers(peer)]
    child = next_revision("a", [leaf], b"{}", 5, LIMIT)
    peer.accept(batch(child)._replace(texts={leaf.revision.packed: "abc"}), dry_run=False)
    assert [child.revision] == [each.revision for each in peer.fetch([("a", child.revision)]).leaves]
    assert {leaf.revision.packed: "abc"} == peer.texts([child])


@ours("the bound of a CouchDB is its own")
def test_the_bound_on_ancestries_grows_with_that_of_a_peer(here: replica.Replica, peer: Peer) -> None:
    peer.accept(batch(first())._replace(ancestry_limit=2000), dry_run=False)
    assert 2000 == here.settings["ancestry-limit"]
    peer.accept(batch(first())._replace(ancestry_limit=10), dry_run=False)
    assert 2000 == here.settings["ancestry-limit"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": b'{"n":"\xff"}'},
        {"body": b"[1]"},
        {"body": b""},
        {"ancestry": Ancestry(line=b"x" * 15)},
        {"ancestry": Ancestry(line=b"x" * 32)},
        {"ancestry": Ancestry(side=b"x" * 25)},
        {"revision": Revision(2**53 - 1, "a" * 32)},
        {"revision": Revision(2**70, "a" * 32)},
        {"unid": ""},
        {"unid": "_x"},
        {"unid": "x" * 5000},
        {"marks": "{"},
    ],
    ids=str,
)
def test_a_leaf_that_can_be_none_is_left_out_by_itself(peer: Peer, wrong: dict[str, object]) -> None:
    leaf = first("b")._replace(verified=False, **wrong)
    leaf = leaf._replace(hash=hashlib.sha256(leaf.body).digest())
    tally = peer.accept(batch(first("a"), leaf), dry_run=False)
    assert (1, 1) == (tally.added, tally.failed)
    assert ["a"] == [offer.unid for offer in offers(peer)]


@ours("settings are ours")
def test_a_deletion_stub_is_never_too_large(here: replica.Replica, peer: Peer) -> None:
    here.settings["document-size-max"] = 1
    stub = next_revision("a", [first()], b"{}", 2, LIMIT, deleted=True)
    tally = peer.accept(batch(stub, first("b")), dry_run=False)
    assert (1, {"too_large": 1}) == (tally.added, tally.refused)


@ours("a CouchDB tells any two texts apart")
def test_two_revisions_that_look_the_same_packed_are_not_both_taken(here: replica.Replica, peer: Peer) -> None:
    """A foreign text, and the digits that it is packed as: nobody has both by accident."""
    foreign = other_system("abc", b'{"n":1}')
    digits = other_system(foreign.revision.packed.hex(), b'{"n":2}')
    sound = first("b")
    assert 1 == peer.accept(batch(foreign), False).added
    tally = peer.accept(batch(digits, sound), False)
    assert (1, 1) == (tally.added, tally.failed)
    assert [str(digits.revision)] == [failure.revision for failure in here.refused()]
    assert ["1-abc"] == [document.revision for document in here.revisions("a")]


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 300])
def test_a_revision_that_nobody_could_name_is_not_taken(here: replica.Replica, peer: Peer, text: str) -> None:
    for _ in range(2):
        assert 1 == peer.accept(batch(other_system(text, b"{}")), False).failed
    assert ["a"] == peer.greet(other_than(peer)).refused
    assert 0 == len(here)


def other_system(text: str, body: bytes) -> Leaf:
    """A first revision of another system."""
    digest = hashlib.sha256(body).digest()
    return Leaf("a", Revision(1, text), False, False, Ancestry(), None, digest, body)


def test_what_the_source_holds_and_nobody_can_take_is_counted_and_asked_for_again(peer: Peer) -> None:
    failure = replica.Failure("b", "1-abc", "attachments_not_supported")
    tally = peer.accept(batch(first("a"))._replace(refused=(failure,)), dry_run=False)
    assert (1, {"attachments_not_supported": 1}, [failure]) == (tally.added, tally.refused, tally.failures)
    assert ["b"] == peer.greet(other_than(peer)).refused


def test_the_last_changes_can_be_read_again_without_those_that_changed_since(here: replica.Replica, peer: Peer) -> None:
    for n in range(7):
        here.put({"n": n}, unid=str(n))
    position = peer.changes(START, 1000).position
    before = peer.changes_up_to(position, 3)
    assert ["4", "5", "6"] == [entry.unid for entry in before][-3:]
    here.put(here.get("5"))
    assert [entry for entry in before if entry.unid != "5"] == peer.changes_up_to(position, 3)


def test_documents_can_be_asked_for_by_name(here: replica.Replica, peer: Peer) -> None:
    for name in ("a", "b", "c"):
        here.put({}, unid=name)
    assert ["a", "c"] == sorted(entry.unid for entry in peer.changes_of(["c", "a", "x"]))


@ours("a CouchDB is told the texts in the documents")
@pytest.mark.parametrize("text", ["evil", "", "a\nb", "x" * 300])
def test_a_text_that_is_not_what_it_is_packed_as_names_nothing(here: replica.Replica, peer: Peer, text: str) -> None:
    saved = here.put({"n": 1}, unid="a")
    packed = Revision.parse(saved.revision).packed
    for each in (packed, packed[:7], Revision(1, "other").packed):
        peer.accept(batch(first("b"))._replace(texts={each: text}), dry_run=False)
    assert [saved.revision] == [document.revision for document in here.revisions("a")]
    assert {} == peer.texts([next_revision("a", [first(time_ms=n) for n in range(3)], b"{}", 9, LIMIT)])
    assert here.verify()["ok"]
