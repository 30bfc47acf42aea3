"""Accounts of the ImageOptim API."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, Double, String, Text

revision = "003"
down_revision = "002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "accounts",
        Column("name", String(64), primary_key=True),
        Column("hosts", Text, nullable=False),
        Column("any_host", Boolean, nullable=False),
        Column("signed", Boolean, nullable=False),
        Column("uploads", Boolean, nullable=False),
        Column("presets", Text, nullable=False),
        Column("salt", String(32), nullable=False),
        Column("created_at", Double, nullable=False),
    )
