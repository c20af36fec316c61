"""A small world of replicas, each with its model beside it: whatever is done to one is done to the other, and compared.

The operations take plain numbers, so that whoever drives a world (a state machine, a law test) needs to know nothing
about it: a number too large is taken modulo what there is. After every operation the leaves are compared literally.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import replica
import replica.engine.replicate
import replica.following
import replica.store.reading
import replica.transports.attached
from replica.errors import NotFound, StaleRevision, SuddenlyEmpty
from replica.files import read_document
from tests import model, saboteurs

MEMORY = Path("/dev/shm")
REPLICAS_USUAL = 5
REPLICAS_MAX = 8
YEARS_10 = 10 * 365 * 86_400_000
START = 1_700_000_000_000  # a day in 2023
UNIDS = ("d0", "d1", "d/2")
CLOCKS: dict[str, Callable[[int], int]] = {
    "right": lambda tick: START + tick,
    "ahead": lambda tick: START + YEARS_10 + tick,
    "behind": lambda tick: START - YEARS_10 + tick,
    "frozen": lambda tick: START,
    "backwards": lambda tick: START - tick,
    "jumping": lambda tick: START + (-1) ** tick * YEARS_10,
    "absurd": lambda tick: (-5, 2**60)[tick % 2],
}


class Clock:
    """Tells the time it was set to."""

    def __init__(self) -> None:
        self.now_ms = START

    def __call__(self) -> int:
        return self.now_ms


class Backup(NamedTuple):
    """A backup file, and the model as it was then."""

    path: str
    model: model.Replica


class Twin:
    """A replica of the library and its model."""

    def __init__(self, library: replica.Replica, ideal: model.Replica, clock: Clock, ticking: str) -> None:
        self.library = library
        self.model = ideal
        self.clock = clock
        self.ticking = ticking
        self.backup: Backup | None = None
        self.forget()

    @property
    def path(self) -> str:
        return self.library.path

    @property
    def in_memory(self) -> bool:
        return self.path == ":memory:"

    def check(self) -> None:
        """The library shows the same leaves as the model, the winner first. Only what changed since last time is read."""
        for change in self.library.changes(since=self._sequence):
            self._shown[change.unid] = change.leaves
            self._sequence = change.sequence
        assert self.model.revisions() == self._shown, self.path

    def forget(self) -> None:
        """The file may be another one now: read all of it next time."""
        self._shown: dict[str, list[str]] = {}
        self._sequence = 0


def moved(report: replica.Report) -> dict[str, Any]:
    """What a report says of documents, whatever the way they took."""
    told = report.to_dict()
    return {way: told[way] and {**told[way], "wire_bytes": 0} for way in ("pull", "push")}


def revisions(library: replica.Replica) -> dict[str, list[str]]:
    """UNID → its leaf revisions, the winner first, the others as the model sorts them."""
    return {change.unid: change.leaves for change in library.changes()}


@cache
def nursery() -> list[str]:
    """Files of eight empty replicas of one database, made once for all worlds."""
    folder = new_folder()
    with replica.create(os.path.join(folder, "0.db")) as first:
        for number in range(1, REPLICAS_MAX):
            first.copy(os.path.join(folder, f"{number}.db")).close()
    return [os.path.join(folder, f"{number}.db") for number in range(REPLICAS_MAX)]


def new_folder() -> str:
    """A folder in memory, where there is such a thing: durability is not what these tests are about."""
    return tempfile.mkdtemp(prefix="replica-", dir=MEMORY if MEMORY.is_dir() else None)


@contextmanager
def small_batches(size: int) -> Iterator[None]:
    """Let everything that is done in parts be done in parts of `size`, so that small worlds have several of them."""
    places: list[tuple[Any, str, int]] = [
        (replica.engine.replicate, "PAGE", size),
        (replica.engine.replicate, "BATCH_BYTES", 20 * size),
        (replica.transports.attached, "ROWS", size),
        (replica.transports.attached, "BATCH_BYTES", 20 * size),
        (replica.following, "PAGE", size),
        (replica.store.reading, "PAGE", size),
    ]
    usual = [(module, name, getattr(module, name)) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in usual:
            setattr(module, name, value)


class World:
    """Replicas of one database. Use as a context manager, or call `close`."""

    made = 0  # how many there have been: what a hunt for a planted bug counts

    def __init__(
        self,
        count: int = 3,
        *,
        memory: bool = False,
        clocks: tuple[str, ...] = ("right",),
        policies: tuple[str, ...] = ("conflict",),
        batch: int = 1000,
    ) -> None:
        World.made += 1
        self._folder = new_folder()
        self._names = itertools.count()
        self._ticks = itertools.count()
        self._batches = small_batches(batch)
        self._batches.__enter__()
        self.merging = "merge" in policies
        self.lanes = saboteurs.LANES  # by which it settles
        self.most = max(count, REPLICAS_USUAL)
        self.written: dict[tuple[str, model.Rev], frozenset[model.Rev]] = {}  # acknowledged and not lost → its ancestry
        self.twins: list[Twin] = []
        for number, library in enumerate(self._libraries(count, memory)):
            policy = policies[number % len(policies)]
            if policy != library.settings["conflict-policy"]:
                library.settings["conflict-policy"] = policy
            clock = Clock()
            library._clock = clock
            self.twins.append(Twin(library, model.Replica(policy), clock, clocks[number % len(clocks)]))

    def _libraries(self, count: int, memory: bool) -> Iterator[replica.Replica]:
        if memory:
            first = replica.create(":memory:")
            yield first
        for number in range(count - memory):
            path = self._new_path()
            if memory:
                yield first.copy(path)
            else:
                shutil.copyfile(nursery()[number], path)
                yield replica.open(path)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close and remove everything."""
        self._batches.__exit__(None, None, None)
        for twin in self.twins:
            twin.library.close()
        shutil.rmtree(self._folder)

    def _new_path(self) -> str:
        return os.path.join(self._folder, f"{next(self._names)}.db")

    @contextmanager
    def clones(self) -> Iterator[list[Twin]]:
        """The same world once more: copies of all files, which know nothing of each other."""
        twins = []
        for twin in self.twins:
            path = self._new_path()
            twin.library.close()
            shutil.copyfile(twin.path, path)
            self._reopen(twin, twin.path)
            twins.append(Twin(replica.open(path, clock=Clock()), twin.model.copy(), Clock(), twin.ticking))
        try:
            yield twins
        finally:
            for twin in twins:
                twin.library.close()

    # -- choosing

    def twin(self, who: int) -> Twin:
        """One of the twins; its clock goes on."""
        twin = self.twins[who % len(self.twins)]
        twin.clock.now_ms = CLOCKS[twin.ticking](next(self._ticks) // 3)  # so that some are saved at the same time
        return twin

    def pair(self, who: int, other: int) -> tuple[Twin, Twin]:
        """Two different twins."""
        who %= len(self.twins)
        return self.twin(who), self.twin(who + 1 + other % (len(self.twins) - 1))

    def _some_unid(self, twin: Twin, doc: int, live: bool = True) -> str | None:
        unids = [unid for unid in twin.model.docs if twin.model.live(unid) or not live]
        return sorted(unids)[doc % len(unids)] if unids else None

    def _note(self, twin: Twin, leaf: model.Leaf) -> None:
        self.written[leaf.unid, leaf.rev] = leaf.ancestry
        twin.check()

    # -- what people do

    def put(self, who: int, doc: int, items: dict[str, Any]) -> None:
        """Save a new document; under a UNID that is live it is refused, under that of a stub it goes on from there."""
        twin, unid = self.twin(who), UNIDS[doc % len(UNIDS)]
        try:
            leaf = twin.model.save(unid, None, model.texts(items), twin.clock())
        except model.Stale:
            expect(StaleRevision, lambda: twin.library.put(items, unid=unid))
            twin.check()
        else:
            assert model.spell(leaf.rev) == twin.library.put(items, unid=unid).revision
            self._note(twin, leaf)

    def edit(self, who: int, doc: int, branch: int, items: dict[str, Any], many: bool = False) -> None:
        """Change items of one of the live leaves of a document (0: the winner); an item given as `...` is removed."""
        twin = self.twin(who)
        unid = self._some_unid(twin, doc)
        if unid is None:
            self.put(who, doc, changed({}, items))
            return
        leaves = twin.model.live(unid)
        base = leaves[branch % len(leaves)]
        document = twin.library.get(unid, revision=model.spell(base.rev))
        assert base.body == model.dumps(document.items)
        document.items = changed(document.items, items)
        leaf = twin.model.save(unid, base.rev, model.texts(document.items), twin.clock())
        if many:
            report = twin.library.put_many([document])
            assert (1, 1) == (report.read, report.updated), report
        else:
            assert model.spell(leaf.rev) == twin.library.put(document).revision
        self._note(twin, leaf)

    def load(self, who: int, doc: int, items: dict[str, Any] | None) -> None:
        """Import a document as a line of a file, or (None) its deletion: it goes on from whatever is shown there."""
        twin, unid = self.twin(who), UNIDS[doc % len(UNIDS)]
        shown = twin.model.winner(unid)
        live = shown is not None and not shown.deleted
        content = {"_deleted": True} if items is None else items
        report = twin.library.load([(1, lambda: read_document(1, model.dumps({"_id": unid, **content}).encode()))])
        if (shown.body if live and shown else None) == (None if items is None else model.dumps(items)):
            assert 1 == report.unchanged
            twin.check()
            return
        assert (items is None, items is not None and live) == (report.deleted == 1, report.updated == 1)
        base = None if shown is None else shown.rev
        self._note(twin, twin.model.save(unid, base, model.texts(items or {}), twin.clock(), items is None))

    def delete(self, who: int, doc: int, branch: int, by_name: bool = False) -> None:
        """Delete a document (0: as it is shown), or one of its losing leaves."""
        twin = self.twin(who)
        unid = self._some_unid(twin, doc)
        if unid is None:
            return
        leaves = twin.model.live(unid)
        base = leaves[0 if by_name else branch % len(leaves)]
        leaf = twin.model.save(unid, base.rev, {}, twin.clock(), deleted=True)
        what = unid if by_name else twin.library.get(unid, revision=model.spell(base.rev))
        assert model.spell(leaf.rev) == twin.library.delete(what).revision
        self._note(twin, leaf)

    def resolve(self, who: int, doc: int, keep: int, items: dict[str, Any] | None = None) -> None:
        """End a conflict: keep one of the versions, or say what is to be."""
        twin = self.twin(who)
        clashing = sorted(unid for unid in twin.model.docs if len(twin.model.versions(unid)) > 1)
        if not clashing:
            unid = self._some_unid(twin, doc, live=False)
            if unid is not None:
                expect(NotFound, lambda: twin.library.resolve(unid, items={}))
            return
        unid = clashing[doc % len(clashing)]
        kept = twin.model.live(unid)[keep % len(twin.model.live(unid))]
        leaf = twin.model.resolve(unid, kept.items if items is None else model.texts(items), twin.clock())
        if items is None:
            stub = twin.library.resolve(unid, keep=model.spell(kept.rev))
        else:
            stub = twin.library.resolve(unid, items=items)
        assert model.spell(leaf.rev) == stub.revision
        self._note(twin, leaf)

    def resolve_all(self, who: int) -> None:
        """End every conflict in favour of the winner."""
        twin = self.twin(who)
        clashing = sorted(unid for unid in twin.model.docs if len(twin.model.versions(unid)) > 1)
        assert clashing == twin.library.resolve_all()
        for unid in clashing:
            leaf = twin.model.resolve(unid, twin.model.live(unid)[0].items, twin.clock())
            self.written[unid, leaf.rev] = leaf.ancestry
        twin.check()

    def end_conflict(self, who: int, doc: int, items: dict[str, Any] | None) -> None:
        """Delete a conflict document, or save it (with `items` changed) as a document of its own."""
        twin = self.twin(who)
        shown = twin.model.conflict_documents()
        hidden = {unid for unid in shown if twin.model.live(unid)}  # saved elsewhere already: a document of its own
        free = sorted(shown.keys() - hidden)
        if not free:
            return
        unid = free[doc % len(free)]
        losing = shown[unid]
        stub = twin.model.save(losing.unid, losing.rev, {}, twin.clock(), deleted=True)
        self.written[losing.unid, stub.rev] = stub.ancestry
        document = twin.library.get(unid)
        assert document.conflict
        assert (True, losing.unid) == (document.items.pop("$Conflict"), document.items.pop("$Ref"))
        if items is None:
            assert model.spell(stub.rev) == twin.library.delete(document).revision
            twin.check()
            return
        document.items = changed(document.items, items)
        leaf = twin.model.save(unid, None, model.texts(document.items), twin.clock())
        assert model.spell(leaf.rev) == twin.library.put(document).revision
        self._note(twin, leaf)

    def save_too_late(self, who: int, doc: int) -> None:
        """A save based on what is no leaf any more is refused, and so is a deletion."""
        twin = self.twin(who)
        unid = self._some_unid(twin, doc, live=False)
        for leaf in twin.model.leaves(unid)[:1] if unid is not None else ():
            for rev in sorted(leaf.ancestry)[-1:]:
                late = replica.Document({"late": True}, unid=unid, revision=model.spell(rev))
                expect(StaleRevision, lambda late=late: twin.library.put(late))
                expect(StaleRevision, lambda late=late: twin.library.delete(late))
        twin.check()

    def abandon(self, who: int, doc: int) -> None:
        """Several changes in one transaction that is given up: nothing has happened."""
        twin = self.twin(who)
        sequence = twin.library.info()["update_seq"]

        def several() -> None:
            with twin.library.batch() as batch:
                batch.put({})
                for document in list(batch.documents())[doc:]:
                    batch.delete(document)
                raise saboteurs.Cut

        expect(saboteurs.Cut, several)
        assert sequence == twin.library.info()["update_seq"]
        twin.check()

    def batch(self, who: int, doc: int, items: dict[str, Any]) -> None:
        """Several saves in one transaction, of one document too."""
        with self.twin(who).library.batch():
            for n in range(3):
                self.edit(who, doc + n % 2, 0, {**items, "n": n})
        self.twin(who).check()

    # -- replication

    def replicate(self, who: int, other: int, direction: str = "both", lane: str = "attached") -> int:
        """Replicate two replicas; how many documents changed on both sides together."""
        here, there = self.pair(who, other)
        return self._replicate(here, there, direction, lane)

    def _replicate(
        self, here: Twin, there: Twin, direction: str, lane: str, trouble: saboteurs.Trouble | None = None
    ) -> int:
        moved = [None, None]
        if direction != "push":
            moved[0] = here.model.pull(there.model)  # type: ignore[call-overload]
        if direction != "pull":
            moved[1] = there.model.pull(here.model)  # type: ignore[call-overload]
        report = self._safely(here, there, direction, lane, trouble)
        assert report.ok
        assert moved == [
            None if tally is None else tally.added + tally.updated + tally.deleted
            for tally in (report.pull, report.push)
        ]
        here.check()
        there.check()
        return sum(moved_there or 0 for moved_there in moved)

    def _safely(
        self,
        here: Twin,
        there: Twin,
        direction: str,
        lane: str,
        trouble: saboteurs.Trouble | None = None,
        dry_run: bool = False,
    ) -> replica.Report:
        def go(force: bool) -> replica.Report:
            if lane == "attached" and trouble is None:
                return replica.replicate(here.library, there.library, direction, dry_run=dry_run, force=force)
            return saboteurs.replicate(
                here.library, there.library, direction, lane=lane, trouble=trouble, dry_run=dry_run, force=force
            )

        try:
            return go(False)
        except SuddenlyEmpty:  # after an old backup was restored
            assert sorted(bool(revisions(twin.library)) for twin in (here, there)) == [False, True]
            return go(True)

    def dry_run(self, who: int, other: int, direction: str, lane: str) -> None:
        """Nothing is changed, and the report of one direction is that of the real run."""
        here, there = self.pair(who, other)
        before = [(twin.library.info(), twin.library.history()) for twin in (here, there)]
        foreseen = self._safely(here, there, direction, "http" if lane == "http" else "attached", dry_run=True)
        assert before == [(twin.library.info(), twin.library.history()) for twin in (here, there)]
        here.check()
        there.check()
        if direction != "both":
            self._expect_report(here, there, direction, lane, foreseen)

    def _expect_report(self, here: Twin, there: Twin, direction: str, lane: str, foreseen: replica.Report) -> None:
        if direction == "pull":
            here.model.pull(there.model)
        else:
            there.model.pull(here.model)
        report = self._safely(here, there, direction, lane)
        assert moved(foreseen) == moved(report)
        here.check()
        there.check()

    def cut(self, who: int, other: int, direction: str, lane: str, trouble: saboteurs.Trouble) -> None:
        """Replicate, and be interrupted: every document is as it was or as it would have become."""
        here, there = self.pair(who, other)
        with suppress(saboteurs.Cut):
            self._safely(here, there, direction, lane, trouble)
        if direction != "push":
            adopt(here, [there.model])
        if direction != "pull":
            adopt(there, [here.model])

    def hurry(self, who: int, other: int, direction: str) -> None:
        """Replicate for no longer than one batch takes."""
        here, there = self.pair(who, other)
        try:
            report = replica.replicate(here.library, there.library, direction, max_duration=0)
        except SuddenlyEmpty:
            return
        assert report.ok == (report.limit is None)
        if direction != "push":
            adopt(here, [there.model])
        if direction != "pull":
            adopt(there, [here.model])

    def read_only(self, who: int, other: int, lane: str) -> None:
        """Pull from a replica that may only be read."""
        here, there = self.pair(who, other)
        try:
            saboteurs.replicate(here.library, there.library, "pull", lane=lane, forgetful=True)
        except SuddenlyEmpty:
            return
        here.model.pull(there.model)
        here.check()

    def ask_twice(self, who: int, other: int, direction: str, lane: str, at: int) -> None:
        """Replicate, with one step taken twice: nobody can tell."""
        here, there = self.pair(who, other)
        trouble = saboteurs.Twice(at)
        if direction != "push":
            here.model.pull(there.model)
        if direction != "pull":
            there.model.pull(here.model)
        self._safely(here, there, direction, lane, trouble)
        here.check()
        there.check()

    def meddle(self, who: int, other: int, direction: str, lane: str, at: int, items: dict[str, Any]) -> None:
        """Replicate one way, and let somebody write at the source meanwhile."""
        here, there = self.pair(who, other)
        source, target = (there, here) if direction == "pull" else (here, there)
        before = source.model.copy()
        number = self.twins.index(source)
        trouble = saboteurs.Meddler(at, lambda: self.edit(number, at, at, items))
        self._safely(here, there, direction, lane, trouble)
        source.check()
        adopt(target, [before, common(before, source.model), source.model])

    def meddle_at_target(self, who: int, other: int, direction: str, at: int, items: dict[str, Any]) -> None:
        """Replicate one way, verb by verb, and let somebody write meanwhile where the documents arrive."""
        here, there = self.pair(who, other)
        source, target = (there, here) if direction == "pull" else (here, there)

        def write() -> None:
            adopt(target, [source.model])
            self.edit(self.twins.index(target), at, at, items)

        self._safely(here, there, direction, "general", saboteurs.Meddler(at, write))
        adopt(target, [source.model])

    # -- what happens to files

    def copy(self, who: int) -> None:
        """Make a new replica by snapshot."""
        twin = self.twin(who)
        if len(self.twins) < self.most:
            self._add(twin, twin.library.copy(self._new_path()))

    def copy_file(self, who: int) -> None:
        """Copy the file behind the replica's back; both are used afterwards."""
        twin = self.twin(who)
        if len(self.twins) < self.most and not twin.in_memory:
            path = self._new_path()
            twin.library.close()
            shutil.copyfile(twin.path, path)
            self._reopen(twin, twin.path)
            self._add(twin, replica.open(path))

    def _add(self, original: Twin, library: replica.Replica) -> None:
        clock = Clock()
        library._clock = clock
        copy = Twin(library, original.model.copy(), clock, random.Random(len(self.twins)).choice(sorted(CLOCKS)))
        self.twins.append(copy)
        copy.check()

    def _reopen(self, twin: Twin, path: str) -> None:
        twin.library = replica.open(path, clock=twin.clock)
        twin.forget()
        twin.check()

    def move(self, who: int) -> None:
        """Close, rename, open again."""
        twin = self.twin(who)
        if not twin.in_memory:
            path = self._new_path()
            twin.library.close()
            os.rename(twin.path, path)
            self._reopen(twin, path)

    def back_up(self, who: int) -> None:
        """Write a backup; the one before is gone."""
        twin = self.twin(who)
        if not twin.in_memory:
            path = self._new_path()
            twin.library.backup(path)
            twin.backup = Backup(path, twin.model.copy())

    def restore(self, who: int) -> None:
        """The disk is lost, and the backup takes its place: what only the lost disk had may be gone, nothing else."""
        twin = self.twin(who)
        if twin.backup is None:
            return self.back_up(who)
        twin.library.close()
        shutil.copyfile(twin.backup.path, twin.path)
        twin.model = twin.backup.model.copy()
        self._reopen(twin, twin.path)
        surviving = set().union(*(other.model.known() for other in self.twins))
        self.written = {key: ancestry for key, ancestry in self.written.items() if key in surviving}

    def forget(self, who: int, which: int) -> None:
        """One side forgets what it remembers of a peer."""
        twin = self.twin(who)
        peers = sorted({session.peer for session in twin.library.history()})
        if peers:
            twin.library.history(clear=peers[which % len(peers)])

    def compact(self, who: int) -> None:
        """Forget old bodies."""
        twin = self.twin(who)
        twin.library.compact()
        twin.check()

    # -- the end

    def settle(self, seed: int) -> None:
        """Replicate along one random chain until nothing moves: no second path hides a bad link. Then check everything."""
        luck = random.Random(seed)
        links = list(itertools.pairwise(luck.sample(self.twins, len(self.twins))))
        links += [(b, a) for a, b in reversed(links)]
        for _ in range(len(self.twins) + 2):
            apart = [(a, b) for a, b in links if a.model.docs != b.model.docs]
            if not apart:
                break
            for a, b in apart:
                for direction in luck.choice([("both",), ("both",), ("pull", "push"), ("push", "pull")]):
                    self._replicate(a, b, direction, luck.choice(self.lanes))
        else:
            raise AssertionError("it never goes quiet")
        for a, b in links[: len(links) // 2]:
            assert 0 == self._replicate(a, b, "both", "attached")
        self.check()

    def check(self) -> None:
        """After it went quiet: all equal, nothing lost, nothing invented."""
        first, *others = self.twins
        for other in others:
            assert {"ok": True, "only_here": [], "only_there": [], "different": []} == first.library.compare(
                other.library
            )
            assert revisions(first.library) == revisions(other.library)
            check_contents(other)
        check_everything(first)
        self._check_frontier()

    def _check_frontier(self) -> None:
        """Every acknowledged revision is a leaf or an ancestor; without merging, the leaves are those with no successor."""
        assert set() == self.written.keys() - self.twins[0].model.known()
        if self.merging or any("$ConflictAction" in (leaf.marks or {}) for leaf in all_leaves(self.twins[0].model)):
            return  # also where the item is gone by now: its mark stays
        superseded = {(unid, rev) for (unid, _), ancestry in self.written.items() for rev in ancestry}
        frontier = self.written.keys() - superseded
        assert frontier == {(leaf.unid, leaf.rev) for leaf in all_leaves(self.twins[0].model)}


def all_leaves(ideal: model.Replica) -> list[model.Leaf]:
    """Every leaf of every document."""
    return [leaf for leaves in ideal.docs.values() for leaf in leaves.values()]


def common(a: model.Replica, b: model.Replica) -> model.Replica:
    """The leaves that are leaves in both: what is sent if they were offered as in one, and fetched as in the other."""
    both = model.Replica()
    for unid in a.docs.keys() & b.docs.keys():
        both.docs[unid] = {rev: leaf for rev, leaf in a.docs[unid].items() if rev in b.docs[unid]}
    return both


def changed(items: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The items with some set, and those given as `...` removed."""
    return {name: value for name, value in {**items, **change}.items() if value is not ...}


def expect(error: type[Exception], act: Callable[[], object]) -> None:
    """The act raises this."""
    try:
        act()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


def adopt(target: Twin, sources: list[model.Replica]) -> None:
    """Let the model follow an interrupted replication: each document is as it was, or united with one of the sources'.

    Or with several, in their order: what moved on after it was offered is sent again, and merging may come in between.
    """
    now = revisions(target.library)
    for unid in {unid for source in sources for unid in source.docs}:
        outcomes = [target.model.docs.get(unid, {})]
        for count in range(1, len(sources) + 1):
            for chosen in itertools.combinations(sources, count):
                trial = target.model.copy()
                for source in chosen:
                    trial.take(source, unid)
                outcomes.append(trial.docs.get(unid, {}))
        found = [o for o in outcomes if {model.spell(rev) for rev in o} == set(now.get(unid, []))]
        assert found, f"{unid} is neither as it was nor as it would have become"
        if found[0]:
            target.model.docs[unid] = dict(found[0])
    target.check()


def check_everything(twin: Twin) -> None:
    """All that there is to see of a replica is what its model says; deletions, conflicts, contents, ancestries, marks."""
    library, ideal = twin.library, twin.model
    shown = {unid: leaf for unid in ideal.docs if (leaf := ideal.winner(unid)) is not None}
    live = {unid: leaf for unid, leaf in shown.items() if not leaf.deleted}
    losing = ideal.conflict_documents()
    assert [(unid, model.spell(live[unid].rev)) for unid in sorted(live)] == [
        (document.unid, document.revision) for document in library.documents()
    ]
    everything = list(library.documents(conflicts=True, deleted=True))
    assert {unid: leaf.unid for unid, leaf in losing.items()} == {d.unid: d["$Ref"] for d in everything if d.conflict}
    assert shown.keys() - live.keys() == {document.unid for document in everything if document.deleted}
    clashing = {unid: [model.spell(v[0].rev) for v in ideal.versions(unid)] for unid in ideal.docs}
    assert {unid: revs for unid, revs in clashing.items() if len(revs) > 1} == {
        conflict.unid: [conflict.winner, *(leaf.revision for leaf in conflict.leaves)]
        for conflict in library.conflicts()
    }
    info = library.info()
    assert (len(live), len(shown) - len(live), len(losing)) == (info["documents"], info["deleted"], info["conflicts"])
    assert len(live) == len(library)
    for leaf in all_leaves(ideal):
        document = library.get(leaf.unid, revision=model.spell(leaf.rev))
        assert (leaf.body, leaf.deleted) == (model.dumps(document.items), document.deleted)
    verdict = library.verify()
    assert verdict["ok"], verdict
    check_contents(twin)


def check_contents(twin: Twin) -> None:
    """The items, ancestries and marks of every leaf. The last two are not public: they are read where they are stored."""
    from replica.store.leaves import leaves_of

    for unid, leaves in twin.model.docs.items():
        with twin.library._file.read() as connection:
            stored = [row.leaf for row in leaves_of(connection, unid)]
        for leaf in stored:
            ideal = leaves[leaf.revision.number, leaf.revision.text]
            assert (ideal.body, ideal.deleted) == (leaf.body.decode(), leaf.deleted)
            assert ideal.ancestry == {(a.number, a.packed.hex()) for a in leaf.ancestry.all(leaf.revision.number)}
            assert ideal.marks == {name: (a.number, a.packed.hex()) for name, a in (leaf.read_marks() or {}).items()}
