"""Which issue a refusal by HubSpot becomes: one table from error code to category. Pure data."""

from __future__ import annotations

from interlock.core.model import IssueCategory

# Refused whatever the value: the property itself is the trouble, for every record that carries it.
PROPERTY_CODES = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE", "READ_ONLY_PROPERTY", "CALCULATED_PROPERTY"})

# Per-record errors of a 207 that pass by themselves.
TRANSIENT_CATEGORIES = frozenset({"RATE_LIMITS", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "RETRY", "LOCKED", "TIMEOUT"})

CATEGORY_BY_CODE = {
    "PROPERTY_DOESNT_EXIST": IssueCategory.FIELD_MAPPING,
    "READ_ONLY_VALUE": IssueCategory.FIELD_MAPPING,
    "READ_ONLY_PROPERTY": IssueCategory.FIELD_MAPPING,
    "CALCULATED_PROPERTY": IssueCategory.FIELD_MAPPING,
    "INVALID_EMAIL": IssueCategory.PROPERTY_VALUES,
    "INVALID_LONG": IssueCategory.PROPERTY_VALUES,
    "INVALID_INTEGER": IssueCategory.PROPERTY_VALUES,
    "INVALID_NUMBER": IssueCategory.PROPERTY_VALUES,
    "INVALID_OPTION": IssueCategory.PROPERTY_VALUES,
    "INVALID_DATE": IssueCategory.PROPERTY_VALUES,
    "VALIDATION_ERROR": IssueCategory.PROPERTY_VALUES,
    "CONFLICT": IssueCategory.DUPLICATES,
    "CONTACT_EXISTS": IssueCategory.DUPLICATES,
    "CONFLICTING_UNIQUE_VALUE": IssueCategory.DUPLICATES,
    "MISSING_SCOPES": IssueCategory.PERMISSIONS,
    "FORBIDDEN": IssueCategory.PERMISSIONS,
    "OBJECT_NOT_FOUND": IssueCategory.MATCHING,
    "RATE_LIMITS": IssueCategory.LIMITS,
}
