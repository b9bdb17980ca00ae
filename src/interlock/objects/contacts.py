"""HubSpot contacts and Salesforce Contacts or Leads: default mappings, identity by e-mail, who does not sync."""

from __future__ import annotations

from interlock.core.codec import is_email
from interlock.core.model import Side, SyncRule
from interlock.objects.normalise import normal_email
from interlock.objects.owners import owner_mapping
from interlock.objects.spec import (
    PLACEHOLDER,
    DefaultMapping,
    NewProperty,
    ObjectSpec,
    OptOut,
    Reference,
    StoredId,
    Values,
    text,
)


def _both(property_: str, field: str, new_property: NewProperty | None = None) -> DefaultMapping:
    return DefaultMapping(property_, {"Contact": field, "Lead": field}, new_property=new_property)


def _contact(property_: str, field: str, new_property: NewProperty | None = None) -> DefaultMapping:
    return DefaultMapping(property_, {"Contact": field}, new_property=new_property)


def _lead(property_: str, field: str, new_property: NewProperty | None = None) -> DefaultMapping:
    return DefaultMapping(property_, {"Lead": field}, new_property=new_property)


_EMAIL = DefaultMapping(
    "email",
    {"Contact": "Email", "Lead": "Email"},
    # HubSpot knowledge base, "What are the standard field mappings options for the Email property".
    allowed_rules=(SyncRule.PREFER_SALESFORCE, SyncRule.TWO_WAY),
    locked_reason="The e-mail address identifies the contact on both sides, so neither may keep one of its own",
)

# The pairs of the native integration (HubSpot knowledge base, list of contact properties with default mappings). The
# mailing address of a Contact goes to properties of its own: city, state, zip and country belong to the Lead's address.
_MAPPINGS = (
    _EMAIL,
    _both("firstname", "FirstName"),
    _both("lastname", "LastName"),
    _both("salutation", "Salutation"),
    _both("jobtitle", "Title"),
    _lead("company", "Company"),
    _both("phone", "Phone"),
    _both("mobilephone", "MobilePhone"),
    _both("fax", "Fax"),
    _lead("address", "Street"),
    _lead("city", "City"),
    _lead("state", "State"),
    _lead("zip", "PostalCode"),
    _lead("country", "Country"),
    _contact("mailingstreet", "MailingStreet", NewProperty("Mailing Street", field_type="textarea")),
    _contact("mailingcity", "MailingCity", NewProperty("Mailing City")),
    _contact("mailingstate", "MailingState", NewProperty("Mailing State/Province")),
    _contact("mailingpostalcode", "MailingPostalCode", NewProperty("Mailing Zip/Postal Code")),
    _contact("mailingcountry", "MailingCountry", NewProperty("Mailing Country")),
    _lead("industry", "Industry"),
    _lead("annualrevenue", "AnnualRevenue"),
    _lead("numemployees", "NumberOfEmployees"),
    _both("leadsource", "LeadSource", NewProperty("Lead Source", "enumeration", "select")),
    _lead("rating", "Rating", NewProperty("Rating", "enumeration", "select")),
    _both("message", "Description"),
    _lead("hs_lead_status", "Status"),
    _lead("website", "Website"),
    owner_mapping(("Contact", "Lead")),
)


def _why_not_eligible(side: Side, values: Values) -> str | None:
    if side is Side.SALESFORCE:
        # A converted lead is read-only; its contact carries on (Salesforce: CANNOT_UPDATE_CONVERTED_LEAD).
        return "converted_lead" if values.get("IsConverted") is True else None
    address = text(values, "email")
    if not address:
        return "no_email"
    # Without an address that Salesforce takes, the new record could never be found by it again.
    return None if is_email(address) else "invalid_email"


def _label(side: Side, values: Values) -> str:
    first, last, email = (
        ("firstname", "lastname", "email") if side is Side.HUBSPOT else ("FirstName", "LastName", "Email")
    )
    family = text(values, last)
    name = " ".join(part for part in (text(values, first), "" if family == PLACEHOLDER else family) if part)
    address = text(values, email)
    if name and address:
        return f"{name} <{address}>"
    return name or address or "a contact without name and e-mail"


def _identity_keys(side: Side, values: Values) -> list[tuple[str, str]]:
    if side is Side.SALESFORCE:
        addresses = [text(values, "Email")]
    else:
        # Addresses of contacts that were merged into this one still reach it (HubSpot: hs_additional_emails, by `;`).
        addresses = [text(values, "email"), *text(values, "hs_additional_emails").split(";")]
    found = (normal_email(address) for address in addresses if address)
    return [("email", address) for address in dict.fromkeys(found) if address]


CONTACTS = ObjectSpec(
    slug="contacts",
    hubspot_type="contacts",
    hubspot_type_id="0-1",
    # One Contact and any leads with an e-mail: the Contact.
    salesforce_types=("Contact", "Lead"),
    singular="contact",
    plural="contacts",
    mappings=_MAPPINGS,
    identity=("email",),
    parents=("companies",),
    references=(Reference("companies", "associatedcompanyid", "AccountId", ("Contact",)),),
    required_salesforce={
        "Contact": {"LastName": PLACEHOLDER},
        "Lead": {"LastName": PLACEHOLDER, "Company": PLACEHOLDER},
    },
    extra_hubspot_properties=(
        "hs_additional_emails",
        "hs_merged_object_ids",
        "createdate",
        "lastmodifieddate",
    ),
    extra_salesforce_fields={
        "Contact": ("Id", "IsDeleted", "MasterRecordId", "IsPersonAccount", "CreatedDate", "SystemModstamp"),
        "Lead": (
            "Id",
            "IsDeleted",
            "MasterRecordId",
            "IsConverted",
            "ConvertedContactId",
            "ConvertedAccountId",
            "CreatedDate",
            "SystemModstamp",
        ),
    },
    stored_ids=(StoredId("salesforcecontactid", "Contact"), StoredId("salesforceleadid", "Lead")),
    why_not_eligible=_why_not_eligible,
    label=_label,
    identity_keys=_identity_keys,
    opt_out=OptOut("hs_email_optout", "HasOptedOutOfEmail"),
)
