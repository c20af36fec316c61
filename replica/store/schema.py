"""Making the tables, and bringing older files up to date with Alembic.

A new file gets its tables at once from `tables` (importing Alembic costs most of a second); a test proves that this
equals upgrading from nothing. `user_version` repeats Alembic's number so that opening a file needs one small read.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from replica.errors import NotADatabase, TooNew, TooOld
from replica.store.tables import APPLICATION_ID, BACKUP_ID, SCHEMA, metadata


def create_schema(connection: Connection) -> None:
    """Make all tables in an empty database."""
    metadata.create_all(connection)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:number)"), {"number": f"{SCHEMA:04d}"})
    stamp(connection, SCHEMA)


def stamp(connection: Connection, schema: int) -> None:
    """Write what `check_schema` reads."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {schema}")


def check_schema(path: str, application_id: int, user_version: int) -> None:
    """Refuse a file that is not ours (`NotADatabase`) or has another schema (`TooNew`, `TooOld`)."""
    if application_id not in (APPLICATION_ID, BACKUP_ID):
        raise NotADatabase(f"{path} is an SQLite database, but not one of replica")
    if user_version > SCHEMA:
        raise TooNew(f"{path} has schema {user_version}; this version reads up to {SCHEMA}")
    if user_version < SCHEMA:
        raise TooOld(f"{path} has schema {user_version}; this version reads {SCHEMA}")


def upgrade_schema(connection: Connection) -> None:
    """Bring an older file up to date, within the connection's transaction: all or nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    stamp(connection, SCHEMA)


def _migrations() -> Path:
    package = Path(__file__).parents[1]
    shipped = package / "_migrations"  # in a wheel
    return shipped if shipped.is_dir() else package.parent / "migrations"
