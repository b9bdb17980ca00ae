"""Records that may be one, and what a person said of it. See `interlock.store.suggestions`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "suggestion",
        sa.Column("connection_id", INT, nullable=False, autoincrement=False),
        sa.Column("suggestion_key", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("hubspot_id", sa.Text(), nullable=False),
        sa.Column("salesforce_type", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sure", INT, nullable=False),
        sa.Column("points", INT, nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("rivals", INT, nullable=False),
        sa.Column("found_at_us", INT, nullable=False),
        sa.Column("decided_at_us", INT),
        sa.Column("decided_by", sa.Text()),
        sa.PrimaryKeyConstraint("connection_id", "suggestion_key", name="pk_suggestion"),
    )
    op.create_index("ix_suggestion_state", "suggestion", ["connection_id", "state", "object", "points"])
    op.create_index("ix_suggestion_hubspot", "suggestion", ["connection_id", "object", "hubspot_id"])
    op.create_index("ix_suggestion_salesforce", "suggestion", ["connection_id", "object", "salesforce_id"])
