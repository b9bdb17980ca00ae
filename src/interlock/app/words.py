"""Codes of the engine in words that a person understands: why a field was decided so, why a record is not synced. Tables only.

The codes are the stable part; the words may be made better at any time.
"""

from __future__ import annotations

from interlock.core.codec.simple import shown
from interlock.core.model import Side, SyncRule
from interlock.core.plain import plain
from interlock.core.reconcile import Because, FieldMerge
from interlock.crm.errors import NAMES

RULES = {
    SyncRule.PREFER_SALESFORCE: "Prefer Salesforce unless blank",
    SyncRule.ALWAYS_SALESFORCE: "Always use Salesforce",
    SyncRule.TWO_WAY: "Two-way",
    SyncRule.PREFER_HUBSPOT: "Prefer HubSpot unless blank",
    SyncRule.ALWAYS_HUBSPOT: "Always use HubSpot",
    SyncRule.DONT_SYNC: "Don't sync",
}

_BECAUSE = {
    Because.NOT_SYNCED: "The rule says not to sync this field.",
    Because.UNREADABLE: "One of the two values cannot be read, and that says nothing about it: nothing is touched.",
    Because.EQUAL: "Both sides hold the same.",
    Because.MAY_DIFFER: "The rule lets the two differ while the side that leads is blank.",
    Because.FIRST_LINK: "The two held different values when they were linked; the rule decides.",
    Because.HUBSPOT_CHANGED: "HubSpot was edited since both sides agreed.",
    Because.SALESFORCE_CHANGED: "Salesforce was edited since both sides agreed.",
    Because.RULE_KEEPS_SALESFORCE: "Only HubSpot was edited, and the rule keeps Salesforce's value.",
    Because.RULE_KEEPS_HUBSPOT: "Only Salesforce was edited, and the rule keeps HubSpot's value.",
    Because.BOTH_CHANGED: "Both sides were edited since they agreed; the rule decides, and the other value is kept as a"
    " conflict.",
    Because.UNEQUAL: "The two differ although neither was edited since they agreed; the rule decides, and the other value"
    " is kept as a conflict.",
    Because.GAVE_WAY: "HubSpot's owner, or none, cannot own the record in Salesforce, so Salesforce's owner stands.",
    Because.PERSON_CHOSE: "A person chose this value for a conflict.",
    Because.PERSON_UNDID: "A person has undone what was carried over here; it stays so until either side is edited.",
}
_GOES = {
    Side.HUBSPOT: "Salesforce's value goes to HubSpot.",
    Side.SALESFORCE: "HubSpot's value goes to Salesforce.",
}


_HELD = {
    Side.HUBSPOT: "Salesforce's value should go to HubSpot, which refused it or cannot hold it: see the issue.",
    Side.SALESFORCE: "HubSpot's value should go to Salesforce, which refused it or cannot hold it: see the issue.",
}


def because(merge: FieldMerge, *, held: bool = False) -> str:
    """Why, and what follows, in one or two sentences. `held`: the value does not fit, or was refused before."""
    why = _BECAUSE.get(merge.because, "")
    if merge.because is Because.FILLED_BLANK and merge.write is not None:
        why = f"{NAMES[merge.write]} is blank."
    if merge.because is Because.PERSON_CHOSE:
        value = plain(merge.value)
        why = (
            f'A person chose "{shown(value)}" for a conflict.' if value else "A person chose the blank for a conflict."
        )
    if merge.write is None:
        return why
    if merge.because is Because.PERSON_UNDID:
        return f"{why} {NAMES[merge.write]} gets back what it held before."
    if held:
        return f"{why} {_HELD[merge.write]}"
    return f"{why} It goes to both sides." if merge.both else f"{why} {_GOES[merge.write]}"


def on_one_line(text: str) -> str:
    """For a log: what a CRM, or whoever named a connection, said can neither begin a line of its own nor steer a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


# Causes of audit rows. What is not here is a sentence already.
_CAUSES = {
    **{code.value: text for code, text in _BECAUSE.items()},
    Because.FILLED_BLANK.value: "The field was blank on this side.",
    "existing": "It was there when the connection was made.",
    "existing_link_only": "It was there when the connection was made.",
    "changed": "It was new or changed on the other side.",
    "import": "A person imported it.",
    "opted_out": "The person opted out of e-mail on the other side.",
    "opportunity": "An opportunity in which the person has a role is open, or was won.",
    "undone": "A person has undone the sync that had created it.",
    "resync": "A person asked for it again.",
    "resync_of_many": "A person asked again for all of its object, or of a list.",
    "retry": "It was tried again.",
    "try_again": "What had been refused was tried again.",
    "parked": "It was tried again after an answer that never came.",
    "waiting": "What it had waited for was there.",
    "repair": "A value lost in a race was put right.",
    "resolved": "A person had chosen for a conflict.",
    "created_in_hubspot": "It was made in HubSpot by a sync.",
    "created_in_salesforce": "It was made in Salesforce by a sync.",
    "sync_key": "One holds the other's id.",
    "native_id": "HubSpot's own integration had joined them.",
    "email": "Both have the same e-mail address.",
    "additional_email": "HubSpot keeps the e-mail address of the one beside the contact's own.",
    "domain": "Both have the same domain.",
    "name": "Both have the same name.",
    "shared_contact": "Both have the same contact.",
    "person": "A person linked them.",
    "deleted": "It was deleted.",
    "deleted in HubSpot": "It was deleted in HubSpot.",
    "deleted in Salesforce": "It was deleted in Salesforce.",
    "left the list": "Its HubSpot record left the list that limits what syncs.",
    "outside the list": "Its HubSpot record is outside the list that limits what syncs.",
    "entered the list": "Its HubSpot record entered the list that limits what syncs.",
    "left the filter": "Its Salesforce record left the filter that limits what syncs.",
    "outside the filter": "Its Salesforce record is outside the filter that limits what syncs.",
    "entered the filter": "Its Salesforce record entered the filter that limits what syncs.",
    "entered the limits": "It entered the list and the filter that limit what syncs.",
    "left a pipeline that syncs": "It moved to a pipeline, or a record type, that does not sync.",
    "outside a pipeline that syncs": "It is in a pipeline, or of a record type, that does not sync.",
    "entered a pipeline that syncs": "It moved back to a pipeline that syncs.",
    "merged": "It was merged into another record.",
    "converted": "The lead was converted.",
    "edited_later": "It was edited later than the record with the same address that had been linked.",
}


def cause(code: str) -> str:
    return _CAUSES.get(code, code)


# Why a record has no counterpart, or its pair rests.
WHY_NOT = {
    "erased": "The person was erased, and is not made again.",
    "erased_address": "Somebody with this e-mail address was erased. If this is somebody else, create them on the other side by"
    " hand: the two are then linked.",
    "no_email": "It has no e-mail address, which is how contacts are matched.",
    "invalid_email": "Its e-mail address is not one that Salesforce takes.",
    "no_name": "It has neither name nor domain, which is how companies are matched.",
    "no_stage": "It has no stage, and an opportunity needs one.",
    "no_close_date": "It has no close date, and an opportunity needs one.",
    "person_account": "It is a person account: the person syncs as a contact.",
    "converted_lead": "It is a converted lead, which Salesforce lets nobody change: its contact syncs instead.",
    "contact_preferred": "A contact has the same e-mail address, and is the person's record.",
    "several_candidates": "Several records could be its counterpart: a person must say which.",
    "candidate_taken": "The record that could be its counterpart is linked with another.",
    "edited_before_another": "Another record with the same address was edited later, and syncs instead of it.",
    "match_refused": "What would match is a record of which a person has said that it is another one.",
    "creation_off_in_hubspot": "The settings say not to create records in HubSpot.",
    "creation_off_in_salesforce": "The settings say not to create records in Salesforce.",
    "existing_not_created": "It was there before the connection, whose setting says not to create counterparts for such.",
    "not_in_list": "It is outside of the HubSpot list, or its pair of the filter, that limits what syncs: it syncs once inside.",
    "pipeline_not_synced": "It is in a pipeline, or of a record type, that does not sync: it syncs once it is in one that does.",
    "stage_not_in_pipeline": "The HubSpot pipeline has no stage for that of the opportunity; see its issue.",
    "membership_unknown": "HubSpot did not say whether it is in the list that limits what syncs: it is asked again.",
    "outside_filter": "Its Salesforce record is outside the filter that limits what syncs: it syncs once it is inside.",
    "filter_unknown": "Salesforce does not take the filter that limits what syncs: it is asked again.",
    "person_rule_undecided": "Whether it becomes a lead or a contact could not be told by the rules; see its issue.",
    "no_contact_in_salesforce": "None of its contacts is a contact in Salesforce, which a company needs to become an account.",
    "not_looked_at": "No sync has looked at it yet: it did not change since the connection was made.",
    "due": "It is due: the next sync takes it.",
    "deleted": "It is deleted.",
    "native_id_missing": "HubSpot's own integration had joined it with a record that Salesforce does not know or show.",
    "counterpart_deleted": "Its counterpart was deleted, and is not made again.",
    "hubspot_deleted": "Its HubSpot record was deleted, so the pair rests.",
    "salesforce_deleted": "Its Salesforce record was deleted, so the pair rests.",
    "unlinked": "The pair was unlinked.",
    "not_readable": "The CRM does not show it to the sync user.",
    "refused": "The other side refused to create it; see its issue.",
    "object_off": "Syncing of this object is off.",
    "type_off": "Records of its Salesforce type do not sync.",
    "object_paused": "Syncing of this object is paused.",
    "connection_stopped": "The connection is not syncing.",
    "has_issues": "An open issue holds part of it back.",
    "waiting": "It waits for its next try.",
}


def why_not(code: str) -> str:
    return WHY_NOT.get(code, code)
