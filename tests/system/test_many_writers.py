"""Several processes and threads read and write one replica at once: nothing is lost, nobody is told that it is locked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import replica
from replica import Replica
from replica.errors import StaleRevision

pytestmark = pytest.mark.system

PROCESSES = 4
INCREMENTS = 100

INCREMENT = """
    import json, sys, replica
    from replica.errors import StaleRevision

    sys.stdin.readline()
    acknowledged, stale = [], 0
    with replica.open(sys.argv[1]) as hub:
        while len(acknowledged) < int(sys.argv[3]):
            counter = hub.get("counter")
            counter["n"] += 1
            counter["by"] = sys.argv[2]
            try:
                acknowledged.append([hub.put(counter).revision, counter["n"]])
            except StaleRevision:
                stale += 1
    print(json.dumps([acknowledged, stale]))
    """

SAVE = """
    import json, sys, replica

    sys.stdin.readline()
    acknowledged = []
    with replica.open(sys.argv[1]) as hub:
        for n in range(int(sys.argv[3])):
            acknowledged.append(hub.put({"n": n}, unid=f"{sys.argv[2]}/{n}").unid)
            assert hub.get(acknowledged[-1])["n"] == n
    print(json.dumps(acknowledged))
    """

LOAD = """
    import json, sys, replica

    sys.stdin.readline()
    with replica.open(sys.argv[1]) as hub:
        name, count = sys.argv[2], int(sys.argv[3])
        report = hub.put_many(replica.Document({"n": n, "text": "x" * 200}, unid=f"{name}/{n}") for n in range(count))
    print(json.dumps(report.to_dict()))
    """

READ = """
    import json, sys, replica

    sys.stdin.readline()
    seen = 0
    with replica.open(sys.argv[1]) as hub:
        while seen < int(sys.argv[3]):
            now = len(hub)
            assert now >= seen, "documents disappeared"
            seen = now
            unids = [change.unid for change in hub.changes()]
            assert len(unids) == len(set(unids)), "a document is twice in the feed"
    print(json.dumps(seen))
    """


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process, which waits until it is told to go."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(replica.__file__).parents[1])}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def together(processes: list[subprocess.Popen[str]]) -> list[object]:
    """Let all go at once; what each of them printed."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in processes]
    assert [""] * len(processes) == [errors for _, errors in said]
    assert [0] * len(processes) == [process.returncode for process in processes]
    return [json.loads(output) for output, _ in said]


def in_threads(*actions: Callable[[], object]) -> None:
    """Run actions at the same time; what one raises is raised here."""
    raised: list[BaseException] = []
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        barrier.wait()
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def increment(hub: Replica, times: int) -> None:
    done = 0
    while done < times:
        counter = hub.get("counter")
        counter["n"] += 1
        try:
            hub.put(counter)
        except StaleRevision:
            continue
        done += 1


@pytest.fixture
def path(tmp_path: Path) -> str:
    with replica.create(str(tmp_path / "hub.db")) as hub:
        hub.put({"n": 0}, unid="counter")
    return str(tmp_path / "hub.db")


def test_no_increment_of_several_processes_is_lost(path: str, record_property: Callable[[str, object], None]) -> None:
    said = together([start(INCREMENT, path, name, INCREMENTS) for name in range(PROCESSES)])
    acknowledged = [tuple(saved) for process in said for saved in process[0]]  # type: ignore[index]
    total = PROCESSES * INCREMENTS
    with replica.open(path) as hub:
        counter = hub.get("counter")
        assert total == counter["n"]
        assert total + 1 == counter.sequence
        assert list(range(1, total + 1)) == sorted(number for _, number in acknowledged)
        assert total == len({revision for revision, _ in acknowledged})
        kept = {(document.revision, document["n"]) for document in hub.revisions("counter")}
        assert kept == {*acknowledged, (hub.revisions("counter")[-1].revision, 0)}
        assert 1 == len(next(iter(hub.changes())).leaves)
        assert hub.verify()["ok"]
    stale = sum(process[1] for process in said)  # type: ignore[index]
    record_property("note", f"{PROCESSES} processes made {total} increments of one document, {stale} were stale")


def test_no_increment_of_threads_that_share_a_replica_is_lost(path: str) -> None:
    with replica.open(path) as hub:
        in_threads(*[lambda: increment(hub, 50)] * 4)
        assert 200 == hub.get("counter")["n"]
        assert hub.verify()["ok"]


def test_no_increment_of_threads_with_a_replica_each_is_lost(path: str) -> None:
    def alone() -> None:
        with replica.open(path) as hub:
            increment(hub, 25)

    in_threads(*[alone] * 4)
    with replica.open(path) as hub:
        assert 100 == hub.get("counter")["n"]


def test_no_increment_in_memory_is_lost() -> None:
    with replica.create(":memory:") as hub:
        hub.put({"n": 0}, unid="counter")
        in_threads(*[lambda: increment(hub, 50)] * 4)
        assert 200 == hub.get("counter")["n"]


def test_what_is_imported_beside_single_saves_and_readers_is_all_there(path: str) -> None:
    loads, saves = 2500, 40
    said = together(
        [
            start(LOAD, path, "load a", loads),
            start(LOAD, path, "load b", loads),
            start(SAVE, path, "save a", saves),
            start(SAVE, path, "save b", saves),
            start(READ, path, "read", 2 * loads),
        ]
    )
    for report in said[:2]:
        assert isinstance(report, dict)
        assert (True, loads, loads) == (report["ok"], report["read"], report["added"])
    expected = {f"load {name}/{n}" for name in "ab" for n in range(loads)} | {"counter"}
    expected |= {f"save {name}/{n}" for name in "ab" for n in range(saves)}
    with replica.open(path) as hub:
        assert expected == {document.unid for document in hub.documents()}
        assert len(expected) == hub.info()["update_seq"]
        assert list(range(1, len(expected) + 1)) == [change.sequence for change in hub.changes()]
        assert hub.verify()["ok"]


def test_a_save_gets_its_turn_beside_a_large_import(path: str) -> None:
    """The busy time-out is shorter than the import: a writer waits for one batch, not for all of them."""
    with replica.open(path) as hub, replica.open(path, busy_timeout=5.0) as other:
        imported = threading.Event()

        def load() -> None:
            hub.put_many(replica.Document({"n": n}, unid=f"load/{n}") for n in range(5000))
            imported.set()

        def save() -> None:
            saved = 0
            while not imported.is_set() or not saved:
                other.put({}, unid=f"save/{saved}")
                saved += 1

        in_threads(load, save)
        assert 5000 == sum(1 for document in hub.documents() if (document.unid or "").startswith("load/"))


def test_a_reader_sees_one_state_while_others_write(path: str) -> None:
    """Each batch moves an amount from one document to another: the sum is always the same."""
    with replica.open(path) as hub:
        hub.put({"n": 100}, unid="a")
        hub.put({"n": 100}, unid="b")
        done = threading.Event()

        def move() -> None:
            for amount in range(60):
                with hub.batch():
                    for unid, change in (("a", -amount), ("b", amount)):
                        document = hub.get(unid)
                        document["n"] += change
                        hub.put(document)
            done.set()

        def look() -> None:
            while not done.is_set():
                found = [document["n"] for document in hub.find({"_id": {"$in": ["a", "b"]}})]
                assert 200 == sum(found)

        in_threads(move, look, look)


def test_two_processes_that_replicate_one_pair_while_both_are_written_lose_nothing(path: str, tmp_path: Path) -> None:
    other = str(tmp_path / "laptop.db")
    with replica.open(path) as hub:
        hub.copy(other).close()
    sync = """
        import json, sys, replica

        sys.stdin.readline()
        for _ in range(4):
            report = replica.replicate(sys.argv[1], sys.argv[2])
            assert report.ok, report
        print(json.dumps(None))
        """
    together(
        [
            start(SAVE, path, "hub", 80),
            start(SAVE, other, "laptop", 80),
            start(sync, path, other),
            start(sync, other, path),
        ]
    )
    replica.replicate(path, other)
    expected = {f"{name}/{n}" for name in ("hub", "laptop") for n in range(80)} | {"counter"}
    with replica.open(path) as hub, replica.open(other) as laptop:
        assert expected == {document.unid for document in hub.documents()}
        assert hub.compare(laptop)["ok"]
        assert hub.verify()["ok"]
        assert laptop.verify()["ok"]
