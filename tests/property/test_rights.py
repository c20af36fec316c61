"""Random rights, random edits, pulls and pushes: nobody ever holds what they might not read, nobody ever changes what they might
not, and nothing allowed is missing.

What somebody may read and change is worked out here in plain Python, from what was meant when it was saved and the directory
as it is.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest

import replica
from replica import Document, Replica
from replica.errors import NotAllowed
from replica.leaf import Leaf
from replica.replica import create_empty
from replica.revision import Ancestor, Revision
from replica.rights import checked_entry
from replica.store.leaves import leaves_of
from tests.hubs import LIST, Hub, hub
from tests.twins import put_in_group

USERS = ("anna", "bob", "carl")
LAPTOPS = ("anna", "anna", "bob", "carl", "carl")  # whose they are
LEVELS = ("none", "depositor", "reader", "author", "author", "editor", "editor")
UNIDS = tuple(f"d{n}" for n in range(8))
EVERYBODY: tuple[Any, ...] = (None, None, None, [], "")
READERS = (*EVERYBODY, "anna", ["bob"], ["anna", "bob"], ["group:G"], "role:r", ["group:G", "role:r"], 5, ["dora"])
AUTHORS: tuple[Any, ...] = (None, None, None, None, [], "carl", "carl", ["anna", "carl"], ["group:G"], "role:r", 5)
ACTS = (
    *("edit", "edit", "edit", "delete", "resolve", "grant", "push", "push"),
    *("edit_here", "edit_here", "edit_here", "delete_here", "pull", "pull", "pull"),
)

Items = dict[str, Any]


class Rights:
    """A hub, replicas of its users, and what is known of who may do what."""

    def __init__(self, made: Hub, folder: Path, random: Random) -> None:
        self.made, self.random = made, random
        self.group: set[str] = set()
        self.role: set[str] = set()
        self.levels = {"anna": "editor", "bob": "editor", "carl": "author"}
        self.contents = itertools.count(1)
        self.meant: dict[tuple[str, str], Items] = {}  # what each revision was to hold
        # What could be read at a pull, or was made there.
        self.allowed: dict[int, set[tuple[str, str]]] = defaultdict(set)
        self.deposited: dict[int, set[str]] = defaultdict(set)  # a depositor keeps what they brought
        self.list_changed()
        self.there = replica.open(made.path)
        replica_id = self.there.identity.replica_id
        self.laptops = [
            create_empty(folder / f"{n}.db", replica_id, "", lambda: 1_700_000_000_000, user=user)
            for n, user in enumerate(LAPTOPS)
        ]
        self.counts: dict[str, int] = defaultdict(int)

    def close(self) -> None:
        for db in (self.there, *self.laptops):
            db.close()

    # -- what is done

    def list_changed(self) -> None:
        with replica.open(self.made.path) as there:
            said = [
                checked_entry(user, self.levels[user], ["r"] if user in self.role else []).to_json() for user in USERS
            ]
            found = there.get(LIST, replica.Document({}, unid=LIST))
            found.items = {"entries": said}
            there.put(found)

    def grant(self) -> None:
        user = self.random.choice(USERS)
        what = self.random.choice(("group", "role", "level"))
        if what == "group":
            self.group ^= {user}
            put_in_group(self.made, "G", *sorted(self.group))
            return
        if what == "role":
            self.role ^= {user}
        else:
            self.levels[user] = self.random.choice(LEVELS)
        self.list_changed()

    def items(self) -> Items:
        chosen = {"$Readers": self.random.choice(READERS), "$Authors": self.random.choice(AUTHORS)}
        return {"content": next(self.contents)} | {name: value for name, value in chosen.items() if value is not None}

    def saved(self, document: Document, said: Items, by: str | None, of: str | None = None) -> None:
        """Note what a revision was to hold. `of`: the revision that it deletes."""
        deleted = {} if of is None else self.meant[str(document.unid), of]
        kept = {name: value for name, value in deleted.items() if name in ("$Readers", "$Authors")}
        self.meant[str(document.unid), str(document.revision)] = (
            kept | said | ({} if by is None else {"$UpdatedBy": [by]})
        )

    def edit(self) -> None:
        """In the hub's file, by nobody who is known."""
        self.save(self.there, None)

    def edit_here(self) -> None:
        n = self.random.randrange(len(LAPTOPS))
        saved = self.save(self.laptops[n], LAPTOPS[n])
        if saved is not None:
            self.allowed[n].add((str(saved.unid), str(saved.revision)))

    def save(self, db: Replica, by: str | None) -> Document | None:
        unid = self.random.choice(UNIDS)
        found = db.get(unid, None)
        if found is None and unid in {each.unid for each in db.evicted()}:
            return None
        items = self.items()
        forged = items | {"$UpdatedBy": [self.random.choice(USERS)]}
        saved = db.put(Document(forged, unid=unid, revision=None if found is None else found.revision))
        self.saved(saved, items, by)
        return saved

    def delete(self) -> None:
        """At the hub: by the administrator, with what a stub says itself, or in the file."""
        found = self.there.get(self.random.choice(UNIDS), None)
        if found is None:
            return
        if self.random.random() < 0.5:
            self.saved(self.there.delete(found), {}, None, found.revision)
            return
        said = self.items() if self.random.random() < 0.5 else {}
        answered = self.made.ask("root", "PUT", f"/{found.unid}", {"_deleted": True, "_rev": found.revision, **said})
        assert 200 == answered.status_code
        self.saved(Document(unid=found.unid, revision=answered.json()["rev"]), said, "root", found.revision)

    def delete_here(self) -> None:
        n = self.random.randrange(len(LAPTOPS))
        db = self.laptops[n]
        found = db.get(self.random.choice(UNIDS), None)
        if found is not None:
            stub = db.delete(found)
            self.saved(stub, {}, LAPTOPS[n], found.revision)
            self.allowed[n].add((str(stub.unid), str(stub.revision)))

    def resolve(self) -> None:
        for conflict in list(self.there.conflicts())[:1]:
            items = self.items()
            self.saved(self.there.resolve(conflict.unid, items=items), items, None)

    def push(self, n: int | None = None) -> None:
        n = self.random.randrange(len(LAPTOPS)) if n is None else n
        db, user = self.laptops[n], LAPTOPS[n]
        before = self.state()
        if self.levels[user] == "none":
            with pytest.raises(NotAllowed):
                self.made.push(db, user)
            assert before == self.state()
            return
        hidden = {unid for unid in before if not self.may_see(user, unid)}
        offered = [(leaf, self.leaves(self.there, unid)) for unid in self.held(db) for leaf in self.leaves(db, unid)]
        new = [(leaf, here) for leaf, here in offered if not any(is_in(leaf, one) for one in here)]
        right = {(leaf.unid, str(leaf.revision)) for leaf, here in new if self.may_bring(user, leaf, here)}
        wrong = {(leaf.unid, str(leaf.revision)) for leaf, _ in new} - right
        done = self.made.push(db, user)
        after = self.state()
        assert {unid: before[unid] for unid in hidden} == {unid: after[unid] for unid in hidden}, (
            "nobody buries the unseen"
        )
        assert {(failure.unid, failure.revision) for failure in done.failures} <= wrong, f"{user} may do that"
        assert done.refused.get("not_allowed", 0) == len(done.failures)
        came = {(unid, rev) for unid, leaves in after.items() for rev in leaves if rev not in before.get(unid, [])}
        assert came == right, f"what {user} ({self.levels[user]}) brought is not what they may"
        for unid in UNIDS:
            assert self.unknown(before.get(unid, []), self.there, unid) == []
        if self.levels[user] == "depositor":
            self.deposited[n] |= {unid for unid, _ in right}
        self.counts["refused"] += len(done.failures)
        self.counts["taken of authors"] += len(right) if self.levels[user] == "author" else 0
        self.counts["refused to authors"] += len(wrong) if self.levels[user] == "author" else 0

    def pull(self, n: int | None = None) -> None:
        n = self.random.randrange(len(LAPTOPS)) if n is None else n
        db, user = self.laptops[n], LAPTOPS[n]
        state = self.state()
        if self.levels[user] in ("none", "depositor"):
            held = self.held(db)
            with pytest.raises(NotAllowed):
                self.made.pull(db, user)
            assert held == self.held(db)
            return
        seen = [unid for unid in UNIDS if self.may_see(user, unid)]
        self.allowed[n] |= {(unid, rev) for unid in seen for rev in state[unid]}
        done = self.made.pull(db, user)
        self.counts["evicted"] += done.evicted
        self.counts["unsent"] += done.unsent
        held = self.held(db)
        for unid in UNIDS:
            if unid in seen:
                assert self.unknown(state[unid], db, unid) == [], f"{user} is missing something of {unid}"
            elif unid in held and unid not in self.deposited[n]:
                assert self.unknown(held[unid], self.there, unid), f"{user} holds {unid}, and all of it was sent"
        revisions = {(unid, rev) for unid, leaves in held.items() for rev in leaves}
        assert revisions <= self.allowed[n], f"{user} knows of what was never theirs to read"
        contents = {each["content"] for unid in held for each in db.revisions(unid) if "content" in each.items}
        may = {self.meant[each].get("content") for each in self.allowed[n]}
        assert contents <= may, f"{user} holds what was never theirs to read"
        self.counts["stubs withheld"] += sum(
            unid not in seen and all(leaf.deleted for leaf in self.leaves(self.there, unid)) for unid in state
        )

    def settle(self) -> None:
        """With rights enough to bring everything that they see, the replicas of one user come to hold the same."""
        self.group, self.role, self.levels = {*USERS}, {*USERS}, dict.fromkeys(USERS, "editor")
        put_in_group(self.made, "G", *USERS)
        self.list_changed()
        before: Any = None
        for _ in range(9):
            for n in range(len(LAPTOPS)):
                self.push(n)
                self.pull(n)
            if before == (before := [self.held(db) for db in (self.there, *self.laptops)]):
                break
        else:
            raise AssertionError("it does not come to rest")
        state = self.state()
        for n, user in enumerate(LAPTOPS):
            held = self.held(self.laptops[n])
            for unid in UNIDS:
                if self.may_see(user, unid):
                    assert sorted(state[unid]) == sorted(held[unid]), f"{user} and the hub differ in {unid}"

    # -- what is so

    def state(self) -> dict[str, list[str]]:
        return self.held(self.there)

    @staticmethod
    def held(db: Replica) -> dict[str, list[str]]:
        return {each.unid: each.leaves for each in db.changes() if each.unid in UNIDS}

    @staticmethod
    def leaves(db: Replica, unid: str) -> list[Leaf]:
        with db.file.read() as connection:
            return [row.leaf for row in leaves_of(connection, unid)]

    def names(self, user: str) -> set[str]:
        return {user} | ({"group:G"} if user in self.group else set()) | ({"role:r"} if user in self.role else set())

    def lets(self, user: str, items: Items) -> bool:
        readers, authors = items.get("$Readers"), items.get("$Authors", [])
        if readers in (None, "", []):
            return True
        if readers == 5:
            return False
        listed = [each for value in (readers, authors) for each in (value if isinstance(value, list) else [value])]
        return bool(self.names(user) & set(listed))

    def may_see(self, user: str, unid: str) -> bool:
        leaves = self.leaves(self.there, unid)
        live = [leaf for leaf in leaves if not leaf.deleted]
        return bool(leaves) and all(self.lets(user, self.meant[unid, str(leaf.revision)]) for leaf in live or leaves)

    def may_bring(self, user: str, leaf: Leaf, here: list[Leaf]) -> bool:
        """Whether somebody may bring a leaf to where these are."""
        if here and not self.may_see(user, leaf.unid):
            return False
        if self.levels[user] not in ("depositor", "author"):
            return self.levels[user] == "editor"
        if self.meant[leaf.unid, str(leaf.revision)].get("$UpdatedBy", [user]) != [user]:
            return False
        if not here:
            return not leaf.deleted
        if self.levels[user] == "depositor":
            return False
        replaced = [one for one in here if is_in(one, leaf)]
        live = [one for one in here if not one.deleted]
        return all(self.is_author(user, self.meant[one.unid, str(one.revision)]) for one in replaced or live or here)

    def is_author(self, user: str, items: Items) -> bool:
        authors = items.get("$Authors")
        if authors in (None, "", []):
            return items.get("$UpdatedBy") == [user]
        return authors != 5 and bool(self.names(user) & set(authors if isinstance(authors, list) else [authors]))

    def unknown(self, revisions: list[str], db: Replica, unid: str) -> list[str]:
        """Which of these are neither leaves of a replica nor ancestors of such."""
        leaves = self.leaves(db, unid)
        asked = {rev: Ancestor.of(Revision.parse(rev)) for rev in revisions}
        return [rev for rev, ancestor in asked.items() if not any(leaf.covers(ancestor) for leaf in leaves)]


def is_in(one: Leaf, other: Leaf) -> bool:
    """Whether a leaf is the other one or an ancestor of it."""
    return other.covers(Ancestor.of(one.revision))


def play(folder: Path, seed: int, length: int) -> dict[str, int]:
    folder.mkdir()
    random = Random(seed)
    with hub(folder, *USERS) as made:
        rights = Rights(made, folder, random)
        try:
            for _ in range(length):
                getattr(rights, random.choice(ACTS))()
            rights.settle()
        finally:
            rights.close()
        return dict(rights.counts)


COUNTED = ("evicted", "unsent", "refused", "taken of authors", "refused to authors", "stubs withheld")


def test_nobody_holds_or_changes_what_they_might_not_and_nothing_allowed_is_missing(tmp_path: Path) -> None:
    counts = [play(tmp_path / str(seed), seed, 120) for seed in (1, 2)]
    assert [] == [what for what in COUNTED if not sum(each.get(what, 0) for each in counts)], "that did not happen"


@pytest.mark.soak
def test_the_same_for_a_long_time(tmp_path: Path) -> None:
    start = int.from_bytes(os.urandom(4), "big")
    for seed in range(start, start + 100):
        play(tmp_path / str(seed), seed, 150)
