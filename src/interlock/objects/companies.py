"""HubSpot companies and Salesforce Accounts: default mappings, identity by web domain and then by name."""

from __future__ import annotations

from interlock.core.model import Side
from interlock.objects.normalise import company_domain, normal_company_name
from interlock.objects.owners import owner_mapping
from interlock.objects.spec import PLACEHOLDER, DefaultMapping, NewProperty, ObjectSpec, StoredId, Values, text


def _account(property_: str, field: str, new_property: NewProperty | None = None) -> DefaultMapping:
    return DefaultMapping(property_, {"Account": field}, new_property=new_property)


_MAPPINGS = (
    _account("name", "Name"),
    _account("website", "Website"),
    _account("phone", "Phone"),
    _account("fax", "Fax", NewProperty("Fax")),
    _account("industry", "Industry"),
    _account("annualrevenue", "AnnualRevenue"),
    _account("numberofemployees", "NumberOfEmployees"),
    _account("type", "Type"),
    _account("description", "Description"),
    _account("address", "BillingStreet"),
    _account("city", "BillingCity"),
    _account("state", "BillingState"),
    _account("zip", "BillingPostalCode"),
    _account("country", "BillingCountry"),
    owner_mapping(("Account",)),
)


def _why_not_eligible(side: Side, values: Values) -> str | None:
    if side is Side.SALESFORCE:
        # The account half of a person account; the person syncs as a contact.
        return "person_account" if values.get("IsPersonAccount") is True else None
    return None if text(values, "name") or text(values, "domain") else "no_name"


def _label(side: Side, values: Values) -> str:
    name, site = ("name", "domain") if side is Side.HUBSPOT else ("Name", "Website")
    called = text(values, name)
    known = called if called != PLACEHOLDER else ""
    return known or text(values, site) or "a company without name"


def _identity_keys(side: Side, values: Values) -> list[tuple[str, str]]:
    if side is Side.HUBSPOT:
        name = text(values, "name")
        sites = [text(values, "domain"), *text(values, "hs_additional_domains").split(";"), text(values, "website")]
    else:
        name = text(values, "Name")
        sites = [text(values, "Website")]
    domains = (company_domain(site) for site in sites if site)
    keys = [("domain", domain) for domain in dict.fromkeys(domains) if domain]
    normal = normal_company_name(name) if name != PLACEHOLDER else ""
    return [*keys, ("name", normal)] if normal else keys


COMPANIES = ObjectSpec(
    slug="companies",
    hubspot_type="companies",
    hubspot_type_id="0-2",
    salesforce_types=("Account",),
    singular="company",
    plural="companies",
    mappings=_MAPPINGS,
    identity=("domain", "name"),
    parents=(),
    references=(),
    # A company that HubSpot knows by its domain alone still has an account; its name is filled in by a person.
    required_salesforce={"Account": {"Name": PLACEHOLDER}},
    extra_hubspot_properties=(
        "domain",
        "hs_additional_domains",
        "hs_merged_object_ids",
        "createdate",
        "hs_lastmodifieddate",
    ),
    extra_salesforce_fields={
        "Account": ("Id", "IsDeleted", "MasterRecordId", "IsPersonAccount", "CreatedDate", "SystemModstamp")
    },
    stored_ids=(StoredId("salesforceaccountid", "Account"),),
    why_not_eligible=_why_not_eligible,
    label=_label,
    identity_keys=_identity_keys,
)
