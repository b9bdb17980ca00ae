"""HubSpot's own Salesforce integration, as far as it shows in an account: the properties it makes, and values that it wrote.

It syncs nothing here. Whoever migrates away from it finds ids of Salesforce records in the group *Salesforce Information*, and
in the history of what it wrote the source SALESFORCE, "Salesforce Connector". Names and labels are those of public data models
of such accounts; that the group and its values stay after an uninstall is HubSpot's knowledge base.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.associations import target
from crm_emulator.hubspot.operations import Operations
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Source

GROUP, GROUP_LABEL = "salesforceinformation", "Salesforce Information"
_LAST_SYNC = ("salesforcelastsynctime", "Last Salesforce Sync Time", "datetime", "date")
PROPERTIES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "contacts": (
        ("salesforcecontactid", "Salesforce Contact ID", "string", "text"),
        ("salesforceleadid", "Salesforce Lead ID", "string", "text"),
        ("salesforceaccountid", "Salesforce Account ID", "string", "text"),
        ("salesforceownerid", "Salesforce Owner ID", "string", "text"),
        ("salesforcedeleted", "Salesforce Deleted", "bool", "booleancheckbox"),
        _LAST_SYNC,
    ),
    "companies": (("salesforceaccountid", "Salesforce Account ID", "string", "text"), _LAST_SYNC),
    "deals": (("hs_salesforceopportunityid", "Salesforce Opportunity ID", "string", "text"), _LAST_SYNC),
}
_ACTOR = Actor(
    client="hubspot",
    user=None,
    source=Source("SALESFORCE", "Salesforce Connector", "Salesforce Connector"),
    is_api=False,
)
_FLAG = [
    {"label": "Yes", "value": "true", "displayOrder": 0},
    {"label": "No", "value": "false", "displayOrder": 1},
]


class NativeIntegration:
    """Making one installs it: its properties are there from then on."""

    def __init__(self, portal: Portal, operations: Operations) -> None:
        self._portal = portal
        self._operations = operations
        for type_, listed in PROPERTIES.items():
            schema = portal.table(type_).schema
            if GROUP not in schema.groups:
                schema.create_group({"name": GROUP, "label": GROUP_LABEL})
            for name, label, kind, field_type in listed:
                if name not in schema.properties:
                    body: dict[str, Any] = {"name": name, "label": label, "type": kind, "fieldType": field_type}
                    options = {"options": _FLAG} if kind == "bool" else {}
                    schema.create(body | options | {"groupName": GROUP}, portal.now_ms(), None)

    def create(self, type: str, properties: Mapping[str, Any]) -> str:
        """A record that came from Salesforce."""
        table = self._portal.table(type)
        draft = self._operations.draft_create(table, self._stamped(properties), _ACTOR)
        return str(self._operations.carry_out(table, draft, _ACTOR).id)

    def update(self, type: str, id: str, properties: Mapping[str, Any]) -> None:
        """One sync of a record."""
        table = self._portal.table(type)
        record = target(self._portal, table, id)
        draft = self._operations.draft_update(table, record, self._stamped(properties), _ACTOR)
        self._operations.carry_out(table, draft, _ACTOR)

    def _stamped(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {"salesforcelastsynctime": str(self._portal.now_ms()), **properties}
