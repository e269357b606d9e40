"""Cadence of a session; lists by outcome and by machine that need not read every session; what was removed on purpose stays removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_cadence"
down_revision = "0001_first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only additions, so that neither database copies a table. Sessions from before have no cadence until they are read again from the journal."""
    op.add_column("sessions", sa.Column("cadence_per_min", sa.Float))
    op.add_column("sessions", sa.Column("cadence_cv_percent", sa.Float))
    op.create_index("ix_sessions_machine", "sessions", ["machine", "started_at", "id"])
    op.create_index("ix_sessions_outcome", "sessions", ["outcome", "started_at", "id"])
    op.create_table("removed_sessions", sa.Column("id", sa.Text, primary_key=True), sa.Column("at", sa.BigInteger, nullable=False))
