"""Which versions of records were looked at: no clock of ours is compared with a CRM's. See `Looked`, `Intent`, `Unlinked`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("record_link", sa.Column("looked", sa.LargeBinary()))
    op.add_column("unlinked", sa.Column("first_us", INT, nullable=False, server_default="0"))
    op.alter_column("intent", "read_us", new_column_name="target_stamp_us")
