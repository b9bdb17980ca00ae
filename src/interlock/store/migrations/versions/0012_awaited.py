"""What a record that is due waits for: whoever links it wakes those that wait, and nobody else. See `interlock.store.dirty`.

And an index for `interlock.store.known_as`: which pairs ended in a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "awaited",
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("awaits_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "record_key", "awaits_key", name="pk_awaited"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_awaited_by", "awaited", ["connection_id", "awaits_key", "record_key"])
    op.create_index(
        "ix_audit_unlink",
        "audit",
        ["connection_id", "reason"],
        sqlite_where=sa.text("kind = 'unlink'"),
        postgresql_where=sa.text("kind = 'unlink'"),
    )
