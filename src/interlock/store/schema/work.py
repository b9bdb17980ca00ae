"""What is to be done, and who does it: due records, cursors, open writes, work handed over, whoever works."""

from __future__ import annotations

from sqlalchemy import Column, Identity, Index, Table, TypedColumns

from interlock.store.schema.base import Blob, Int, Text, metadata


class _DirtyCounter(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    seq = Column(Int, nullable=False)  # raised by every marking; its row lock orders markings on PostgreSQL


dirty_counter = Table("dirty_counter", metadata, _DirtyCounter)


class _Dirty(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    record_key = Column(Text, primary_key=True)  # one row per record, however often it is marked
    object = Column(Text, nullable=False)
    seq = Column(Int, nullable=False)  # the counter when last marked: cleared only if nothing newer came
    due_at_us = Column(Int, nullable=False)  # park, retry and deferral are a later due time
    attempts = Column(Int, nullable=False)
    reason = Column(Int, nullable=False)  # strength of the Reason, see dirty.py: the stronger one wins


dirty = Table(
    "dirty",
    metadata,
    _Dirty,
    # Claim: the due ones of an object in order, without walking what waits. Counts from the index alone.
    Index("ix_dirty_due", "connection_id", "object", "due_at_us", "seq", "record_key"),
    sqlite_with_rowid=False,
)


class _Awaited(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    record_key = Column(Text, primary_key=True)  # a record that is due later, and waits
    awaits_key = Column(Text, primary_key=True)  # for this one, which it points to, to be linked


awaited = Table(
    "awaited",
    metadata,
    _Awaited,
    # Waking: who waits for one of these.
    Index("ix_awaited_by", "connection_id", "awaits_key", "record_key"),
    sqlite_with_rowid=False,
)


class _Cursor(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    name = Column(Text, primary_key=True)  # a change source, for example hubspot.contacts.modified
    value = Column(Text, nullable=False)  # JSON object, the source's own words


cursor = Table("cursor", metadata, _Cursor)


class _Intent(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    object = Column(Text, nullable=False)
    kind = Column(Text, nullable=False)  # IntentKind
    state = Column(Text, nullable=False)  # IntentState
    source_key = Column(Text, nullable=False)  # record whose values are carried over
    target_key = Column(Text, nullable=False)  # record written; ends in ':' for a create
    sync_key = Column(Text, nullable=False)  # how a create is found again
    fields = Column(Blob, nullable=False)  # msgpack, see intents.py: names and fingerprints, audit rows
    fence = Column(Int, nullable=False)  # lease under which it was sent
    target_stamp_us = Column(Int, nullable=False)
    park_until_us = Column(Int, nullable=False)  # before this the request may still land


intent = Table(
    "intent",
    metadata,
    _Intent,
    # "Is anything open for these records?", asked of every batch before it is fetched.
    Index("ix_intent_source", "connection_id", "source_key"),
    Index("ix_intent_target", "connection_id", "target_key"),
    sqlite_autoincrement=True,
)


class _Handover(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    objects = Column(Text, nullable=False)  # JSON array of slugs; empty: all
    record_keys = Column(Text, nullable=False)  # JSON array; empty: whatever changed
    state = Column(Text, nullable=False)  # waiting | taken | done | failed
    at_us = Column(Int, nullable=False)  # when it was asked for
    answer = Column(Text)  # JSON: the result of the sync, or the failure


handover = Table(
    "handover",
    metadata,
    _Handover,
    # What a running dispatcher asks every second.
    Index("ix_handover_state", "connection_id", "state", "id"),
    sqlite_autoincrement=True,
)


class _Job(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    job_id = Column(Text, primary_key=True)  # random
    kind = Column(Text, nullable=False)  # plan, sync, import, undo, ...
    asked = Column(Text, nullable=False)  # JSON object: what it was begun with
    owner = Column(Text, nullable=False)  # the process that works on it
    begun_at_us = Column(Int, nullable=False)
    lived_us = Column(Int, nullable=False)  # when that process last said that it lives
    ended_at_us = Column(Int)  # null: nobody has said the end
    answer = Column(Text)  # JSON object: the document, or the failure


# A day's worth a connection: found by its key, and no other index is worth its upkeep.
job = Table("job", metadata, _Job)


class _Worker(TypedColumns):
    owner = Column(Text, primary_key=True)
    beat_at_us = Column(Int, nullable=False)


worker = Table("worker", metadata, _Worker)


class _Schedule(TypedColumns):
    org_id = Column(Text, primary_key=True)
    seq = Column(Int, nullable=False)  # raised by every ring: a drain that saw an older one does not put it off
    due_at_us = Column(Int, nullable=False)


schedule = Table(
    "schedule",
    metadata,
    _Schedule,
    # What every worker asks every second.
    Index("ix_schedule_due", "due_at_us"),
)
