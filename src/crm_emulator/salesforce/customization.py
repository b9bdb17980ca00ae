"""What an administrator customises in the org: picklists, stages and statuses, record types and sales processes. A part
of the emulator's handle, kept apart because the API cannot do it (or does it elsewhere)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from crm_emulator.salesforce import field_changes, stages
from crm_emulator.salesforce.custom_fields import field_from_metadata, picklist_metadata
from crm_emulator.salesforce.features import currencies, persons, places
from crm_emulator.salesforce.formulas import compile_formula
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.people import UserHandle
from crm_emulator.salesforce.record_types import RecordType
from crm_emulator.salesforce.schema import Field
from crm_emulator.salesforce.setup import add_lead_status, add_stage

# The picklist that a business process of an object limits.
_PROCESS_FIELDS = {"Opportunity": "StageName", "Lead": "Status", "Case": "Status"}


class Customization(ABC):
    org: Org

    @abstractmethod
    def user(self, name: str | None = None) -> UserHandle: ...

    # Picklists

    def add_picklist_value(self, sobject: str, field: str, value: str) -> None:
        self.org.objects[sobject].fields[field].add_picklist_value(value)

    def deactivate_picklist_value(self, sobject: str, field: str, value: str) -> None:
        """A stage that is deactivated keeps its row, inactive (object reference, OpportunityStage)."""
        self.org.objects[sobject].fields[field].deactivate_picklist_value(value)
        if (sobject, field) == ("Opportunity", "StageName"):
            stage = self.org.stage(value)
            if stage is not None:
                stage.values.pop("IsActive", None)

    def make_dependent(self, sobject: str, field: str, controller: str, values: Mapping[str, Sequence[str]]) -> None:
        """Let `controller`, a picklist or a checkbox ("true", "false"), say which values of `field` there are."""
        self.org.objects[sobject].make_dependent(field, controller, values)

    def add_stage(
        self, name: str, probability: float, *, closed: bool = False, won: bool = False, category: str = "Pipeline"
    ) -> None:
        """A value of Opportunity.StageName, and what it means."""
        add_stage(self.org, name, probability, closed=closed, won=won, category=category)

    def rename_stage(
        self, name: str, *, label: str | None = None, api_name: str | None = None, rows_follow: bool = True
    ) -> None:
        """Another label, or API name, for the stage of this API name; whether opportunities of the old name follow is not
        documented. Its row keeps its id."""
        stages.rename(self.org, name, label, api_name, rows_follow=rows_follow)

    def change_stage(
        self, name: str, *, probability: float | None = None, closed: bool | None = None, won: bool | None = None
    ) -> None:
        """What a stage means. Opportunities keep the probability that they have."""
        stages.change(self.org, name, probability, closed, won)

    def order_stages(self, names: Sequence[str]) -> None:
        """The order in which the picklist, and every process, has them; those that are not named come after."""
        stages.order(self.org, names)

    def activate_stage(self, name: str) -> None:
        """One that was deactivated is offered again."""
        stages.activate(self.org, name)

    def add_lead_status(self, name: str, *, converted: bool = False) -> None:
        """A value of Lead.Status; `converted`: a lead may be converted into it."""
        add_lead_status(self.org, name, converted=converted)

    # Fields that records already have

    def add_formula(
        self, sobject: str, name: str, formula: str, type: str = "Text", *, label: str | None = None, scale: int = 2
    ) -> str:
        """A formula field, seen by everybody and written by nobody; `type` is a Metadata API type. Returns its id."""
        metadata = {"type": type, "label": label or name.removesuffix("__c"), "length": 255, "scale": scale}
        plain = field_from_metadata(name, metadata, open_to_all=True)
        closed = {"calculated": True, "calculatedFormula": formula, "createable": False, "updateable": False}
        more = {"length": 1_300} if type == "Text" else {}
        field_id = self.org.add_field(self.org.objects[sobject], Field({**plain.raw, **closed, **more}))
        self.org.getters.add(sobject, name, compile_formula(self.org, sobject, formula))
        return field_id

    def rename_field(self, sobject: str, old: str, new: str) -> None:
        """Another API name for a custom field; values and grants stay."""
        field_changes.rename(self.org, sobject, old, new)

    def relabel_field(self, sobject: str, name: str, label: str) -> None:
        field_changes.relabel(self.org, sobject, name, label)

    def retype_field(self, sobject: str, name: str, type: str, **more: Any) -> None:
        """Another type for a custom field (a Metadata API type, with its length, precision, scale, picklist); whether its
        values stay is what Salesforce says of that change."""
        old = self.org.objects[sobject].fields[name]
        metadata = {"type": type, "label": old.label, "length": 255, **more}
        if "picklist" in more:
            metadata["valueSet"] = picklist_metadata(tuple(metadata.pop("picklist")), restricted=True)
        field_changes.retype(self.org, sobject, field_from_metadata(name, metadata, open_to_all=old.open_to_all))

    def remove_field(self, sobject: str, name: str) -> None:
        """Delete a custom field, with its values."""
        owner = self.org.objects[sobject]
        self.org.remove_field(owner, owner.fields[name])

    # Features

    def enable_currencies(self, rates: Mapping[str, float] | None = None, *, corporate: str = "USD") -> None:
        """Multiple currencies: code -> what one unit of the corporate currency is worth in it."""
        currencies.switch_on(self.org, rates, corporate)

    def enable_person_accounts(self) -> None:
        """Person accounts, with a business record type as the default one of accounts."""
        persons.switch_on(self.org)

    def enable_state_and_country_picklists(self) -> None:
        """Addresses take known countries and states only, by name or code."""
        places.switch_on(self.org)

    # Record types

    def add_process(self, name: str, values: Sequence[str], sobject: str = "Opportunity") -> str:
        """A sales process (of opportunities: its stages), lead process or support process. Returns its id."""
        row = self.org.insert_setup(
            "BusinessProcess", {"Name": name, "TableEnumOrId": sobject, "IsActive": True}, user_id=self.user().id
        )
        self.org.processes[row.id] = tuple(values)
        return row.id

    def add_record_type(
        self,
        sobject: str,
        name: str,
        *,
        default: bool = False,
        active: bool = True,
        process: str | None = None,
        picklists: Mapping[str, Sequence[str]] | None = None,
    ) -> str:
        """A record type; the object gets RecordTypeId with its first one. `picklists` are the values that it offers of a
        field; a `process` (its id) says those of the stage or status."""
        made = self.org.add_record_type(sobject, name, default=default, user_id=self.user().id)
        made.picklists = {field: tuple(chosen) for field, chosen in (picklists or {}).items()}
        if process is not None:
            made.picklists[_PROCESS_FIELDS[sobject]] = self.org.processes[process]
            self.org.tables["RecordType"].rows[made.id].values["BusinessProcessId"] = process
        if not active:
            self.deactivate_record_type(made.id)
        return made.id

    def set_record_type_permission(self, user: str, record_type: str, *, available: bool) -> None:
        """Whether one user's profile has a record type (by its id)."""
        found = self._record_type(record_type)
        if available:
            found.closed_to.discard(self.user(user).id)
        else:
            found.closed_to.add(self.user(user).id)

    def deactivate_record_type(self, record_type: str) -> None:
        """Records keep it; no save may give it any more."""
        self._record_type(record_type).active = False
        self.org.tables["RecordType"].rows[to_18(record_type) or ""].values.pop("IsActive", None)

    def _record_type(self, id: str) -> RecordType:
        every = (each for sobject in self.org.objects.values() for each in sobject.record_types)
        return next(each for each in every if each.id == to_18(id))
