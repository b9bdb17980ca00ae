"""People of the installation, not of a connection: their sessions and links, tokens, and the chain of deeds."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Identity, Index, Table, TypedColumns

from interlock.store.schema.base import Int, Text, metadata


class _Person(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    email = Column(Text, nullable=False)  # as it was typed; what a person signs in with
    email_key = Column(Text, nullable=False)  # the same in small letters: how it is looked up
    name = Column(Text, nullable=False)
    role = Column(Text, nullable=False)  # viewer | operator | admin
    password_hash = Column(Text)  # argon2id with its parameters; null: none chosen yet, or taken away by a reset
    created_at_us = Column(Int, nullable=False)
    signed_in_at_us = Column(Int)  # last time; null: never
    disabled_at_us = Column(Int)  # null: may sign in


person = Table(
    "person",
    metadata,
    _Person,
    Index("uq_person_email_key", "email_key", unique=True),
    sqlite_autoincrement=True,
)


class _Session(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    token_hash = Column(Text, nullable=False)  # SHA-256 of the random token that the cookie holds
    person_id = Column(Int, ForeignKey("person.id", ondelete="CASCADE"), nullable=False)
    created_at_us = Column(Int, nullable=False)
    seen_at_us = Column(Int, nullable=False)  # last use, to the minute: the idle limit counts from it
    until_us = Column(Int, nullable=False)  # the absolute limit


session = Table(
    "session",
    metadata,
    _Session,
    # Asked by every request.
    Index("uq_session_token_hash", "token_hash", unique=True),
    # End all sessions of a person.
    Index("ix_session_person", "person_id"),
    sqlite_autoincrement=True,
)


class _OneTimeLink(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    token_hash = Column(Text, nullable=False)  # SHA-256 of the random token in the address
    purpose = Column(Text, nullable=False)  # first_person | password | sign_in
    person_id = Column(Int, ForeignKey("person.id", ondelete="CASCADE"))  # null: there is none yet (first_person)
    created_at_us = Column(Int, nullable=False)
    until_us = Column(Int, nullable=False)
    used_at_us = Column(Int)


one_time_link = Table(
    "one_time_link",
    metadata,
    _OneTimeLink,
    Index("uq_one_time_link_token_hash", "token_hash", unique=True),
    # A new link makes the person's older ones void.
    Index("ix_one_time_link_person", "person_id", "purpose"),
    sqlite_autoincrement=True,
)


class _ApiToken(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    token_hash = Column(Text, nullable=False)  # SHA-256 of the random token
    name = Column(Text, nullable=False)  # what it is for, in the words of whoever made it
    role = Column(Text, nullable=False)
    made_by = Column(Int, ForeignKey("person.id", ondelete="SET NULL"))  # null: that person is no more
    created_at_us = Column(Int, nullable=False)
    used_at_us = Column(Int)  # last use, to the minute
    revoked_at_us = Column(Int)


api_token = Table(
    "api_token",
    metadata,
    _ApiToken,
    Index("uq_api_token_token_hash", "token_hash", unique=True),
    Index("ix_api_token_made_by", "made_by"),
    sqlite_autoincrement=True,
)


class _SignInTry(TypedColumns):
    source = Column(Text, primary_key=True)  # account:<hash of what was typed> or address:<of the client>
    failures = Column(Int, nullable=False)  # tries in a row that did not end in a sign-in
    tried_at_us = Column(Int, nullable=False)
    next_at_us = Column(Int, nullable=False)  # before this no try is looked at


sign_in_try = Table(
    "sign_in_try",
    metadata,
    _SignInTry,
    # Forgetting.
    Index("ix_sign_in_try_tried", "tried_at_us"),
)


class _Deed(TypedColumns):
    seq = Column(Int, primary_key=True, autoincrement=False)  # 1, 2, 3, ... without gaps
    at_us = Column(Int, nullable=False)
    actor = Column(Text, nullable=False)  # person:1, token:2, command, nobody
    action = Column(Text, nullable=False)
    subject = Column(Text, nullable=False)  # person:1, token:2, mapping:3, ...
    detail = Column(Text, nullable=False)  # JSON object
    previous_hash = Column(Text, nullable=False)  # `hash` of the row before; '' for the first
    hash = Column(Text, nullable=False)  # SHA-256 of all the above, see deeds.py


deed = Table("deed", metadata, _Deed)
