"""The harness for faults is tried where the truth is known: on bare SQLite, on plain files, on workloads that lie."""

from __future__ import annotations

import errno
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import Fault, Mode, Outcome, Rig, Step, Trace, crash_states, failures, sweep
from tests.faults.rig import files_in
from tests.system.bare_sqlite import TRANSACTIONS

pytestmark = pytest.mark.system

# What SQLite may keep to itself in WAL mode: the copy from the WAL into the file, and its end; all is still in the WAL.
CHECKPOINT = {
    "pwrite store.db",
    "ftruncate store.db",
    "fdatasync store.db",
    "fdatasync store.db-wal",
    "fdatasync .",
    "unlink store.db-wal",
    "unlink store.db-shm",
}


@pytest.fixture
def workload(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the source of a workload into a file."""

    def write(source: str) -> Path:
        path = tmp_path / "workload.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write


@pytest.fixture
def bare(workload: Callable[[str], Path]) -> Callable[[str, str], Path]:
    """A workload of bare SQLite in one journal mode and one synchronous setting."""

    return lambda journal, synchronous: workload(bare_source(journal, synchronous))


def bare_source(journal: str, synchronous: str) -> str:
    return (
        "from tests.system.bare_sqlite import parts\n"
        f"prepare, work, check, recover = parts({journal!r}, {synchronous!r})\n"
    )


@pytest.fixture(scope="module")
def wal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The workload as SQLite is at its best."""
    path = tmp_path_factory.mktemp("wal") / "workload.py"
    path.write_text(bare_source("WAL", "FULL"), encoding="utf-8")
    with Rig(path) as rig:
        yield rig


@pytest.fixture(scope="module")
def refused_once(wal: Rig) -> list[Outcome]:
    return wal.sweep("error")


# Bare SQLite keeps its promises, and the harness agrees


def test_a_kill_at_every_call_loses_nothing(wal: Rig) -> None:
    outcomes = wal.sweep("kill")
    assert [] == failures(outcomes)
    assert {"exit code -9"} == {outcome.end for outcome in outcomes}
    assert len(outcomes) > 80
    assert {"pwrite store.db-wal", "pwrite store.db", "fdatasync store.db-wal"} < {outcome.call for outcome in outcomes}
    assert any(outcome.unknown for outcome in outcomes)


def test_one_refused_call_loses_nothing_and_is_reported(refused_once: list[Outcome]) -> None:
    assert_kept_and_reported(refused_once)
    writes = [outcome for outcome in refused_once if outcome.call == "pwrite store.db-wal" and outcome.errors]
    assert len(writes) > 20
    assert {1} == {len(outcome.errors) for outcome in writes}, "what came after it was done"


@pytest.mark.parametrize(("mode", "error"), [("sticky", errno.EIO), ("sticky", errno.ENOSPC), ("short", errno.ENOSPC)])
def test_a_disk_that_fails_or_is_full_loses_nothing_and_is_reported(wal: Rig, mode: Mode, error: int) -> None:
    assert_kept_and_reported(wal.sweep(mode, error))


def assert_kept_and_reported(outcomes: list[Outcome]) -> None:
    assert [] == failures(outcomes)
    assert set() == {outcome.call for outcome in outcomes if outcome.silent} - CHECKPOINT
    known = {"disk I/O error", "database or disk is full", "unable to open database file", "readonly database"}
    assert [] == [text for outcome in outcomes for text in outcome.errors if not any(word in text for word in known)]


def test_a_fault_while_recovering_from_a_kill_loses_nothing(wal: Rig) -> None:
    outcomes = wal.compound("error", every=20, then_every=10)
    assert [] == failures(outcomes)
    assert any(outcome.call for outcome in outcomes)


@pytest.mark.parametrize(("journal", "synchronous"), [("WAL", "FULL"), ("DELETE", "EXTRA"), ("TRUNCATE", "FULL")])
def test_a_power_cut_loses_nothing_where_sqlite_promises_that(
    bare: Callable[[str, str], Path], journal: str, synchronous: str
) -> None:
    with Rig(bare(journal, synchronous)) as rig:
        outcomes = rig.power_cuts()
    assert [] == failures(outcomes)
    assert len(outcomes) > 150


@pytest.mark.parametrize(("journal", "synchronous"), [("WAL", "NORMAL"), ("DELETE", "FULL")])
def test_a_power_cut_loses_the_latest_where_sqlite_says_that_it_may(
    bare: Callable[[str, str], Path], journal: str, synchronous: str
) -> None:
    assert {"", "AssertionError: lost"} == verdicts(bare(journal, synchronous))


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_power_cut_does_damage_with_synchronous_off(bare: Callable[[str, str], Path], journal: str) -> None:
    words = {"AssertionError: lost", "DatabaseError: database disk image is malformed"}
    assert words < verdicts(bare(journal, "OFF"))


def verdicts(path: Path) -> set[str]:
    """What the checker says of the disks that power cuts leave."""
    with Rig(path) as rig:
        return {outcome.failure.splitlines()[0] if outcome.failure else "" for outcome in rig.power_cuts()}


def test_a_power_cut_after_a_refused_fsync_loses_nothing(wal: Rig, refused_once: list[Outcome]) -> None:
    points = [outcome.at for outcome in refused_once if outcome.call == "fdatasync store.db-wal"]
    assert len(points) >= 6
    for at in points[::3]:
        assert [] == failures(wal.power_cuts(every=3, random_states=1, fault=Fault("error", at)))


# Workloads that lie are found out


def test_a_promise_before_the_commit_is_found_out(workload: Callable[[str], Path]) -> None:
    path = workload("""
        from contextlib import nullcontext
        from tests.system.bare_sqlite import parts

        prepare, honest, check, _ = parts("WAL", "FULL")

        def work(folder, attempt):
            def too_early(token):
                with attempt(token):
                    return nullcontext()

            honest(folder, too_early)
    """)
    outcomes = sweep(path, "kill", every=3)
    assert {"lost"} == {outcome.failure.removeprefix("AssertionError: ") for outcome in outcomes if outcome.failure}
    assert len(failures(outcomes)) > 10


PLAIN = """
    import os
    from pathlib import Path

    def prepare(folder):
        (folder / "old").write_bytes(b"o" * 1500)

    def sync(path):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    def check(folder, acknowledged, unknown):
        for token in acknowledged:
            assert (folder / token).read_bytes() == bytes(2000), "lost"
"""


def test_ignoring_a_short_write_is_found_out(workload: Callable[[str], Path]) -> None:
    source = textwrap.dedent(PLAIN) + textwrap.dedent("""
        def work(folder, attempt):
            with attempt("new"):
                handle = os.open(folder / "new", os.O_WRONLY | os.O_CREAT)
                os.write(handle, bytes(2000))
                os.fsync(handle)
                os.close(handle)
    """)
    with Rig(workload(source)) as rig:
        outcomes = rig.sweep("short", errno.ENOSPC)
        assert [] == failures(rig.sweep("kill"))
        cut = rig.power_cuts()
    assert ["write new"] == [outcome.call for outcome in outcomes if outcome.failure]
    assert ["write new"] == [outcome.call for outcome in outcomes if outcome.silent]
    assert any(outcome.failure for outcome in cut), "the folder was never synced"


def test_a_workload_that_fails_without_faults_proves_nothing(workload: Callable[[str], Path]) -> None:
    source = textwrap.dedent(PLAIN) + "def work(folder, attempt):\n    with attempt('old'):\n        pass\n"
    with Rig(workload(source)) as rig, pytest.raises(AssertionError, match=r"no fault.*lost"):
        rig.sweep("kill")


def test_a_workload_that_hangs_is_ended_and_named(workload: Callable[[str], Path]) -> None:
    source = textwrap.dedent(PLAIN) + textwrap.dedent("""
        import threading

        def work(folder, attempt):
            (folder / "here").touch()
            threading.Event().wait()
    """)
    with Rig(workload(source), timeout_s=3) as rig:
        outcome = rig.run("work", rig.folder.parent / "base")
    assert "timed out" == outcome.end
    assert 1 == len(failures([outcome]))


# The shim sees all


EVERYTHING = textwrap.dedent(PLAIN) + textwrap.dedent("""
    import shutil, subprocess, sys

    def work(folder, attempt):
        os.chdir(folder)
        with attempt("all"):
            handle = os.open("all", os.O_RDWR | os.O_CREAT | os.O_EXCL)
            os.pwrite(handle, bytes(1500), 500)
            os.writev(handle, [b"x" * 100, b"y"])
            os.pwrite(handle, bytes(500), 0)
            os.fdatasync(handle)
            os.close(handle)
        with open("grown", "ab") as file:
            file.write(b"a" * 10)
        with open("grown", "ab") as file:
            file.write(b"b" * 10)
            file.flush()
            os.ftruncate(file.fileno(), 15)
        os.truncate("old", 700)
        shutil.copyfile("old", "copied")
        os.link("copied", "linked")
        os.replace("old", "copied")
        os.unlink("linked")
        os.mkdir("sub")
        here = os.open("sub", os.O_RDONLY)
        os.close(os.open("below", os.O_WRONLY | os.O_CREAT, dir_fd=here))
        os.close(os.open("gone", os.O_WRONLY | os.O_CREAT, dir_fd=here))
        os.unlink("gone", dir_fd=here)
        open("all", "ab").close()
        subprocess.run([sys.executable, "-c", "open('child', 'w').write('c')"], check=True)
        sync(folder)

    def check(folder, acknowledged, unknown):
        pass
""")


def test_every_call_is_counted_struck_and_recorded(workload: Callable[[str], Path]) -> None:
    with Rig(workload(EVERYTHING)) as rig:
        trace = rig.root / "trace"
        calls = rig.clean(trace).calls
        there = files_in(rig.folder)
        struck = [outcome.call for outcome in rig.sweep("error")]
        last = [state for state in crash_states(Trace.read(trace, rig.folder), {"old": b"o" * 1500}) if state.what]
    assert calls == len(struck)
    assert {"all", "grown", "copied", "sub/below", "child"} == set(there)
    kinds = {call.split()[0] for call in struck}
    assert {"open", "write", "pwrite", "ftruncate", "fsync", "fdatasync", "link", "rename", "unlink", "mkdir"} == kinds
    assert {"write child", "open sub/below", "unlink sub/gone", "rename copied"} <= set(struck)
    assert there in [state.files for state in last if "everything" in state.what]
    assert bytes(2000) == there["all"]


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_what_was_recorded_is_what_is_there(bare: Callable[[str, str], Path], journal: str) -> None:
    with Rig(bare(journal, "FULL")) as rig:
        base = files_in(rig.folder.parent / "base")
        trace = rig.root / "trace"
        calls = rig.run("work", rig.folder.parent / "base", trace=trace).calls
        there = files_in(rig.folder.parent / "base")
        *_, last = crash_states(Trace.read(trace, rig.folder.parent / "base"), base, random_states=0)
    assert calls > 80
    assert there == last.files
    assert list(range(TRANSACTIONS)) == last.acknowledged


# What a power cut may leave, by hand


def disks(*steps: Step, base: dict[str, bytes] | None = None) -> list[dict[str, bytes]]:
    """The disks after a cut behind the last of these steps, each once."""
    found: list[dict[str, bytes]] = []
    for state in crash_states(Trace(list(steps)), base or {}, every=len(steps), random_states=200):
        if state.files not in found:
            found.append(state.files)
    return found


def made(name: str, inode: int) -> Step:
    return Step("O", name, inode=inode, created=True)


def written(inode: int, data: bytes, offset: int = 0) -> Step:
    return Step("W", inode=inode, offset=offset, data=data)


def test_an_unsynced_write_is_there_or_not_or_in_part_by_sectors() -> None:
    found = disks(Step("O", "a", inode=1), written(1, b"n" * 1000, 100), base={"a": b"o" * 2000})
    contents = {disk["a"] for disk in found}
    assert {b"o" * 2000, b"o" * 100 + b"n" * 1000 + b"o" * 900} < contents
    assert b"o" * 100 + b"n" * 412 + b"o" * 1488 in contents
    assert b"o" * 512 + b"n" * 512 + b"o" * 976 in contents
    assert 8 == len(contents), "of three sectors, each may be old or new"


def test_a_synced_write_is_there_whatever_the_name() -> None:
    found = disks(made("a", 1), written(1, b"n"), Step("S", "a", inode=1))
    assert [{}, {"a": b"n"}] == sorted(found, key=len)
    synced = disks(made("a", 1), written(1, b"n"), Step("S", "a", inode=1), Step("D", "."))
    assert [{"a": b"n"}] == synced


def test_a_rename_before_a_sync_of_the_contents_may_leave_an_empty_file() -> None:
    base = {"a": b"old"}
    found = disks(made("new", 1), written(1, b"new"), Step("R", "new", "a"), Step("D", "."), base=base)
    assert [{"a": b""}, {"a": b"new"}] == sorted(found, key=lambda disk: disk["a"])


def test_a_rename_leaves_the_old_or_the_new_never_both_nor_none() -> None:
    base = {"a": b"old", "b": b"new"}
    found = disks(Step("R", "b", "a"), base=base)
    assert [{"a": b"new"}, base] == sorted(found, key=len)


def test_a_removed_file_may_come_back_until_its_folder_is_synced() -> None:
    base = {"sub/a": b"old"}
    assert [base, {}] == disks(Step("U", "sub/a"), base=base)
    assert [base, {}] == disks(Step("U", "sub/a"), Step("D", "."), base=base)
    assert [{}] == disks(Step("U", "sub/a"), Step("D", "sub"), base=base)


def test_two_names_of_one_file_stay_one_file(tmp_path: Path) -> None:
    steps = [made("a", 1), written(1, b"n"), Step("L", "b", inode=1), Step("D", ".")]
    *_, state = crash_states(Trace(steps), {}, every=4, random_states=0)
    state.write(tmp_path / "disk")
    assert {"a": b"n", "b": b"n"} == files_in(tmp_path / "disk")
    assert (tmp_path / "disk" / "a").samefile(tmp_path / "disk" / "b")


def test_what_was_promised_before_the_cut_counts_and_nothing_later() -> None:
    steps = [Step("B", data=b"1"), Step("A", data=b"1"), Step("B", data=b'"two"'), Step("A", data=b'"two"')]
    states = list(crash_states(Trace(steps), {}))
    assert [([], [1]), ([1], []), ([1], ["two"]), ([1, "two"], [])] == [(s.acknowledged, s.unknown) for s in states]


def test_the_same_seed_gives_the_same_disks() -> None:
    steps = [made("a", 1), written(1, b"n" * 5000), Step("T", inode=1, offset=100), made("b", 2)]

    def run(seed: int) -> list[bytes]:
        return [state.digest() for state in crash_states(Trace(steps), {}, random_states=20, seed=seed)]

    assert run(1) == run(1)
    assert run(1) != run(2)
