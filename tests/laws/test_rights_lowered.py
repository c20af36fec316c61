"""Laws 2 and 8 where rights are lowered: what was allowed until then is there, nothing after, and it goes on when they return."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

import replica
from replica import Document, Network, Replica
from replica.engine.replicate import Progress
from replica.errors import NotAllowed
from replica.store.sessions import Position
from replica.tally import FAILURES_MAX
from replica.wire.messages import MEDIA_TYPE, written
from replica.wire.verbs import Changes
from tests.going_on import going, holds
from tests.hubs import LIST, SCHEMES, Hub, hub
from tests.system.test_gate import WHOLE, feed

COUNT = 10_000
over_both = pytest.mark.parametrize("scheme", SCHEMES, ids=("own", "couchdb"))


def filled(db: Replica) -> set[str]:
    """Documents of a size that takes several batches; their UNIDs."""
    unids = {f"d{n:05}" for n in range(COUNT)}
    assert db.put_many(Document({"text": unid * 600}, unid=unid) for unid in sorted(unids)).ok
    return unids


def unids_of(db: Replica) -> set[str]:
    return {str(document.unid) for document in db.documents() if document.unid != LIST}


@contextmanager
def laptop_of(made: Hub, folder: Path) -> Iterator[Replica]:
    with made.opened("root") as remote, remote.copy(folder / "laptop.db") as laptop:
        yield laptop


def lowering(made: Hub, level: str, also: Callable[[], object] = lambda: None) -> Callable[[Progress], None]:
    """What lowers the rights once, when the second batch is through: then both ends remember the first, and go on from there."""
    told = itertools.count(1)

    def progress(_: Progress) -> None:
        if next(told) == 2:
            made.grant(anna=level)
            also()

    return progress


def write_after(there: Replica) -> None:
    """Take all rights, and write something in the same transaction."""
    with there.batch():
        listed = there.get(LIST)
        listed.items = {"entries": []}
        there.put(listed)
        there.put({"secret": 1}, unid="after")


def is_waiting(made: Hub) -> bool:
    """Whether somebody is being answered who asked our own conversation what is new."""
    with httpx2.Client(trust_env=False, headers={"Authorization": f"Bearer {made.token('root')}"}) as web:
        return 'requests_running{route="/{db}/_replica/changes"} 1' in web.get(f"{made.url}/_metrics").text


@over_both
def test_law_2_a_pull_whose_right_is_taken_keeps_what_it_has_and_goes_on_when_it_is_back(
    scheme: str, tmp_path: Path
) -> None:
    with hub(tmp_path, "anna") as made, laptop_of(made, tmp_path) as laptop, replica.open(made.path) as there:
        made.grant(anna="reader")
        unids = filled(there)
        late = lowering(made, "none", lambda: there.put({}, unid="later"))
        network = Network(token=made.token("anna"))
        with pytest.raises(NotAllowed):
            replica.replicate(laptop, f"{scheme}{made.url}/db", "pull", network=network, on_progress=late)
        held = unids_of(laptop)
        assert 0 < len(held) < COUNT
        assert held < unids, "nothing that was written afterwards"
        assert laptop.verify()["ok"]
        with pytest.raises(NotAllowed):
            made.pull(laptop, "anna", scheme)
        assert held == unids_of(laptop)
        made.grant(anna="reader")
        done = made.pull(laptop, "anna", scheme)
        assert done.read < COUNT, "it goes on where it was"
        assert unids | {"later"} == unids_of(laptop)


@over_both
def test_law_8_a_push_whose_right_is_taken_is_refused_from_then_on_and_goes_on_when_it_is_back(
    scheme: str, tmp_path: Path
) -> None:
    with hub(tmp_path, "anna") as made, laptop_of(made, tmp_path) as laptop, replica.open(made.path) as there:
        made.grant(anna="editor")
        unids = filled(laptop)
        network, address = Network(token=made.token("anna")), f"{scheme}{made.url}/db"
        report = replica.replicate(laptop, address, "push", network=network, on_progress=lowering(made, "reader"))
        done = report.push
        assert done is not None
        held = unids_of(there)
        assert 0 < len(held) < COUNT
        assert (len(held), {"not_allowed": COUNT - len(held)}) == (done.added, done.refused)
        assert min(COUNT - len(held), FAILURES_MAX) == len(done.failures)
        assert not report.ok
        assert unids - held == {unid for unid, _ in made.refused()}
        again = made.push(laptop, "anna", scheme)
        assert (0, {"not_allowed": COUNT - len(held)}) == (again.added, again.refused)
        made.grant(anna="editor")
        done = made.push(laptop, "anna", scheme)
        assert (COUNT - len(held), {}) == (done.added, done.refused)
        assert unids == unids_of(there)
        assert [] == made.refused()


def test_law_8_a_replication_that_goes_on_ends_with_its_right_and_gets_nothing_more(tmp_path: Path) -> None:
    with hub(tmp_path, "anna") as made, laptop_of(made, tmp_path) as laptop, replica.open(made.path) as there:
        made.grant(anna="reader")
        network = Network(token=made.token("anna"))
        with going(laptop.path, f"{made.url}/db", "pull", network=network) as replication:
            replication.calm()
            there.put({}, unid="before")
            assert holds(lambda: "before" in laptop)
            write_after(there)
            assert isinstance(replication.ended(), NotAllowed)
        assert {"before"} == unids_of(laptop)
        made.grant(anna="reader")
        made.pull(laptop, "anna")
        assert {"before", "after"} == unids_of(laptop)


@pytest.mark.parametrize("form", ["continuous", "eventsource", "longpoll"])
def test_law_8_a_feed_tells_nothing_that_was_written_after_its_right_was_taken(form: str, tmp_path: Path) -> None:
    """Not even in the second until it is cut off."""
    with hub(tmp_path, "anna") as made, replica.open(made.path) as there:
        made.grant(anna="reader")
        since = "now" if form == "longpoll" else "0"
        headers = {"Authorization": f"Bearer {made.token('anna')}"}
        path = f"/db/_changes?feed={form}&since={since}&heartbeat=100&include_docs=true"
        with feed(made.url, "GET", path, headers) as live:
            assert 200 == live.begin()
            while form != "longpoll" and LIST.encode() not in live.line():
                pass
            write_after(there)
            rest = live.rest()
        assert b"after" not in rest
        assert b"secret" not in rest
        assert not rest.endswith(WHOLE)


def test_law_8_a_feed_tells_nothing_that_was_written_after_its_token_was_revoked(tmp_path: Path) -> None:
    with hub(tmp_path, "anna") as made, replica.open(made.path) as there:
        made.grant(anna="reader")
        token = made.token("anna")
        with feed(
            made.url, "GET", "/db/_changes?feed=continuous&heartbeat=100", {"Authorization": f"Bearer {token}"}
        ) as live:
            assert 200 == live.begin()
            while LIST.encode() not in live.line():
                pass
            made.directory.revoke(token)
            there.put({}, unid="after")
            assert b"after" not in live.rest()


def test_law_8_who_waits_in_our_own_conversation_is_told_nothing_more_either(tmp_path: Path) -> None:
    with hub(tmp_path, "anna") as made, replica.open(made.path) as there:
        made.grant(anna="reader")
        body = written("changes", "", Changes(Position(there.update_sequence), 10, 60.0))
        headers = {"Authorization": f"Bearer {made.token('anna')}", "Content-Type": MEDIA_TYPE}
        with feed(made.url, "POST", "/db/_replica/changes", headers, body) as live:
            assert holds(lambda: is_waiting(made))
            write_after(there)
            assert 403 == live.begin()
