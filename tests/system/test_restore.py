"""A backup put in the place of its original, whatever lies beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import replica

KILLED = """
import os, signal, replica
hub = replica.open("hub.db")
for n in range(50):
    hub.put({"after": n}, unid=f"after/{n}")
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_hub(folder: Path) -> None:
    """A hub with a backup of its first ten documents, and a write-ahead log with fifty more that nobody closed."""
    with replica.create(str(folder / "hub.db")) as hub:
        for n in range(10):
            hub.put({"before": n}, unid=f"before/{n}")
        hub.backup(str(folder / "backup.db"))
    package = Path(replica.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-c", KILLED], cwd=folder, check=False, env={**os.environ, "PYTHONPATH": str(package)}
    )
    assert (folder / "hub.db-wal").stat().st_size > 0


def test_a_log_left_by_the_lost_file_is_not_replayed_into_a_restored_backup(tmp_path: Path) -> None:
    killed_hub(tmp_path)
    shutil.copyfile(tmp_path / "backup.db", tmp_path / "hub.db")
    with replica.open(str(tmp_path / "hub.db")) as hub:
        assert [f"before/{n}" for n in range(10)] == [document.unid for document in hub.documents()]
        assert hub.verify()["ok"]


def test_the_log_of_a_killed_process_is_replayed_into_its_own_file(tmp_path: Path) -> None:
    killed_hub(tmp_path)
    with replica.open(str(tmp_path / "hub.db")) as hub:
        assert 60 == len(hub)


def test_a_restored_backup_survives_being_killed_itself(tmp_path: Path) -> None:
    killed_hub(tmp_path)
    shutil.copyfile(tmp_path / "backup.db", tmp_path / "hub.db")
    package = Path(replica.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-c", KILLED], cwd=tmp_path, check=False, env={**os.environ, "PYTHONPATH": str(package)}
    )
    with replica.open(str(tmp_path / "hub.db")) as hub:
        assert 60 == len(hub)


def test_a_new_database_does_not_inherit_the_log_of_a_deleted_one(tmp_path: Path) -> None:
    killed_hub(tmp_path)
    (tmp_path / "hub.db").unlink()
    with replica.create(str(tmp_path / "hub.db")) as hub:
        assert 0 == len(hub)
        assert hub.verify()["ok"]
    (tmp_path / "hub.db").unlink()
    with replica.open(str(tmp_path / "backup.db")) as backup, backup.copy(str(tmp_path / "hub.db")) as copy:
        assert 10 == len(copy)
