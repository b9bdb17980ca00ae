"""What is done for a set-up behind its pages. See `interlock.store.setup_work`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "setup_work",
        sa.Column("setup_id", INT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("changed_at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("setup_id", "name", name="pk_setup_work"),
        sa.ForeignKeyConstraint(["setup_id"], ["setup.id"], name="fk_setup_work_setup_id", ondelete="CASCADE"),
    )
