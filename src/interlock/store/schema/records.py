"""What is known of records: linked pairs, those without a counterpart, and the keys that counterparts are found by."""

from __future__ import annotations

from sqlalchemy import Column, Identity, Index, Table, TypedColumns, text

from interlock.store.schema.base import Blob, Int, Text, metadata


class _RecordLink(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    object = Column(Text, nullable=False)
    hubspot_id = Column(Text, nullable=False)
    salesforce_type = Column(Text, nullable=False)
    salesforce_id = Column(Text, nullable=False)
    state = Column(Text, nullable=False)  # LinkState
    linked_by = Column(Text, nullable=False)  # LinkedBy: how we know that they are one
    linked_at_us = Column(Int, nullable=False)
    synced_at_us = Column(Int)  # when a sync last compared or wrote the pair
    base = Column(Blob, nullable=False)  # msgpack: fingerprints of the last agreement and the sets; see links.py
    looked = Column(
        Blob
    )  # msgpack: the versions looked at last (core/model.py, Looked); null: never since there is this column
    held = Column(Blob)  # msgpack: field mapping id -> value that the target refused; null, as nearly always: none


_LIVE = text("state <> 'unlinked'")

record_link = Table(
    "record_link",
    metadata,
    _RecordLink,
    # One counterpart per record, and the look-up by id. `unlinked` rows are history and do not block a new link.
    Index(
        "uq_record_link_hubspot",
        "connection_id",
        "object",
        "hubspot_id",
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
    # Across types, so that a Contact and a Lead can never share a HubSpot contact's id, nor one Salesforce id two
    # links.
    Index(
        "uq_record_link_salesforce",
        "connection_id",
        "salesforce_id",
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
    # Pages of all links of one object, and counts by state from the index alone.
    Index("ix_record_link_page", "connection_id", "object", "id", "state"),
    sqlite_autoincrement=True,
)


class _Identity(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    object = Column(Text, primary_key=True)
    side = Column(Text, primary_key=True)
    kind = Column(Text, primary_key=True)  # email | domain | name | phone: which normalisation made the key
    key = Column(Text, primary_key=True)
    record_id = Column(Text, primary_key=True)  # several records may share a key: that is an ambiguity to be seen


identity = Table(
    "identity",
    metadata,
    _Identity,
    # Replace or drop all keys of a record.
    Index("ix_identity_record", "connection_id", "object", "side", "record_id"),
    sqlite_with_rowid=False,
)


class _Unlinked(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    record_key = Column(Text, primary_key=True)
    object = Column(Text, nullable=False)
    version_us = Column(Int, nullable=False)  # the record's modification time when it was looked at
    why = Column(Text, nullable=False)  # code: excluded, ambiguous, no_counterpart, ...
    label = Column(Text, nullable=False)
    seen_us = Column(Int, nullable=False)  # our clock when it was looked at last
    first_us = Column(Int, nullable=False)  # and when just this version was looked at first


unlinked = Table(
    "unlinked",
    metadata,
    _Unlinked,
    # Counts per object and cause from the index alone.
    Index("ix_unlinked_why", "connection_id", "object", "why"),
    sqlite_with_rowid=False,
)


class _Suggestion(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    suggestion_key = Column(Text, primary_key=True)  # both records, in one order always; see core/identity/refusals.py
    object = Column(Text, nullable=False)
    hubspot_id = Column(Text, nullable=False)
    salesforce_type = Column(Text, nullable=False)
    salesforce_id = Column(Text, nullable=False)
    state = Column(Text, nullable=False)  # open | accepted | refused
    sure = Column(Int, nullable=False)  # 1: it could be linked without a person
    points = Column(Int, nullable=False)  # core/identity/rules.py
    reasons = Column(Text, nullable=False)  # JSON: [trait, likeness] pairs; no values of records
    rivals = Column(Int, nullable=False)  # how many others fit one of the two
    found_at_us = Column(Int, nullable=False)
    decided_at_us = Column(Int)
    decided_by = Column(Text)


suggestion = Table(
    "suggestion",
    metadata,
    _Suggestion,
    # Pages of a state, the likeliest first; counts, and whether a person has decided anything, from the index alone.
    Index("ix_suggestion_state", "connection_id", "state", "object", "points"),
    # What is said of a record.
    Index("ix_suggestion_hubspot", "connection_id", "object", "hubspot_id"),
    Index("ix_suggestion_salesforce", "connection_id", "object", "salesforce_id"),
)


class _Erased(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    hash = Column(Text, primary_key=True)  # HMAC-SHA-256 of a record key or an e-mail address, see erasures.py
    at_us = Column(Int, nullable=False)


erased = Table("erased", metadata, _Erased)
