"""The laws while replication goes on by itself."""

from __future__ import annotations

import random
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.engine.replicate import Progress
from replica.errors import Busy, NotAReplica, NotFound, StaleRevision
from replica.revision import Revision
from tests.going_on import going, holds
from tests.laws.test_law_2_nothing_is_lost import known
from tests.servers import serving
from tests.world import expect

SOON_S = 4.0  # a planted bug costs as much


def test_law_1_what_is_written_at_either_end_arrives_at_the_other(tmp_path: Path) -> None:
    with (
        replica.create(tmp_path / "hub.db") as hub,
        hub.copy(tmp_path / "laptop.db") as laptop,
        going(laptop.path, hub.path) as replication,
    ):
        replication.calm()
        for here, there in ((laptop, hub), (hub, laptop)):
            for n in range(2):
                unid = here.put({"n": n}).unid
                assert holds(lambda unid=unid, there=there: unid in there, SOON_S)


def test_law_1_what_is_written_during_a_round_arrives(tmp_path: Path) -> None:
    """At either end, after the round has looked there for the last time."""
    written_during_a_round(tmp_path, str(tmp_path / "hub.db"))


def test_law_1_what_is_written_during_a_round_arrives_over_http(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        written_during_a_round(tmp_path, f"{url}/hub")


def written_during_a_round(tmp_path: Path, there: str) -> None:
    with replica.create(tmp_path / "hub.db") as hub, hub.copy(tmp_path / "laptop.db") as laptop:
        written: dict[str, str] = {}

        def meanwhile(progress: Progress) -> None:
            if progress.direction not in written:
                source = hub if progress.direction == "pull" else laptop
                written[progress.direction] = source.put({"late": True}).unid

        hub.put({})
        laptop.put({})
        with going(laptop.path, there, on_progress=meanwhile) as replication:
            assert holds(lambda: len(written) == 2, SOON_S)
            assert holds(lambda: written["pull"] in laptop and written["push"] in hub, SOON_S)
            replication.calm()


def test_law_8_what_will_not_get_better_ends_it(tmp_path: Path) -> None:
    with replica.create(tmp_path / "hub.db") as hub, replica.create(tmp_path / "other.db") as other:
        expect(NotAReplica, lambda: replica.replicate(hub, other, continuous=True, max_duration=3))


def test_law_8_what_a_round_did_before_it_failed_is_reported(tmp_path: Path) -> None:
    with replica.create(tmp_path / "hub.db") as hub, hub.copy(tmp_path / "laptop.db") as laptop:
        hub.put({})
        failures = iter([Busy("once")])

        def fails(progress: Progress) -> None:
            for error in failures:
                raise error

        with going(laptop.path, hub.path, on_progress=fails) as replication:
            assert holds(lambda: len(replication.waits) == 2, SOON_S)
            report = replication.end()
        assert report.pull is not None
        assert 1 == report.pull.added


def settled(hub: replica.Replica, sites: list[replica.Replica]) -> bool:
    """Whether all hold the same at one moment: the hub, through which everything goes, does not change meanwhile."""
    before = hub.info()["update_seq"]
    return all(site.compare(hub)["ok"] for site in sites) and before == hub.info()["update_seq"]


@pytest.mark.parametrize("seed", range(2))
def test_law_1_and_2_several_that_go_on_through_a_server_end_equal_and_lose_nothing(tmp_path: Path, seed: int) -> None:
    """Three people edit, delete and resolve, and the server is stopped and started again meanwhile."""
    luck = random.Random(seed)
    written: set[tuple[str, tuple[int, str]]] = set()
    (tmp_path / "served").mkdir()

    def note(document: replica.Document) -> None:
        revision = Revision.parse(document.revision or "")
        written.add((document.unid, (revision.number, revision.packed.hex())))

    def write(site: replica.Replica) -> None:
        unid = luck.choice("uvwxyz")
        found: Any = site.get(unid, None)
        if found is None:
            note(site.put({"n": luck.randint(0, 9)}, unid=unid))
        elif luck.random() < 0.2:
            note(site.delete(unid))
        elif luck.random() < 0.3 and any(conflict.unid == unid for conflict in site.conflicts()):
            note(site.resolve(unid, items={"resolved": luck.randint(0, 9)}))
        else:
            found["n"] = luck.randint(0, 9)
            note(site.put(found))

    with ExitStack() as stack:
        hub = stack.enter_context(replica.create(tmp_path / "served" / "hub.db"))
        sites = [stack.enter_context(hub.copy(tmp_path / f"{n}.db")) for n in range(3)]
        address, port = "", 0
        for session in range(3):
            with serving(tmp_path / "served", port) as url:
                if not address:
                    address, port = f"{url}/hub", int(url.rpartition(":")[2])
                    all_going = [stack.enter_context(going(site.path, address)) for site in sites]
                for _ in range(25):
                    with suppress(StaleRevision, NotFound):  # something has arrived in between
                        write(luck.choice([*sites, hub]))
                if session == 2:
                    assert holds(lambda: settled(hub, sites), 60)
                    for replication in all_going:
                        replication.calm()
                    for site in (*sites, hub):
                        assert set() == written - known(site)
            for _ in range(5 if session < 2 else 0):
                with suppress(StaleRevision, NotFound):
                    write(luck.choice(sites))
