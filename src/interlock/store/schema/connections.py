"""Connections with their secrets, and what a directory or a lease of theirs is kept in."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Identity, Index, Table, TypedColumns

from interlock.store.schema.base import Blob, Bool, Int, Text, metadata


class _Connection(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    name = Column(Text, nullable=False)  # what a person types after --connection
    state = Column(Text, nullable=False)  # interface word: syncing, idle, paused, suspended, ...
    state_reason = Column(Text)  # why it is in that state, a sentence
    state_fix = Column(Text)  # what to do about it, a sentence
    state_since_us = Column(Int, nullable=False)
    hubspot_url = Column(Text, nullable=False)  # base address of the API
    hubspot_account_id = Column(Text, nullable=False)
    hubspot_name = Column(Text, nullable=False)
    salesforce_url = Column(Text, nullable=False)  # instance address
    salesforce_org_id = Column(Text, nullable=False)
    salesforce_name = Column(Text, nullable=False)
    sandbox = Column(Bool, nullable=False)
    settings = Column(Text, nullable=False)  # JSON object; the words are those of the settings pages
    created_at_us = Column(Int, nullable=False)
    begun_at_us = Column(Int)  # when the first sync was started by a person; null: set up, not begun
    hubspot_last_ok_us = Column(Int)  # last good answer, for `status` while a CRM is down
    salesforce_last_ok_us = Column(Int)
    # Rises with every change of the settings or of the mappings: a cycle that runs asks for it before each batch.
    setup_version = Column(Int, nullable=False, server_default="0")


connection = Table(
    "connection",
    metadata,
    _Connection,
    Index("uq_connection_name", "name", unique=True),
    # A HubSpot account has at most one connection; an org may have many.
    Index("uq_connection_hubspot_account", "hubspot_account_id", unique=True),
    # A worker drains all connections of an org, one after the other.
    Index("ix_connection_org", "salesforce_org_id"),
    sqlite_autoincrement=True,
)


class _Secret(TypedColumns):
    connection_id = Column(Int, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    name = Column(Text, primary_key=True)  # for example hubspot_refresh_token
    sealed = Column(Blob, nullable=False)  # Fernet token; connection id and name are inside and checked


secret = Table("secret", metadata, _Secret)


class _Directory(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    name = Column(Text, primary_key=True)  # for example salesforce.describe.Contact
    value = Column(Text, nullable=False)  # JSON
    at_us = Column(Int, nullable=False)  # when it was fetched


directory = Table("directory", metadata, _Directory)


class _Lease(TypedColumns):
    # The Salesforce org: connections share its API budget, so one owner. Or the name of a work behind pages (app/owned_work.py).
    org_id = Column(Text, primary_key=True)
    owner = Column(Text, nullable=False)
    fence = Column(Int, nullable=False)  # raised by every taking; checked by every transaction of a drain
    until_us = Column(Int, nullable=False)


lease = Table("lease", metadata, _Lease)
