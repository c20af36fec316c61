"""Which documents say who may read them.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HAS_READERS = """instr(body, '$Readers"') > 0 AND substr(unid, 1, 8) <> '_design/'"""
STATEMENTS = [
    f"CREATE INDEX leaf_readers ON leaf (unid, deleted) WHERE {HAS_READERS}",
    f"CREATE INDEX superseded_readers ON superseded (unid) WHERE {HAS_READERS}",
]


def upgrade() -> None:
    """Make the indexes, as they were released."""
    for statement in STATEMENTS:
        op.execute(statement)
