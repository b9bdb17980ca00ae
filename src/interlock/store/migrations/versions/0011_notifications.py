"""Notifications, their outbox, and when an issue is tried again. See `interlock.store.notices` and `channels`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN, WAITING = sa.text("status = 'open'"), sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_index(
        "ix_issue_next_try", "issue", ["connection_id", "next_try_us"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_table(
        "notify_channel",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("person_id", INT),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("made_at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notify_channel"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_notify_channel_person_id", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_notify_channel", "notify_channel", ["kind", "target", "person_id"], unique=True)
    op.create_table(
        "bell",
        sa.Column("person_id", INT, nullable=False),
        sa.Column("seen_notice_id", INT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_bell"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_bell_person_id", ondelete="CASCADE"),
    )
    op.create_table(
        "notice",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("at_us", INT, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("once", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_notice_once", "notice", ["connection_id", "once"], unique=True)
    op.create_index("ix_notice_page", "notice", ["connection_id", "id"])
    op.create_table(
        "delivery",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("notice_id", INT, nullable=False),
        sa.Column("channel_id", INT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", INT, nullable=False),
        sa.Column("due_at_us", INT, nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("done_at_us", INT),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["connection_id", "due_at_us"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("ix_delivery_channel", "delivery", ["connection_id", "channel_id", "id"])
