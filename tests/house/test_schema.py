"""A new file and a file brought up to date have the same tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, create_engine

from replica.store.schema import create_schema, upgrade_schema


def made_by(make: Callable[[Connection], None]) -> dict[str, Any]:
    """What an empty database holds afterwards: every object with its statement, the version numbers."""
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        make(connection)
        connection.exec_driver_sql("COMMIT")
        rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_schema").all()
        found: dict[str, Any] = {f"{kind} {name}": in_one_spelling(name, sql or "") for kind, name, sql in rows}
        for pragma in ("application_id", "user_version"):
            found[pragma] = connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
        found["alembic_version"] = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    engine.dispose()
    return found


def in_one_spelling(name: str, sql: str) -> str:
    """A statement without what means nothing: spaces, quotes, and Alembic's own words for its own table."""
    if name == "alembic_version":
        return "of Alembic"
    return re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", sql.replace('"', ""))).strip()


def test_a_new_file_equals_one_upgraded_from_nothing() -> None:
    assert made_by(create_schema) == made_by(upgrade_schema)
