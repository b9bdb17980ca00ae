"""Lead conversion, as a person does it on the page and a client through SOAP (there is no plain REST resource for it).

It makes or takes an account and a contact, and an opportunity if asked; existing targets only have their empty fields
filled. The lead keeps its row, says what it became, and is read-only from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.features import persons
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.save import Changes, Saver
from crm_emulator.salesforce.store import Record, Value
from crm_emulator.salesforce.times import day_of
from crm_emulator.salesforce.transaction import Transaction

# Standard lead conversion mapping (Salesforce help, "Lead conversion field mapping").
_TO_ACCOUNT = {
    "Company": "Name",
    "Street": "BillingStreet",
    "City": "BillingCity",
    "State": "BillingState",
    "StateCode": "BillingStateCode",
    "PostalCode": "BillingPostalCode",
    "Country": "BillingCountry",
    "CountryCode": "BillingCountryCode",
    "Phone": "Phone",
    "Fax": "Fax",
    "Website": "Website",
    "Industry": "Industry",
    "AnnualRevenue": "AnnualRevenue",
    "NumberOfEmployees": "NumberOfEmployees",
    "Rating": "Rating",
    "LeadSource": "AccountSource",
}
_TO_CONTACT = {
    "FirstName": "FirstName",
    "LastName": "LastName",
    "Salutation": "Salutation",
    "Title": "Title",
    "Email": "Email",
    "Phone": "Phone",
    "MobilePhone": "MobilePhone",
    "Fax": "Fax",
    "LeadSource": "LeadSource",
    "Description": "Description",
    "Street": "MailingStreet",
    "City": "MailingCity",
    "State": "MailingState",
    "StateCode": "MailingStateCode",
    "PostalCode": "MailingPostalCode",
    "Country": "MailingCountry",
    "CountryCode": "MailingCountryCode",
    "HasOptedOutOfEmail": "HasOptedOutOfEmail",
    "HasOptedOutOfFax": "HasOptedOutOfFax",
    "DoNotCall": "DoNotCall",
}
_NO_OWNER = (
    "Converted objects can only be owned by users.  If the lead is not owned by a user, you must specify a user for the "
    "Owner field."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to make of a lead: existing rows to convert into, and what the new ones are to be like. Without `opportunity`
    and `opportunity_name` no opportunity is made. `custom` maps custom lead fields to the contact's, on top of what the
    administrator mapped ("Map Lead Fields"). Without `owner_id` new rows belong to the lead's owner."""

    account: Record | None = None
    contact: Record | None = None
    opportunity: Record | None = None
    opportunity_name: str | None = None
    status: str | None = None  # None: the first that counts as converted
    owner_id: str | None = None
    overwrite_lead_source: bool = False
    custom: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversion:
    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert_lead(org: Org, saver: Saver, tx: Transaction, lead: Record, wish: Wish) -> Conversion:
    if lead.deleted_s is not None or lead.values.get("IsConverted"):
        raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
    status = _status(org, wish.status)
    owner_id = _owner(org, lead, wish)
    _check_targets(wish)
    account = _account(org, saver, tx, lead, wish, owner_id)
    contact = _contact(org, saver, tx, lead, wish, account, owner_id)
    opportunity = _opportunity(org, saver, tx, lead, wish, account, contact, owner_id)
    outcome = Conversion(account.id, contact.id, opportunity.id if opportunity is not None else None)
    _hand_over(org, tx, lead, outcome)
    _close(saver, tx, lead, outcome, status)
    return outcome


def _status(org: Org, wanted: str | None) -> str:
    """convertedStatus: "must be a valid LeadStatus value for a converted lead" (SOAP API, convertLead). Others are refused,
    seen in public issues: INVALID_STATUS, invalid convertedStatus: X: [Status]."""
    rows = sorted(org.tables["LeadStatus"].rows.values(), key=lambda row: row.values.get("SortOrder", 0))
    converting = [str(row.values["MasterLabel"]) for row in rows if row.values.get("IsConverted")]
    if wanted is None:
        return converting[0]
    if wanted not in converting:
        raise RecordError("INVALID_STATUS", f"invalid convertedStatus: {wanted}", ["Status"])
    return wanted


def _owner(org: Org, lead: Record, wish: Wish) -> Value | None:
    """Accounts and contacts cannot belong to a queue: for a lead of one, "the owner must be specified", even where existing
    rows are converted into (SOAP API, convertLead). The sentence is quoted in public clients' code; its code is supposed."""
    owner_id = wish.owner_id or lead.values.get("OwnerId")
    owner = org.record(str(owner_id))
    if owner is None or owner.table.sobject.name != "User":
        raise RecordError("UNKNOWN_EXCEPTION", _NO_OWNER, [])
    return owner_id


def _check_targets(wish: Wish) -> None:
    """A contact "must be associated with the specified accountId, and an accountId must be specified" (SOAP API,
    convertLead); an opportunity must be of that account. Code and sentence are supposed."""
    account_id = wish.account.id if wish.account is not None else None
    for target, name in ((wish.contact, "ContactId"), (wish.opportunity, "OpportunityId")):
        if target is not None and target.values.get("AccountId") != account_id:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [name])


def _account(org: Org, saver: Saver, tx: Transaction, lead: Record, wish: Wish, owner_id: Value | None) -> Record:
    mapped = _mapped(org, lead, "Account", _TO_ACCOUNT)
    if wish.account is None and "Company" not in lead.values and org.features.person_accounts:
        # A lead without a company becomes a person account (Salesforce help, lead conversion with person accounts).
        mapped |= persons.of_contact(org, _mapped(org, lead, "Contact", {**_TO_CONTACT, **wish.custom}))
    wanted = {"OwnerId": owner_id, **mapped}
    return _take(org, saver, tx, "Account", wish.account, wanted)


def _contact(
    org: Org, saver: Saver, tx: Transaction, lead: Record, wish: Wish, account: Record, owner_id: Value | None
) -> Record:
    mapped = _mapped(org, lead, "Contact", {**_TO_CONTACT, **wish.custom})
    # "Leave contactId blank when converting to a person account" (SOAP API, convertLead): its own contact is the one.
    existing = wish.contact or org.record(str(account.values.get("PersonContactId", "")))
    contact = _take(org, saver, tx, "Contact", existing, {"OwnerId": owner_id, "AccountId": account.id, **mapped})
    source = lead.values.get("LeadSource")
    # "The LeadSource field in the target Contact object is overwritten" (SOAP API, convertLead, overwriteLeadSource).
    if wish.overwrite_lead_source and source is not None and contact.values.get("LeadSource") != source:
        saver.apply(tx, contact, {"LeadSource": source})
    return contact


def _opportunity(
    org: Org,
    saver: Saver,
    tx: Transaction,
    lead: Record,
    wish: Wish,
    account: Record,
    contact: Record,
    owner_id: Value | None,
) -> Record | None:
    mapped = _mapped(org, lead, "Opportunity", {"LeadSource": "LeadSource"})
    if wish.opportunity is not None:
        return _take(org, saver, tx, "Opportunity", wish.opportunity, mapped)
    if wish.opportunity_name is None:
        return None
    today = day_of(tx.stamp_s)
    quarter_end = {1: "03-31", 2: "06-30", 3: "09-30", 4: "12-31"}[(today.month + 2) // 3]
    values: Changes = {
        "Name": wish.opportunity_name,
        "AccountId": account.id,
        "StageName": org.first_stage(tx.caller.user_id),
        "CloseDate": f"{today.year}-{quarter_end}",
        "OwnerId": owner_id,
        **mapped,
        "ContactId": contact.id,
    }
    return saver.create(tx, org.tables["Opportunity"], values)


def _hand_over(org: Org, tx: Transaction, lead: Record, outcome: Conversion) -> None:
    """Campaign members are the contact's too (recorded: they keep their LeadId); activities become those of the contact
    and of the opportunity or account, and count as modified (Salesforce help 000385227)."""
    for member in org.tables["CampaignMember"].indexes["LeadId"].find(lead.id):
        _point(tx, member, {"ContactId": outcome.contact_id})
    about = outcome.opportunity_id or outcome.account_id
    for activities in ("Task", "Event"):
        for activity in org.tables[activities].indexes["WhoId"].find(lead.id):
            _point(tx, activity, {"WhoId": outcome.contact_id, "WhatId": about})


def _point(tx: Transaction, record: Record, targets: dict[str, str]) -> None:
    tx.before_write(record)
    names = list(targets)
    before = [record.values.get(name) for name in names]
    for name, target in targets.items():
        record.table.set_value(record, name, target)
    tx.touch(record)
    tx.journal(record, "update", names, before, list(targets.values()))


def _mapped(org: Org, lead: Record, sobject: str, mapping: Mapping[str, str]) -> Changes:
    custom = org.rules.lead_fields.get(sobject, {})
    return {target: lead.values[source] for source, target in {**mapping, **custom}.items() if source in lead.values}


def _take(org: Org, saver: Saver, tx: Transaction, sobject: str, existing: Record | None, wanted: Changes) -> Record:
    if existing is None:
        return saver.create(tx, org.tables[sobject], wanted)
    missing: Changes = {name: value for name, value in wanted.items() if name not in existing.values}
    if missing:
        saver.apply(tx, existing, missing)
    return existing


def _close(saver: Saver, tx: Transaction, lead: Record, outcome: Conversion, status: str) -> None:
    saver.apply(
        tx,
        lead,
        {
            "IsConverted": True,
            "Status": status,
            "ConvertedDate": day_of(tx.stamp_s).isoformat(),
            "ConvertedAccountId": outcome.account_id,
            "ConvertedContactId": outcome.contact_id,
            "ConvertedOpportunityId": outcome.opportunity_id,
            "IsUnreadByOwner": False,
        },
        "convert",
    )
