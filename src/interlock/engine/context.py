"""What a cycle works with: the connection's parts, compiled mappings, and the counts it reports. No decisions here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping

import msgspec

from interlock.core.codec import RefCodec
from interlock.core.mapping import ObjectMapping
from interlock.core.model import Observation, Raw, RecordKey, Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.echoes import Echoes
from interlock.objects.choices import ChoiceOf
from interlock.objects.lead_or_contact import PersonRule
from interlock.objects.pipelines import PipelineChoice, Synced
from interlock.objects.registry import SPECS
from interlock.objects.spec import ObjectSpec
from interlock.store import Store
from interlock.store.lease import Lease

# The key properties. Interlock's own; the native integration's id properties are only ever read.
HUBSPOT_ID_PROPERTY = "interlock_salesforce_id"
SALESFORCE_CREATION_KEY = "Interlock_Creation_Key__c"
# For people to see, and no key: what it says is never relied on, so it may lack, lag behind, or be another account's.
SALESFORCE_HUBSPOT_ID = "Interlock_HubSpot_Id__c"
# The same in HubSpot: the address of the record's page in this Interlock.
HUBSPOT_LINK_PROPERTY = "interlock_link"
# Whether its Salesforce record was deleted while it stays. HubSpot's own integration calls it so, and people's lists know it.
HUBSPOT_DELETED_PROPERTY = "salesforcedeleted"

# Base entries of the e-mail opt-out, which is not a mapping (field mapping ids start at 1): whether each side has it, and
# the fingerprint of the address that it was known for.
OPT_OUT = 0
OPT_OUT_ADDRESS = -1
# In what is held back: the record was refused as a whole, so that any change of it may let all of it pass.
HELD_AS_A_WHOLE = -2


# Salesforce stamps are whole seconds: a row may change again under the stamp that was seen.
STAMP_GRAIN_US = 1_000_000
# A transaction may commit some seconds after its stamp. What bears a stamp that we have known for this long, by our own
# clock, is all there is under it.
STAMP_AGED_US = 6 * STAMP_GRAIN_US


class Existing(msgspec.Struct, frozen=True):
    """What happens to records that are there at install: `none`, `link` or `all` (docs/connect.md)."""

    load: bool
    create: bool


EXISTING = {"none": Existing(False, False), "link": Existing(True, False), "all": Existing(True, True)}


class Settings(msgspec.Struct, frozen=True):
    """The connection's settings that steer a cycle. Times in microseconds unless the name says otherwise."""

    existing: str = "none"
    # What a new HubSpot contact becomes: Contact | Lead | "" (none is created).
    create_person_as: str = "Contact"
    # What decides before it, person by person: the first that applies (objects/lead_or_contact.py).
    person_rules: tuple[PersonRule, ...] = ()
    # Whether a record of one side that nothing on the other matches is created there: for all objects, or by object slug,
    # where one that is not named is created. What matches is linked either way (docs/limits.md).
    create_in_hubspot: bool | dict[str, bool] = True
    create_in_salesforce: bool | dict[str, bool] = True
    # Object slug -> id of the HubSpot list whose records sync; of an object that has none all sync (docs/limits.md).
    inclusion: dict[str, str | None] = {}
    # Salesforce type -> the condition that its records must fit to sync (docs/limits.md).
    salesforce_filters: dict[str, str] = {}
    # Name of a choice (objects/choices.py) -> object slug -> the value that a person chose.
    choices: dict[str, dict[str, str]] = {}
    # HubSpot owner id -> Salesforce user id, of those whom a person paired by hand.
    owner_pairs: dict[str, str] = {}
    # Where people reach the pages, for the link that HubSpot's records hold. Empty: nobody said, and none is written.
    pages_at: str = ""
    # HubSpot deal pipeline -> the record type that it stands for and its stages; empty: objects/pipelines.py says.
    pipelines: dict[str, PipelineChoice] = {}
    # Whether the ids that HubSpot's own integration left in HubSpot say who is whom (docs/migrate.md).
    native_ids: bool = False
    clock_skew_us: int = 5_000_000
    hubspot_overlap_us: int = 120_000_000
    salesforce_overlap_us: int = 120_000_000
    # A request that timed out may still land; after this long it can no more. HubSpot gives up after 100 s (status 524),
    # Salesforce lets a call run for ten minutes (API limits).
    hubspot_park_us: int = 180_000_000
    salesforce_park_us: int = 600_000_000
    batch_rows: int = 1_000
    # A first load of more records on one side notes whom HubSpot has (census.py).
    census_rows: int = 5_000
    retry_base_us: int = 30_000_000
    retry_most_us: int = 3_600_000_000
    archived_sweep_pages: int = 10
    oscillation_writes: int = 6
    oscillation_window_us: int = 3_600_000_000
    mass_change_share: float = 0.5
    mass_change_least: int = 100
    audit_retention_us: int = 366 * 86_400_000_000

    def creates_in(self, side: Side, object_: str) -> bool:
        chosen = self.create_in_hubspot if side is Side.HUBSPOT else self.create_in_salesforce
        return chosen if isinstance(chosen, bool) else chosen.get(object_, True)

    def chosen(self, choice: ChoiceOf, object_: str) -> str:
        return self.choices.get(choice.name, {}).get(object_, choice.default)

    def park_us(self, side: Side) -> int:
        return self.hubspot_park_us if side is Side.HUBSPOT else self.salesforce_park_us


class ListLimits(msgspec.Struct, frozen=True):
    """What limits the picklists of a Salesforce type further. `record_types`: name by id; `controllers`: by field, the one that it
    depends on."""

    record_types: dict[str, str] = {}
    default_record_type: str | None = None
    controllers: dict[str, str] = {}


class ObjectRuntime(msgspec.Struct):
    """One synced object, compiled: what to read on each side, how to decide its fields, which references it holds."""

    spec: ObjectSpec
    mappings: dict[str, ObjectMapping]  # by Salesforce type
    create_type: str | None  # the Salesforce type that a new HubSpot record becomes; None: none is created
    create_in_hubspot: bool
    hubspot_properties: list[str]
    salesforce_fields: dict[str, list[str]]
    references: list[Reference]
    # Salesforce types written 25 a call, each row refused if somebody wrote since our read, instead of many a call with
    # what stood there before.
    exact_types: frozenset[str] = frozenset()
    id_shown_types: frozenset[str] = frozenset()  # Salesforce types whose records can be told their HubSpot record
    shows_link: bool = False  # whether HubSpot's records can be told the address of their page
    shows_deleted: bool = False  # whether they can be told that their Salesforce record was deleted
    left_out: frozenset[int] = frozenset()  # field mappings that worked once and cannot be used now (left_out.py)
    lacking: frozenset[str] = frozenset()  # Salesforce types that these are of
    inclusion: str | None = None  # the HubSpot list whose records sync; None: all do
    person_rules: tuple[PersonRule, ...] = ()  # what decides before create_type, person by person
    filters: dict[str, str] = {}  # by Salesforce type: the condition that its records must fit to sync
    native_ids: bool = False  # whether ids that the native integration left say who is whom (relink.py)
    formulas: dict[str, list[str]] = {}  # by Salesforce type: mapped fields that may change while their record does not
    list_limits: dict[str, ListLimits] = {}  # by Salesforce type
    # HubSpot's lifecycle stages in their order, where opportunities move them (lifecycle.py); empty: they do not.
    stages: tuple[str, ...] = ()
    company_stages: tuple[str, ...] = ()  # the same of companies, which move along with their contacts
    # What of its newest opportunity a contact shows (newest_opportunity.py); empty: nothing.
    newest_opportunity: tuple[str, ...] = ()
    unmade: frozenset[str] = (
        frozenset()
    )  # a preview: properties that are yet to be made, and blank in every record then
    set_objects: tuple[str, ...] = ()  # objects whose records are members of this one's reference sets (contact roles)
    pipelines: Synced | None = None  # of deals: those that sync
    # The mapping with the stages of a pipeline, where there are several; the one of `mappings` reads all of them.
    in_pipelines: dict[str, ObjectMapping] = {}

    @property
    def slug(self) -> str:
        return self.spec.slug

    @property
    def salesforce_types(self) -> list[str]:
        return list(self.mappings)

    @property
    def matched_by_index(self) -> bool:
        """Companies: neither API can find a record by its normalised name."""
        return bool(self.spec.identity) and "email" not in self.spec.identity

    def indexes(self, side: Side) -> bool:
        return self.matched_by_index or (self.native_ids and side is Side.HUBSPOT)

    def syncs(self, salesforce_type: str) -> bool:
        """A type can be off beside another of its object that is on. What is linked with a record of it rests."""
        return salesforce_type in self.mappings

    def mapping_for(self, salesforce_type: str) -> ObjectMapping:
        return self.mappings[salesforce_type]


class Reference(msgspec.Struct):
    """A field that points to a record of another synced object, translated through that object's links."""

    object: str  # the object pointed to, for example "companies"
    property: str
    field: str
    codec: RefCodec
    hubspot_to_common: dict[str, str]
    salesforce_to_common: dict[str, str]
    common_to_hubspot: dict[str, str]
    resting: set[str] = set()  # ids, of either side, of pairs of which one record is gone: read, and never written

    def learn(self, hubspot_id: str, salesforce_id: str) -> None:
        # The Salesforce id serves as the common name of the pair, so it is its own inverse.
        self.hubspot_to_common[hubspot_id] = salesforce_id
        self.salesforce_to_common[salesforce_id] = salesforce_id
        self.common_to_hubspot[salesforce_id] = hubspot_id

    def learn_resting(self, hubspot_id: str, salesforce_id: str) -> None:
        """What still points to it can be told from what points elsewhere by now."""
        self.hubspot_to_common[hubspot_id] = salesforce_id
        self.salesforce_to_common[salesforce_id] = salesforce_id
        self.resting |= {hubspot_id, salesforce_id}

    def is_unknown(self, side: Side, values: Mapping[str, Raw]) -> bool:
        """Whether a record of that side points to one whose pair has not been learned: it may have none."""
        points_to = values.get(self.property if side is Side.HUBSPOT else self.field)
        known = self.hubspot_to_common if side is Side.HUBSPOT else self.salesforce_to_common
        return bool(points_to) and str(points_to) not in known

    def key(self, side: Side, id_: str) -> RecordKey:
        """Of the record that it points to."""
        spec = SPECS[self.object]
        return RecordKey(side, spec.hubspot_type if side is Side.HUBSPOT else spec.salesforce_types[0], id_)

    def forget(self) -> None:
        """Links change between passes: what was learned for one is not trusted in the next."""
        self.hubspot_to_common.clear()
        self.salesforce_to_common.clear()
        self.common_to_hubspot.clear()
        self.resting.clear()


class FreshRead(msgspec.Struct, frozen=True):
    """A strongly consistent observation made by detection in this cycle, usable while nobody marked the record since."""

    seen: Observation
    seq: int


class ObjectCounts(msgspec.Struct):
    created_in_hubspot: int = 0
    created_in_salesforce: int = 0
    updated_in_hubspot: int = 0
    updated_in_salesforce: int = 0
    deleted_in_hubspot: int = 0
    deleted_in_salesforce: int = 0
    linked: int = 0
    conflicts: int = 0
    issues: int = 0
    waiting: int = 0


class Report(msgspec.Struct):
    """What the cycles of one run did, per object."""

    objects: dict[str, ObjectCounts] = {}

    def of(self, object_: str) -> ObjectCounts:
        return self.objects.setdefault(object_, ObjectCounts())


class StopAsked(Exception):
    """The work ends between two batches: somebody asked for it. Everything so far is recorded, nothing is half done."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class SetupChanged(Exception):
    """Settings or mappings are others than the cycle was made from. It ends before its next batch, as StopAsked does, and
    begins again with the new ones."""


class Cycle(msgspec.Struct):
    """One connection being drained by one owner of its lease."""

    connection_id: int
    store: Store
    hubspot: HubSpotClient
    salesforce: SalesforceClient
    portal: str
    objects: dict[str, ObjectRuntime]  # in sync order: parents first
    settings: Settings
    clock_us: Callable[[], int]
    lease: Lease
    report: Report
    fresh: dict[RecordKey, FreshRead]
    begun_at_us: int
    only_keys: frozenset[RecordKey] | None = None
    brake_released: bool = False  # a person looked and resumed: this drain may pass the tripwire
    echoes: Echoes = msgspec.field(default_factory=Echoes)
    # What it was made from (connections.setup_version), and how it is made anew in place after that changed. None: it is not
    # kept, and what was read at its beginning counts to its end.
    setup_version: int | None = None
    make_anew: Callable[[], Awaitable[None]] | None = None
    taken_back: Container[RecordKey] = frozenset()  # a preview: what would be deleted by now
    formula_calls_a_day: float = 0.0  # what looking through formulas takes (formulas.py)
    # What the daily walks of who is in a list, and of who stands outside of a filter, take: by side and object.
    walk_calls_a_day: dict[tuple[Side, str], int] = msgspec.field(default_factory=dict)
    # The object that is being loaded, while the store knows all whom HubSpot has of it (census.py).
    census: str | None = None
    stop: str | None = None  # set from outside to end the work before its next batch: why

    def creation_key(self, object_: str, hubspot_id: str) -> str:
        """`"{portal}:{object}:{id}"`: one org may serve several HubSpot accounts."""
        return f"{self.portal}:{object_}:{hubspot_id}"

    def is_ours(self, key: str) -> bool:
        """Whether it names a record of this HubSpot account."""
        return key.startswith(f"{self.portal}:")

    def object_of(self, key: RecordKey) -> ObjectRuntime | None:
        for runtime in self.objects.values():
            if (key.side is Side.HUBSPOT and key.type == runtime.spec.hubspot_type) or (
                key.side is Side.SALESFORCE and key.type in runtime.mappings
            ):
                return runtime
        return None
