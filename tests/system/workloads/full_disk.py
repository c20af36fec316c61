"""As much as there is room for; then there is room again, and the same program goes on.

`room` in the folder says how: "limit N": no file may grow beyond N bytes, as with a quota; "free N": a `ballast` fills the
disk up to the last N bytes.
"""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import replica
from tests.system.oracle import Mark, look, saved

PAD = "x" * 2000
SIZE = 12
EDITED = ["clash", "other clash"]


def prepare(folder: Path) -> None:
    with replica.create(str(folder / "a.db")) as a:
        a.put_many(replica.Document({"by": "before", "pad": PAD}, unid=unid) for unid in [*"abcd", *EDITED])
        with a.copy(str(folder / "b.db")) as b:
            for hub, by in ((a, "a"), (b, "b")):
                hub.put_many(changed(hub, unid, by) for unid in EDITED)
            assert replica.replicate(a, b).ok
            b.put_many(replica.Document({"by": "b", "pad": PAD}, unid=f"b/{n}") for n in range(SIZE))


def changed(hub: replica.Replica, unid: str, by: str) -> replica.Document:
    document = hub.get(unid)
    document["by"] = by
    return document


def work(folder: Path, attempt: Any) -> None:
    take_room(folder)
    with ExitStack() as stack:
        try:
            a, b = opened(folder, stack)
        except replica.errors.DiskError:
            give_room(folder)
            a, b = opened(folder, stack)
        else:
            everything(folder, a, b, "full", attempt)
            give_room(folder)
        everything(folder, a, b, "free", attempt)


def opened(folder: Path, stack: ExitStack) -> list[replica.Replica]:
    return [stack.enter_context(replica.open(str(folder / name))) for name in ("a.db", "b.db")]


def everything(folder: Path, a: replica.Replica, b: replica.Replica, when: str, attempt: Any) -> None:
    with attempt(f"{when}: settings"):
        a.settings["title"] = when
    with attempt(f"{when}: put"):
        a.put({"by": when, "pad": PAD}, unid=f"{when}/put")
    with attempt(f"{when}: import"):
        a.put_many(replica.Document({"by": when, "pad": PAD}, unid=f"{when}/{n}") for n in range(SIZE))
    with attempt(f"{when}: exchange"):
        replica.replicate(a, b)
    with attempt(f"{when}: resolve"):
        a.resolve(EDITED[when == "free"], items={"by": when})
    with attempt(f"{when}: compact"):
        a.compact()
    with attempt(f"{when}: backup"):
        a.backup(str(folder / f"{when}.backup.db"))
    with attempt(f"{when}: copy"):
        a.copy(str(folder / f"{when}.copy.db")).close()
    with attempt(f"{when}: create"):
        replica.create(str(folder / f"{when}.new.db")).close()


def take_room(folder: Path) -> None:
    how, number = (folder / "room").read_text(encoding="utf-8").split()
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), resource.RLIM_INFINITY))
        return
    disk = os.statvfs(folder)
    (folder / "ballast").write_bytes(bytes(max(0, disk.f_bavail * disk.f_frsize - int(number))))


def give_room(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    (folder / "ballast").unlink(missing_ok=True)


def batch(when: str) -> list[Mark]:
    return [(f"{when}/{n}", when) for n in range(SIZE)]


PROMISED = {
    f"{when}: {what}": saved(*wanted)
    for when in ("full", "free")
    for what, wanted in {
        "put": [(f"{when}/put", when)],
        "import": batch(when),
        "resolve": [(EDITED[when == "free"], when)],
    }.items()
}


def check(folder: Path, acknowledged: list[str], unknown: list[str]) -> None:
    """Everything that was tried when there was room was done; what was tried before may have failed, as a whole."""
    assert not [token for token in unknown if token.startswith("free")], "cannot go on when there is room again"
    with replica.open(str(folder / "a.db")) as a, replica.open(str(folder / "b.db")) as b:
        found = look(a)
        kept = {token: [effect(found) for effect in effects] for token, effects in PROMISED.items()}
        assert not [token for token, effects in kept.items() if len(set(effects)) != 1], f"torn: {kept}"
        assert not [token for token in kept if token in acknowledged and not all(kept[token])], f"lost: {kept}"
        assert all(found.tips[unid] in (["a", "b"], ["full"], ["free"]) for unid in EDITED)
        assert {("a", "before"), *((f"b/{n}", "b") for n in range(SIZE))} <= found.marks
        assert replica.replicate(a, b).ok
        assert a.compare(b)["ok"]
        for path in folder.glob("*.*.db"):
            with replica.open(str(path)) as other:
                assert other.verify()["ok"], path.name
    assert not list(folder.glob("*.new")), "left behind"
