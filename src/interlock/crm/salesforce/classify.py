"""What each Salesforce error code means for a record: the issue it becomes, whether a retry helps, whether it is gone.

One table (REST API developer guide, status codes; reference section 6). Pure data. A code that is not in it is final
and shown as it came.
"""

from __future__ import annotations

import msgspec

from interlock.core.model import IssueCategory


class Verdict(msgspec.Struct, frozen=True):
    category: IssueCategory
    retry: bool = False  # the same write may pass later
    gone: bool = False  # deleted, or in the recycle bin


_VALUE = Verdict(IssueCategory.PROPERTY_VALUES)
_FIELD = Verdict(IssueCategory.FIELD_MAPPING)
_RIGHTS = Verdict(IssueCategory.PERMISSIONS)
_CODE = Verdict(IssueCategory.CUSTOM_CODE)
_REFERENCE = Verdict(IssueCategory.ASSOCIATIONS)
_DUPLICATE = Verdict(IssueCategory.DUPLICATES)
_LATER = Verdict(IssueCategory.LIMITS, retry=True)
_GONE = Verdict(IssueCategory.MATCHING, gone=True)

BY_CODE: dict[str, Verdict] = {
    "UNABLE_TO_LOCK_ROW": _LATER,
    "SERVER_UNAVAILABLE": _LATER,
    "UNKNOWN_EXCEPTION": _LATER,
    "INTERNAL": _LATER,
    "QUERY_TIMEOUT": _LATER,
    "REQUEST_LIMIT_EXCEEDED": _LATER,
    "REQUEST_RUNNING_TOO_LONG": _LATER,
    "STORAGE_LIMIT_EXCEEDED": Verdict(IssueCategory.LIMITS),
    # Collateral of another record's failure: this one may pass.
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": _LATER,
    "PROCESSING_HALTED": _LATER,
    "NOT_FOUND": _GONE,
    "ENTITY_IS_DELETED": Verdict(IssueCategory.ASSOCIATIONS, gone=True),
    "INVALID_SESSION_ID": Verdict(IssueCategory.SIGN_IN),
    "INVALID_AUTH_HEADER": Verdict(IssueCategory.SIGN_IN),
    "API_DISABLED_FOR_ORG": _RIGHTS,
    "API_CURRENTLY_DISABLED": _RIGHTS,
    "INVALID_FIELD": _FIELD,
    "INVALID_TYPE": _FIELD,
    "INVALID_FIELD_FOR_INSERT_UPDATE": _RIGHTS,
    "REQUIRED_FIELD_MISSING": _VALUE,
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _CODE,
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": _CODE,
    "CANNOT_EXECUTE_FLOW_TRIGGER": _CODE,
    "INVALID_OPERATION": _CODE,
    "APEX_ERROR": _CODE,
    "STRING_TOO_LONG": _VALUE,
    "INVALID_EMAIL_ADDRESS": _VALUE,
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _VALUE,
    "INVALID_TYPE_ON_FIELD_IN_RECORD": _VALUE,
    "JSON_PARSER_ERROR": _VALUE,
    "NUMBER_OUTSIDE_VALID_RANGE": _VALUE,
    "FIELD_INTEGRITY_EXCEPTION": _VALUE,
    "MALFORMED_ID": _VALUE,
    "INVALID_CROSS_REFERENCE_KEY": _REFERENCE,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _RIGHTS,
    "INSUFFICIENT_ACCESS_OR_READONLY": _RIGHTS,
    "INSUFFICIENT_ACCESS": _RIGHTS,
    "TXN_SECURITY_METERING_ERROR": _RIGHTS,
    "DUPLICATE_VALUE": _DUPLICATE,
    "DUPLICATE_EXTERNAL_ID": _DUPLICATE,
    "DUPLICATES_DETECTED": _DUPLICATE,
    # It lives on as its contact, which the next look finds.
    "CANNOT_UPDATE_CONVERTED_LEAD": _GONE,
    "DELETE_FAILED": Verdict(IssueCategory.ASSOCIATIONS),
    "PRECONDITION_FAILED": Verdict(IssueCategory.MATCHING),
}

# A field that cannot be read or written whatever its value is: refused for every record that carries it.
FIELD_CODES = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"})

# Reads that fail for these mean that the schema is not what it was.
SCHEMA_CODES = frozenset({"INVALID_FIELD", "INVALID_TYPE"})


def classify(code: str) -> Verdict:
    return BY_CODE.get(code, _VALUE)
