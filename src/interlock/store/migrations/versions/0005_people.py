"""People, their sessions, one-time links, API tokens, tries to sign in, and the log of what they did.

See `interlock.store.schema`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text()


def _id(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    return sa.Column("id", INT, sa.Identity(), nullable=False), sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _of_person(table: str, column: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["person.id"], name=f"fk_{table}_{column}", ondelete=on_delete)


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("email", TEXT, nullable=False),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("password_hash", TEXT),
        sa.Column("created_at_us", INT, nullable=False),
        sa.Column("signed_in_at_us", INT),
        sa.Column("disabled_at_us", INT),
        *_id("person"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_person_email_key", "person", ["email_key"], unique=True)
    op.create_table(
        "session",
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("person_id", INT, nullable=False),
        sa.Column("created_at_us", INT, nullable=False),
        sa.Column("seen_at_us", INT, nullable=False),
        sa.Column("until_us", INT, nullable=False),
        _of_person("session", "person_id", "CASCADE"),
        *_id("session"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_session_token_hash", "session", ["token_hash"], unique=True)
    op.create_index("ix_session_person", "session", ["person_id"])
    op.create_table(
        "one_time_link",
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("person_id", INT),
        sa.Column("created_at_us", INT, nullable=False),
        sa.Column("until_us", INT, nullable=False),
        sa.Column("used_at_us", INT),
        _of_person("one_time_link", "person_id", "CASCADE"),
        *_id("one_time_link"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_one_time_link_token_hash", "one_time_link", ["token_hash"], unique=True)
    op.create_index("ix_one_time_link_person", "one_time_link", ["person_id", "purpose"])
    op.create_table(
        "api_token",
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("made_by", INT),
        sa.Column("created_at_us", INT, nullable=False),
        sa.Column("used_at_us", INT),
        sa.Column("revoked_at_us", INT),
        _of_person("api_token", "made_by", "SET NULL"),
        *_id("api_token"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_api_token_token_hash", "api_token", ["token_hash"], unique=True)
    op.create_index("ix_api_token_made_by", "api_token", ["made_by"])
    op.create_table(
        "sign_in_try",
        sa.Column("source", TEXT, nullable=False),
        sa.Column("failures", INT, nullable=False),
        sa.Column("tried_at_us", INT, nullable=False),
        sa.Column("next_at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_sign_in_try"),
    )
    op.create_index("ix_sign_in_try_tried", "sign_in_try", ["tried_at_us"])
    op.create_table(
        "deed",
        sa.Column("seq", INT, autoincrement=False, nullable=False),
        sa.Column("at_us", INT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("previous_hash", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_deed"),
    )
