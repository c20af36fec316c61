"""Law 8, and 1, where single documents say who may read them: what somebody may not read is for them not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

import replica
from replica.changes import Entry, Offer
from replica.engine.peer import Peer
from replica.errors import NotAllowed
from replica.replica import create_empty
from replica.revision import Revision
from replica.rights import checked_entry
from replica.store.sessions import START, Position
from replica.transports.http import HTTPPeer
from replica.transports.network import Network
from tests.asking import revision
from tests.hubs import LIST, SCHEMES, Hub, hub
from tests.twins import (
    NOT_ABOUT_DOCUMENTS,
    USER,
    Twins,
    answer_of,
    endpoints_about_documents,
    put_in_group,
    requests,
    twins,
)

SEEDS = (1, 2)


def test_law_8_what_somebody_may_not_read_is_in_no_answer(tmp_path: Path) -> None:
    """Two servers, one of which never had it, tell the same."""
    for seed in SEEDS[:1]:
        (tmp_path / str(seed)).mkdir()
        with twins(tmp_path / str(seed), seed) as both:
            check_requests(both)


def check_requests(both: Twins) -> None:
    asked = requests(both.revisions)
    declared = endpoints_about_documents()
    assert {path for _, path in declared.keys() - asked.keys()} <= NOT_ABOUT_DOCUMENTS, "an endpoint is not asked"
    for key, parameters in declared.items():
        if key[0] == "GET" and key in asked:
            text = " ".join(path for _, path, _ in asked[key])
            assert [] == [name for name in parameters if f"{name}=" not in text], key
    told: list[dict[str, Any]] = []
    for made in both.both:
        headers = {"Authorization": f"Bearer {made.token(USER)}", "Accept": "application/json"}
        with httpx2.Client(trust_env=False, timeout=60, headers=headers) as web:
            answers = {}
            for method, path, value in {json.dumps(one): one for listed in asked.values() for one in listed}.values():
                content = None if value is None else json.dumps(value)
                sent = {} if value is None else {"Content-Type": "application/json"}
                answered = web.request(method, f"{made.url}/db{path}", content=content, headers=sent)
                answers[f"{method} {path} {content}"] = answer_of(answered)
            told.append(answers)
    full, bare = told
    assert any(b"_id" in answer.body for answer in full.values())
    for question, answer in full.items():
        assert bare[question] == answer, question


def test_law_8_what_somebody_may_not_read_is_in_no_answer_of_our_own_conversation(tmp_path: Path) -> None:
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        with twins(tmp_path / str(seed), seed) as both:
            full, bare = (conversation(made, both.revisions) for made in both.both)
            assert full == bare


def conversation(made: Hub, revisions: dict[str, list[str]]) -> dict[str, Any]:
    """What each verb says, but for update sequences."""
    with made.opened("root") as everything:
        offers = [offer for entry in whole_feed(everything.end()) for offer in entry.offers]
        texts = everything.end().fetch([(offer.unid, offer.revision) for offer in offers]).leaves
    with made.opened(USER) as remote:
        peer = remote.end()
        greeted = peer.greet(None)
        entries = whole_feed(peer)
        every = [Offer(unid, Revision.parse(rev), False, True, True, b"", 1, 0) for unid, rev in pairs(revisions)]
        assert isinstance(peer, HTTPPeer)
        found = peer.changed_leaves(START, 5000, 2**20)
        return {
            "greeting": greeted._replace(update_seq=0, ids=(), place=""),
            "feed": [entry._replace(sequence=0) for entry in entries],
            "paged": [[one._replace(sequence=0) for one in page] for page in pages(peer, 3)],
            "up to": [e._replace(sequence=0) for e in peer.changes_up_to(Position(greeted.update_seq), 1000)],
            "of": sorted(entry._replace(sequence=0) for entry in peer.changes_of([*revisions, "not there"])),
            "leaves": sorted(map(str, found.leaves)),
            "fetched": sorted(map(str, peer.fetch([(offer.unid, offer.revision) for offer in every]).leaves)),
            "missing": {(offer.unid, offer.revision) for offer in peer.missing(every)}
            & {(entry.unid, offer.revision) for entry in entries for offer in entry.offers},
            "texts": sorted(
                peer.texts([leaf for leaf in texts if leaf.unid in {entry.unid for entry in entries}]).items()
            ),
        }


def pairs(revisions: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(unid, rev) for unid, known in revisions.items() for rev in known]


def whole_feed(peer: Peer) -> list[Entry]:
    return [entry for page in pages(peer, 1000) for entry in page]


def pages(peer: Peer, size: int) -> list[list[Entry]]:
    found, since, last = [], START, False
    while not last:
        page = peer.changes(since, size)
        found.append(list(page.entries))
        since, last = page.position, page.last
    return [each for each in found if each]


def test_law_1_a_replica_holds_what_its_user_may_read_and_nothing_else(tmp_path: Path) -> None:
    """By every way by which documents travel; and what it got is sound."""
    with twins(tmp_path, SEEDS[0]) as both:
        for scheme in SCHEMES:
            for way in ("pull", "copy"):
                got = [
                    replica_of(made, tmp_path / f"{scheme}-{way}-{n}.db", scheme, way)
                    for n, made in enumerate(both.both)
                ]
                full, bare = map(contents, got)
                assert full == bare, (scheme, way)
                assert full, "nothing was there to be read"
                assert got[0].verify()["ok"]
                for each in got:
                    each.close()


def replica_of(made: Hub, path: Path, scheme: str, way: str) -> replica.Replica:
    if way == "copy":
        with made.opened(USER, scheme) as remote:
            return remote.copy(path)
    here = empty_replica(made, path)
    made.pull(here, USER, scheme)
    return here


def empty_replica(made: Hub, path: Path) -> replica.Replica:
    with replica.open(made.path) as there:
        return create_empty(path, there.identity.replica_id, "", lambda: 1_700_000_900_000)


def contents(db: replica.Replica) -> dict[str, Any]:
    """All that is in a replica, but for update sequences and its own names; bytes that lie about in the file, too."""
    with db.file.read() as connection:
        names = connection.exec_driver_sql("SELECT text FROM foreign_revision ORDER BY text").scalars().all()
    db.compact()
    assert b"gonea0x" not in Path(db.path).read_bytes()
    unids = [document.unid for document in db.documents(deleted=True, conflicts=True)]
    leaves = {change.unid: change.leaves for change in db.changes()}
    return {"unids": unids, "leaves": leaves, "names": names, "refused": db.refused(), "indexes": db.indexes()}


def test_law_8_an_old_revision_is_for_those_whom_it_names_itself(tmp_path: Path) -> None:
    with hub(tmp_path, USER, "bob") as made:
        made.grant(anna="reader", bob="reader")
        with replica.open(made.path) as there:
            there.put(HIDDEN, unid="x")
            document = there.get("x")
            document.items = {"n": 2}
            old, new = document.revision, there.put(document).revision
        for name, status in (("bob", 200), (USER, 404)):
            assert 200 == made.ask(name, "GET", f"/x?rev={new}").status_code
            assert status == made.ask(name, "GET", f"/x?rev={old}").status_code
            info = made.ask(name, "GET", "/x?revs_info=true").json()["_revs_info"]
            assert ["available", "available" if status == 200 else "missing"] == [each["status"] for each in info]


HIDDEN = {"$Readers": ["bob"], "n": 1}


def test_law_9_nobody_changes_what_they_may_not_read(tmp_path: Path) -> None:
    """Through no door; and the answer does not depend on what they say of it, but on that it is used."""
    with hub(tmp_path, USER) as made:
        made.grant(anna="manager")
        with replica.open(made.path) as there:
            there.put(HIDDEN, unid="x")
            there.put(HIDDEN, unid="gone")
            before = state_of(there)
            rev = there.get("x").revision
            for stated in (None, rev, "1-a"):
                said = {} if stated is None else {"_rev": stated}
                query = "" if stated is None else f"?rev={stated}"
                for method, path, value in (
                    ("PUT", "/x", {"n": 2, **said}),
                    ("PUT", "/x", {"n": 2, "_deleted": True, **said}),
                    ("POST", "", {"_id": "x", "n": 2, **said}),
                    ("DELETE", f"/x{query}", None),
                ):
                    told = made.ask(USER, method, path, value)
                    assert (403, "not_allowed") == (told.status_code, told.json()["code"]), (method, path, value)
                (row,) = made.ask(USER, "POST", "/_bulk_docs", {"docs": [{"_id": "x", **said}]}).json()
                assert "forbidden" == row["error"]
            assert before == state_of(there)


def test_law_2_a_revision_that_claims_to_descend_from_an_unseen_one_does_not_bury_it(tmp_path: Path) -> None:
    with hub(tmp_path, USER) as made:
        made.grant(anna="manager")
        with replica.open(made.path) as there:
            there.put(HIDDEN, unid="x")
            before = state_of(there)
            text = there.get("x").revision.partition("-")[2]
            for forged in (revision("x", "2-b", text), revision("x", "9-c"), revision("x", "2-d", text, _deleted=True)):
                rows = made.ask(USER, "POST", "/_bulk_docs", {"docs": [forged], "new_edits": False}).json()
                assert ["forbidden"] == [row["error"] for row in rows]
                told = made.ask(USER, "PUT", "/x?new_edits=false", forged)
                assert 403 == told.status_code
            with there.copy(tmp_path / "stolen.db") as stolen:
                document = stolen.get("x")
                document.items = {"n": 3}
                stolen.put(document)
                stolen.put({"n": 4}, unid="new")
                for scheme in SCHEMES:
                    done = made.push(stolen, USER, scheme)
                    assert {"not_allowed": 1} == done.refused, scheme
            assert before == {unid: leaves for unid, leaves in state_of(there).items() if unid != "new"}
            assert 4 == there.get("new")["n"], "everything else arrives"


def state_of(db: replica.Replica) -> dict[str, list[str]]:
    return {change.unid: change.leaves for change in db.changes()}


def test_law_1_what_a_right_granted_later_lets_somebody_see_comes_by_itself(tmp_path: Path) -> None:
    """By a group, by a role of the directory, by a role that the access list gives; over either protocol."""
    with hub(tmp_path, USER) as made:
        made.grant(anna="reader")
        with replica.open(made.path) as there:
            for n, name in enumerate(("group:Sales", "role:clerk", "role:approver")):
                there.put({"$Readers": [name]}, unid=f"d{n}")
            there.put({}, unid="last")
            here = {scheme: empty_replica(made, tmp_path / f"{scheme or 'own'}.db") for scheme in SCHEMES}

            def pulled() -> set[str]:
                found = []
                for scheme, db in here.items():
                    made.pull(db, USER, scheme)
                    assert 0 == made.pull(db, USER, scheme).read, "nothing is new"
                    found.append({document.unid for document in db.documents() if document.unid != LIST})
                assert found[0] == found[1]
                return found[0]

            assert {"last"} == pulled()
            put_in_group(made, "Sales", USER)
            assert {"last", "d0"} == pulled()
            with replica.open(made.folder / "_users.db") as users:
                anna = users.get(f"org.couchdb.user:{USER}")
                anna["roles"] = ["clerk"]
                users.put(anna)
            assert {"last", "d0", "d1"} == pulled()
            listed = there.get(LIST)
            listed.items = {"entries": [checked_entry(USER, "reader", roles=["approver"]).to_json()]}
            there.put(listed)
            assert {"last", "d0", "d1", "d2"} == pulled()
            for db in here.values():
                db.close()


def unids_of(db: replica.Replica) -> set[str]:
    return {document.unid or "" for document in db.documents() if document.unid != LIST}


def test_law_7_what_its_user_may_not_read_any_more_leaves_a_replica(tmp_path: Path) -> None:
    """Because the document says so, and because a right has gone; it comes again when it may. Over our own conversation."""
    with hub(tmp_path, USER) as made, replica.open(made.path) as there:
        made.grant(anna="editor")
        put_in_group(made, "Sales", USER)
        for n in range(3):
            there.put({"n": n}, unid=f"d{n}")
        there.put({"$Readers": ["group:Sales"]}, unid="sold")
        with empty_replica(made, tmp_path / "laptop.db") as laptop:
            assert (5, 0) == (made.pull(laptop, USER).added, made.pull(laptop, USER).evicted)
            change(there, "d1", {"$Readers": ["bob"]})
            change(laptop, "d2", {"n": "unsent"})
            change(there, "d2", {"$Readers": ["bob"]})
            done = made.pull(laptop, USER)
            assert (1, 1, True) == (done.evicted, done.unsent, done.ok)
            assert {"d0", "d2", "sold"} == unids_of(laptop)
            assert ["d1"] == [each.unid for each in laptop.evicted()]
            assert 0 == made.pull(laptop, USER).evicted
            put_in_group(made, "Sales")
            done = made.pull(laptop, USER)
            assert 1 == done.evicted
            assert {"d0", "d2"} == unids_of(laptop)
            with laptop.file.read() as connection:
                for table in ("superseded", "refused", "leaf"):
                    rows = connection.exec_driver_sql(f"SELECT 1 FROM {table} WHERE unid IN ('d1', 'sold')")
                    assert rows.first() is None
            with pytest.raises(NotAllowed, match="evicted"):
                laptop.put({}, unid="sold")
            failures = laptop.put_many([replica.Document({}, unid="d1")]).failures
            assert ["not_allowed"] == [each["code"] for each in failures]
            assert laptop.verify()["ok"]
            change(there, "d1", {"n": "for all"})
            put_in_group(made, "Sales", USER)
            assert 0 == made.pull(laptop, USER).evicted
            assert {"d0", "d1", "d2", "sold"} == unids_of(laptop)
            assert [] == laptop.evicted()
            change(laptop, "d1", {"n": "and edited"})
            assert {"not_allowed": 1} == made.push(laptop, USER).refused, "the edit of d2"
            assert "and edited" == there.get("d1")["n"]


def test_law_7_a_replica_that_holds_nothing_because_of_it_is_not_suddenly_empty(tmp_path: Path) -> None:
    with hub(tmp_path, USER) as made:
        made.grant(anna="editor")
        with empty_replica(made, tmp_path / "laptop.db") as laptop:
            laptop.put({"$Readers": ["bob"]}, unid="for bob")
            assert (1, 1) == ((done := made.push(laptop, USER)).added, done.evicted), "what it sent is for others"
            assert [] == list(laptop.changes())
            assert 0 == made.push(laptop, USER).read
            assert 1 == made.pull(laptop, USER).added, "the access list"


def test_law_7_what_left_while_its_user_saw_less_comes_again_when_they_see_it(tmp_path: Path) -> None:
    """Also if it left in a push, so that no session tells that it was read by other eyes meanwhile."""
    with hub(tmp_path, USER) as made, replica.open(made.path) as there:
        made.grant(anna="editor")
        put_in_group(made, "Sales", USER)
        there.put({"$Readers": ["group:Sales"]}, unid="x")
        there.put({}, unid="y")
        with empty_replica(made, tmp_path / "laptop.db") as laptop:
            made.pull(laptop, USER)
            put_in_group(made, "Sales")
            assert 1 == made.push(laptop, USER).evicted
            put_in_group(made, "Sales", USER)
            made.pull(laptop, USER)
            assert {"x", "y"} == unids_of(laptop)


def test_law_7_what_was_sent_with_a_right_that_has_gone_leaves(tmp_path: Path) -> None:
    """Although no session tells that there was one: nothing was pulled with it."""
    for n, sent in enumerate(({"$Readers": ["group:Sales"]}, {"n": "beside one that is for others"})):
        (tmp_path / str(n)).mkdir()
        with hub(tmp_path / str(n), USER) as made, replica.open(made.path) as there:
            made.grant(anna="editor")
            with empty_replica(made, tmp_path / f"laptop{n}.db") as laptop:
                made.pull(laptop, USER)
                put_in_group(made, "Sales", USER)
                if n:
                    there.put({"$Readers": ["group:Sales"]}, unid="x")
                laptop.put(sent, unid="x")
                assert (0, {}) == (made.push(laptop, USER).evicted, made.push(laptop, USER).refused)
                put_in_group(made, "Sales")
                assert 1 == made.pull(laptop, USER).evicted
                assert set() == unids_of(laptop)
                put_in_group(made, "Sales", USER)
                made.pull(laptop, USER)
                assert {"x"} == unids_of(laptop)


def test_law_2_a_replica_that_may_only_be_read_sends_by_other_eyes_too(tmp_path: Path) -> None:
    """It can forget nothing, and need not: nothing is pulled into it."""
    with hub(tmp_path, USER) as made, replica.open(made.path) as there:
        made.grant(anna="editor")
        with empty_replica(made, tmp_path / "laptop.db") as laptop:
            made.pull(laptop, USER)
            put_in_group(made, "Sales", USER)
            there.put({"$Readers": ["group:Sales"]}, unid="x")
            laptop.put({}, unid="y")
            laptop.file.read_only = True  # as where it may not be written; root may write everywhere
            assert 1 == made.push(laptop, USER).added


def test_law_7_what_was_refused_first_and_is_for_others_leaves_when_it_is_taken(tmp_path: Path) -> None:
    with hub(tmp_path, USER) as made, replica.open(made.path) as there:
        made.grant(anna="reader")
        with empty_replica(made, tmp_path / "laptop.db") as laptop:
            laptop.put({"$Readers": ["bob"]}, unid="x")
            assert {"not_allowed": 1} == made.push(laptop, USER).refused
            made.grant(anna="editor")
            done = made.push(laptop, USER)
            assert (1, 1, {}) == (done.added, done.evicted, done.refused)
            assert "x" in there
            assert set() == unids_of(laptop)


def test_law_2_between_two_servers_nothing_leaves_because_one_user_may_not_read_it(tmp_path: Path) -> None:
    """Neither is that user's own."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with hub(tmp_path / "a", USER) as a, hub(tmp_path / "b", USER) as b:
        a.grant(anna="editor")
        b.path.unlink()
        with replica.open(a.path) as there, there.copy(b.path) as other:
            there.put({"$Readers": [USER]}, unid="from a")
            other.put({"$Readers": [USER]}, unid="from b")
            put_in_group(a, "Sales", USER)
            there.put({"$Readers": ["group:Sales"]}, unid="for Sales")
            ends = [made.url.replace("//", f"//{USER}:{'x' * 9}@") + "/db" for made in (a, b)]
            for _ in range(2):
                report = replica.replicate(*ends)
                assert report.ok
            assert {"from a", "from b", "for Sales"} == unids_of(there) == unids_of(other)


def test_law_8_who_may_not_replicate_pushes_what_is_for_others(tmp_path: Path) -> None:
    """A depositor, and an editor to whom replicating is denied: nothing is asked of them that they may not do."""
    with hub(tmp_path, USER, "box") as made, replica.open(made.path) as there:
        said = [checked_entry(USER, "editor", deny=["replicate"]), checked_entry("box", "depositor")]
        there.put({"entries": [entry.to_json() for entry in said]}, unid=LIST)
        for name, evicted in ((USER, 1), ("box", 0)):
            with empty_replica(made, tmp_path / f"{name}.db") as laptop:
                laptop.put({"$Readers": ["bob"]}, unid=f"of {name}")
                done = made.push(laptop, name)
                assert (1, evicted, {}) == (done.added, done.evicted, done.refused)


def change(db: replica.Replica, unid: str, items: dict[str, Any]) -> None:
    document = db.get(unid)
    document.items = items
    db.put(document)


def test_law_7_a_dry_run_lets_nothing_go(tmp_path: Path) -> None:
    with hub(tmp_path, USER) as made, replica.open(made.path) as there:
        made.grant(anna="reader")
        there.put({"n": 1}, unid="x")
        with empty_replica(made, tmp_path / "laptop.db") as laptop:
            made.pull(laptop, USER)
            change(there, "x", {"$Readers": "bob"})
            network = Network(token=made.token(USER))
            report = replica.replicate(laptop, f"{made.url}/db", "pull", network=network, dry_run=True)
            assert report.pull is not None
            assert 0 == report.pull.evicted
            assert {"x"} == unids_of(laptop)
            assert 1 == made.pull(laptop, USER).evicted


def test_law_8_nobody_learns_by_asking_what_was_withheld_that_a_document_is_there(tmp_path: Path) -> None:
    """They have to show that they have had it: a revision that is known there."""
    with hub(tmp_path, USER) as made, replica.open(made.path) as there:
        made.grant(anna="reader")
        put_in_group(made, "Sales", "bob")
        there.put({"$Readers": ["group:Sales"]}, unid="never")
        there.put({"n": 1}, unid="once")
        before = Position(there.update_sequence, "")
        known = Revision.parse(there.get("once").revision)
        secret = Revision.parse(there.get("never").revision)
        change(there, "once", {"$Readers": ["group:Sales"]})
        change(there, "never", {"$Readers": ["bob"]})
        with made.opened(USER) as remote:
            peer: Any = remote.end()
            guess = Revision(1, "a" * 32)
            seen = Revision.parse(there.get(LIST).revision)
            asked = [("never", [guess]), ("once", [known]), ("no", [guess]), (LIST, [seen])]
            assert (["once"], []) == peer.withheld(asked)
            assert ([], ["once"]) == peer.withheld([("once", [known, guess])])
            assert (["never"], []) == peer.withheld([("never", [secret])]), "whoever has it has seen it"
            assert ["once"] == [unid for _, unid in peer.withdrawn(before, 10).unids]
            assert ["once"] == [unid for _, unid in peer.withdrawn(START, 10).unids]
        with made.opened("root") as remote:
            peer = remote.end()
            assert ([], []) == peer.withheld(asked)
            assert [] == peer.withdrawn(START, 10).unids
