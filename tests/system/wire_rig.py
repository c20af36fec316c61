"""Replications over a bad wire, again and again from the same state, and what must hold after each of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import pytest

import replica
import replica.engine.replicate
import replica.transports.couchdb.documents
import replica.transports.couchdb.feed
import replica.transports.couchdb.writing
import replica.transports.retrying
from replica.clock import system_clock
from replica.engine.peer import Batch
from replica.leaf import Leaf, next_revision
from replica.replica import create_empty
from replica.revision import Ancestor, Ancestry, Revision
from replica.store.sessions import START, Session
from replica.transports.address import Address
from replica.transports.connecting import peer_at, web_at
from replica.transports.network import Network
from tests.faults.wire import Flaw, wire
from tests.servers import serving
from tests.system.oracle import look
from tests.world import new_folder

LIMIT = 1000
SILENCE_S = 0.2  # after which a stalled connection is given up; an answer takes a hundredth of it
NATIVE, COUCHDB = "", "couchdb+"  # what goes before the address

DONE = ("added", "updated", "deleted", "conflicts", "merged", "replaced", "resurrected", "bytes")

State = dict[str, frozenset[tuple[str, bool, bytes]]]  # UNID → its leaves: revision, deleted, body


class Bare(Network):
    """How a server is reached: as ever, without certificates, which take longer to read than all that is sent."""

    def client(self, address: Address) -> httpx2.Client:
        return httpx2.Client(timeout=self.silence_s, verify=False, trust_env=False)


class Outcome(NamedTuple):
    """How a replication over a wire ended, whether its flaw has struck, and what was carried each way."""

    error: BaseException | None
    struck: bool
    carried: dict[str, bytearray]


def state(hub: replica.Replica) -> State:
    """All leaves."""
    return {
        unid: frozenset((str(leaf.revision), leaf.deleted, leaf.body) for leaf in leaves)
        for unid, leaves in leaves_of(hub).items()
    }


def leaves_of(hub: replica.Replica) -> dict[str, list[Leaf]]:
    """All leaves of every document."""
    found: dict[str, list[Leaf]] = {}
    offers = [offer for entry in hub.peer.changes(START, 10_000).entries for offer in entry.offers]
    for leaf in hub.peer.fetch([(offer.unid, offer.revision) for offer in offers]).leaves:
        found.setdefault(leaf.unid, []).append(leaf)
    return found


class Rig:
    """Two replicas of a database, as `make` makes them, of which fresh copies are made for every run; one is served."""

    def __init__(self, server: str, folder: Path, make: Callable[[Path, Path], None]) -> None:
        address = urlsplit(server)
        self._server = (address.hostname or "", address.port or 0)
        self._client = httpx2.Client(base_url=server, timeout=60, trust_env=False)
        self._folder = folder
        self._count = 0
        self._here, self._there = folder / "HERE.db", folder / "THERE.db"
        make(self._here, self._there)
        self.before = self.states(self._here, self._there)
        self.together = {protocol: self._united(protocol) for protocol in (NATIVE, COUCHDB)}
        assert self.together[NATIVE][0] == self.together[NATIVE][1]

    def close(self) -> None:
        """Let go of the server."""
        self._client.close()

    def _united(self, protocol: str) -> list[State]:
        """What both hold when all has gone well. CouchDB's protocol shows what ended a conflict as leaves."""
        with self.pair() as (here, name):
            outcome = self.replicate(here, name, "both", protocol)
            assert outcome.error is None
            return self.states(here, self._folder / f"{name}.db")

    @contextmanager
    def pair(self) -> Iterator[tuple[Path, str]]:
        """Copies: the path of one, and the name under which the other is served."""
        self._count += 1
        name = f"there{self._count:05}"
        here, there = self._folder / f"HERE{self._count}.db", self._folder / f"{name}.db"
        shutil.copyfile(self._here, here)
        shutil.copyfile(self._there, there)
        try:
            yield here, name
        finally:
            self._client.delete(f"/{name}")
            for path in (here, there):
                for suffix in ("", "-wal", "-shm", "-lock"):
                    Path(f"{path}{suffix}").unlink(missing_ok=True)

    @staticmethod
    def states(*paths: Path) -> list[State]:
        """What is in these files, which are undamaged."""
        found = []
        for path in paths:
            with replica.open(path) as hub:
                verdict = hub.verify()
                assert verdict["ok"], verdict
                found.append(state(hub))
        return found

    def replicate(self, here: Path, name: str, direction: str, protocol: str, flaw: Flaw | None = None) -> Outcome:
        """Replicate over a wire with this flaw; what was raised is part of the outcome."""
        with wire(self._server, flaw) as way:
            error = self._replicated(here, f"{protocol}{way.url}/{name}", direction, flaw)
            return Outcome(error, way.struck, way.carried)

    @staticmethod
    def _replicated(here: Path, address: str, direction: str, flaw: Flaw | None) -> BaseException | None:
        network: Network = Bare()
        with pytest.MonkeyPatch.context() as patch:
            if flaw is not None and flaw.kind in (
                "stall",
                "flip",
            ):  # a length that was changed leaves both waiting, too
                network = Bare(silence_s=SILENCE_S)
                patch.setattr(replica.transports.couchdb.feed, "SILENCE_S", SILENCE_S)
            try:
                report = replica.replicate(here, address, direction, network=network)
            except Exception as error:  # noqa: BLE001 - what it may be, the test says
                return error
        return None if report.ok else AssertionError(f"{report.to_dict()}")

    def carried(self, direction: str, protocol: str) -> dict[str, bytearray]:
        """What goes each way when all goes well; in every run the same number of bytes, or nearly."""
        with self.pair() as (here, name):
            outcome = self.replicate(here, name, direction, protocol)
            assert outcome.error is None
            return outcome.carried

    def greeting(self) -> dict[str, bytearray]:
        """What of it is the first question and its answer."""
        with self.pair() as (here, name), wire(self._server) as way:
            with replica.open(here) as hub, closing(web_at(f"{way.url}/{name}", Bare())) as web:
                peer_at(web, hub.peer.greet(None))
            return way.carried

    def run(self, direction: str, protocol: str, flaw: Flaw) -> Outcome:
        """One replication with a flaw, and all that must hold afterwards."""
        with self.pair() as (here, name):
            outcome = self.replicate(here, name, direction, protocol, flaw)
            there = self._folder / f"{name}.db"
            if protocol == COUCHDB and flaw.kind == "flip":
                self._assert_unharmed(here, there)
            else:
                self._assert_on_the_way(self.states(here, there), protocol)
                self._assert_recovers(here, there, name, protocol)
            return outcome

    def _assert_on_the_way(self, now: list[State], protocol: str) -> None:
        """Every document is as it was or as it will be; by CouchDB's protocol, each of its leaves is."""
        for was, found, will in zip(self.before, now, self.together[protocol], strict=True):
            for unid in was.keys() | found.keys():
                old, got, new = (each.get(unid, frozenset()) for each in (was, found, will))
                if protocol == NATIVE:
                    assert got in (old, new), f"{unid}: {got}"
                else:
                    assert got <= old.union(new, *(side.get(unid, ()) for side in self.before)), f"{unid}: {got}"

    def _assert_recovers(self, here: Path, there: Path, name: str, protocol: str) -> None:
        """Replicated once without a flaw, both are as they should be; then there is nothing to do any more."""
        address = f"{protocol}http://{self._server[0]}:{self._server[1]}/{name}"
        assert replica.replicate(here, address, network=Bare()).ok
        assert self.together[protocol] == self.states(here, there)
        with replica.open(here) as hub:
            look(hub)
        echo, nothing = (replica.replicate(here, address, network=Bare()).to_dict() for _ in range(2))
        for way in ("pull", "push"):
            assert not any(echo[way][count] for count in DONE), echo
            assert 0 == nothing[way]["read"], nothing

    def _assert_unharmed(self, here: Path, there: Path) -> None:
        """Nothing but TCP's sums protects what passes: but what was there is there, and nothing false is called verified."""
        for path, was in zip((here, there), self.before, strict=True):
            with replica.open(path) as hub:
                verdict = hub.verify()  # every body is that of its hash, every verified one that of its revision
                assert verdict["ok"], verdict
                now = leaves_of(hub)
                for unid, leaves in was.items():
                    for revision, _, _ in leaves:
                        ancestor = Ancestor.of(Revision.parse(revision))
                        assert any(leaf.covers(ancestor) for leaf in now[unid]), f"{unid} has lost {revision}"
        replica.replicate(here, there)  # this one is sure of its bytes
        with replica.open(here) as hub, replica.open(there) as other:
            assert hub.compare(other)["ok"]


def make_apart(here: Path, there: Path) -> None:
    """Two files of replicas that met, and went apart.

    Documents were saved, deleted and resolved at both, some of them the same ones, and others came from a system whose
    revisions are not ours.
    """
    with replica.create(there, title="Orders") as hub, hub.copy(here) as laptop:
        for n in range(4):
            hub.put({"by": f"old {n}", "n": n}, unid=f"shared/{n}")
        replica.replicate(laptop, hub)
        for n, at in enumerate((hub, laptop)):
            save(at, f"clash {n}", "shared/0")
        replica.replicate(laptop, hub)
        for at, name in ((hub, "there"), (laptop, "here")):
            for n in range(3):
                at.put({"by": f"{name} {n}", "text": "x" * 20 * n}, unid=f"{name}/{n}")
            save(at, f"again {name}", "shared/1")
            save(at, f"twice {name}", f"{name}/0")
            at.delete(f"{name}/1")
            receive(at, name)
        laptop.resolve("shared/0", items={"by": "resolved", "n": 0})
        save(hub, "edited", "shared/2")
        laptop.delete("shared/2")
        hub.delete("shared/3")


def make_empty(here: Path, there: Path) -> None:
    """The same, brought together there; and a replica that has nothing yet."""
    full = here.with_suffix(".full")
    make_apart(full, there)
    replica.replicate(full, there)
    full.unlink()
    with replica.open(there) as hub:
        create_empty(here, hub.identity.replica_id, "", system_clock).close()


def save(at: replica.Replica, by: str, unid: str) -> None:
    document = at.get(unid)
    document["by"] = by
    at.put(document)


def receive(at: replica.Replica, name: str) -> None:
    """Revisions of another system, and one of ours behind such."""
    body = f'{{"by":"foreign {name}"}}'.encode()
    digest = hashlib.sha256(body).digest()
    first = Leaf(f"foreign/{name}", Revision(1, f"{name}-first"), False, False, Ancestry(), None, digest, body)
    clash = first._replace(unid="foreign/both", revision=Revision(1, name))
    later = next_revision(f"later/{name}", [first], body, 1, LIMIT)
    texts = {first.revision.packed: first.revision.text}
    session = Session(f"elsewhere {name}", "in", "elsewhere", 0, 1, 0, {})
    assert 3 == at.peer.accept(Batch([first, clash, later], texts, session, LIMIT), False).added


@contextmanager
def rig(make: Callable[[Path, Path], None] = make_apart) -> Iterator[Rig]:
    """A rig with its server, in a folder in memory; everything is sent in small parts."""
    folder = Path(new_folder())
    with pytest.MonkeyPatch.context() as patch, serving(folder) as server:
        patch.setattr(replica.engine.replicate, "PAGE", 6)
        patch.setattr(replica.engine.replicate, "BATCH_BYTES", 200)
        patch.setattr(replica.transports.couchdb.documents, "ENOUGH", 300)
        patch.setattr(replica.transports.couchdb.writing, "BYTES", 600)
        made = Rig(server, folder, make)
        yield made
        made.close()
    shutil.rmtree(folder)


@contextmanager
def impatient(attempts: int = 1) -> Iterator[None]:
    """Nobody waits before another attempt, and there are not many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replica.transports.retrying, "ATTEMPTS", attempts)
        patch.setattr(replica.transports.retrying, "FIRST_PAUSE_S", 0)
        yield
