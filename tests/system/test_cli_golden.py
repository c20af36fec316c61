"""The command: each JSON shape that scripts rely on, against the files in `tests/golden`.

What differs from run to run (ids, times, sizes, paths) is replaced by its kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.store.eviction import evict
from tests.connections import Site
from tests.house.source import ROOT
from tests.system.command import Outcome, done, run

GOLDEN = ROOT / "tests" / "golden"
KINDS = (
    (re.compile(r"\d+-[0-9a-f]{32}"), "<revision>"),
    (re.compile(r"[0-9a-f]{32}"), "<id>"),
    (re.compile(r"replica_[0-9a-f]{12}_[\w-]{43}"), "<token>"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "<token id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
)
VARYING = {"seconds", "bytes", "bytes_before", "bytes_after", "lag_in_s", "lag_out_s", "host"}


def push_refused(a: Path, b: Path) -> Outcome:
    """A push of which the other side takes only what is small."""
    done("settings", b, "document-size-max=10")
    return run("push", a, b, "--json")


def of_users(new: Path, *words: object) -> Outcome:
    """A command about the users of a folder with an administrator, who has a token that expires."""
    folder = new.parent / "data"
    if not folder.exists():
        folder.mkdir()
        done("user", "add", "anna", "--data", folder, "--admin", REPLICA_PASSWORD="secret")
        done("token", "create", "anna", "--data", folder, "--expires", "30d")
    return done(*words, "--data", folder, "--json", REPLICA_PASSWORD="secret")


def first_token(new: Path) -> str:
    return str(of_users(new, "token", "list").value[0]["id"])


def listed(db: Path) -> Outcome:
    """An access list with one entry for a user and one for all others."""
    done("acl", db, "set", "-default-", "reader")
    return done("acl", db, "set", "anna", "editor", "--role", "approver", "--deny", "delete", "--json")


def site(a: Path, *words: object, bad: bool = False) -> Outcome:
    """A command with a configuration: a connection with a schedule, which is switched off, one by name, and a bad one."""
    made = Site(a.parent)
    keys = {"schedule": "*/15 8-22 * * mon-fri", "priority": "high", "time_limit": "10m", "jitter": "2m"}
    tables: list[dict[str, Any]] = [
        {"name": "hub", **keys},
        {"name": "both", "every": "1h", "within": {"days": "mon-fri"}},
    ]
    made.write(*({"here": "b.db", "peer": "a.db", **table} for table in tables))
    made.done("connection", "disable", "hub", "--reason", "repairs", LOGNAME="anna")
    if bad:
        made.write(
            {"name": "hub", "shedule": "@daily"}, {"name": "one", "direction": "pull", "here": "b.db", "peer": "a.db"}
        )
    return made.run(*words, "--json", TZ="Europe/Berlin", LOGNAME="anna")


def evicted(db: Path) -> Outcome:
    """What left, after a document did."""
    with replica.open(db) as hub:
        change = next(hub.changes())
        with hub.file.write() as connection:
            assert 1 == evict(connection, {change.unid: change.leaves}, ("1" * 32,), "", 1_700_000_000_000)
    return done("evicted", db, "--json")


Shape = Callable[[Path, Path, Path], Outcome]
SHAPES: dict[str, Shape] = {
    "create": lambda a, b, new: done("create", new, "--json"),
    "copy": lambda a, b, new: done("copy", a, new, "--json"),
    "info": lambda a, b, new: done("info", a, "--json"),
    "put": lambda a, b, new: done("put", a, "new", "{}", "--json"),
    "get": lambda a, b, new: done("get", a, "order/1", "--json"),
    "delete": lambda a, b, new: done("delete", a, "order/2", "--json"),
    "list": lambda a, b, new: done("list", a, "--deleted", "--json"),
    "find": lambda a, b, new: done("find", a, '{"Total":{"$gt":2}}', "--json"),
    "revisions": lambda a, b, new: done("revisions", a, "order/2", "--json"),
    "index": lambda a, b, new: done("index", a, "Form", "Total", "--json"),
    "import": lambda a, b, new: run("import", a, "-", "--json", stdin='{"_id":"x"}\n{"_id":7}\n'),
    "export": lambda a, b, new: done("export", a, new, "--json"),
    "sync": lambda a, b, new: done("sync", a, b, "--json"),
    "pull": lambda a, b, new: done("pull", a, b, "--dry-run", "--json"),
    "push-refused": lambda a, b, new: push_refused(a, b),
    "refused": lambda a, b, new: done("refused", b, "--json") if push_refused(a, b) else run(),
    "evicted": lambda a, b, new: evicted(a),
    "conflicts": lambda a, b, new: done("conflicts", a, "--json"),
    "resolve": lambda a, b, new: done("resolve", a, "order/1", "--items", "{}", "--json"),
    "resolve-all": lambda a, b, new: done("resolve", a, "--all", "--keep", "newest", "--dry-run", "--json"),
    "history": lambda a, b, new: done("history", a, "--json"),
    "settings": lambda a, b, new: done("settings", a, "--json"),
    "acl-list": lambda a, b, new: done("acl", a, "list", "--json") if listed(a) else run(),
    "acl-set": lambda a, b, new: listed(a),
    "acl-remove": lambda a, b, new: done("acl", a, "remove", "anna", "--json") if listed(a) else run(),
    "acl-check": lambda a, b, new: done("acl", a, "check", "anna", "--json") if listed(a) else run(),
    "config-show": lambda a, b, new: site(a, "config", "show"),
    "config-show-origin": lambda a, b, new: site(a, "config", "show", "--origin"),
    "config-check": lambda a, b, new: site(a, "config", "check", bad=True),
    "connection-list": lambda a, b, new: site(a, "connection", "list"),
    "connection-show": lambda a, b, new: site(a, "connection", "show", "hub"),
    "connection-test": lambda a, b, new: site(a, "connection", "test", "hub"),
    "connection-enable": lambda a, b, new: site(a, "connection", "enable", "hub"),
    "connection-disable": lambda a, b, new: site(a, "connection", "disable", "both"),
    "run": lambda a, b, new: site(a, "run", "hub"),
    "log": lambda a, b, new: site(a, "log") if site(a, "run", "both") else run(),
    "schedule-show": lambda a, b, new: site(a, "schedule", "show") if site(a, "run", "both") else run(),
    "schedule-export": lambda a, b, new: site(a, "schedule", "export", "--systemd", new.parent),
    "status": lambda a, b, new: site(a, "status") if site(a, "run", "both") else run(),
    "check": lambda a, b, new: site(a, "check", "--max-age", "1h", bad=True),
    "verify": lambda a, b, new: done("verify", a, "--json"),
    "compare": lambda a, b, new: run("verify", a, b, "--json"),
    "compact": lambda a, b, new: done("compact", a, "--json"),
    "upgrade": lambda a, b, new: done("upgrade", a, "--json"),
    "backup": lambda a, b, new: done("backup", a, new, "--json"),
    "user-add": lambda a, b, new: of_users(new, "user", "add", "bruno", "--role", "sales", "--role", "help"),
    "user-list": lambda a, b, new: of_users(new, "user", "list"),
    "user-passwd": lambda a, b, new: of_users(new, "user", "passwd", "anna"),
    "user-remove": lambda a, b, new: of_users(new, "user", "remove", "anna"),
    "token-create": lambda a, b, new: of_users(new, "token", "create", "anna", "--db", "orders", "--read-only"),
    "token-list": lambda a, b, new: of_users(new, "token", "list"),
    "token-revoke": lambda a, b, new: of_users(new, "token", "revoke", first_token(new)),
}


def in_kinds(value: Any, folder: Path, name: str = "") -> Any:
    """A value with its kind in place of what differs from run to run."""
    if isinstance(value, dict):
        return {key: in_kinds(inner, folder, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [in_kinds(inner, folder) for inner in value]
    if name in VARYING:
        return f"<{name}>"
    if isinstance(value, str):
        value = value.replace(str(folder), "<folder>")
        for pattern, kind in KINDS:
            value = pattern.sub(kind, value)
    return value


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two replicas with a conflict, a deletion stub and something new on each side."""
    folder = tmp_path_factory.mktemp("golden")
    a, b = folder / "a.db", folder / "b.db"
    done("create", a, "--title", "Orders")
    for unid in ("order/1", "order/2", "order/3"):
        done("put", a, unid, '{"Form":"Order","Total":1}')
    done("copy", a, b)
    done("put", a, "order/1", '{"Form":"Order","Total":2}', "--replace")
    done("put", b, "order/1", '{"Form":"Order","Total":3,"Note":"é"}', "--replace")
    done("sync", a, b)
    done("delete", a, "order/3")
    done("put", a, "order/2", '{"Form":"Order","Total":4}', "--replace")
    done("put", b, "order/4", '{"Form":"Order"}')
    return a, b


@pytest.fixture
def fresh(pair: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The two replicas for a test that may change them: the files as they were, which is what a backup is."""
    for path in pair:
        done("backup", path, tmp_path / path.name)
    return tmp_path / "a.db", tmp_path / "b.db"


def compare(name: str, found: Any) -> None:
    path = GOLDEN / f"{name}.json"
    expected = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    assert expected == found, (
        f"if this is meant, {path.name} should be:\n{json.dumps(found, indent=2, ensure_ascii=False)}"
    )


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_as_promised(fresh: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    compare(name, in_kinds(SHAPES[name](*fresh, tmp_path / "new").value, tmp_path))


def test_changes_are_as_promised(fresh: tuple[Path, Path], tmp_path: Path) -> None:
    compare("changes", in_kinds(done("changes", fresh[0], "--json").lines, tmp_path))


def test_an_error_is_as_promised(tmp_path: Path) -> None:
    compare("error", in_kinds(json.loads(run("info", tmp_path / "none.db", "--json").err), tmp_path))


def test_every_golden_file_is_used() -> None:
    assert {*SHAPES, "changes", "error"} == {path.stem for path in GOLDEN.iterdir()}
