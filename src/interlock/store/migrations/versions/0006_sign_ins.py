"""Apps, sign-ins under way, and what the CRMs granted. See `interlock.store.crm_apps`, `sign_ins`, `grants`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "crm_app",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("changed_at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crm_app"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_crm_app_client", "crm_app", ["side", "client_id"], unique=True)
    op.create_table(
        "sign_in",
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("expires_at_us", INT, nullable=False),
        sa.Column("used_at_us", INT),
        sa.PrimaryKeyConstraint("state_hash", name="pk_sign_in"),
    )
    op.create_index("ix_sign_in_expires", "sign_in", ["expires_at_us"])
    op.create_table(
        "crm_grant",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("app_id", INT, nullable=False),
        sa.Column("login_url", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("generation", INT, nullable=False),
        sa.Column("granted_at_us", INT, nullable=False),
        sa.Column("refreshed_at_us", INT, nullable=False),
        sa.Column("expires_at_us", INT),
        sa.Column("turn_owner", sa.Text()),
        sa.Column("turn_until_us", INT),
        sa.Column("sent_us", INT),
        sa.PrimaryKeyConstraint("id", name="pk_crm_grant"),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name="fk_crm_grant_connection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["app_id"], ["crm_app.id"], name="fk_crm_grant_app_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_crm_grant_connection", "crm_grant", ["connection_id", "side"])
