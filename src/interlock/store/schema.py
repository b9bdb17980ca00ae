"""The tables: every column and index says what it is for. Definitions only; statements live in the aggregates' modules.

Times are integer microseconds UTC (`_us`). Every key begins with `connection_id` and every statement is bounded by it.
Ids are never reused (AUTOINCREMENT / identity): a field mapping that is deleted and made again must not inherit a base.
A `record_key` is the product's own word for a record, `hubspot:contacts:123`. Tables written once per record and sync
carry no foreign key to `connection`: the check costs a lookup per row, and `connections.delete` clears them by name.
Changing this file needs a migration; a test compares the two on both databases.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Identity, Index, MetaData, Table, TypedColumns, text

Bool: sa.types.TypeEngine[bool] = sa.Boolean()
# SQLite gives AUTOINCREMENT to INTEGER only; its integers are 64 bit anyway.
Int = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Text = sa.Text()
Blob = sa.LargeBinary()

metadata = MetaData(naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"})


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


class _ObjectMapping(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False)
    object = Column(Text, nullable=False)  # HubSpot object: contacts
    salesforce_type = Column(Text, nullable=False)  # Contact; contacts <-> Lead is its own row
    enabled = Column(Bool, nullable=False)
    settings = Column(Text, nullable=False)  # JSON object: create and delete rules


object_mapping = Table(
    "object_mapping",
    metadata,
    _ObjectMapping,
    Index("uq_object_mapping", "connection_id", "object", "salesforce_type", unique=True),
    sqlite_autoincrement=True,
)


class _FieldMapping(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)  # the key of a field's base: never reused
    connection_id = Column(Int, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False)
    object_mapping_id = Column(Int, ForeignKey("object_mapping.id", ondelete="CASCADE"), nullable=False)
    property = Column(Text, nullable=False)  # HubSpot name
    field = Column(Text, nullable=False)  # Salesforce name
    rule = Column(Text, nullable=False)  # slug of a SyncRule
    kind = Column(Text, nullable=False)  # default | custom
    locked_reason = Column(Text)  # why a person may not change the row
    status = Column(Text, nullable=False)
    status_reason = Column(Text)
    definition = Column(Text, nullable=False)  # JSON object: types, codec and options of both ends


field_mapping = Table(
    "field_mapping",
    metadata,
    _FieldMapping,
    # All field mappings of a connection, in the order of their objects; also: no pair of names twice.
    Index("uq_field_mapping", "connection_id", "object_mapping_id", "property", "field", unique=True),
    sqlite_autoincrement=True,
)


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


class _Directory(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    name = Column(Text, primary_key=True)  # for example salesforce.describe.Contact
    value = Column(Text, nullable=False)  # JSON
    at_us = Column(Int, nullable=False)  # when it was fetched


directory = Table("directory", metadata, _Directory)


class _Calls(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    side = Column(Text, primary_key=True)
    hour_us = Column(Int, primary_key=True, autoincrement=False)  # start of the hour: the daily limits are rolling
    purpose = Column(Text, primary_key=True)  # detect | fetch | match | write | verify | setup
    calls = Column(Int, nullable=False)


calls = Table("calls", metadata, _Calls, sqlite_with_rowid=False)


class _Lease(TypedColumns):
    org_id = Column(Text, primary_key=True)  # the Salesforce org: connections share its API budget, so one owner
    owner = Column(Text, nullable=False)
    fence = Column(Int, nullable=False)  # raised by every taking; checked by every transaction of a drain
    until_us = Column(Int, nullable=False)


lease = Table("lease", metadata, _Lease)


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

# --- people: of the installation, not of a connection -----------------------------------------------------------------


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


# --- sign-ins: apps and grants of the CRMs ------------------------------------------------------------------------------


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


# --- the install wizard -------------------------------------------------------------------------------------------------


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


# --- notifications: what people are told, where, and what was sent ------------------------------------------------------


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


# --- undo ---------------------------------------------------------------------------------------------------------------


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


class _Erased(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    hash = Column(Text, primary_key=True)  # HMAC-SHA-256 of a record key or an e-mail address, see erasures.py
    at_us = Column(Int, nullable=False)


erased = Table("erased", metadata, _Erased)


# Tables that are no connection's: all others are cleared by `connections.delete` and bounded by connection_id.
_PEOPLE = {"person", "session", "one_time_link", "api_token", "sign_in_try", "deed"}
# A set-up that made a connection goes with it by its foreign key; before, it belongs to none.
_SETUP = {"setup", "setup_step", "setup_secret", "setup_work", "colleague_link"}
GLOBAL_TABLES = frozenset(
    {"connection", "lease", "worker", "schedule", "crm_app", "sign_in", "notify_channel", "bell"} | _PEOPLE | _SETUP
)

# The bulk helpers of the aggregates all start from it.
assert all("connection_id" in table.c for table in metadata.tables.values() if table.name not in GLOBAL_TABLES)


def postgresql_type(column: Column[Any]) -> str:
    for kind, name in (
        (sa.LargeBinary, "bytea"),
        (sa.Boolean, "boolean"),
        (sa.Text, "text"),
        (sa.BigInteger, "bigint"),
    ):
        if isinstance(column.type, kind):
            return name
    raise TypeError(f"no type for {column}")
