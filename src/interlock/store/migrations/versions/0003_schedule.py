"""When each org is next to be drained, for workers that share them. See `interlock.store.schedule`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.Column("due_at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_schedule"),
    )
    op.create_index("ix_schedule_due", "schedule", ["due_at_us"])
    op.create_index("ix_connection_org", "connection", ["salesforce_org_id"])
