"""One pair on its way through the line: what was claimed, seen, decided, sent and answered. Data only."""

from __future__ import annotations

import enum

import msgspec

from interlock.core.lifecycle import StageMove
from interlock.core.model import (
    AuditRow,
    Base,
    Dirty,
    FieldBase,
    Gone,
    Intent,
    Issue,
    LinkState,
    Observation,
    Outcome,
    Reason,
    RecordKey,
    RecordLink,
    SetBase,
    Side,
)
from interlock.core.plan import FieldWrite, HeldField
from interlock.core.reconcile import FieldDecision
from interlock.engine.context import ObjectRuntime
from interlock.store.dirty import strongest
from interlock.store.resolutions import Resolution
from interlock.store.undos import UndoRow

Seen = Observation | Gone | None


class Limit(enum.StrEnum):
    """What limits which records sync: a HubSpot list, a filter in Salesforce, and of deals the pipelines that sync."""

    LIST = "list"
    FILTER = "filter"
    PIPELINE = "pipeline"


class SideWrite(msgspec.Struct):
    """One record write: the mapped fields, and what goes with them in the same request (keys, placeholders, opt-out)."""

    side: Side
    type: str
    id: str | None  # None: a create
    sync_key: str
    fields: list[FieldWrite]
    extra: dict[str, object]
    intent: Intent | None = None
    outcome: Outcome | None = None
    dropped: list[tuple[FieldWrite, str, str]] = []  # (write, code, message) the CRM refused, the rest was sent
    along: dict[
        str, object
    ] = {}  # sent where the rest is sent anyway: no reason to write, and nothing to settle afterwards

    @property
    def creates(self) -> bool:
        return self.id is None

    def values(self) -> dict[str, object]:
        if not self.fields:
            return dict(self.extra)
        return {**{write.name: write.raw for write in self.fields}, **self.extra}


class SetChange(msgspec.Struct):
    """Members to add to or remove from a set of references on one side, by the linked record's id on that side."""

    name: str
    side: Side
    add: list[str]
    remove: list[str]
    members: dict[str, int]  # of each of these, the link that is the member
    roles: dict[str, str] = {}  # with which role a row is added, by the contact (role_labels.py)
    done: bool = False
    may_land: bool = False  # an addition was not answered, and cannot be told from one that is asked for again


class Deletion(msgspec.Struct):
    """The record on `side` is to go because its counterpart was deleted; `state` is what the pair comes to."""

    side: Side
    state: LinkState
    cause: str
    intent: Intent | None = None
    outcome: Outcome | None = None  # None: it was not sent


class Merging(msgspec.Struct):
    """The pair's HubSpot record is to be merged into another; `issue` proposes it, and is raised where it is not carried out."""

    into: RecordKey
    confirmed: bool
    issue: Issue
    intent: Intent | None = None
    outcome: Outcome | None = None  # None: it was not sent


Type = tuple[str, int]  # of an association in HubSpot: its category and its id


class RoleChange(msgspec.Struct):
    """Labels and roles to write of those who take part in a deal (role_labels.py). `labels`: contact -> all labels that it shall
    have, where it gets one; `taken`: contact -> labels that it loses, where it gets none; `roles`: row -> its role. `of`: of each
    of these keys (set, member) that it carries over; `later`: the same of what is not done this time."""

    labels: dict[str, set[Type]] = {}
    taken: dict[str, set[Type]] = {}
    roles: dict[str, str | None] = {}
    of: dict[str, list[tuple[str, int]]] = {}
    later: list[tuple[str, int]] = []
    contacts: dict[int, str] = {}  # of whom rows are written: link id -> the contact's id in Salesforce

    def add_label(self, contact: str, type_: Type, of: tuple[str, int]) -> None:
        self.labels.setdefault(contact, set()).add(type_)
        self.of.setdefault(contact, []).append(of)

    def take_label(self, contact: str, type_: Type, of: tuple[str, int]) -> None:
        self.taken.setdefault(contact, set()).add(type_)
        self.of.setdefault(contact, []).append(of)

    def set_role(self, row: str, role: str | None, of: tuple[str, int]) -> None:
        self.roles[row] = role
        self.of.setdefault(row, []).append(of)


class Work(msgspec.Struct):
    """One pair, or one record that has no counterpart yet."""

    runtime: ObjectRuntime
    dirty: list[Dirty]
    link: RecordLink | None = None
    hubspot: Seen = None
    salesforce: Seen = None
    intents: list[Intent] = []
    open_intents: list[Intent] = []  # what they wrote cannot be read this time; a part that can be is among `intents`

    new_link: bool = False
    state: LinkState | None = None
    follow: RecordKey | None = None
    relink_to: RecordKey | None = None
    ends: int | None = None  # the link that the record moved to had, whose own counterpart is gone
    two_in_one: bool = (
        False  # merged across with another pair: what this one agreed on is no news of the other's values
    )
    merged: bool = False  # both records were compared, field by field
    landed: Base = {}  # bases of fields that a write of unknown outcome turned out to have reached
    agreed: Base = {}
    sets: SetBase = {}
    members_us: int = 0  # the newest stamp among the rows of its set in Salesforce
    decisions: list[FieldDecision] = []
    held: list[HeldField] = []
    resolutions: list[Resolution] = []  # what a person chose for conflicts of this pair; see choices.py
    choices_need: dict[int, tuple[int, tuple[Side, ...]]] = {}
    choices_ended: dict[int, str] = {}
    undos: list[UndoRow] = []  # what a person takes back of this pair, and what was and stands; see undo.py
    undos_need: dict[int, tuple[int, tuple[Side, ...], FieldBase]] = {}
    undos_ended: dict[int, str] = {}
    erased: str = ""  # the record, or whoever bears its address, was erased; see erasing.py
    undoing: bool = False  # nothing but what a person takes back is written this time
    take_back: UndoRow | None = None  # the record that we had created, and that is to be deleted again
    deletion: Deletion | None = None  # the other record of a pair of which one was deleted; see deleting.py
    restoring: Issue | None = None  # the Salesforce record, which we had deleted, is to be restored; else this is said
    merging: Merging | None = None  # with another HubSpot record, since the Salesforce records were; see merging.py
    writes: list[SideWrite] = []
    set_changes: list[SetChange] = []
    stage: StageMove | None = None  # where its opportunities move its lifecycle stage
    role_change: RoleChange | None = None
    opt_out_hubspot: str | None = None  # the e-mail to opt out in HubSpot
    opt_out_done: bool = False
    opt_out_refused: bool = False
    opt_out_address: int = 0  # fingerprint of the address that HubSpot holds once the batch is done

    # Whether the pair is inside of what limits what syncs: the HubSpot record of a list (inclusion.py), the Salesforce record of a
    # filter (filtered.py); None: the CRM did not say. `limit`: which of the two it is outside of, or in doubt about.
    included: bool | None = True
    limit: Limit = Limit.LIST
    # A new Salesforce record found it outside that list: it lands in HubSpot, and nothing goes back.
    landing: bool = False

    # What a person who is new in HubSpot becomes in Salesforce, where rules say so (person_rules.py).
    becomes: str | msgspec.UnsetType | None = msgspec.UNSET

    # Of a company: whether one of its contacts is a contact in Salesforce, where that was asked (accounts_for.py).
    has_contact_there: bool | None = None

    issues: list[Issue] = []
    audit: list[AuditRow] = []
    why_not: str | None = None
    awaits: list[
        RecordKey
    ] = []  # records that it points to and that have no counterpart yet: it is looked at when they do
    postpone_until_us: int | None = None
    postpone_reason: Reason = Reason.RETRY

    @property
    def object(self) -> str:
        return self.runtime.slug

    @property
    def create_type(self) -> str | None:
        """The Salesforce type that a new HubSpot record becomes; None: none is created."""
        return self.runtime.create_type if self.becomes is msgspec.UNSET else self.becomes

    @property
    def reason(self) -> Reason:
        if len(self.dirty) == 1:
            return self.dirty[0].behind or self.dirty[0].reason
        return strongest(each.behind or each.reason for each in self.dirty)

    def seen(self, side: Side) -> Seen:
        return self.hubspot if side is Side.HUBSPOT else self.salesforce

    def see(self, side: Side, seen: Seen) -> None:
        if side is Side.HUBSPOT:
            self.hubspot = seen
        else:
            self.salesforce = seen

    @property
    def origin(self) -> Side:
        """The side of a record without counterpart."""
        return self.dirty[0].key.side

    def key(self, side: Side) -> RecordKey | None:
        if self.link is not None:
            return self.link.key(side)
        for each in self.dirty:
            if each.key.side is side:
                return each.key
        return None

    @property
    def hubspot_id(self) -> str | None:
        if self.link is not None:
            return self.link.hubspot_id or None
        key = self.key(Side.HUBSPOT)
        return key.id if key is not None and key.id else None

    @property
    def salesforce_id(self) -> str | None:
        if self.link is not None:
            return self.link.salesforce_id or None
        key = self.key(Side.SALESFORCE)
        return key.id if key is not None and key.id else None

    def label(self) -> str | None:
        for side, seen in ((Side.HUBSPOT, self.hubspot), (Side.SALESFORCE, self.salesforce)):
            if isinstance(seen, Observation):
                return self.runtime.spec.label(side, seen.values)
        return None

    def wait(self, until_us: int, reason: Reason) -> None:
        if self.postpone_until_us is None or until_us < self.postpone_until_us:
            self.postpone_until_us = until_us
            self.postpone_reason = reason


class Batch(msgspec.Struct):
    """Works of one object that go through the line together. `horizon`: marks up to this seq were made before our reads."""

    runtime: ObjectRuntime
    works: list[Work]
    horizon: int
    looked_us: int  # no record of the batch was read before this; what changed later may not be in it
    also_due: list[RecordKey] = []  # found on the way: looked at as soon as the batch is done
    others_due: dict[str, list[RecordKey]] = {}  # the same of other objects, by slug
    parked: list[Work] = []  # a request for them may still land, or they rest: only their due time is written
    intents: list[Intent] = []  # of deletes and merges; those of writes are made as they go on disk
    merged_lately: int = 0  # HubSpot records that were merged by themselves, before this batch
    deleted_lately: dict[Side, int] = {}  # records that went because their counterparts had, before this batch
