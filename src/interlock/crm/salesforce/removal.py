"""What hangs on Salesforce records, and deleting those that a person undoes, has erased, or wants gone with their counterparts.
Deletes go to the recycle bin.

What can hang on an object is what its describe lists as child relationships. Histories, feeds and shares go with their record and
are no children; what cannot be queried by itself (ActivityHistory and the like) shows what other objects on the list hold.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from interlock.core.model import Outcome, RecordKey, Side
from interlock.crm.calls import Calls, chunks
from interlock.crm.salesforce import schema, soql, writes
from interlock.crm.salesforce.queries import query_many
from interlock.crm.salesforce.requests import sobject_path

# SOQL: an id takes some 22 characters of an address, which may have 16,000.
_IDS_A_QUERY = 200
_OWN_ENDINGS = ("History", "Feed", "Share", "ChangeEvent", "__Tag")
# The row that Salesforce itself keeps beside AccountId is no child; an indirect one, which a person made, is.
_ALSO = {"AccountContactRelation": " AND IsDirect = false"}
# Says once more what ContactId or LeadId of the same row says.
_SAID_BEFORE = {("CampaignMember", "LeadOrContactId")}


# What belongs to a record and has no life of its own: it goes to the recycle bin with it, and comes back with it.
_BELONGS = frozenset(
    {
        *(
            "Task",
            "Event",
            "TaskRelation",
            "EventRelation",
            "EmailMessageRelation",
            "EmailStatus",
            "ListEmailIndividualRecipient",
        ),
        *("Note", "Attachment", "ContentDocumentLink", "ContentDistribution", "FeedItem", "TopicAssignment"),
        *(
            "CampaignMember",
            "OpportunityContactRole",
            "AccountContactRole",
            "AccountContactRelation",
            "CaseContactRole",
        ),
        *(
            "ContractContactRole",
            "CaseTeamMember",
            "CaseTeamTemplateMember",
            "EntitlementContact",
            "UserEmailPreferredPerson",
        ),
        *("Partner", "AccountPartner", "OpportunityPartner", "OpportunityCompetitor", "OpportunityLineItem"),
        *("AccountBrand", "AccountCleanInfo", "ContactCleanInfo", "LeadCleanInfo", "MatchingInformation"),
        *("AIInsightValue", "AIRecordInsight", "CollaborationGroupRecord", "DuplicateRecordItem", "EntitySubscription"),
        *("ContactPointEmail", "ContactPointPhone", "ProcessInstance", "RecordAction", "ResourcePreference"),
        *("AssociatedLocation", "AttachedContentDocument", "CombinedAttachment", "NoteAndAttachment"),
        *("ActivityHistory", "OpenActivity"),
    }
)


class _Child(msgspec.Struct):
    childSObject: str  # noqa: N815  (the describe's own words)
    field: str
    cascadeDelete: bool = False  # noqa: N815
    deprecatedAndHidden: bool = False  # noqa: N815


class _Describe(msgspec.Struct):
    childRelationships: list[_Child] = []  # noqa: N815


async def children(calls: Calls, sobject: str, ids: Sequence[str], purpose: str) -> list[tuple[str, RecordKey]]:
    """(id of one of `ids`, a record that points to it), some of each; five queries an API call.

    Raises Forbidden and CallRefused where the sync user may not look.
    """
    kinds = {(each.childSObject, each.field) for each in await _relationships(calls, sobject, purpose)} - _SAID_BEFORE
    return await _some_of_each(calls, kinds, ids, purpose)


async def would_go_along(calls: Calls, sobject: str, ids: Sequence[str], purpose: str) -> list[tuple[str, RecordKey]]:
    """(id of one of `ids`, a record that Salesforce deletes with it and that has a life of its own), some of each.

    Raises Forbidden and CallRefused where the sync user may not look.
    """
    related = await _relationships(calls, sobject, purpose)
    kinds = {(each.childSObject, each.field) for each in related if each.cascadeDelete}
    return await _some_of_each(calls, {kind for kind in kinds if kind[0] not in _BELONGS}, ids, purpose)


async def _relationships(calls: Calls, sobject: str, purpose: str) -> list[_Child]:
    queryable = {each.name for each in await schema.objects(calls, purpose) if each.queryable}
    _, described = await calls.read_as(
        "GET",
        f"{sobject_path(soql.name(sobject))}/describe",
        None,
        lambda reply: msgspec.json.decode(reply.body, type=_Describe),
        f"the description of {sobject}",
        purpose=purpose,
    )
    return [
        each
        for each in described.childRelationships
        if each.childSObject in queryable
        and not each.deprecatedAndHidden
        and not each.childSObject.endswith(_OWN_ENDINGS)
    ]


async def _some_of_each(
    calls: Calls, kinds: Collection[tuple[str, str]], ids: Sequence[str], purpose: str
) -> list[tuple[str, RecordKey]]:
    found: list[tuple[str, RecordKey]] = []
    for chunk in chunks(list(ids), _IDS_A_QUERY):
        listed = ", ".join(soql.quote(soql.record_id(id_)) for id_ in chunk)
        asked = sorted(kinds)
        soqls = [
            f"SELECT Id, {soql.name(field)} FROM {soql.name(child)} WHERE {soql.name(field)} IN ({listed})"
            + _ALSO.get(child, "")
            for child, field in asked
        ]
        for (child, field), result in zip(asked, await query_many(calls, soqls, False, purpose), strict=True):
            found += [(row[field], RecordKey(Side.SALESFORCE, child, row["Id"])) for row in result.records]
    return found


async def delete(calls: Calls, sobject: str, ids: Sequence[str], purpose: str) -> dict[str, Outcome]:
    """Id -> outcome, 1,000 records an API call."""
    return await writes.delete_rows(calls, sobject, ids, purpose)
