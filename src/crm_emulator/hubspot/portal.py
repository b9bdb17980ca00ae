"""One HubSpot account's CRM state, and the only paths by which a record changes.

Create, update, archive, restore and forget keep values, history, unique values, the search index and the journal in
step. What a caller may write was decided before (`prepare.py`); what else follows from it (associations, merges) is in
`associations.py` and `merge.py`, which come back here to write.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crm_emulator.hubspot import computed, data_files
from crm_emulator.hubspot.account import Account, Actor
from crm_emulator.hubspot.config import Config
from crm_emulator.hubspot.currencies import Currencies, Rate
from crm_emulator.hubspot.errors import ApiError, invalid, missing_objects, non_unique_id_property, not_found
from crm_emulator.hubspot.formula import Formula
from crm_emulator.hubspot.kinds import CONTACTS, Kind, Kinds
from crm_emulator.hubspot.lists import Lists
from crm_emulator.hubspot.pipelines import Pipelines, Stage, default_deal_pipeline, default_ticket_pipeline
from crm_emulator.hubspot.records import Record, Source, Table
from crm_emulator.hubspot.schema import Property, Schema
from crm_emulator.hubspot.search_index import SearchIndex
from crm_emulator.hubspot.stamps import parse_instant_ms
from crm_emulator.hubspot.subscriptions import Subscriptions, SubscriptionType
from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.journal import Journal

CALCULATED = Source("CALCULATED", None)
# A person can restore an archived record for 90 days (HubSpot knowledge base, recycle bin). Whether any is due is looked at daily.
ARCHIVE_MS = 90 * 86_400_000
_LOOK_MS = 86_400_000
# Values that many records share are kept once.
_SHARED_TYPES = frozenset({"enumeration", "bool", "date"})
_EMAILS = frozenset({"email", "hs_additional_emails"})
_SHARED_NAMES = frozenset({"city", "state", "country", "zip", "company", "industry", "jobtitle", "salutation"})


class Portal:
    def __init__(self, config: Config, clock: Clock, account: Account, journal: Journal, seed: int) -> None:
        self.config = config
        self.clock = clock
        self.account = account
        self.journal = journal
        self._random = random.Random(f"hubspot-ids:{seed}")
        self._seed = seed
        self.kinds = Kinds()
        self.tables: dict[str, Table] = {}
        self.computed: dict[str, dict[str, computed.Compute]] = {}
        self.pipelines: dict[str, Pipelines] = {}
        self._formulas: dict[tuple[str, str], Formula] = {}
        self.subscriptions = Subscriptions()
        self.currencies = Currencies(config.company_currency, config.currencies, clock.now_ms())
        self.lists = Lists(self)
        self._looked_ms = 0
        self._shared: dict[str, str] = {}
        for kind in list(self.kinds.all.values()):
            self.add_kind(kind, Schema(data_files.properties(kind.key)))
        self._set_up_pipelines()
        for name in config.subscription_types:
            self.add_subscription_type(name, "")
        self._follow_currencies()

    def add_currency(self, code: str, value: Any, effective_ms: int) -> Rate:
        """A currency of the account, or another rate of one. Raises ApiError."""
        made = self.currencies.add(code, value, effective_ms, self.now_ms())
        self._follow_currencies()
        return made

    def add_subscription_type(self, name: str, description: str) -> SubscriptionType:
        """With the contact property that tells who is opted out of it (recorded for one type)."""
        made = self.subscriptions.define(name, description, self.now_ms())
        self.tables[CONTACTS.key].schema.add_opt_out(made.property, f"Opted out of email: {name}", made.created_ms)
        return made

    def add_kind(self, kind: Kind, schema: Schema) -> Table:
        self.kinds.add(kind)
        config = self.config
        rng = random.Random(f"hubspot-index:{self._seed}:{kind.key}")
        table = Table(kind, schema, SearchIndex(config.search_lag_ms, config.search_lag_jitter_ms, rng))
        self.tables[kind.key] = table
        own = {
            "contacts": computed.contact(table.merged_ms),
            "companies": computed.COMPANY,
            "deals": computed.deal(self.deal_stage, self.home_rate),
            "tickets": computed.TICKET,
        }.get(kind.key, computed.ACTIVITY)
        self.computed[kind.key] = {**computed.COMMON, **own}
        return table

    def table(self, type_name: str) -> Table:
        """The table of an object type however the caller spelt it."""
        kind = self.kinds.find(type_name)
        if kind is None:
            raise ApiError(400, f"Unable to infer object type from: {type_name}", "VALIDATION_ERROR")
        return self.tables[kind.key]

    def deal_stage(self, record: Record) -> Stage | None:
        return self.pipelines["deals"].stage(record.values.get("pipeline"), record.values.get("dealstage"))

    def home_rate(self, record: Record) -> Decimal | None:
        """What the currency of a deal is worth: now, or for a closed deal at its close date (knowledge base)."""
        stage = self.deal_stage(record)
        closed_ms = parse_instant_ms(record.values.get("closedate") or "") if stage and stage.is_closed else None
        at_ms = self.now_ms() if closed_ms is None else min(closed_ms, self.now_ms())
        return self.currencies.value(record.values.get("deal_currency_code"), at_ms)

    # Reading

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def resolve(self, table: Table, given: str, id_property: str | None, *, merged: bool = True) -> Record:
        """The live record a path or body names. Raises 404 `resource not found`."""
        record = self.lookup(table, given, id_property, merged=merged)
        if record is None:
            raise not_found()
        return record

    def lookup(self, table: Table, given: str, id_property: str | None, *, merged: bool) -> Record | None:
        if id_property and id_property != "hs_object_id":
            self.require_unique(table, id_property)
            value = given.strip() if id_property == "email" else given
            found = table.owner_of(id_property, value)
            return None if found is None else table.live(found)
        if not given.isdecimal():
            return None
        id = int(given)
        return table.live(table.survivor(id) if merged else id)

    def require_unique(self, table: Table, name: str) -> None:
        """Only unique properties and the e-mail of a contact can name a record. Raises ApiError."""
        if name not in table.schema.unique_names and not (name == "email" and table.kind is CONTACTS):
            raise non_unique_id_property(name, table.kind.type_id, self.config.account_id)

    def value(self, record: Record, name: str) -> str | None:
        compute = self.computed[record.kind.key].get(name)
        return compute(record) if compute is not None else record.values.get(name)

    # Writing

    def create(self, table: Table, values: Mapping[str, str], actor: Actor) -> Record:
        at_ms = self.now_ms()
        # A merge may make a record anew, with what it holds of archived properties.
        known = {name: table.schema.known(name) for name, value in values.items() if value}
        kept = {property.name: self._share(property, values[name]) for name, property in known.items()}
        record = Record(table.kind, self._new_id(table), kept, at_ms, actor.source)
        table.index.before(record, created=True)
        table.add(record)
        self._claim_all(table, record)
        table.index.after(record, at_ms)
        self.lists.touched(table, record)
        names = tuple(kept)
        self.journal.append_fields(
            self.clock.now_us(),
            actor.client,
            actor.user,
            table.kind.key,
            str(record.id),
            "create",
            names,
            None,
            tuple(kept.values()),
        )
        return record

    def write(
        self,
        table: Table,
        record: Record,
        values: Mapping[str, str],
        actor: Actor,
        *,
        source: Source | None = None,
        action: str = "update",
    ) -> bool:
        """Set values; "" clears. Only a real change is kept, journalled and moves lastmodified."""
        changes = {name: value for name, value in values.items() if (record.values.get(name) or "") != value}
        if not changes:
            return False
        at_ms = self.now_ms()
        table.index.before(record)
        old = tuple(record.values.get(name) or None for name in changes)
        cause = source or actor.source
        keyed = any(self._is_key(table, name) for name in changes)
        if keyed:
            self._release_all(table, record)
        for name, value in changes.items():
            definition = table.schema.properties[name]
            record.set(definition.name, self._share(definition, value), at_ms, cause, self.config.history_versions_max)
        if keyed:
            self._claim_all(table, record)
        if actor.source.user_id is not None:
            record.updated_by = actor.source.user_id
        self._moved(table, record, at_ms)
        self.journal.append_fields(
            self.clock.now_us(),
            actor.client,
            actor.user,
            table.kind.key,
            str(record.id),
            action,
            tuple(changes),
            old,
            tuple(value or None for value in changes.values()),
        )
        return True

    def derive(self, table: Table, record: Record, values: Mapping[str, str]) -> bool:
        """Set values that HubSpot keeps itself (counts, mirrors). Kept in history, not in the journal of edits."""
        changes = {name: value for name, value in values.items() if (record.values.get(name) or "") != value}
        if not changes:
            return False
        at_ms = self.now_ms()
        table.index.before(record)
        for name, value in changes.items():
            record.set(name, value, at_ms, CALCULATED, self.config.history_versions_max)
        moves = self.config.rollups_move_lastmodified or "associatedcompanyid" in changes
        self._moved(table, record, at_ms if moves else record.updated_ms)
        return True

    def formula(self, table: Table, name: str, text: str) -> Formula:
        """Raises ApiError on what is no formula, reads a property that is not there, or leads back to the property itself."""
        found = Formula(text)
        if unknown := sorted(found.names - table.schema.properties.keys()):
            raise invalid(f"Invalid calculationFormula: property '{unknown[0]}' does not exist")
        to_look_at, seen = [*found.names], {*found.names}
        while to_look_at:
            known = self._formulas.get((table.kind.key, to_look_at.pop()))
            more = set() if known is None else known.names - seen
            seen |= more
            to_look_at.extend(more)
        if name in seen:
            raise invalid(f"Invalid calculationFormula: it leads back to '{name}'")
        return found

    def calculate(self, table: Table, name: str, formula: Formula) -> None:
        """From now on this property is what the formula makes of a record."""
        self._formulas[(table.kind.key, name)] = formula
        self.computed[table.kind.key][name] = lambda record: formula.work_out(lambda other: self.value(record, other))

    def archive_property(self, table: Table, name: str) -> None:
        """Reads leave it out from now on and writes of it are refused; records keep what they hold of it."""
        table.schema.archive(name, self.now_ms())
        table.unique.pop(name, None)

    def restore_property(self, table: Table, name: str) -> None:
        """Only a person can, in the user interface. Its values are there again."""
        if table.schema.restore(name, self.now_ms()).unique:
            self.index_unique(table, name)

    def index_unique(self, table: Table, name: str) -> None:
        """A property of this name came back: records that still hold a value of it hold it alone again."""
        for record in table.after(-1, archived=False):
            if value := record.values.get(name):
                table.claim(name, value, record.id)

    def archive(self, table: Table, record: Record, actor: Actor) -> None:
        at_ms = self.now_ms()
        table.index.before(record)
        record.archived_ms = at_ms
        self._release_all(table, record)
        table.index.after(record, at_ms)
        self.lists.touched(table, record)
        self.note(actor, record, "delete")

    def restore(self, table: Table, record: Record, actor: Actor) -> None:
        """Only a person can, in the user interface; there is no public endpoint."""
        for name, value in self._unique_values(table, record):
            holder = table.owner_of(name, value)
            if holder is not None:
                raise ApiError(409, f"Cannot restore {record.id}: {holder} now has {name} {value}", "CONFLICT")
        at_ms = self.now_ms()
        table.index.before(record)
        record.archived_ms = None
        self._claim_all(table, record)
        self._moved(table, record, at_ms)
        self.note(actor, record, "restore")

    def expire(self) -> None:
        """Forget what was archived too long ago to be restored."""
        now_ms = self.now_ms()
        if now_ms < self._looked_ms + _LOOK_MS:
            return
        self._looked_ms = now_ms
        for table in self.tables.values():
            archived = list(table.after(-1, archived=True))
            for record in archived:
                if (record.archived_ms or now_ms) < now_ms - ARCHIVE_MS:
                    self.forget(table, record)

    def forget(self, table: Table, record: Record) -> None:
        """Take a record out without a trace of its own (it was merged away, or erased)."""
        table.index.before(record)
        if record.archived_ms is None:
            self._release_all(table, record)
        table.remove(record)
        table.index.after(record, self.now_ms(), gone=True)

    def note(self, actor: Actor, record: Record, action: str, field: str | None = None, new: str | None = None) -> None:
        self.journal.append(
            self.clock.now_us(), actor.client, actor.user, record.kind.key, str(record.id), action, field, None, new
        )

    def require_live(self, table: Table, given: str) -> Record:
        record = self.lookup(table, given, None, merged=True)
        if record is None:
            raise missing_objects(table.kind.upper)
        return record

    # Inside

    def _moved(self, table: Table, record: Record, at_ms: int) -> None:
        record.updated_ms = at_ms
        table.index.after(record, self.now_ms())
        self.lists.touched(table, record)

    def _new_id(self, table: Table) -> int:
        id = table.next_id
        table.next_id = id + 1 + self._random.randrange(3)
        return id

    def _share(self, definition: Property, value: str) -> str:
        if definition.type in _SHARED_TYPES or definition.name in _SHARED_NAMES:
            return self._shared.setdefault(value, value)
        return value

    def _is_key(self, table: Table, name: str) -> bool:
        return name in table.schema.unique_names or (table.kind is CONTACTS and name in _EMAILS)

    def _unique_values(self, table: Table, record: Record) -> list[tuple[str, str]]:
        found = [(name, value) for name in table.schema.unique_names if (value := record.values.get(name))]
        if table.kind is CONTACTS:
            emails = [record.values.get("email") or "", *(record.values.get("hs_additional_emails") or "").split(";")]
            found.extend(("email", email) for email in emails if email)
        return found

    def _claim_all(self, table: Table, record: Record) -> None:
        for name, value in self._unique_values(table, record):
            table.claim(name, value, record.id)

    def _release_all(self, table: Table, record: Record) -> None:
        for name, value in self._unique_values(table, record):
            table.release(name, value, record.id)

    def _follow_currencies(self) -> None:
        """An account of several currencies offers them for deals, and no others."""
        if self.currencies.others:
            self.tables["deals"].schema.offer_currencies(self.currencies.codes, self.now_ms())

    def _set_up_pipelines(self) -> None:
        most, step = self.config.pipelines_max, self.config.stage_probability_step
        deals, tickets = [default_deal_pipeline()], [default_ticket_pipeline()]
        self.pipelines = {
            "deals": Pipelines(deals, probability_required=True, most=most, probability_step=step),
            "tickets": Pipelines(tickets, probability_required=False, most=most),
        }
