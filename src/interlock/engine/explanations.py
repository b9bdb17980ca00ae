"""Refusal codes, ours and the CRMs', as a person needs them: which category of issue, and what to do. Pure table.

What a CRM's code means is said by the table of that CRM (crm/*/classify.py); here are the codes for which there is more to say
than for all of their category.
"""

from __future__ import annotations

from interlock.core.model import IssueCategory
from interlock.crm.hubspot.classify import CATEGORY_BY_CODE
from interlock.crm.salesforce.classify import BY_CODE

_C = IssueCategory

# Salesforce status codes by category: native-integration reference, section 8.2; HubSpot codes: hubspot-api reference, section 4.
_TABLE: dict[str, tuple[IssueCategory, str]] = {
    "STRING_TOO_LONG": (_C.PROPERTY_VALUES, "Shorten the value, or map another field."),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (
        _C.PROPERTY_VALUES,
        "Add the value to the picklist in Salesforce, for the record type and the controlling value of the record, or choose one"
        " that they offer.",
    ),
    "INVALID_OPTION": (_C.PROPERTY_VALUES, "Add the option to the property, or choose one that is there."),
    "INVALID_EMAIL_ADDRESS": (_C.PROPERTY_VALUES, "Correct the e-mail address."),
    "INVALID_EMAIL": (_C.PROPERTY_VALUES, "Correct the e-mail address."),
    "NOT_TAKEN": (
        _C.PROPERTY_VALUES,
        "Set it in HubSpot by hand. A lifecycle stage only goes forward there, unless it is cleared first.",
    ),
    "NOT_A_NUMBER": (_C.PROPERTY_VALUES, "Correct the number."),
    "NUMBER_OUTSIDE_VALID_RANGE": (_C.PROPERTY_VALUES, "Use a number that the field can hold."),
    "NUMBER_OUTSIDE_RANGE": (_C.PROPERTY_VALUES, "Use a number that the field can hold."),
    "INVALID_DATE": (_C.PROPERTY_VALUES, "Correct the date."),
    "INVALID_CHARACTERS": (_C.PROPERTY_VALUES, "Remove the characters that the other side cannot store."),
    "REQUIRED_FIELD_MISSING": (_C.PROPERTY_VALUES, "Fill in the field, or map a property that always has a value."),
    "FIELD_INTEGRITY_EXCEPTION": (_C.PROPERTY_VALUES, "Correct the value as the message says."),
    "VALIDATION_ERROR": (_C.PROPERTY_VALUES, "Correct the value as the message says."),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": (
        _C.CUSTOM_CODE,
        "A validation rule of the org refuses it: correct the record, or ask the Salesforce admin.",
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": (
        _C.CUSTOM_CODE,
        "A trigger of the org refuses it: ask the Salesforce admin.",
    ),
    "CANNOT_EXECUTE_FLOW_TRIGGER": (_C.CUSTOM_CODE, "A flow of the org refuses it: ask the Salesforce admin."),
    "APEX_ERROR": (_C.CUSTOM_CODE, "Code of the org refuses it: ask the Salesforce admin."),
    "DUPLICATES_DETECTED": (_C.DUPLICATES, "Review the org's duplicate rule, or merge the records it names."),
    "DUPLICATE_VALUE": (_C.DUPLICATES, "Another record has this value: merge the two, or change one."),
    "CONFLICT": (_C.DUPLICATES, "Another HubSpot record has this value: merge the two, or change one."),
    "INVALID_FIELD_FOR_INSERT_UPDATE": (_C.PERMISSIONS, "Give the sync user edit access to the field."),
    "INVALID_FIELD": (_C.FIELD_MAPPING, "The field is gone or hidden: correct the mapping, or grant access to it."),
    "PROPERTY_DOESNT_EXIST": (_C.FIELD_MAPPING, "The property is gone: correct the mapping."),
    "READ_ONLY_VALUE": (_C.FIELD_MAPPING, "The property is read-only: choose a rule that only reads it."),
    "INSUFFICIENT_ACCESS_OR_READONLY": (_C.PERMISSIONS, "Give the sync user edit access to the record."),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (
        _C.PERMISSIONS,
        "Give the sync user access to the record it refers to.",
    ),
    "STORAGE_LIMIT_EXCEEDED": (
        _C.LIMITS,
        "The org's storage is full: free some or have it raised, then resync this issue.",
    ),
    "MISSING_SCOPES": (
        _C.PERMISSIONS,
        "Give the HubSpot app or key the scope that the message names, and sign in again; what was refused is tried again.",
    ),
    "record_not_visible": (
        _C.PERMISSIONS,
        "Check that the sync user may see the record; if it was purged, unlink it with a resync of this issue.",
    ),
    "INVALID_CROSS_REFERENCE_KEY": (_C.ASSOCIATIONS, "The record it refers to is gone: correct the reference."),
    "STAGE_NOT_IN_PIPELINE": (
        _C.PROPERTY_VALUES,
        "Add the stage to the HubSpot pipeline, or join it with one of its stages on the page Pipelines of the Deals tab.",
    ),
    "CURRENCY_NOT_CARRIED": (
        _C.PROPERTY_VALUES,
        "Add the currency to the side that lacks it, or choose one that both have: the amount goes with it.",
    ),
    "NO_COUNTERPART": (
        _C.ASSOCIATIONS,
        "Give it a counterpart there (an owner: an active user with the same e-mail address), or choose another here.",
    ),
    "role_without_label": (
        _C.ASSOCIATIONS,
        "Make a label of that name on the page Roles and labels of the Deals tab, or give another role; then resync this issue.",
    ),
    "association_refused": (
        _C.ASSOCIATIONS,
        "Take associations away that are not needed or have the limit raised, as the message says; it is tried again by itself.",
    ),
    "ENTITY_IS_DELETED": (_C.ASSOCIATIONS, "The record was deleted in Salesforce."),
    "pipeline_behind": (
        _C.SAFETY,
        "Make the change in HubSpot by hand as Salesforce has it, or give the app the scope or room that the message names. It is"
        " looked at again within six hours.",
    ),
    "stage_retired": (
        _C.SAFETY,
        "Move the deals that stand in them to other stages: each gives its opportunity a stage that Salesforce does not offer. Then"
        " delete the stages in HubSpot if no report needs when deals came to them, which goes with them, or offer them in"
        " Salesforce again.",
    ),
    "stages_close_apart": (
        _C.SAFETY,
        "Change one of the two, or join the stage with another on the page Pipelines.",
    ),
    "inclusion_list_missing": (
        _C.SAFETY,
        "Restore the list in HubSpot, which keeps deleted ones for 90 days, or choose another or none in the settings.",
    ),
    "resync_ended": (
        _C.SAFETY,
        "Restore the list in HubSpot, which keeps deleted ones for 90 days, or give the HubSpot app or key the scope that the"
        " message names; then ask for the resync again.",
    ),
    "opt_out_without_address": (
        _C.PROPERTY_VALUES,
        "Give the contact its e-mail address: the opt-out then goes to HubSpot by itself.",
    ),
    "roles_not_readable": (
        _C.PERMISSIONS,
        "Give the sync user read access to Opportunities, or switch the lifecycle stages off in the settings of Contacts.",
    ),
    "opportunities_not_readable": (
        _C.PERMISSIONS,
        "Give the sync user read access to Opportunities and to their name, stage, amount and close date, or switch off what"
        " contacts show of them in the settings of Contacts.",
    ),
    "inclusion_filter_refused": (
        _C.SAFETY,
        "Give the sync user access to the fields that the filter names, or correct the filter in the settings.",
    ),
    "person_rule_undecided": (
        _C.FIELD_MAPPING,
        "Bring the property back, or give the sync user access to accounts; or change the rule in the settings of contacts.",
    ),
    "counterpart_merged": (
        _C.DUPLICATES,
        "If the two are the same, merge them in {crm} as well; else leave it, or undo the merge.",
    ),
    "possible_second_company": (
        _C.DUPLICATES,
        "If the two are one company, merge their accounts in Salesforce: what is chosen for merges then becomes of the companies,"
        " and this ends with the next look at the contact. If they are not, ignore this. Where companies become accounts only with"
        " a contact of theirs, a conversion brings no second one.",
    ),
    "merge_refused": (
        _C.DUPLICATES,
        "Correct what the message says and merge the two again from this list, or merge them in HubSpot by hand.",
    ),
    "delete_not_carried_over": (
        _C.SAFETY,
        "Look at it in {crm}, and delete it there if it should go. To sync it again, restore the other one.",
    ),
    "restore_by_hand": (
        _C.SAFETY,
        "Restore it in {crm} by hand, from its recycle bin, and the two are a pair again. If it should stay deleted, ignore this.",
    ),
    "native_id_missing": (
        _C.MATCHING,
        "Let the sync user see the record, or restore it. If it is gone for good, empty the property in HubSpot; then resync"
        " this issue: it is matched as any other.",
    ),
    "mapping_broken": (
        _C.FIELD_MAPPING,
        "Both values stay as they are. Show the field to the sync user again, or change or remove the mapping on the tab of its"
        " object; what was edited meanwhile is carried over then.",
    ),
    "picklist_changed": (
        _C.FIELD_MAPPING,
        "Compare the two lists on the page of the mapping, and add the options that HubSpot lacks. Until then such a value is held"
        " back with an issue of its record; nothing is emptied.",
    ),
    "oscillating": (
        _C.SAFETY,
        "Two automations write this field in turn. Switch one off, or set the field's rule to one side.",
    ),
}


_BY_CATEGORY: dict[IssueCategory, str] = {
    _C.PROPERTY_VALUES: "Correct the record as the message says, then resync this issue.",
    _C.PERMISSIONS: "Give the sync user the access that the message names, then resync this issue.",
    _C.FIELD_MAPPING: "Correct the mapping, or choose a rule that only reads the field; then resync this issue.",
    _C.DUPLICATES: "Another record has this value: merge the two or change one, then resync this issue.",
    _C.ASSOCIATIONS: "Correct what the record refers to, then resync this issue.",
    _C.CUSTOM_CODE: "Automation of the org refuses it: ask the Salesforce admin, then resync this issue.",
    _C.MATCHING: "The record is not what it was: resync this issue, so that both sides are looked at anew.",
    _C.LIMITS: "A limit of the CRM is in the way: wait or have it raised, then resync this issue.",
    _C.SIGN_IN: "Sign in again, then resync this issue.",
}
# The CRMs' own codes. None is in both tables with different meanings: a test holds that.
_OF_CRMS: dict[str, IssueCategory] = CATEGORY_BY_CODE | {code: verdict.category for code, verdict in BY_CODE.items()}


def fix_for(code: str) -> tuple[IssueCategory, str]:
    """The category of a refusal code and what a person can do about it; unknown codes are property values, in the CRM's words."""
    if code in _TABLE:
        return _TABLE[code]
    category = _OF_CRMS.get(code, _C.PROPERTY_VALUES)
    return category, _BY_CATEGORY[category]


def known() -> list[tuple[str, IssueCategory, str]]:
    """Every code that we know, by category: (code, category, what to do)."""
    order = list(IssueCategory)
    rows = [(code, *fix_for(code)) for code in dict.fromkeys([*_TABLE, *_OF_CRMS])]
    return sorted(rows, key=lambda row: order.index(row[1]))
