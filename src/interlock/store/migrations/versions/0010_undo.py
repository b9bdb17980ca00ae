"""What a person takes back of what was carried over, and hashes of who was erased. See `interlock.store.undos`, `erasures`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "undo",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("link_id", INT, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("property", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text()),
        sa.Column("written", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seen_hubspot", INT),
        sa.Column("seen_salesforce", INT),
        sa.Column("at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_undo"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_undo_link", "undo", ["connection_id", "link_id"])
    op.create_index("ix_undo_at", "undo", ["connection_id", "at_us"])
    op.create_table(
        "erased",
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "hash", name="pk_erased"),
    )
