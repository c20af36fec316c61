"""docs/file-format.md lists the tables and columns that the code makes, and no others."""

from __future__ import annotations

import re

from sqlalchemy import Column

from replica.store.tables import APPLICATION_ID, BACKUP_ID, SCHEMA, metadata
from tests.house.source import ROOT

PAGE = (ROOT / "docs" / "file-format.md").read_text(encoding="utf-8")
TYPES = {"INTEGER": "integer", "TEXT": "text", "BLOB": "blob"}


def documented() -> dict[str, dict[str, str]]:
    """For each table of the page, its columns with their types."""
    tables = {}
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        name = re.match(r"`(\w+)`", section)
        if name:
            tables[name[1]] = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section, re.MULTILINE))
    return tables


def described(column: Column[object]) -> str:
    """The type of a column as the page writes it."""
    key = ", key" if column.primary_key else ""
    null = " or null" if column.nullable else ""
    return TYPES[str(column.type)] + key + null


def test_every_table_and_column_is_documented() -> None:
    made = {
        table.name: {column.name: described(column) for column in table.columns} for table in metadata.sorted_tables
    }
    assert made == documented()


def test_every_index_is_documented() -> None:
    names = {str(index.name) for table in metadata.sorted_tables for index in table.indexes}
    assert set() == {name for name in names if f"`{name}`" not in PAGE}


def test_the_numbers_in_the_header_are_documented() -> None:
    for number in (APPLICATION_ID, BACKUP_ID):
        assert f"{number} (`0x{number:08X}`" in PAGE
    assert f"| `PRAGMA user_version` | {SCHEMA}:" in PAGE
    assert f"# File format {SCHEMA}\n" in PAGE
