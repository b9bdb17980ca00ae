"""The objects that sync, parents before children. The one place that lists them."""

from __future__ import annotations

from interlock.objects.companies import COMPANIES
from interlock.objects.contacts import CONTACTS
from interlock.objects.deals import DEALS
from interlock.objects.spec import ObjectSpec

# In sync order: a contact refers to its company, a deal to both.
SPECS: dict[str, ObjectSpec] = {spec.slug: spec for spec in (COMPANIES, CONTACTS, DEALS)}


def spec_of(slug: str) -> ObjectSpec:
    """Raises KeyError for an object that does not sync."""
    return SPECS[slug]


def spec_of_salesforce_type(salesforce_type: str) -> ObjectSpec | None:
    """Which object a Salesforce type belongs to: Contact and Lead are both `contacts`."""
    for spec in SPECS.values():
        if salesforce_type in spec.salesforce_types:
            return spec
    return None
