"""An index for the pages of issues that were ignored or are over. See `interlock.store.issues`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_index(
        "ix_issue_over",
        "issue",
        ["connection_id", "status", "id"],
        sqlite_where=sa.text("status IN ('ignored', 'resolved')"),
        postgresql_where=sa.text("status IN ('ignored', 'resolved')"),
    )
