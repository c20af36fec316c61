"""The first schema.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = [
    """
    CREATE TABLE conflict_document (
        unid TEXT NOT NULL,
        ref TEXT NOT NULL,
        number INTEGER NOT NULL,
        packed BLOB NOT NULL,
        PRIMARY KEY (unid)
    ) WITHOUT ROWID, STRICT
    """,
    "CREATE INDEX conflict_document_ref ON conflict_document (ref)",
    """
    CREATE TABLE foreign_revision (
        packed BLOB NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (packed)
    ) WITHOUT ROWID, STRICT
    """,
    """
    CREATE TABLE leaf (
        seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        unid TEXT NOT NULL,
        number INTEGER NOT NULL,
        packed BLOB NOT NULL,
        deleted INTEGER NOT NULL,
        verified INTEGER NOT NULL,
        winner INTEGER NOT NULL,
        line BLOB NOT NULL,
        side BLOB NOT NULL,
        parents BLOB NOT NULL,
        marks TEXT,
        hash BLOB NOT NULL,
        size INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX leaf_live ON leaf (unid) WHERE winner = 1 AND deleted = 0",
    "CREATE INDEX leaf_losing ON leaf (unid) WHERE winner = 0",
    "CREATE INDEX leaf_stub ON leaf (unid) WHERE winner = 1 AND deleted = 1",
    "CREATE UNIQUE INDEX leaf_unid ON leaf (unid, number, packed)",
    """
    CREATE TABLE refused (
        unid TEXT NOT NULL,
        revision TEXT NOT NULL,
        code TEXT NOT NULL,
        peer TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (unid, revision)
    ) WITHOUT ROWID, STRICT
    """,
    """
    CREATE TABLE replica (
        replica_id TEXT NOT NULL,
        instance_id TEXT NOT NULL,
        former_ids TEXT NOT NULL,
        era INTEGER NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE session (
        nr INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        direction TEXT NOT NULL,
        peer TEXT NOT NULL,
        era INTEGER NOT NULL,
        position INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        counts TEXT NOT NULL,
        witnesses TEXT
    ) STRICT
    """,
    "CREATE UNIQUE INDEX session_id ON session (id, direction)",
    "CREATE INDEX session_peer ON session (direction, peer, nr)",
    """
    CREATE TABLE setting (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (name)
    ) WITHOUT ROWID, STRICT
    """,
    """
    CREATE TABLE superseded (
        unid TEXT NOT NULL,
        number INTEGER NOT NULL,
        packed BLOB NOT NULL,
        deleted INTEGER NOT NULL,
        verified INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        hash BLOB NOT NULL,
        body TEXT NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX superseded_unid ON superseded (unid, number, packed)",
]


def upgrade() -> None:
    """Make the tables and indexes, as they were released."""
    for statement in STATEMENTS:
        op.execute(statement)
