"""Files that are not what they should be: each is refused with an error of its own, and nothing about it is changed."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.errors import (
    Corrupt,
    Exists,
    HardLinked,
    Locked,
    Mistake,
    NotADatabase,
    NotFound,
    Replaced,
    ReplicaError,
    TooNew,
    TooOld,
)
from replica.store.publish import new_file
from replica.store.tables import SCHEMA

pytestmark = pytest.mark.system

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed file with a few documents, alone in its folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    fill(folder / "hub.db")
    (folder / "hub.db-lock").unlink(missing_ok=True)
    return folder / "hub.db"


def fill(path: Path, documents: int = 30) -> None:
    with replica.create(str(path), title="Orders") as hub:
        hub.put_many(replica.Document({"n": n, "text": "x" * 500}, unid=f"{n:04}") for n in range(documents))


def look(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Everything in a folder: content and time of change. Only while nobody in this process has a replica open there."""
    return {
        entry.name: (entry.read_bytes() if entry.is_file() else b"", entry.stat().st_mtime_ns)
        for entry in folder.iterdir()
        if not entry.name.endswith("-lock")
    }


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    before = look(folder)
    yield
    assert before == look(folder)


def by_sqlite(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def in_python(script: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Another process: `script` runs with `sys.argv[1:]` and speaks through its standard input and output."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(replica.__file__).parents[1])}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, **options
    )


@contextmanager
def held_by(script: str, *arguments: object) -> Iterator[None]:
    """While the block runs, another process has done what `script` does before it calls `wait()`."""
    wait = "def wait():\n    print('ready', flush=True)\n    sys.stdin.readline()\n"
    process = in_python("import sys, sqlite3, replica\n" + wait + textwrap.dedent(script), *arguments)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert "ready\n" == process.stdout.readline()
        yield
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert 0 == process.wait(20)
    finally:
        process.kill()
        process.communicate()


# -- what is refused at the door


def newer(path: Path) -> None:
    by_sqlite(path, f"PRAGMA user_version = {SCHEMA + 1}")


def older(path: Path) -> None:
    by_sqlite(path, f"PRAGMA user_version = {SCHEMA - 1}")


def foreign(path: Path) -> None:
    path.unlink()
    by_sqlite(path, "CREATE TABLE leaf (a)", f"PRAGMA user_version = {SCHEMA}")


def text(path: Path) -> None:
    path.write_text("Dear reader,\n" * 1000)


def short_text(path: Path) -> None:
    path.write_text("Dear reader")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def gzipped(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes()))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere.db")


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def linked(path: Path) -> None:
    os.link(path, path.parent / "other name.db")


REFUSED: list[tuple[Callable[[Path], None], type[ReplicaError], int, bool]] = [
    (newer, TooNew, 14, False),
    (older, TooOld, 14, False),
    (foreign, NotADatabase, 15, False),
    (text, NotADatabase, 15, False),
    (short_text, NotADatabase, 15, False),
    (empty, NotADatabase, 15, False),
    (folder, NotADatabase, 15, False),
    (gzipped, NotADatabase, 15, False),
    (pipe, NotADatabase, 15, False),
    (dangling, NotFound, 10, False),
    (loop, NotADatabase, 15, False),
    (linked, HardLinked, 9, False),
]


@pytest.mark.parametrize(("make", "error", "_exit", "retry"), REFUSED, ids=[case[0].__name__ for case in REFUSED])
def test_a_file_that_is_not_what_it_should_be_is_refused_and_untouched(
    path: Path, make: Callable[[Path], None], error: type[ReplicaError], _exit: int, retry: bool
) -> None:
    make(path)
    if path.is_symlink() or not path.is_file():
        with pytest.raises(error) as refused:
            replica.open(str(path))
    else:
        with untouched(path.parent), pytest.raises(error) as refused:
            replica.open(str(path))
    assert error is type(refused.value)
    assert retry == refused.value.may_retry
    assert "hub.db" in str(refused.value) or "nowhere.db" in str(refused.value)
    assert refused.value.hint
    assert {"hub.db", "hub.db-lock", "other name.db"} >= {entry.name for entry in path.parent.iterdir()}


@pytest.mark.parametrize("make", [newer, older, foreign, text, empty, linked], ids=lambda make: make.__name__)
def test_what_open_refuses_replicate_and_create_refuse_too(path: Path, tmp_path: Path, make: Any) -> None:
    with replica.open(str(path)) as hub:
        hub.copy(str(tmp_path / "laptop.db")).close()
    (path.parent / "hub.db-lock").unlink(missing_ok=True)
    make(path)
    with untouched(path.parent):
        for ends in ((path, tmp_path / "laptop.db"), (tmp_path / "laptop.db", path)):
            with pytest.raises(ReplicaError) as refused:
                replica.replicate(str(ends[0]), str(ends[1]))
            assert refused.value.code in ("too_new", "too_old", "not_a_database", "hard_linked")
        with pytest.raises(Exists):
            replica.create(str(path))


def test_a_file_cut_short_is_never_taken_for_whole(path: Path) -> None:
    whole = path.read_bytes()
    page = 4096
    lengths = {1, 15, 16, 17, 99, 100, 101, 511, 512, 1024, page - 1, page, page + 1, len(whole) - 1, len(whole) - page}
    lengths |= set(range(page, len(whole), max(page, len(whole) // 12)))
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        changed = path.stat().st_mtime_ns
        assert not seems_whole(path) or not whole[length:].strip(b"\0"), length
        assert (whole[:length], changed) == (path.read_bytes(), path.stat().st_mtime_ns)
        for log in path.parent.glob("hub.db-*"):  # SQLite leaves an empty one beside what it finds damaged
            assert not log.name.endswith("-wal") or not log.read_bytes()
            log.unlink()
    path.write_bytes(whole)
    assert seems_whole(path)


@pytest.mark.parametrize("missing", [1, 511, 4095, 4096, 4097])
def test_a_file_cut_short_is_not_written(path: Path, missing: int) -> None:
    """SQLite by itself takes what is missing of a last page for zeros."""
    rest = path.read_bytes()[:-missing]
    path.write_bytes(rest)
    with pytest.raises(Corrupt), replica.open(str(path)) as hub:
        hub.put({})
    assert rest == path.read_bytes()


def seems_whole(path: Path) -> bool:
    try:
        with replica.open(str(path)) as hub:
            return bool(hub.verify()["ok"]) and 30 == len(list(hub.documents()))
    except (NotADatabase, Corrupt):
        return False


def test_a_file_of_which_a_part_became_zeros_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for begin in range(0, len(whole), len(whole) // 7):
        path.write_bytes(whole[:begin] + bytes(1000) + whole[begin + 1000 :])
        assert not seems_whole(path) or not whole[begin : begin + 1000].strip(b"\0"), begin


def test_reading_a_damaged_file_fails_with_our_errors_only(path: Path) -> None:
    whole = path.read_bytes()
    chance = random.Random(1)
    for _ in range(60):
        begin = chance.randrange(4096, len(whole) - 4096)
        path.write_bytes(whole[:begin] + chance.choice([bytes(4096), chance.randbytes(50)]) + whole[begin + 4096 :])
        with suppress(ReplicaError), replica.open(path) as hub:
            for read in (hub.documents, hub.changes, hub.conflicts, lambda: hub.find({"n": {"$gte": 0}}), hub.verify):
                with suppress(ReplicaError):
                    list(read())


def test_a_missing_file_or_folder_is_not_found_and_not_made(tmp_path: Path) -> None:
    for name in ("hub.db", "nowhere/hub.db", "a/b/c/hub.db"):
        with pytest.raises(NotFound):
            replica.open(str(tmp_path / name))
    with pytest.raises(NotFound):
        replica.create(str(tmp_path / "nowhere/hub.db"))
    assert [] == list(tmp_path.iterdir())


def test_opening_and_reading_changes_nothing(path: Path) -> None:
    with untouched(path.parent), replica.open(str(path)) as hub:
        assert 30 == len(hub)
        assert {"title": "Orders"}.items() <= dict(hub.settings).items()
        assert hub.verify()["ok"]
        assert 30 == len(list(hub.find({"n": {"$gte": 0}})))


def test_opening_costs_one_small_read(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Information, not a verdict: machines are busy."""
    fill(tmp_path / "large.db", documents=20_000)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        opened = replica.open(str(tmp_path / "large.db"))
        times.append(time.perf_counter() - begun)
        opened.close()
    record_property("note", f"opening a file of 20,000 documents takes {min(times) * 1000:.1f} ms")


# -- locked


@pytest.mark.parametrize("what", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_file_locked_by_another_program_can_be_read_and_is_locked_for_writing(path: Path, what: str) -> None:
    script = f"""
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("{what}")
        wait()
        """
    with replica.open(str(path), busy_timeout=0.3) as hub:
        with held_by(script, path):
            assert 30 == len(hub)
            begun = time.monotonic()
            with pytest.raises(Locked) as refused:
                hub.put({}, unid="new")
            assert 0.25 < time.monotonic() - begun < 5
            assert ("locked", True) == (refused.value.code, refused.value.may_retry)
            assert 30 == hub.info()["update_seq"]
        hub.put({}, unid="new")
        assert 31 == len(hub)


def test_a_file_that_another_program_keeps_for_itself_is_locked(path: Path) -> None:
    script = """
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        wait()
        """
    with held_by(script, path), pytest.raises(Locked):
        replica.open(str(path), busy_timeout=0.2)
    with replica.open(str(path), busy_timeout=0.2) as hub:
        assert 30 == len(hub)


def test_a_batch_in_another_process_keeps_writers_out_and_readers_not(path: Path) -> None:
    script = """
        with replica.open(sys.argv[1]) as hub:
            with hub.batch():
                hub.put({}, unid="theirs")
                wait()
        """
    with replica.open(str(path), busy_timeout=0.2) as hub:
        with held_by(script, path):
            assert "theirs" not in hub
            with pytest.raises(Locked, match="another process"):
                hub.put({}, unid="mine")
            with pytest.raises(Locked):
                hub.compact()
        assert "theirs" in hub
        hub.put({}, unid="mine")


def test_a_batch_in_another_thread_keeps_writers_out_and_readers_not(path: Path) -> None:
    entered, done = threading.Event(), threading.Event()

    def hold(hub: replica.Replica) -> None:
        with hub.batch():
            hub.put({}, unid="theirs")
            entered.set()
            assert done.wait(20)

    with replica.open(str(path), busy_timeout=0.2) as hub:
        thread = threading.Thread(target=hold, args=(hub,))
        thread.start()
        assert entered.wait(20)
        assert "theirs" not in hub
        with pytest.raises(Locked):
            hub.put({}, unid="mine")
        done.set()
        thread.join()
        assert "theirs" in hub
        hub.put({}, unid="mine")


def test_a_writer_that_was_killed_leaves_no_lock(path: Path) -> None:
    process = in_python(
        """
        import sys, replica
        hub = replica.open(sys.argv[1])
        hub.put({}, unid="acknowledged")
        batch = hub.batch()
        batch.__enter__()
        hub.put({}, unid="unfinished")
        print("ready", flush=True)
        sys.stdin.readline()
        """,
        path,
    )
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    process.kill()
    process.communicate()
    with replica.open(str(path), busy_timeout=0.2) as hub:
        assert "acknowledged" in hub
        assert "unfinished" not in hub
        hub.put({}, unid="mine")
        assert hub.verify()["ok"]


# -- what may not be written


READ_ONLY = """
    import json, os, sys, replica
    from replica.errors import ReplicaError

    with replica.create(":memory:") as warm:  # load everything while it still can be read
        warm.put({})
        warm.verify()
        list(warm.find({"a": {"$gt": 1}}))
        try:
            replica.replicate(warm, warm)
        except ReplicaError:
            pass
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(int(sys.argv[3]))
        os.setuid(int(sys.argv[3]))

    def attempt(action):
        try:
            return action()
        except ReplicaError as error:
            assert ".new" not in str(error), error
            return error.code
        except Exception as error:
            return repr(error)

    found = {}
    try:
        hub = replica.open(sys.argv[1])
    except ReplicaError as error:
        found["open"] = error.code
        assert "folder" in str(error), error
    else:
        found["open"] = "opened"
        found["len"] = attempt(lambda: len(hub))
        found["get"] = attempt(lambda: hub.get("0001")["n"])
        found["verify"] = attempt(lambda: hub.verify()["ok"])
        found["put"] = attempt(lambda: hub.put({}))
        found["put_many"] = attempt(lambda: hub.put_many([{}]))
        found["delete"] = attempt(lambda: hub.delete("0001"))
        found["settings"] = attempt(lambda: hub.settings.__setitem__("title", "x"))
        found["compact"] = attempt(hub.compact)
        found["index"] = attempt(lambda: hub.create_index(["n"]))
        found["pull into"] = attempt(lambda: replica.replicate(hub, sys.argv[2], direction="pull"))
        found["pull from"] = attempt(lambda: replica.replicate(sys.argv[2], hub, direction="pull").pull.added)
        hub.close()
    found["create"] = attempt(lambda: replica.create(os.path.join(os.path.dirname(sys.argv[1]), "new.db")).path)
    print(json.dumps(found))
    """


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="replica-"))
    folder.chmod(0o755)
    yield folder
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["file", "folder", "both"])
def test_what_may_not_be_written_is_read_or_refused_and_never_changed(open_folder: Path, what: str) -> None:
    hers, mine = open_folder / "hers", open_folder / "mine"
    for folder in (hers, mine):
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY) if os.getuid() == 0 else None
    fill(hers / "hub.db")
    with replica.open(str(hers / "hub.db")) as hub:
        hub.copy(str(mine / "laptop.db")).close()
        hub.put({}, unid="new")
    for file in (*hers.iterdir(), *mine.iterdir()):
        if os.getuid() == 0:
            os.chown(file, NOBODY, NOBODY)
        if file.name.endswith("-lock"):
            file.unlink()
    if what in ("file", "both"):
        (hers / "hub.db").chmod(0o444)
    if what in ("folder", "both"):
        hers.chmod(0o555)
    before = look(hers)
    process = in_python(READ_ONLY, hers / "hub.db", mine / "laptop.db", NOBODY)
    output, _ = process.communicate(timeout=60)
    assert 0 == process.returncode
    found = json.loads(output)
    after = look(hers)
    assert before["hub.db"] == after["hub.db"]
    assert b"" == after.get("hub.db-wal", (b"", 0))[0]
    new = set(after) - set(before) - {"hub.db-wal", "hub.db-shm"}  # SQLite's, which a reader may make but not remove
    assert ({"new.db"} if what == "file" else set()) == new
    if what == "file":
        assert ("opened", 31, 1, True) == tuple(found[name] for name in ("open", "len", "get", "verify"))
        writing = ("put", "put_many", "delete", "settings", "compact", "index", "pull into")
        assert dict.fromkeys(writing, "read_only") == {name: found[name] for name in writing}
        assert 1 == found["pull from"]
    else:  # SQLite needs to write beside a file that others may be writing
        assert {"open": "read_only", "create": "read_only"} == found


# -- names


NAMES = [
    "with space.db",
    "what?.db",
    "a#b.db",
    "100%.db",
    "%41.db",
    "a&mode=memory.db",
    "?mode=ro",
    "quote'\".db",
    "line\nbreak.db",
    "naïve 日本 😀.db",
    "e\u0301.db",
    "-starts-with-dash",
    "no suffix",
    ".hidden",
    "back\\slash.db",
    "colon:memory:.db",
    ":memory:.db",
    "file:hub.db",
    "$HOME.db",
    "~.db",
    "x" * 200,
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with replica.create(name) as hub:
        hub.put({"n": 1}, unid="a")
        assert os.path.join(os.path.realpath(tmp_path), name) == hub.path
        with hub.copy(name + "2") as copy:
            copy.put({"n": 2}, unid="b")
        hub.backup(name + "3")
        report = replica.replicate(name, name + "2")
        assert report.pull is not None
        assert 1 == report.pull.added
    with replica.open(name) as hub:
        assert 2 == len(hub)
        hub.compact()
        assert hub.verify()["ok"]
    with replica.open(name + "3") as backup:
        assert 1 == len(backup)
    endings = ("", "2", "3")
    assert {name + ending for ending in endings} == {
        entry.name for entry in tmp_path.iterdir() if not entry.name.endswith("-lock")
    }


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS knows no such names")
def test_a_name_that_is_not_unicode_will_do_too(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.db")
    with replica.create(path) as hub:
        hub.copy(path + "2").close()
        hub.put({}, unid="a")
        hub.backup(path + "3")
    report = replica.replicate(path + "2", path)
    assert report.pull is not None
    assert 1 == report.pull.added
    for name in (path, path + "2", path + "3"):
        with replica.open(name) as hub:
            assert 1 == len(hub)


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    for length in (240, 250, 300, 5000):
        path = str(tmp_path / ("x" * length))
        with pytest.raises(Mistake, match="too long"):
            replica.create(path)
        with pytest.raises(ReplicaError):
            replica.open(path)
    assert [] == list(tmp_path.iterdir())


def test_a_relative_name_means_the_folder_at_the_time_of_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with replica.create("hub.db") as hub:
        monkeypatch.chdir(tmp_path / "elsewhere")
        hub.put({}, unid="a")
        hub.copy("copy.db").close()
        hub.backup("backup.db")
        threads = [threading.Thread(target=hub.put, args=({},)) for _ in range(3)]  # new connections
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 4 == len(hub)
    assert {"copy.db", "backup.db"} == {
        entry.name for entry in (tmp_path / "elsewhere").iterdir() if not entry.name.endswith("-lock")
    }
    with replica.open("../hub.db") as hub:
        assert 4 == len(hub)


def test_a_relative_name_in_a_folder_that_is_gone_is_not_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = path.parent / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for use in (replica.open, replica.create, replica.upgrade):
        with pytest.raises(NotFound, match="current folder"):
            use("hub.db")
    with replica.open(path) as hub:
        with pytest.raises(NotFound, match="current folder"):
            hub.backup("backup.db")
        assert 30 == len(hub)


def test_a_symbolic_link_is_another_name_for_the_same_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with replica.open(str(link)) as by_link, replica.open(str(path)) as by_name:
        assert str(path) == by_link.path == by_name.path
        by_link.put({}, unid="a")
        assert "a" in by_name
        with pytest.raises(replica.errors.WithItself):
            replica.replicate(by_link, by_name)
    assert link.is_symlink()
    assert {"folder", "link.db"} == {entry.name for entry in tmp_path.iterdir()}


def test_a_hard_link_that_is_gone_again_does_no_harm(path: Path) -> None:
    linked(path)
    with pytest.raises(HardLinked):
        replica.open(str(path.parent / "other name.db"))
    (path.parent / "other name.db").unlink()
    with replica.open(str(path)) as hub:
        hub.put({}, unid="a")


# -- replaced, deleted, twice, forked


def other_database(path: Path) -> Path:
    other = path.parent / "other.db"
    with replica.create(str(other)) as hub:
        hub.put({}, unid="theirs")
    return other


def backup_of(path: Path) -> Path:
    other = path.parent / "other.db"
    with replica.open(str(path)) as hub:
        hub.backup(str(other))
    return other


def copied_bytes(path: Path) -> Path:
    other = path.parent / "other.db"
    shutil.copy(path, other)
    return other


def some_text(path: Path) -> Path:
    other = path.parent / "other.db"
    other.write_text("not a database")
    return other


USES: dict[str, Callable[[replica.Replica], object]] = {
    "get": lambda hub: hub.get("0001"),
    "documents": lambda hub: list(hub.documents()),
    "changes": lambda hub: list(hub.changes()),
    "find": lambda hub: list(hub.find({"n": 1})),
    "len": len,
    "info": lambda hub: hub.info(),
    "verify": lambda hub: hub.verify(),
    "put": lambda hub: hub.put({}, unid="mine"),
    "put_many": lambda hub: hub.put_many([{}]),
    "delete": lambda hub: hub.delete("0001"),
    "settings": lambda hub: hub.settings.__setitem__("title", "mine"),
    "compact": lambda hub: hub.compact(),
    "index": lambda hub: hub.create_index(["n"]),
    "backup": lambda hub: hub.backup(f"{hub.path}.backup"),
    "copy": lambda hub: hub.copy(f"{hub.path}.copy"),
}


@pytest.mark.parametrize("make", [other_database, backup_of, copied_bytes, some_text], ids=lambda make: make.__name__)
def test_a_file_replaced_while_it_was_open_is_noticed_and_not_written(path: Path, make: Callable[[Path], Path]) -> None:
    other = make(path)
    content = other.read_bytes()
    hub = replica.open(str(path))
    hub.put({}, unid="before")
    os.replace(other, path)
    changed = path.stat().st_mtime_ns
    for name, use in USES.items():
        with pytest.raises(Replaced) as refused:
            use(hub)
        assert ("replaced", False) == (refused.value.code, refused.value.may_retry), name
    hub.close()
    assert content == path.read_bytes()
    assert changed == path.stat().st_mtime_ns
    assert not list(path.parent.glob("*.copy")) + list(path.parent.glob("*.backup"))


def test_a_file_replaced_inside_a_batch_is_noticed_before_the_commit(path: Path) -> None:
    other = other_database(path)
    content = other.read_bytes()

    def save() -> None:
        with hub.batch():
            hub.put({}, unid="mine")
            os.replace(other, path)

    hub = replica.open(str(path))
    with pytest.raises(Replaced):
        save()
    hub.close()
    assert content == path.read_bytes()


def test_closing_a_replaced_replica_leaves_the_log_of_the_new_file_alone(path: Path) -> None:
    """Another process has opened the new file and written to it: that is in a log of the same name."""
    other = other_database(path)
    old = replica.open(str(path))
    old.put({}, unid="before")
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink()
    os.replace(other, path)
    script = """
        hub = replica.open(sys.argv[1])
        hub.put({}, unid="acknowledged")
        wait()
        import os
        os._exit(0)
        """
    with held_by(script, path):
        old.close()
    with replica.open(str(path)) as new:
        assert {"theirs", "acknowledged"} == {document.unid for document in new.documents()}


def test_a_file_deleted_while_it_was_open_is_noticed_and_not_made_again(path: Path) -> None:
    hub = replica.open(str(path))
    hub.put({}, unid="before")
    path.unlink()
    for name, use in USES.items():
        with pytest.raises(Replaced):
            use(hub)
        assert not path.exists(), name
    hub.close()
    assert not path.exists()


def test_a_file_that_was_moved_away_is_noticed(path: Path) -> None:
    hub = replica.open(str(path))
    hub.put({}, unid="before")
    path.rename(path.parent / "moved.db")
    with pytest.raises(Replaced):
        hub.put({}, unid="after")
    (path.parent / "moved.db").rename(path)
    hub.put({}, unid="after")
    hub.close()
    with replica.open(str(path)) as again:
        assert "after" in again


def test_a_backup_put_in_the_place_of_a_file_is_not_mixed_with_what_was_in_its_log(path: Path) -> None:
    backup = backup_of(path)
    process = in_python(
        """
        import os, sys, replica
        hub = replica.open(sys.argv[1])
        hub.put({}, unid="after the backup")
        os._exit(0)
        """,
        path,
    )
    process.communicate()
    assert Path(f"{path}-wal").exists()
    os.replace(backup, path)
    with replica.open(str(path)) as hub:
        assert 30 == len(hub)
        assert "after the backup" not in hub
        assert hub.verify()["ok"]
        hub.put({}, unid="new")
    with replica.open(str(path)) as hub:
        assert "new" in hub


def test_a_file_may_be_open_twice_in_one_process(path: Path) -> None:
    a, b = replica.open(str(path)), replica.open(str(path))
    for n in range(10):
        (a, b)[n % 2].put({"n": n}, unid=f"a{n}")
    assert list(a.changes()) == list(b.changes())
    a.close()
    b.put({}, unid="still there")
    with replica.open(str(path)) as c:
        assert 41 == len(c) == len(b)
        with c.batch():
            c.put({}, unid="c")
        assert "c" in b
    b.close()
    with replica.open(str(path)) as d:
        assert 42 == len(d)
        assert d.verify()["ok"]


def test_a_replica_used_after_fork_says_so_and_the_parent_goes_on(path: Path) -> None:
    script = """
        import os, sys, replica
        hub = replica.open(sys.argv[1])
        hub.put({}, unid="before")
        child = os.fork()
        if child == 0:
            said = []
            for use in (lambda: hub.get("before"), lambda: hub.put({}), lambda: len(hub), hub.verify, hub.compact):
                try:
                    use()
                except RuntimeError as error:
                    said.append("fork" in str(error))
            hub.close()
            with replica.open(sys.argv[1]) as again:
                again.put({}, unid="by the child")
            os._exit(0 if said == [True] * 5 else 1)
        status = os.waitpid(child, 0)[1]
        hub.put({}, unid="after")
        print(os.waitstatus_to_exitcode(status), len(hub), hub.verify()["ok"])
        hub.close()
        """
    process = in_python(script, path)
    assert "0 33 True\n" == process.communicate(timeout=60)[0]
    with replica.open(str(path)) as hub:
        assert {"before", "after", "by the child"} <= {document.unid for document in hub.documents()}
        assert hub.verify()["ok"]


def test_two_processes_that_create_one_file_do_not_share_it(tmp_path: Path) -> None:
    script = """
        import sys, replica
        from replica.errors import Exists
        sys.stdin.readline()
        try:
            with replica.create(sys.argv[1]) as hub:
                hub.put({}, unid=sys.argv[2])
                print("created", flush=True)
        except Exists:
            print("exists", flush=True)
        """
    processes = [in_python(script, tmp_path / "hub.db", name) for name in "abc"]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=60)[0] for process in processes)
    assert ["created\n", "exists\n", "exists\n"] == said
    with replica.open(str(tmp_path / "hub.db")) as hub:
        assert 1 == len(hub)
    assert {"hub.db"} == {entry.name for entry in tmp_path.iterdir() if not entry.name.endswith("-lock")}


def test_whoever_comes_too_late_to_create_a_file_leaves_its_log_alone(tmp_path: Path) -> None:
    """What was acknowledged in the file that came first is in its log; the second one finds the name taken."""
    path = str(tmp_path / "hub.db")
    count = "with replica.open(sys.argv[1]) as hub: print(len(hub))"
    with ExitStack() as stack:

        def come_second() -> None:
            with new_file(path) as unfinished:
                Path(unfinished).write_text("of the second")
                hub = stack.enter_context(replica.create(path))
                hub.put({}, unid="acknowledged")

        with pytest.raises(Exists):
            come_second()
        assert "1\n" == in_python("import sys, replica\n" + count, path).communicate(timeout=60)[0]
    with replica.open(path) as hub:
        assert "acknowledged" in hub
