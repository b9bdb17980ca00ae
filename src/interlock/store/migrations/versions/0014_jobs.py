"""What somebody asked for and is answered later. See `interlock.store.jobs`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("connection_id", INT, nullable=False, autoincrement=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("begun_at_us", INT, nullable=False),
        sa.Column("lived_us", INT, nullable=False),
        sa.Column("ended_at_us", INT),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("connection_id", "job_id", name="pk_job"),
    )
