"""Trees of revisions as CouchDB has them, pushed in any order and in any batches: the leaves and the winner are CouchDB's."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import replica
from tests.asking import Database, House, house
from tests.property.machine import histories

pytestmark = pytest.mark.system


class Node(NamedTuple):
    """One revision: its texts from itself down to the first one, and whether it deletes."""

    path: tuple[str, ...]
    deleted: bool

    @property
    def rev(self) -> str:
        return f"{len(self.path)}-{self.path[0]}"

    def document(self, unid: str) -> dict[str, Any]:
        body: dict[str, Any] = {"_id": unid, "_rev": self.rev, "value": self.path[0]}
        body["_revisions"] = {"start": len(self.path), "ids": list(self.path)}
        return body | ({"_deleted": True} if self.deleted else {})


def grown(steps: list[tuple[int, str, bool]]) -> list[Node]:
    """A tree, or several: each step adds a revision to the one at that place among those before it, or a first one.

    A revision has one history, as where ids are digests.
    """
    nodes: dict[str, Node] = {}
    for place, text, deleted in steps:
        above = list(nodes.values())[place % len(nodes)].path if place and nodes else ()
        node = Node((text, *above), deleted)
        nodes.setdefault(node.rev, node)
    return list(nodes.values())


def leaves_of(nodes: list[Node]) -> set[tuple[str, bool]]:
    """CouchDB's rule: a revision that no other goes on from."""
    inner = {node.path[at:] for node in nodes for at in range(1, len(node.path))}
    return {(node.rev, node.deleted) for node in nodes if node.path not in inner}


def winner_of(leaves: set[tuple[str, bool]]) -> str:
    """CouchDB's rule: live before deleted, then the longest, then the greatest text."""
    return max(leaves, key=lambda leaf: (not leaf[1], int(leaf[0].split("-")[0]), leaf[0].split("-", 1)[1]))[0]


numbers = itertools.count()  # every example has a document of its own
texts = st.sampled_from(["a", "b", "zz", "0" * 32, "0f" * 16, "ff" * 16, "A", "abc", "é"])
steps = st.lists(st.tuples(st.integers(0, 30), texts, st.booleans()), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture(scope="module")
def pair(server: House) -> tuple[Database, Database]:
    return server.database(), server.database()


def pushed(db: Database, unid: str, nodes: list[Node], luck: random.Random) -> None:
    """Some of them twice, in batches of any size, one by one or together."""
    waiting = [*nodes, *luck.sample(nodes, luck.randrange(len(nodes) + 1))]
    luck.shuffle(waiting)
    while waiting:
        size = luck.randint(1, len(waiting))
        batch, waiting = waiting[:size], waiting[size:]
        if len(batch) == 1:
            assert db.put(f"/{unid}?new_edits=false", batch[0].document(unid)).status in (200, 201)
        else:
            assert [] == db.pushed(*(node.document(unid) for node in batch))


def shown(db: Database, unid: str) -> Any:
    """What a client sees of a document, whole."""
    rows = db.get(f"/{unid}?open_revs=all&revs=true").body
    body = db.get(f"/{unid}?conflicts=true&deleted_conflicts=true&deleted=true").body
    return sorted(str(row) for row in rows), body


@histories(40)
@given(steps, st.integers(0, 2**32))
def test_trees_converge_to_couchdbs_leaves_and_winner(
    pair: tuple[Database, Database], steps: list[tuple[int, str, bool]], seed: int
) -> None:
    luck = random.Random(seed)
    nodes = grown(steps)
    unid = f"d{next(numbers)}"
    for db in pair:
        pushed(db, unid, nodes, luck)
        expected = leaves_of(nodes)
        assert expected == set(db.leaves(unid))
        top = winner_of(expected)
        live = sorted(rev for rev, deleted in expected - {(top, False)} if not deleted)
        gone = sorted(rev for rev, deleted in expected - {(top, True)} if deleted)
        body = db.get(f"/{unid}?conflicts=true&deleted_conflicts=true&deleted=true").body
        assert (top, live, gone) == (
            body["_rev"],
            sorted(body.get("_conflicts", [])),
            sorted(body.get("_deleted_conflicts", [])),
        )
        assert {} == db.post("/_revs_diff", {unid: [node.rev for node in nodes]}).body
        latest(db, unid, nodes, expected)
    assert shown(pair[0], unid) == shown(pair[1], unid)


def latest(db: Database, unid: str, nodes: list[Node], leaves: set[tuple[str, bool]]) -> None:
    """Whatever revision is asked for, a leaf comes that goes on from it, with its whole ancestry."""
    asked = [{"id": unid, "rev": node.rev} for node in nodes]
    results = db.post("/_bulk_get?revs=true&latest=true", {"docs": asked}).body["results"]
    for node, result in zip(nodes, results, strict=True):
        (document,) = [row["ok"] for row in result["docs"]]
        assert document["_rev"] in {rev for rev, _ in leaves}
        assert "/".join(node.path) in "/".join(document["_revisions"]["ids"])
        assert document["_revisions"]["ids"][0] == document["value"]


def copied(source: Database, target: Database, unid: str) -> None:
    """One direction, as a replicator goes: what leaves, which are missing, fetch, push."""
    revs = [rev for rev, _ in source.leaves(unid)] if source.get(f"/{unid}?deleted=true").status == 200 else []
    missing = target.post("/_revs_diff", {unid: revs}).body.get(unid, {}).get("missing", [])
    asked = {"docs": [{"id": unid, "rev": rev} for rev in missing]}
    results = source.post("/_bulk_get?revs=true&latest=true", asked).body["results"]
    assert [] == target.pushed(*(result["docs"][0]["ok"] for result in results))


actions = st.lists(
    st.tuples(st.sampled_from(["edit", "delete", "new", "copy", "resolve"]), st.integers(0, 99)), max_size=15
)


@histories(40)
@given(actions)
def test_databases_that_clients_edit_and_replicate_converge(
    pair: tuple[Database, Database], actions: list[tuple[str, int]]
) -> None:
    """Edits on any leaf, deletions, resolutions by the library, replication by the protocol; then all is equal, and quiet."""
    unid = f"d{next(numbers)}"
    for number, (action, where) in enumerate([("new", 0), *actions]):
        here, there = pair if where % 2 else pair[::-1]
        leaves = here.leaves(unid) if here.get(f"/{unid}?deleted=true").status == 200 else []
        if action == "copy":
            copied(here, there, unid)
        elif action == "new" or not leaves:
            here.put(f"/{unid}", {"number": number})
        elif action == "resolve":
            resolve(here, unid, number)
        else:
            rev, deleted = leaves[where % len(leaves)]
            answer = here.put(f"/{unid}", {"_rev": rev, "number": number, "_deleted": action == "delete"})
            assert answer.status in (200, 201), (answer, deleted)
    for _ in range(2):
        copied(pair[0], pair[1], unid)
        copied(pair[1], pair[0], unid)
    assert shown(pair[0], unid) == shown(pair[1], unid)
    before = [db.get("").body["update_seq"] for db in pair]
    copied(pair[0], pair[1], unid)
    copied(pair[1], pair[0], unid)
    assert before == [db.get("").body["update_seq"] for db in pair]


def resolve(db: Database, unid: str, number: int) -> None:
    with replica.open(db.path) as hub:
        if any(conflict.unid == unid for conflict in hub.conflicts()):
            hub.resolve(unid, items={"resolved": number})
