"""The objects of the stories, as people use them: which fields they type into, and what a record must have beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RULES = ("two_way", "prefer_salesforce", "prefer_hubspot", "always_salesforce", "always_hubspot", "dont_sync")
ALWAYS = RULES[3:5]  # by which the two sides may differ
# A property of contacts that somebody made in HubSpot, and mapped.
CUSTOM = "team"


@dataclass(frozen=True)
class Kind:
    """`fields`: HubSpot property -> Salesforce field."""

    slug: str
    sobject: str
    fields: dict[str, str]
    identity: str  # by which the same one on the other side is found
    always: tuple[str, ...]  # typed in at every create
    clearable: tuple[str, ...]
    longest: dict[str, int]  # what Salesforce takes of those that HubSpot takes more of, in characters
    required_in_hubspot: dict[str, Any]
    required_in_salesforce: dict[str, Any]
    beside: tuple[str, ...] = ()  # further Salesforce types, with the same fields but those that they lack

    @property
    def sobjects(self) -> tuple[str, ...]:
        return (self.sobject, *self.beside)

    def property_of(self, field: str) -> str:
        return next(name for name, mapped in self.fields.items() if mapped == field)

    @property
    def keys(self) -> tuple[str, ...]:
        """Fields that tell who it is: nobody types the same one on both sides by chance."""
        return tuple(name for name in ("email", "website") if name in self.fields)


KINDS = {
    "contacts": Kind(
        "contacts",
        "Contact",
        {
            "email": "Email",
            "firstname": "FirstName",
            "lastname": "LastName",
            "jobtitle": "Title",
            "fax": "Fax",
            "message": "Description",
            CUSTOM: "Department",
        },
        "email",
        ("email",),
        ("firstname", "jobtitle", "fax", "message", CUSTOM),
        {"firstname": 40, "lastname": 80, "jobtitle": 128, "fax": 40, CUSTOM: 80},
        {},
        {},
        ("Lead",),
    ),
    "companies": Kind(
        "companies",
        "Account",
        {"name": "Name", "website": "Website", "phone": "Phone", "description": "Description"},
        "website",
        ("name",),
        ("phone", "description"),
        {"name": 255, "phone": 40},
        {},
        {},
    ),
    "deals": Kind(
        "deals",
        "Opportunity",
        {"dealname": "Name", "description": "Description"},
        "dealname",
        ("dealname",),
        ("description",),
        {"dealname": 120},
        {"dealstage": "closedwon", "closedate": "2026-03-31", "pipeline": "default"},
        {"StageName": "Closed Won", "CloseDate": "2026-03-31"},
    ),
}
# Records that either side may come to hold once everything is carried over: eight in all.
MOST_ALONE = {"contacts": 8}
MOST_TOGETHER = {"contacts": 3, "companies": 3, "deals": 2}
LINK, CREATION_KEY = "interlock_salesforce_id", "Interlock_Creation_Key__c"
PLACEHOLDER = "[unknown]"  # for an empty name, where Salesforce refuses that
