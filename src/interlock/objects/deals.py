"""HubSpot deals and Salesforce Opportunities: default mappings, the stage, and what an opportunity must have.

Opportunity requires Name, StageName and CloseDate. A missing name gets the placeholder, which reads back as blank. A
stage or a close date is never made up, since both feed a forecast: the deal waits, with the reason, for a person.
"""

from __future__ import annotations

from interlock.core.model import Side
from interlock.objects.owners import owner_mapping
from interlock.objects.spec import PLACEHOLDER, DefaultMapping, ObjectSpec, Reference, StoredId, Values, text


def _opportunity(property_: str, field: str, codec: str = "shape") -> DefaultMapping:
    return DefaultMapping(property_, {"Opportunity": field}, codec=codec)


_MAPPINGS = (
    _opportunity("dealname", "Name"),
    _opportunity("amount", "Amount"),
    _opportunity("closedate", "CloseDate"),
    _opportunity("dealstage", "StageName", codec="stage"),
    _opportunity("dealtype", "Type"),
    _opportunity("description", "Description"),
    # Both exist only where several currencies are switched on; a currency that the org lacks is refused, not converted.
    _opportunity("deal_currency_code", "CurrencyIsoCode", codec="currency"),
    owner_mapping(("Opportunity",)),
)


def _why_not_eligible(side: Side, values: Values) -> str | None:
    if side is Side.SALESFORCE:
        return None
    if not text(values, "dealstage"):
        return "no_stage"
    return None if text(values, "closedate") else "no_close_date"


def _label(side: Side, values: Values) -> str:
    name = text(values, "dealname" if side is Side.HUBSPOT else "Name")
    return name if name and name != PLACEHOLDER else "a deal without name"


def _identity_keys(side: Side, values: Values) -> list[tuple[str, str]]:
    """None: two deals of one name are two deals, so a first sync always creates, as the native integration does."""
    return []


DEALS = ObjectSpec(
    slug="deals",
    hubspot_type="deals",
    hubspot_type_id="0-3",
    salesforce_types=("Opportunity",),
    singular="deal",
    plural="deals",
    mappings=_MAPPINGS,
    identity=(),
    parents=("companies", "contacts"),
    references=(
        Reference("companies", None, "AccountId", ("Opportunity",)),
        Reference(
            "contacts",
            None,
            "ContactId",
            ("Opportunity",),
            many=True,
            junction="OpportunityContactRole",
            set_name="contact_roles",
        ),
    ),
    required_salesforce={"Opportunity": {"Name": PLACEHOLDER}},
    extra_hubspot_properties=("pipeline", "hs_merged_object_ids", "createdate", "hs_lastmodifieddate"),
    extra_salesforce_fields={
        "Opportunity": ("Id", "IsDeleted", "RecordTypeId", "IsClosed", "IsWon", "CreatedDate", "SystemModstamp")
    },
    stored_ids=(StoredId("hs_salesforceopportunityid", "Opportunity"),),
    why_not_eligible=_why_not_eligible,
    label=_label,
    identity_keys=_identity_keys,
    together={"dealstage": "pipeline", "deal_currency_code": "amount"},
    never_without=frozenset({"dealstage", "pipeline", "deal_currency_code"}),
)
