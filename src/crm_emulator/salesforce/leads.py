"""Lead conversion, as a person does it on the page (there is no plain REST resource for it).

It makes or takes an account and a contact, and an opportunity if asked; existing targets only have their empty fields
filled. The lead keeps its row, says what it became, and is read-only from then on.
"""

from __future__ import annotations

from dataclasses import dataclass

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.save import Changes, Saver
from crm_emulator.salesforce.store import Record
from crm_emulator.salesforce.times import day_of
from crm_emulator.salesforce.transaction import Transaction

# Standard lead conversion mapping (Salesforce help, "Lead conversion field mapping").
_TO_ACCOUNT = {
    "Company": "Name",
    "Street": "BillingStreet",
    "City": "BillingCity",
    "State": "BillingState",
    "PostalCode": "BillingPostalCode",
    "Country": "BillingCountry",
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
    "PostalCode": "MailingPostalCode",
    "Country": "MailingCountry",
    "HasOptedOutOfEmail": "HasOptedOutOfEmail",
    "HasOptedOutOfFax": "HasOptedOutOfFax",
    "DoNotCall": "DoNotCall",
}
CONVERTED_STATUS = "Closed - Converted"


@dataclass(frozen=True, slots=True)
class Conversion:
    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert_lead(
    org: Org,
    saver: Saver,
    tx: Transaction,
    lead: Record,
    *,
    account: Record | None = None,
    contact: Record | None = None,
    opportunity_name: str | None = None,
    custom: dict[str, str] | None = None,
) -> Conversion:
    """`custom` maps custom lead fields to the contact's, as an administrator would in "Map Lead Fields"."""
    if lead.deleted_s is not None or lead.values.get("IsConverted"):
        raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
    owner = lead.values.get("OwnerId")
    if account is None and contact is not None:
        account = org.record(str(contact.values.get("AccountId", "")))
    account = _take(org, saver, tx, "Account", account, {"OwnerId": owner, **_mapped(lead, _TO_ACCOUNT)})
    wanted = {"OwnerId": owner, "AccountId": account.id, **_mapped(lead, {**_TO_CONTACT, **(custom or {})})}
    contact = _take(org, saver, tx, "Contact", contact, wanted)
    opportunity: Record | None = None
    if opportunity_name is not None:
        today = day_of(tx.stamp_s)
        quarter_end = {1: "03-31", 2: "06-30", 3: "09-30", 4: "12-31"}[(today.month + 2) // 3]
        values: Changes = {
            "Name": opportunity_name,
            "AccountId": account.id,
            "StageName": "Prospecting",
            "CloseDate": f"{today.year}-{quarter_end}",
            "OwnerId": owner,
            "LeadSource": lead.values.get("LeadSource"),
            "ContactId": contact.id,
        }
        opportunity = saver.create(tx, org.tables["Opportunity"], values)
    outcome = Conversion(account.id, contact.id, opportunity.id if opportunity is not None else None)
    _hand_over(org, tx, lead, outcome)
    _close(saver, tx, lead, outcome)
    return outcome


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


def _mapped(lead: Record, mapping: dict[str, str]) -> Changes:
    return {target: lead.values[source] for source, target in mapping.items() if source in lead.values}


def _take(org: Org, saver: Saver, tx: Transaction, sobject: str, existing: Record | None, wanted: Changes) -> Record:
    if existing is None:
        return saver.create(tx, org.tables[sobject], wanted)
    missing: Changes = {name: value for name, value in wanted.items() if name not in existing.values}
    if missing:
        saver.apply(tx, existing, missing)
    return existing


def _close(saver: Saver, tx: Transaction, lead: Record, outcome: Conversion) -> None:
    saver.apply(
        tx,
        lead,
        {
            "IsConverted": True,
            "Status": CONVERTED_STATUS,
            "ConvertedDate": day_of(tx.stamp_s).isoformat(),
            "ConvertedAccountId": outcome.account_id,
            "ConvertedContactId": outcome.contact_id,
            "ConvertedOpportunityId": outcome.opportunity_id,
            "IsUnreadByOwner": False,
        },
        "convert",
    )
