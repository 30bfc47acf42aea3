"""What the cache keeps, and facts of the installation."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, String, Text

revision = "002"
down_revision = "001"


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "results",
        Column("name", String(64), primary_key=True),
        Column("fence", String(32), nullable=False),
        Column("lease_until", Double, nullable=False),
        Column("error", Text),
        Column("blob", String(64)),
        Column("note", Text),
        Column("size", BigInteger, nullable=False),
        Column("made_at", Double, nullable=False),
        Column("expires_at", Double, nullable=False),
        Column("used_at", Double, nullable=False),
    )
    op.create_table(
        "facts",
        Column("name", String(32), primary_key=True),
        Column("value", Text, nullable=False),
    )
