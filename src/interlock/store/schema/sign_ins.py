"""Sign-ins: apps and grants of the CRMs."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Identity, Index, Table, TypedColumns

from interlock.store.schema.base import Blob, Int, Text, metadata


class _CrmApp(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    side = Column(Text, nullable=False)
    client_id = Column(Text, nullable=False)
    sealed = Column(Blob)  # the client secret; null: a public client, which has none
    changed_at_us = Column(Int, nullable=False)


crm_app = Table(
    "crm_app",
    metadata,
    _CrmApp,
    # One app of a CRM serves every connection that was signed in with it: its secret is replaced in one place.
    Index("uq_crm_app_client", "side", "client_id", unique=True),
    sqlite_autoincrement=True,
)


class _SignIn(TypedColumns):
    state_hash = Column(Text, primary_key=True)  # SHA-256 of what travels in the address
    browser_hash = Column(Text, nullable=False)  # SHA-256 of the cookie of the browser that began it
    side = Column(Text, nullable=False)
    sealed = Column(Blob)  # verifier and what was asked for; null once it was used
    expires_at_us = Column(Int, nullable=False)
    used_at_us = Column(Int)  # null: not yet


sign_in = Table(
    "sign_in",
    metadata,
    _SignIn,
    # What is over is swept by each that begins.
    Index("ix_sign_in_expires", "expires_at_us"),
)


class _CrmGrant(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, ForeignKey("connection.id", ondelete="CASCADE"))  # null: signed in, not joined yet
    side = Column(Text, nullable=False)
    role = Column(Text, nullable=False)  # sync | admin
    state = Column(Text, nullable=False)  # good | dead | superseded (to be revoked) | revoked
    reason = Column(Text)  # why it is not good, a sentence
    app_id = Column(Int, ForeignKey("crm_app.id"), nullable=False)
    login_url = Column(Text, nullable=False)  # where it is refreshed and revoked
    account_id = Column(Text, nullable=False)  # HubSpot account or Salesforce org
    who = Column(Text, nullable=False)  # JSON object: the identity card
    scopes = Column(Text, nullable=False)  # JSON array
    sealed = Column(Blob)  # access and refresh token; null once it has ended
    generation = Column(Int, nullable=False)  # raised by every refresh that is kept: what an older one brings is not
    granted_at_us = Column(Int, nullable=False)
    refreshed_at_us = Column(Int, nullable=False)
    expires_at_us = Column(Int)  # of the access token; null: the CRM does not say
    turn_owner = Column(Text)  # whose turn it is to refresh
    turn_until_us = Column(Int)  # null: nobody's
    sent_us = Column(Int)  # a refresh left then whose answer is not known; null: none


crm_grant = Table(
    "crm_grant",
    metadata,
    _CrmGrant,
    # Which tokens a client of this connection uses.
    Index("ix_crm_grant_connection", "connection_id", "side"),
    sqlite_autoincrement=True,
)
