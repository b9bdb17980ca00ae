"""A number that rises with every change of a connection's settings or mappings, see `connections.setup_version`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("connection", sa.Column("setup_version", INT, nullable=False, server_default="0"))
