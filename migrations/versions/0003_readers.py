"""Which documents say who may read them, who could before, and what left because of it.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HAS_READERS = """instr(body, '$Readers"') > 0 AND substr(unid, 1, 8) <> '_design/'"""
STATEMENTS = [
    """
    CREATE TABLE withdrawn (
        seq INTEGER NOT NULL,
        unid TEXT NOT NULL,
        readers TEXT NOT NULL,
        PRIMARY KEY (seq, unid)
    ) WITHOUT ROWID, STRICT
    """,
    """
    CREATE TABLE evicted (
        unid TEXT NOT NULL,
        revisions TEXT NOT NULL,
        peer TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (unid)
    ) WITHOUT ROWID, STRICT
    """,
    f"CREATE INDEX leaf_readers ON leaf (unid, deleted) WHERE {HAS_READERS}",
    f"CREATE INDEX superseded_readers ON superseded (unid) WHERE {HAS_READERS}",
]


def upgrade() -> None:
    """Make the tables and indexes, as they were released."""
    for statement in STATEMENTS:
        op.execute(statement)
