"""What happened to records, what a person must see, and what a person chose about it."""

from __future__ import annotations

from sqlalchemy import Column, Identity, Index, Table, TypedColumns, text

from interlock.store.schema.base import Int, Text, metadata


class _Issue(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    subject = Column(Text, nullable=False)  # identity of the record: see issues.py; '' for one of the connection
    category = Column(Text, nullable=False)
    code = Column(Text, nullable=False)
    severity = Column(Text, nullable=False)
    object = Column(Text, nullable=False)
    hubspot_id = Column(Text)
    salesforce_id = Column(Text)
    salesforce_type = Column(Text)
    cause = Column(Text, nullable=False)
    fix = Column(Text, nullable=False)
    property = Column(Text, nullable=False)  # '' where the issue is not about one property (part of the identity)
    field = Column(Text)
    value = Column(Text)
    raw_message = Column(Text)
    label = Column(Text)  # how a person knows the record: its e-mail or name
    status = Column(Text, nullable=False)  # open | waiting | ignored | resolved
    first_seen_us = Column(Int, nullable=False)
    last_seen_us = Column(Int, nullable=False)
    tries = Column(Int, nullable=False)
    next_try_us = Column(Int)


_UNRESOLVED = text("status IN ('open', 'waiting')")
_OPEN = text("status = 'open'")
_OVER = text("status IN ('ignored', 'resolved')")

issue = Table(
    "issue",
    metadata,
    _Issue,
    Index("uq_issue", "connection_id", "object", "subject", "code", "property", unique=True),
    # Resolve after a good sync: the open ones of these records, from either side. Partial, so that health costs
    # nothing.
    Index(
        "ix_issue_hubspot",
        "connection_id",
        "hubspot_id",
        sqlite_where=_UNRESOLVED,
        postgresql_where=_UNRESOLVED,
    ),
    Index(
        "ix_issue_salesforce",
        "connection_id",
        "salesforce_id",
        sqlite_where=_UNRESOLVED,
        postgresql_where=_UNRESOLVED,
    ),
    # Pages of what is open, in order of id, however much was resolved. Without `status` in front, so that SQLite does
    # not take it for the two look-ups above.
    Index(
        "ix_issue_unresolved",
        "connection_id",
        "id",
        sqlite_where=_UNRESOLVED,
        postgresql_where=_UNRESOLVED,
    ),
    # Pages of what was ignored or is over, of which there is more each year.
    Index("ix_issue_over", "connection_id", "status", "id", sqlite_where=_OVER, postgresql_where=_OVER),
    # What is to be tried again by now, asked of every poll; however many wait for a person.
    Index("ix_issue_next_try", "connection_id", "next_try_us", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sqlite_autoincrement=True,
)


class _Audit(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    at_us = Column(Int, nullable=False)
    kind = Column(Text, nullable=False)  # AuditKind
    object = Column(Text, nullable=False)
    hubspot_id = Column(Text)
    salesforce_id = Column(Text)
    side = Column(Text)  # side written; for a conflict the side that lost
    property = Column(Text)
    field = Column(Text)
    old = Column(Text)  # JSON of the value before, for a conflict the losing one; null: none
    new = Column(Text)  # JSON of the value after
    cause = Column(Text, nullable=False)
    rule = Column(Text)
    reason = Column(Text)
    status = Column(Text, nullable=False)  # done; conflicts: open | settled | resolved


_CONFLICT = text("kind = 'conflict'")
_UNLINK = text("kind = 'unlink'")

audit = Table(
    "audit",
    metadata,
    _Audit,
    # History of one record, from either side.
    Index("ix_audit_hubspot", "connection_id", "hubspot_id"),
    Index("ix_audit_salesforce", "connection_id", "salesforce_id"),
    # `undo --since`, and the retention.
    Index("ix_audit_at", "connection_id", "at_us"),
    # The conflict log and its counts, without walking the writes.
    Index(
        "ix_audit_conflict",
        "connection_id",
        "status",
        "id",
        sqlite_where=_CONFLICT,
        postgresql_where=_CONFLICT,
    ),
    # Who lives on as a record, for whoever erases that one.
    Index("ix_audit_unlink", "connection_id", "reason", sqlite_where=_UNLINK, postgresql_where=_UNLINK),
    sqlite_autoincrement=True,
)


class _Resolution(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    conflict_id = Column(Int, primary_key=True, autoincrement=False)  # the audit row that a person looked at
    link_id = Column(Int, nullable=False)
    property = Column(Text, nullable=False)
    field = Column(Text, nullable=False)
    keep = Column(Text, nullable=False)  # Side whose value is wanted on both
    chosen = Column(Text)  # JSON of the plain value wanted; null: blank
    other = Column(Text)  # JSON of the plain value it is to replace, or of several; null: blank
    state = Column(Text, nullable=False)  # waiting | edited_since | not_mapped
    at_us = Column(Int, nullable=False)  # when the person chose


resolution = Table(
    "resolution",
    metadata,
    _Resolution,
    # "Has a person chosen anything for these pairs?", asked of every batch; nearly always an empty table.
    Index("ix_resolution_link", "connection_id", "link_id"),
)


class _Undo(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    link_id = Column(Int, nullable=False)
    side = Column(Text, nullable=False)  # Side that we had written
    property = Column(Text, nullable=False)  # '' for the record as a whole, which we had created
    field = Column(Text, nullable=False)
    wanted = Column(Text)  # JSON of the plain value that it held before; null: blank
    written = Column(Text)  # JSON of what we wrote, in the words of its CRM
    state = Column(Text, nullable=False)  # waiting | standing | undone | why it could not be
    seen_hubspot = Column(Int)  # fingerprints of both sides once it was undone: it stands while they hold these
    seen_salesforce = Column(Int)
    at_us = Column(Int, nullable=False)  # when the person asked for it; those of one run share it


undo = Table(
    "undo",
    metadata,
    _Undo,
    # "Was anything undone of these pairs?", asked of every batch; nearly always an empty table.
    Index("ix_undo_link", "connection_id", "link_id"),
    # What became of one run.
    Index("ix_undo_at", "connection_id", "at_us"),
    sqlite_autoincrement=True,
)
