"""Random rights, random edits, pulls and pushes: nobody ever holds what they might not read, and nothing allowed is missing.

What somebody may read is worked out here in plain Python, from the documents and the directory as they are.
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
from replica.replica import create_empty
from replica.revision import Ancestor, Revision
from replica.rights import checked_entry
from replica.store.leaves import leaves_of
from tests.hubs import LIST, Hub, hub
from tests.twins import put_in_group

USERS = ("anna", "bob")
UNIDS = tuple(f"d{n}" for n in range(6))
READERS: tuple[Any, ...] = (
    *(None, None, [], "", "anna", ["bob"], ["anna", "bob"], ["group:G"], "role:r", ["group:G", "role:r"], 5, ["carl"]),
)


class Rights:
    """A hub, a replica for each user, and what is known of who may read what."""

    def __init__(self, made: Hub, folder: Path, random: Random) -> None:
        self.made, self.random = made, random
        self.group: set[str] = set()
        self.role: set[str] = set()
        self.contents = itertools.count(1)
        self.allowed: dict[str, set[int]] = defaultdict(set)  # what a user could read at some pull, or wrote
        self.list_changed()
        self.there = replica.open(made.path)
        here = self.there.identity.replica_id
        self.laptops = {
            user: create_empty(folder / f"{user}.db", here, "", lambda: 1_700_000_000_000) for user in USERS
        }
        self.counts: dict[str, int] = defaultdict(int)

    def close(self) -> None:
        for db in (self.there, *self.laptops.values()):
            db.close()

    # -- what is done

    def list_changed(self) -> None:
        with replica.open(self.made.path) as there:
            said = [checked_entry(user, "editor", ["r"] if user in self.role else []).to_json() for user in USERS]
            found = there.get(LIST, replica.Document({}, unid=LIST))
            found.items = {"entries": said}
            there.put(found)

    def grant(self) -> None:
        user = self.random.choice(USERS)
        held = self.random.choice((self.group, self.role))
        held ^= {user}
        if held is self.role:
            self.list_changed()
        else:
            put_in_group(self.made, "G", *sorted(self.group))

    def items(self, user: str | None) -> dict[str, Any]:
        content = next(self.contents)
        if user is not None:
            self.allowed[user].add(content)
        readers = self.random.choice(READERS)
        authors = {"$Authors": self.random.choice(USERS)} if self.random.random() < 0.2 else {}
        return {"content": content, **({} if readers is None else {"$Readers": readers}), **authors}

    def edit(self, user: str | None) -> None:
        db = self.there if user is None else self.laptops[user]
        unid = self.random.choice(UNIDS)
        found = db.get(unid, None)
        if found is None and unid not in {each.unid for each in db.evicted()}:
            db.put(self.items(user), unid=unid)
        elif found is not None:
            found.items = self.items(user)
            db.put(found)

    def delete(self) -> None:
        """With a stub that says who may read it."""
        found = self.there.get(self.random.choice(UNIDS), None)
        if found is not None:
            body = {"_deleted": True, "_rev": found.revision, **self.items(None)}
            assert 200 == self.made.ask("root", "PUT", f"/{found.unid}", body).status_code

    def resolve(self) -> None:
        for conflict in list(self.there.conflicts())[:1]:
            self.there.resolve(conflict.unid, items=self.items(None))

    def push(self, user: str) -> None:
        hidden = {unid: leaves for unid, leaves in self.state().items() if not self.may_see(user, unid)}
        done = self.made.push(self.laptops[user], user)
        assert hidden == {unid: leaves for unid, leaves in self.state().items() if unid in hidden}, (
            "nobody buries the unseen"
        )
        assert done.refused.keys() <= {"not_allowed"}
        assert {failure.unid for failure in done.failures} <= hidden.keys()
        self.counts["refused"] += len(done.failures)

    def pull(self, user: str) -> None:
        db, seen = self.laptops[user], [unid for unid in UNIDS if self.may_see(user, unid)]
        for unid in seen:
            self.allowed[user] |= self.contents_of(self.there, unid, old=user)
        done = self.made.pull(db, user)
        self.counts["evicted"] += done.evicted
        self.counts["unsent"] += done.unsent
        held = {each.unid: each.leaves for each in db.changes()}
        for unid in UNIDS:
            if unid in seen:
                assert self.unknown(self.state()[unid], db, unid) == [], f"{user} is missing something of {unid}"
            elif unid in held:
                assert self.unknown(held[unid], self.there, unid), f"{user} holds {unid}, and all of it was sent"
            found = self.contents_of(db, unid, old=None)
            assert found <= self.allowed[user], f"{user} holds what was never theirs to read"

    # -- what is so

    def state(self) -> dict[str, list[str]]:
        return {each.unid: each.leaves for each in self.there.changes() if each.unid in UNIDS}

    def names(self, user: str) -> set[str]:
        return {user} | ({"group:G"} if user in self.group else set()) | ({"role:r"} if user in self.role else set())

    def lets(self, user: str, items: dict[str, Any]) -> bool:
        readers, authors = items.get("$Readers"), items.get("$Authors", [])
        if readers in (None, "", []):
            return True
        if readers == 5:
            return False
        listed = [each for value in (readers, authors) for each in (value if isinstance(value, list) else [value])]
        return bool(self.names(user) & set(listed))

    def may_see(self, user: str, unid: str) -> bool:
        leaves = [self.there.get(unid, revision=rev) for rev in self.state().get(unid, [])]
        live = [leaf for leaf in leaves if not leaf.deleted]
        return bool(leaves) and all(self.lets(user, leaf.items) for leaf in live or leaves)

    def contents_of(self, db: replica.Replica, unid: str, old: str | None) -> set[int]:
        """What all revisions of a document hold; of the hub's, what a user may read: old ones by what they say themselves."""
        if unid not in {each.unid for each in db.changes()}:
            return set()
        leaves = next(each.leaves for each in db.changes() if each.unid == unid)
        revisions = [each for each in db.revisions(unid) if "content" in each.items]
        return {each["content"] for each in revisions if old is None or each.revision in leaves}

    @staticmethod
    def unknown(revisions: list[str], db: replica.Replica, unid: str) -> list[str]:
        """Which of these are neither leaves of a replica nor ancestors of such."""
        with db.file.read() as connection:
            leaves = [row.leaf for row in leaves_of(connection, unid)]
        asked = {rev: Ancestor.of(Revision.parse(rev)) for rev in revisions}
        return [rev for rev, ancestor in asked.items() if not any(leaf.covers(ancestor) for leaf in leaves)]


def play(folder: Path, seed: int, length: int) -> dict[str, int]:
    folder.mkdir()
    random = Random(seed)
    with hub(folder, *USERS) as made:
        rights = Rights(made, folder, random)
        try:
            for _ in range(length):
                act = random.choice(
                    ("edit", "edit", "edit", "delete", "resolve", "grant", "pull", "pull", "pull", "push")
                )
                if act in ("pull", "push"):
                    getattr(rights, act)(random.choice(USERS))
                elif act == "edit":
                    rights.edit(random.choice((None, None, *USERS)))
                else:
                    getattr(rights, act)()
            for user in USERS:
                rights.pull(user)
        finally:
            rights.close()
        return dict(rights.counts)


def test_nobody_ever_holds_what_they_might_not_read_and_nothing_allowed_is_missing(tmp_path: Path) -> None:
    counts = [play(tmp_path / str(seed), seed, 120) for seed in (1, 2)]
    for what in ("evicted", "unsent", "refused"):
        assert sum(each.get(what, 0) for each in counts), f"nothing was {what}"


@pytest.mark.soak
def test_the_same_for_a_long_time(tmp_path: Path) -> None:
    start = int.from_bytes(os.urandom(4), "big")
    for seed in range(start, start + 100):
        play(tmp_path / str(seed), seed, 150)
