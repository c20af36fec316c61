"""Laws over a wire that breaks off or changes what passes; tests/system/test_faults_network.py does so at every place."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import replica
from replica.engine.replicate import transfer
from replica.transports import connecting
from replica.wire import coding
from tests.faults.wire import Flaw, spread
from tests.servers import serving
from tests.system.wire_rig import NATIVE, impatient, rig
from tests.world import small_batches


def test_law_5_what_a_broken_connection_kept_from_a_peer_comes_later(tmp_path: Path) -> None:
    """Also when only the answer is lost: then nobody knows whether it came."""
    with rig() as apart, impatient():
        carried = apart.carried("push", NATIVE)
        for way, count in (("asked", 6), ("answered", 3)):
            for flaw in spread("reset", way, len(carried[way]), count, random.Random(way)):
                assert apart.run("push", NATIVE, flaw).error is not None, flaw


def test_law_5_what_went_well_is_not_looked_at_again(tmp_path: Path) -> None:
    """Both ends remember the last batch of all when a replication is over, also one that its time limit ended."""
    with replica.create(tmp_path / "hub.db") as hub, hub.copy(tmp_path / "laptop.db") as laptop:
        for n in range(20):
            hub.put({"n": n})
        with serving(tmp_path) as url, small_batches(4):
            address = f"{url}/hub"
            pulled = replica.replicate(laptop, address, "pull", max_duration=0).pull
            assert pulled is not None
            assert 0 < pulled.added < 20
            rest = replica.replicate(laptop, address, "pull").pull
            assert rest is not None
            assert (20 - pulled.added, 20 - pulled.added) == (rest.added, rest.read)
            again = replica.replicate(laptop, address, "pull").pull
            assert again is not None
            assert 0 == again.read


def test_law_9_what_was_changed_on_its_way_is_not_taken(tmp_path: Path) -> None:
    """One bit in the name of a revision, which no hash of a document covers; nor does the coding that compresses it."""
    with rig() as apart, impatient(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(coding, "CODINGS", ())
        patch.setattr(connecting, "transfer_ahead", transfer)  # one thing after the other: every byte has its place
        for direction, way, name in (("push", "asked", b"here-first"), ("pull", "answered", b"there-first")):
            places = [match.start() for match in re.finditer(name, apart.carried(direction, NATIVE)[way])]
            assert len(places) >= 2
            for at in places:
                assert apart.run(direction, NATIVE, Flaw("flip", way, at)).error is not None
