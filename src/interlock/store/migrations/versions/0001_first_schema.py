"""The first schema. What each column and index is for stands in `interlock.store.schema`; a released step never
changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("at_us", INT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("hubspot_id", sa.Text()),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("side", sa.Text()),
        sa.Column("property", sa.Text()),
        sa.Column("field", sa.Text()),
        sa.Column("old", sa.Text()),
        sa.Column("new", sa.Text()),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at", "audit", ["connection_id", "at_us"])
    op.create_index(
        "ix_audit_conflict",
        "audit",
        ["connection_id", "status", "id"],
        sqlite_where=sa.text("kind = 'conflict'"),
        postgresql_where=sa.text("kind = 'conflict'"),
    )
    op.create_index("ix_audit_hubspot", "audit", ["connection_id", "hubspot_id"])
    op.create_index("ix_audit_salesforce", "audit", ["connection_id", "salesforce_id"])
    op.create_table(
        "calls",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("hour_us", INT, autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("calls", INT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "side", "hour_us", "purpose", name="pk_calls"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "connection",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text()),
        sa.Column("state_fix", sa.Text()),
        sa.Column("state_since_us", INT, nullable=False),
        sa.Column("hubspot_url", sa.Text(), nullable=False),
        sa.Column("hubspot_account_id", sa.Text(), nullable=False),
        sa.Column("hubspot_name", sa.Text(), nullable=False),
        sa.Column("salesforce_url", sa.Text(), nullable=False),
        sa.Column("salesforce_org_id", sa.Text(), nullable=False),
        sa.Column("salesforce_name", sa.Text(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at_us", INT, nullable=False),
        sa.Column("begun_at_us", INT),
        sa.Column("hubspot_last_ok_us", INT),
        sa.Column("salesforce_last_ok_us", INT),
        sa.PrimaryKeyConstraint("id", name="pk_connection"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_connection_hubspot_account", "connection", ["hubspot_account_id"], unique=True)
    op.create_index("uq_connection_name", "connection", ["name"], unique=True)
    op.create_table(
        "cursor",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "name", name="pk_cursor"),
    )
    op.create_table(
        "directory",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "name", name="pk_directory"),
    )
    op.create_table(
        "dirty",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.Column("due_at_us", INT, nullable=False),
        sa.Column("attempts", INT, nullable=False),
        sa.Column("reason", INT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "record_key", name="pk_dirty"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dirty_due", "dirty", ["connection_id", "object", "due_at_us", "seq", "record_key"])
    op.create_table(
        "dirty_counter",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", name="pk_dirty_counter"),
    )
    op.create_table(
        "identity",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "object", "side", "kind", "key", "record_id", name="pk_identity"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_identity_record", "identity", ["connection_id", "object", "side", "record_id"])
    op.create_table(
        "intent",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("target_key", sa.Text(), nullable=False),
        sa.Column("sync_key", sa.Text(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("fence", INT, nullable=False),
        sa.Column("read_us", INT, nullable=False),
        sa.Column("park_until_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_intent"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_intent_source", "intent", ["connection_id", "source_key"])
    op.create_index("ix_intent_target", "intent", ["connection_id", "target_key"])
    op.create_table(
        "issue",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("hubspot_id", sa.Text()),
        sa.Column("salesforce_id", sa.Text()),
        sa.Column("salesforce_type", sa.Text()),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("property", sa.Text(), nullable=False),
        sa.Column("field", sa.Text()),
        sa.Column("value", sa.Text()),
        sa.Column("raw_message", sa.Text()),
        sa.Column("label", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("first_seen_us", INT, nullable=False),
        sa.Column("last_seen_us", INT, nullable=False),
        sa.Column("tries", INT, nullable=False),
        sa.Column("next_try_us", INT),
        sa.PrimaryKeyConstraint("id", name="pk_issue"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_issue_hubspot",
        "issue",
        ["connection_id", "hubspot_id"],
        sqlite_where=sa.text("status IN ('open', 'waiting')"),
        postgresql_where=sa.text("status IN ('open', 'waiting')"),
    )
    op.create_index(
        "ix_issue_salesforce",
        "issue",
        ["connection_id", "salesforce_id"],
        sqlite_where=sa.text("status IN ('open', 'waiting')"),
        postgresql_where=sa.text("status IN ('open', 'waiting')"),
    )
    op.create_index(
        "ix_issue_unresolved",
        "issue",
        ["connection_id", "id"],
        sqlite_where=sa.text("status IN ('open', 'waiting')"),
        postgresql_where=sa.text("status IN ('open', 'waiting')"),
    )
    op.create_index("uq_issue", "issue", ["connection_id", "object", "subject", "code", "property"], unique=True)
    op.create_table(
        "lease",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fence", INT, nullable=False),
        sa.Column("until_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_lease"),
    )
    op.create_table(
        "record_link",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("hubspot_id", sa.Text(), nullable=False),
        sa.Column("salesforce_type", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("linked_by", sa.Text(), nullable=False),
        sa.Column("linked_at_us", INT, nullable=False),
        sa.Column("synced_at_us", INT),
        sa.Column("base", sa.LargeBinary(), nullable=False),
        sa.Column("held", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_record_link"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_record_link_page", "record_link", ["connection_id", "object", "id", "state"])
    op.create_index(
        "uq_record_link_hubspot",
        "record_link",
        ["connection_id", "object", "hubspot_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'unlinked'"),
        postgresql_where=sa.text("state <> 'unlinked'"),
    )
    op.create_index(
        "uq_record_link_salesforce",
        "record_link",
        ["connection_id", "salesforce_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'unlinked'"),
        postgresql_where=sa.text("state <> 'unlinked'"),
    )
    op.create_table(
        "unlinked",
        sa.Column("connection_id", INT, autoincrement=False, nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("version_us", INT, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("seen_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "record_key", name="pk_unlinked"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_unlinked_why", "unlinked", ["connection_id", "object", "why"])
    op.create_table(
        "worker",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("beat_at_us", INT, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_worker"),
    )
    op.create_table(
        "object_mapping",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("salesforce_type", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name="fk_object_mapping_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_object_mapping"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_object_mapping", "object_mapping", ["connection_id", "object", "salesforce_type"], unique=True)
    op.create_table(
        "secret",
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name="fk_secret_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection_id", "name", name="pk_secret"),
    )
    op.create_table(
        "field_mapping",
        sa.Column("id", INT, sa.Identity(), nullable=False),
        sa.Column("connection_id", INT, nullable=False),
        sa.Column("object_mapping_id", INT, nullable=False),
        sa.Column("property", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("locked_reason", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text()),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name="fk_field_mapping_connection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["object_mapping_id"], ["object_mapping.id"], name="fk_field_mapping_object_mapping_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_field_mapping"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_field_mapping", "field_mapping", ["connection_id", "object_mapping_id", "property", "field"], unique=True
    )
