"""The words of the decision: sides, record keys, observations, links, bases, changes, outcomes.

Pure data, no behaviour beyond what a value needs to be compared and printed. Everything that crosses a room's border
(store, crm, engine, app) is one of these structs. Times are integer microseconds UTC.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class Side(enum.StrEnum):
    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"

    @property
    def other(self) -> Side:
        return Side.SALESFORCE if self is Side.HUBSPOT else Side.HUBSPOT


class SyncRule(enum.StrEnum):
    PREFER_SALESFORCE = "prefer_salesforce"
    ALWAYS_SALESFORCE = "always_salesforce"
    TWO_WAY = "two_way"
    PREFER_HUBSPOT = "prefer_hubspot"
    ALWAYS_HUBSPOT = "always_hubspot"
    DONT_SYNC = "dont_sync"


# A look-up in a dict costs a fifth of Side(text), and every due record is parsed.
_SIDES = {side.value: side for side in Side}


class RecordKey(msgspec.Struct, frozen=True, gc=False, order=True):
    """One record of one CRM. `type` is the CRM's own name: `contacts` in HubSpot, `Contact` in Salesforce."""

    side: Side
    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.side._value_}:{self.type}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> RecordKey:
        """Raises ValueError when `text` is not `side:type:id`."""
        side, type_, record_id = text.split(":", 2)
        return cls(_SIDES.get(side) or Side(side), type_, record_id)


# A raw value is what a CRM's JSON holds: HubSpot answers strings or null, Salesforce strings, numbers, booleans or null.
Raw = Any


class Observation(msgspec.Struct, frozen=True, gc=False):
    """What one strongly consistent read saw of a record. A name missing from `values` is not readable, which is not blank."""

    key: RecordKey
    values: dict[str, Raw]
    modified_us: int
    created_us: int
    read_us: int


class GoneHow(enum.StrEnum):
    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"
    ERASED = "erased"  # for ever: neither record nor archive holds it (HubSpot, GDPR delete; or its archive ran out)


class Gone(msgspec.Struct, frozen=True):
    """Proof that a record is no longer there: seen in the archive or bin, merged, or converted. Silence is no proof."""

    key: RecordKey
    how: GoneHow
    successor: RecordKey | None = None


# Fingerprints of both sides when nothing was left to do: (hubspot, salesforce). Equal halves: they agreed on it. Different
# halves: the rule lets the two differ, and neither side has seen the other's value.
FieldBase = tuple[int, int]
# field mapping id -> FieldBase. No entry: the field never agreed, which is not a blank base.
Base = dict[int, FieldBase]
# set mapping name (for example "contact_roles") -> the members both sides agreed on, as link ids.
SetBase = dict[str, list[int]]


class LinkState(enum.StrEnum):
    LINKED = "linked"
    HUBSPOT_DELETED = "hubspot_deleted"
    SALESFORCE_DELETED = "salesforce_deleted"
    UNLINKED = "unlinked"
    EXCLUDED = "excluded"  # both are there, and the HubSpot one is outside the list that limits what syncs
    OTHER_PIPELINE = "other_pipeline"  # both are there, in a pipeline or of a record type that does not sync


class LinkedBy(enum.StrEnum):
    CREATED_IN_HUBSPOT = "created_in_hubspot"
    CREATED_IN_SALESFORCE = "created_in_salesforce"
    SYNC_KEY = "sync_key"
    NATIVE_ID = "native_id"  # by HubSpot's own integration, which left the id of the one with the other
    EMAIL = "email"
    ADDITIONAL_EMAIL = (
        "additional_email"  # one that HubSpot keeps beside the contact's own: of a contact merged into it, mostly
    )
    DOMAIN = "domain"
    NAME = "name"
    SHARED_CONTACT = "shared_contact"  # of companies: somebody is a contact of both
    PERSON = "person"


class Looked(msgspec.Struct, frozen=True, array_like=True):
    """Which versions of a pair's records were looked at last, by the stamps of each CRM's own clock, and since when, by ours.

    Clocks are never compared with each other: a stamp tells which version it was, and only our clock how long we know it.
    """

    hubspot_us: int = 0
    salesforce_us: int = 0
    members_us: int = 0  # of the newest row of a set of references (contact roles)
    since_us: int = 0  # our clock when just these versions were first looked at

    def version_us(self, side: Side) -> int:
        return self.hubspot_us if side is Side.HUBSPOT else self.salesforce_us


class RecordLink(msgspec.Struct):
    """The pair. `id` is None until the store has given one."""

    object: str
    hubspot_id: str
    salesforce_type: str
    salesforce_id: str
    state: LinkState
    linked_by: LinkedBy
    linked_at_us: int
    base: Base
    sets: SetBase
    # What both sides held when a write between them was refused. Not tried again until either changes, or a person resyncs.
    held: Base = {}
    looked: Looked = Looked()
    synced_at_us: int | None = None
    id: int | None = None

    @classmethod
    def between(cls, one: RecordKey, other: RecordKey, linked_by: LinkedBy, at_us: int, base: Base) -> RecordLink:
        """A new pair of two records, one of either side, in any order."""
        hubspot, salesforce = (one, other) if one.side is Side.HUBSPOT else (other, one)
        return cls(
            object=hubspot.type,
            hubspot_id=hubspot.id,
            salesforce_type=salesforce.type,
            salesforce_id=salesforce.id,
            state=LinkState.LINKED,
            linked_by=linked_by,
            linked_at_us=at_us,
            base=base,
            sets={},
        )

    @property
    def hubspot(self) -> RecordKey:
        return RecordKey(Side.HUBSPOT, self.object, self.hubspot_id)

    @property
    def salesforce(self) -> RecordKey:
        return RecordKey(Side.SALESFORCE, self.salesforce_type, self.salesforce_id)

    def key(self, side: Side) -> RecordKey:
        return self.hubspot if side is Side.HUBSPOT else self.salesforce


class Reason(enum.StrEnum):
    """Why a record is due."""

    CHANGED = "changed"
    EXISTING = "existing"  # first load, counterparts may be created
    EXISTING_LINK_ONLY = "existing_link_only"  # first load, link what matches and create nothing
    IMPORT = "import"
    RESYNC = "resync"
    # One of a whole object, or of a list: as a resync, but that nobody has looked at just this record.
    RESYNC_OF_MANY = "resync_of_many"
    RETRY = "retry"
    TRY_AGAIN = "try_again"  # what was refused, by itself (engine/retries.py)
    PARKED = "parked"
    WAITING = "waiting"  # for another record, for example its company
    REPAIR = "repair"
    RESOLVED = "resolved"


class Dirty(msgspec.Struct, frozen=True, gc=False):
    """One due record. `seq` is the connection's counter when it was last marked."""

    object: str
    key: RecordKey
    seq: int
    due_at_us: int
    attempts: int
    reason: Reason
    behind: Reason | None = None  # of a parked one: for which it is looked at when its park ends


class IntentKind(enum.StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"


class IntentState(enum.StrEnum):
    SENT = "sent"
    UNKNOWN = "unknown"
    VERIFY = "verify"


class Intent(msgspec.Struct):
    """One record write, on disk before the request leaves. Deleted when its outcome is known (and, for two-way fields, verified).

    `source` is the record whose values are carried over, `target` the one written (id empty for a create, `sync_key` names it).
    `fields`: field mapping id -> (name on the target, then fingerprints: written, read on the source, read on the target).
    """

    object: str
    kind: IntentKind
    state: IntentState
    source: RecordKey
    target: RecordKey
    sync_key: str
    fields: dict[int, tuple[str, int, int, int]]
    fence: int
    # The target's own stamp when it was read, by its CRM's clock: what bears a later one, the write did not know.
    target_stamp_us: int
    park_until_us: int
    # What the audit will say once the write is known to have landed: a crash must not cost the value that it replaced.
    rows: list[AuditRow] = []
    id: int | None = None


class ConflictReason(enum.StrEnum):
    BOTH_CHANGED = "both_changed"
    LOST_RACE = "lost_race"
    UNEQUAL = "unequal"
    RULE = "rule"  # one side changed, the rule gives the value to the other
    FIRST_LINK = "first_link"


class AuditKind(enum.StrEnum):
    CREATE = "create"
    UPDATE = "update"
    LINK = "link"
    UNLINK = "unlink"
    RELINK = "relink"
    EXCLUDE = "exclude"  # the pair stays, and rests outside the list that limits what syncs
    CONFLICT = "conflict"
    OPT_OUT = "opt_out"
    ASSOCIATE = "associate"
    DISASSOCIATE = "disassociate"
    STAGE = "stage"  # a lifecycle stage was moved in HubSpot (lifecycle.py)
    UNDO = "undo"  # a write or a create of ours was taken back
    DELETE = "delete"  # a record was deleted because its counterpart had been
    MERGE = "merge"  # two HubSpot records were merged because their counterparts had been


class AuditRow(msgspec.Struct, gc=False):
    """One thing we did or decided, for ever explainable. For a conflict `old` is the losing value, `new` the one that was kept."""

    at_us: int
    kind: AuditKind
    object: str
    hubspot_id: str | None
    salesforce_id: str | None
    side: Side | None = None  # the side written; for a conflict the side that lost
    property: str | None = None
    field: str | None = None
    old: Raw = None
    new: Raw = None
    cause: str = ""
    rule: str | None = None
    reason: str | None = None
    status: str = "done"  # conflicts: open | settled | resolved
    id: int | None = None


class IssueCategory(enum.StrEnum):
    ASSOCIATIONS = "associations"
    CUSTOM_CODE = "custom_code"
    DUPLICATES = "duplicates"
    PERMISSIONS = "permissions"
    PROPERTY_VALUES = "property_values"
    FIELD_MAPPING = "field_mapping"
    MATCHING = "matching"
    LIMITS = "limits"
    SIGN_IN = "sign_in"
    SAFETY = "safety"


class Issue(msgspec.Struct):
    """What a person must see, understand and resolve. Identity: (object, hubspot_id or salesforce_id, code, property)."""

    category: IssueCategory
    code: str
    severity: str  # error | warning
    object: str
    hubspot_id: str | None
    salesforce_id: str | None
    salesforce_type: str | None
    cause: str
    fix: str
    property: str | None = None
    field: str | None = None
    value: str | None = None
    raw_message: str | None = None
    label: str | None = None
    status: str = "open"  # open | waiting | ignored | resolved
    first_seen_us: int = 0
    last_seen_us: int = 0
    tries: int = 1
    next_try_us: int | None = None
    id: int | None = None


# --- what a CRM said about one record write --------------------------------------------------------------------------------


class Written(msgspec.Struct, frozen=True, gc=False):
    """The CRM carried it out. `values`, when the CRM returns them, are the record's values after the write; `before` is the
    pre-image read in the same call (Salesforce composite writes only)."""

    id: str
    created: bool = False
    values: dict[str, Raw] | None = None
    modified_us: int | None = None
    before: dict[str, Raw] | None = None


class Refused(msgspec.Struct, frozen=True):
    """The CRM said no to this record; nothing of it was written. `fields`: names the CRM blames, empty when it names none."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    retry: bool = False  # the same write may succeed later (row lock, 5xx, rate limit)
    existing_id: str | None = None  # the record that the CRM says is in the way
    gone: bool = False  # the record is deleted or archived


class NotDone(msgspec.Struct, frozen=True):
    """Surely not carried out: the request never left, or the CRM refused the call as a whole for a passing reason."""

    why: str


class Unsettled(msgspec.Struct, frozen=True):
    """May or may not have been carried out, and may still be. Only reading by key or history tells."""

    why: str


Outcome = Written | Refused | NotDone | Unsettled
