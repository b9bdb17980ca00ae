"""The install wizard: set-ups under way, what each step keeps, its secrets, and colleagues' links. See `interlock.store.setups`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text()


def _of_setup(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["setup_id"], ["setup.id"], name=f"fk_{table}_setup_id", ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "setup",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT),
        sa.Column("begun_by", TEXT, nullable=False),
        sa.Column("created_at_us", INT, nullable=False),
        sa.Column("changed_at_us", INT, nullable=False),
        sa.Column("ended_at_us", INT),
        sa.PrimaryKeyConstraint("id", name="pk_setup"),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name="fk_setup_connection_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_setup_connection", "setup", ["connection_id"])
    op.create_table(
        "setup_step",
        sa.Column("setup_id", INT, nullable=False),
        sa.Column("slug", TEXT, nullable=False),
        sa.Column("kept", TEXT, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("changed_by", TEXT, nullable=False),
        sa.Column("changed_at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("setup_id", "slug", name="pk_setup_step"),
        _of_setup("setup_step"),
    )
    op.create_table(
        "setup_secret",
        sa.Column("setup_id", INT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("setup_id", "name", name="pk_setup_secret"),
        _of_setup("setup_secret"),
    )
    op.create_table(
        "colleague_link",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("setup_id", INT, nullable=False),
        sa.Column("side", TEXT, nullable=False),
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("browser_hash", TEXT),
        sa.Column("made_by", TEXT, nullable=False),
        sa.Column("created_at_us", INT, nullable=False),
        sa.Column("until_us", INT, nullable=False),
        sa.Column("ended_at_us", INT),
        sa.PrimaryKeyConstraint("id", name="pk_colleague_link"),
        _of_setup("colleague_link"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_colleague_link_token_hash", "colleague_link", ["token_hash"], unique=True)
    op.create_index("ix_colleague_link_setup", "colleague_link", ["setup_id", "side"])
