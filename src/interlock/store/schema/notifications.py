"""What people are told, where, and what was sent."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Identity, Index, Table, TypedColumns, text

from interlock.store.schema.base import Blob, Int, Text, metadata


class _NotifyChannel(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    kind = Column(Text, nullable=False)  # webhook | email
    target = Column(Text, nullable=False)  # address of the webhook or the mailbox; '' for a person's own e-mail
    person_id = Column(Int, ForeignKey("person.id", ondelete="CASCADE"))  # whose e-mail it is; null: an address
    sealed = Column(Blob)  # what a webhook's messages are signed with; null: an e-mail
    events = Column(Text, nullable=False)  # JSON array of events, see notices.py
    made_at_us = Column(Int, nullable=False)


notify_channel = Table(
    "notify_channel",
    metadata,
    _NotifyChannel,
    # Each place is told once, however often somebody adds it.
    Index("uq_notify_channel", "kind", "target", "person_id", unique=True),
    sqlite_autoincrement=True,
)


class _Bell(TypedColumns):
    person_id = Column(Int, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    seen_notice_id = Column(Int, nullable=False)  # the newest notice that this person has marked as read


bell = Table("bell", metadata, _Bell)


class _Notice(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    at_us = Column(Int, nullable=False)
    event = Column(Text, nullable=False)
    once = Column(Text, nullable=False)  # what it is about, in this connection: the same is never told twice
    title = Column(Text, nullable=False)
    body = Column(Text, nullable=False)
    fix = Column(Text, nullable=False)  # what to do; '' where there is nothing


notice = Table(
    "notice",
    metadata,
    _Notice,
    Index("uq_notice_once", "connection_id", "once", unique=True),
    # The list, and how many are newer than somebody has seen.
    Index("ix_notice_page", "connection_id", "id"),
    sqlite_autoincrement=True,
)

_WAITING = text("state = 'waiting'")


class _Delivery(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, nullable=False)
    notice_id = Column(Int, nullable=False)
    channel_id = Column(Int, nullable=False)
    state = Column(Text, nullable=False)  # waiting | sent | failed
    tries = Column(Int, nullable=False)
    due_at_us = Column(Int, nullable=False)  # while it is being sent: when to take it for lost
    error = Column(Text)  # of the last try, a sentence; null: none yet, or it was sent
    done_at_us = Column(Int)


delivery = Table(
    "delivery",
    metadata,
    _Delivery,
    # The outbox: what is to be sent by now.
    Index("ix_delivery_due", "connection_id", "due_at_us", sqlite_where=_WAITING, postgresql_where=_WAITING),
    # How the last ones of a channel went.
    Index("ix_delivery_channel", "connection_id", "channel_id", "id"),
    sqlite_autoincrement=True,
)
