"""What a person chose for a conflict, and work that a command hands to a running dispatcher. See `interlock.store.schema`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "resolution",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("conflict_id", INT, autoincrement=False, nullable=False),
        sa.Column("link_id", INT, nullable=False),
        sa.Column("property", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("keep", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text()),
        sa.Column("other", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "conflict_id", name="pk_resolution"),
    )
    op.create_index("ix_resolution_link", "resolution", ["connection_id", "link_id"])
    op.create_table(
        "handover",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("objects", sa.Text(), nullable=False),
        sa.Column("record_keys", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at_us", INT, nullable=False),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_handover"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_handover_state", "handover", ["connection_id", "state", "id"])
