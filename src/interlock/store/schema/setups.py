"""The install wizard: a set-up, its steps, secrets and work, and links for colleagues."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Identity, Index, Table, TypedColumns

from interlock.store.schema.base import Blob, Int, Text, metadata


class _Setup(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, ForeignKey("connection.id", ondelete="CASCADE"))  # null: it is not there yet
    begun_by = Column(Text, nullable=False)  # as `deed.actor`
    created_at_us = Column(Int, nullable=False)
    changed_at_us = Column(Int, nullable=False)
    ended_at_us = Column(Int)  # finished, or given up; null: under way


setup = Table(
    "setup",
    metadata,
    _Setup,
    Index("ix_setup_connection", "connection_id"),
    sqlite_autoincrement=True,
)


class _SetupStep(TypedColumns):
    setup_id = Column(Int, ForeignKey("setup.id", ondelete="CASCADE"), primary_key=True)
    slug = Column(Text, primary_key=True)
    kept = Column(Text, nullable=False)  # JSON object, see app/setup/<slug>.py
    version = Column(Int, nullable=False)  # raised by every save: a form that shows an older one is stale
    changed_by = Column(Text, nullable=False)  # as `deed.actor`
    changed_at_us = Column(Int, nullable=False)


setup_step = Table("setup_step", metadata, _SetupStep)


class _SetupSecret(TypedColumns):
    setup_id = Column(Int, ForeignKey("setup.id", ondelete="CASCADE"), primary_key=True)
    name = Column(Text, primary_key=True)
    sealed = Column(Blob, nullable=False)  # a service key, a private key, a client secret: until the connection has it


setup_secret = Table("setup_secret", metadata, _SetupSecret)


class _ColleagueLink(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    setup_id = Column(Int, ForeignKey("setup.id", ondelete="CASCADE"), nullable=False)
    side = Column(Text, nullable=False)  # whose sign-in a colleague is asked for
    token_hash = Column(Text, nullable=False)  # SHA-256 of the random token
    browser_hash = Column(Text)  # SHA-256 of the cookie of the browser that took it up; null: nobody has
    made_by = Column(Text, nullable=False)  # as `deed.actor`
    created_at_us = Column(Int, nullable=False)
    until_us = Column(Int, nullable=False)
    ended_at_us = Column(Int)  # done, taken back or replaced; null: good until `until_us`


colleague_link = Table(
    "colleague_link",
    metadata,
    _ColleagueLink,
    Index("uq_colleague_link_token_hash", "token_hash", unique=True),
    Index("ix_colleague_link_setup", "setup_id", "side"),
    sqlite_autoincrement=True,
)


class _SetupWork(TypedColumns):
    setup_id = Column(Int, ForeignKey("setup.id", ondelete="CASCADE"), primary_key=True)
    name = Column(Text, primary_key=True)  # deployment, package, preview, finish
    content = Column(Text, nullable=False)  # JSON object
    changed_at_us = Column(Int, nullable=False)


setup_work = Table("setup_work", metadata, _SetupWork)
