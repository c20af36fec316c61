"""Files of every schema that was ever released open for ever, and show what they showed; upgrading is all or nothing.

That a new file equals one upgraded from nothing is in tests/house/test_schema.py.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.errors import Corrupt, ReplicaError, TooOld
from replica.store.tables import SCHEMA
from tests.migrations.make_fossil import FOSSILS, description, make, unpack

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"
FOUND = sorted(FOSSILS.glob("schema-*.db.gz"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with replica.create(str(tmp_path / "hub.db")) as hub:
        hub.put({"n": 1}, unid="a")
    return tmp_path / "hub.db"


def look(path: Path) -> dict[str, Any]:
    """What is in a closed file, without the library."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return {
            "user_version": connection.execute("PRAGMA user_version").fetchone()[0],
            "schema": connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall(),
            "leaves": connection.execute("SELECT * FROM leaf ORDER BY seq").fetchall(),
        }


def by_sqlite(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def check_fossil(fossil: Path, folder: Path) -> None:
    """It opens, after an upgrade where it is older; shows what it showed; is intact; and replicates with a new replica."""
    path = unpack(fossil, folder)
    expected = json.loads(fossil.with_name(fossil.name.replace(".db.gz", ".json")).read_text(encoding="utf-8"))
    assert (f"schema-{SCHEMA}.db.gz" != fossil.name) == replica.upgrade(str(path))
    with replica.open(str(path)) as old:
        shown = json.loads(json.dumps(description(old)))
        shown["settings"] = {name: shown["settings"][name] for name in expected["settings"]}  # later ones have defaults
        assert expected == shown
        assert old.verify()["ok"]
        with old.copy(str(folder / "new.db")) as new:
            new.put({"from": "new"}, unid="from new")
            old.put({"from": "old"}, unid="from old")
            conflict = next(conflict for conflict in old.conflicts() if conflict.unid == "clash")
            old.resolve("clash", keep=conflict.winner)
            report = replica.replicate(new, old)
            assert report.ok
            assert new.compare(old)["ok"]
            assert {"from": "new"} == old.get("from new").items
            assert new.verify()["ok"]
        old.compact()
        assert old.verify()["ok"]


def test_every_fossil_opens_and_shows_what_it_showed(tmp_path: Path) -> None:
    for fossil in FOUND:
        (tmp_path / fossil.name).mkdir()
        check_fossil(fossil, tmp_path / fossil.name)


def test_a_fossil_made_today_opens_and_shows_what_it_showed(tmp_path: Path) -> None:
    """So that the script works on the day it is needed; and what it makes has something of everything in it."""
    make(tmp_path)
    check_fossil(tmp_path / f"schema-{SCHEMA}.db.gz", tmp_path)
    assert (tmp_path / f"schema-{SCHEMA}.db.gz").stat().st_size < 30_000
    with closing(sqlite3.connect(unpack(tmp_path / f"schema-{SCHEMA}.db.gz", tmp_path))) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        empty = [
            name for name in names if not connection.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}")').fetchone()[0]
        ]
    assert [] == [name for name in empty if not name.startswith("sqlite_stat")]


def test_every_schema_before_this_one_has_a_fossil() -> None:
    assert [f"schema-{number}.db.gz" for number in range(1, SCHEMA)] == [
        fossil.name for fossil in FOUND if fossil.name != f"schema-{SCHEMA}.db.gz"
    ]


def test_migrations_are_numbered_without_gaps_and_end_with_the_present_schema() -> None:
    files = sorted(MIGRATIONS.glob("[0-9]*.py"))
    expected = [f"{number:04d}" for number in range(1, SCHEMA + 1)]
    assert expected == [file.name[:4] for file in files]
    texts = [file.read_text(encoding="utf-8") for file in files]
    said = [re.findall(r'^(?:down_)?revision = (?:"(\d+)"|None)$', text, re.MULTILINE) for text in texts]
    assert [[number, f"{int(number) - 1:04d}" if number != "0001" else ""] for number in expected] == said


def test_a_file_with_other_tables_than_its_number_says_is_damaged(path: Path) -> None:
    by_sqlite(path, "DROP TABLE leaf")
    with replica.open(str(path)) as hub, pytest.raises(Corrupt, match="no such table"):
        hub.put({})


# -- upgrading


def test_a_file_of_this_schema_needs_no_upgrade_and_gets_none(path: Path) -> None:
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert not replica.upgrade(str(path))
    assert before == (path.read_bytes(), path.stat().st_mtime_ns)


def test_an_older_file_is_brought_up_to_date(path: Path) -> None:
    """The version number alone is older, as when a process was killed between an upgrade and its mark: they are one."""
    present = look(path)
    by_sqlite(path, "PRAGMA user_version = 0")
    with pytest.raises(TooOld) as refused:
        replica.open(str(path))
    assert "replicate upgrade" in refused.value.hint
    assert replica.upgrade(str(path))
    assert present == look(path)
    with replica.open(str(path)) as hub:
        assert 1 == hub.get("a")["n"]


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """Here because a table that the migration makes is there already; nothing of what it made before that stays."""
    by_sqlite(
        path,
        "PRAGMA user_version = 0",
        "DELETE FROM alembic_version",
        "DROP TABLE conflict_document",
        "DROP INDEX leaf_unid",
    )
    before = look(path)
    with pytest.raises(Corrupt, match="already exists"):
        replica.upgrade(str(path))
    assert before == look(path)
    with pytest.raises(TooOld):
        replica.open(str(path))


def test_what_open_refuses_upgrade_refuses_too(path: Path, tmp_path: Path) -> None:
    by_sqlite(path, f"PRAGMA user_version = {SCHEMA + 1}")
    (tmp_path / "text").write_text("Dear reader")
    for name, code in (("hub.db", "too_new"), ("text", "not_a_database"), ("nowhere.db", "not_found")):
        with pytest.raises(ReplicaError) as refused:
            replica.upgrade(str(tmp_path / name))
        assert code == refused.value.code
    assert "Dear reader" == (tmp_path / "text").read_text()
