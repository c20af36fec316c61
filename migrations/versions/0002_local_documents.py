"""Documents that stay here, as CouchDB's clients keep them, and positions that are not numbers.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = [
    """
    CREATE TABLE local_document (
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (name)
    ) WITHOUT ROWID, STRICT
    """,
    "ALTER TABLE session ADD COLUMN token TEXT DEFAULT '' NOT NULL",
]


def upgrade() -> None:
    """Make the table and the column, as they were released."""
    for statement in STATEMENTS:
        op.execute(statement)
