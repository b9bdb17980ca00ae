"""Whatever JSON is sent to whatever path, the answer is HubSpot's envelope, never a crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.emulator.hubspot.calls import Caller

WORDS = st.sampled_from(
    (
        *("id", "to", "from", "types", "inputs", "properties", "associations", "filterGroups", "filters", "sorts"),
        *("after", "limit", "name", "label", "options", "stages", "metadata", "propertyName", "operator", "value"),
        *("idProperty", "email", "firstname", "EQ", "IN", "1", "101", "objectId", "primaryObjectId", "displayOrder"),
        *("subscriptionId", "statusState", "legalBasis", "typeId", "maxToObjectIds", "category", "conversionRate"),
        *("fromCurrencyCode", "effectiveAt", "calculationFormula", "emailAddress", "targetSecondaryEmail", "EUR"),
        *("groupName", "type", "fieldType", "string", "text", "associationTypeId", "query", "propertiesWithHistory"),
    )
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 300) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=25
)
BODIES = st.dictionaries(WORDS, JSON, max_size=6) | st.fixed_dictionaries(
    {"inputs": st.lists(st.dictionaries(WORDS, JSON, max_size=5), max_size=3)}
)
PATHS = [
    ("POST", "/crm/v3/objects/contacts"),
    ("PATCH", "/crm/v3/objects/contacts/101"),
    ("POST", "/crm/v3/objects/contacts/search"),
    ("POST", "/crm/v3/objects/contacts/merge"),
    ("POST", "/crm/v3/objects/contacts/gdpr-delete"),
    ("POST", "/crm/v3/objects/contacts/batch/read"),
    ("POST", "/crm/v3/objects/contacts/batch/create"),
    ("POST", "/crm/v3/objects/contacts/batch/update"),
    ("POST", "/crm/v3/objects/contacts/batch/upsert"),
    ("POST", "/crm/v3/objects/contacts/batch/archive"),
    ("POST", "/crm/v3/properties/contacts"),
    ("PATCH", "/crm/v3/properties/contacts/jobtitle"),
    ("POST", "/crm/v3/properties/contacts/batch/create"),
    ("POST", "/crm/v3/properties/contacts/batch/read"),
    ("POST", "/crm/v3/properties/contacts/batch/archive"),
    ("POST", "/crm/v3/properties/contacts/groups"),
    ("PATCH", "/crm/v3/properties/contacts/groups/contactinformation"),
    ("POST", "/crm/v3/pipelines/deals"),
    ("PUT", "/crm/v3/pipelines/deals/default"),
    ("PATCH", "/crm/v3/pipelines/deals/default"),
    ("POST", "/crm/v3/pipelines/deals/default/stages"),
    ("PATCH", "/crm/v3/pipelines/deals/default/stages/closedwon"),
    ("PUT", "/crm/v4/objects/contacts/101/associations/contacts/101"),
    ("POST", "/crm/v4/associations/contacts/companies/batch/read"),
    ("POST", "/crm/v4/associations/contacts/companies/batch/create"),
    ("POST", "/crm/v4/associations/contacts/companies/batch/archive"),
    ("POST", "/crm/v4/associations/contacts/companies/batch/labels/archive"),
    ("POST", "/crm/v4/associations/contacts/companies/batch/associate/default"),
    ("POST", "/crm/v4/associations/contacts/companies/labels"),
    ("PUT", "/crm/v4/associations/contacts/companies/labels"),
    ("POST", "/crm/v3/associations/contacts/companies/batch/create"),
    ("POST", "/crm/v3/associations/contacts/companies/batch/archive"),
    ("POST", "/communication-preferences/v4/statuses/batch/unsubscribe-all"),
    ("POST", "/communication-preferences/v4/statuses/batch/write"),
    ("POST", "/communication-preferences/v4/statuses/ada@example.com"),
    ("POST", "/communication-preferences/v3/subscribe"),
    ("POST", "/crm/v4/associations/definitions/configurations/contacts/companies/batch/create"),
    ("POST", "/crm/v4/associations/definitions/configurations/contacts/companies/batch/purge"),
    ("POST", "/settings/v3/currencies/exchange-rates"),
    ("POST", "/settings/v3/currencies/exchange-rates/batch/update"),
    ("PATCH", "/contacts/v1/secondary-email/101"),
    ("POST", "/crm/v3/lists"),
    ("POST", "/crm/v3/lists/search"),
    ("PUT", "/crm/v3/lists/1/update-list-filters"),
    ("PUT", "/crm/v3/lists/1/memberships/add"),
    ("POST", "/crm/v3/lists/records/memberships/batch/read"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_no_body_is_too_odd_to_be_answered(method: str, path: str) -> None:
    hubspot = Caller(rate_limits=False)
    hubspot.contact(email="ada@example.com")

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(BODIES)
    def check(body: Any) -> None:
        answer = hubspot.call(method, path, body, {"channel": "EMAIL"})
        assert answer.status in (200, 201, 204, 207, 400, 404, 409)
        if answer.status >= 400:
            assert answer.json["status"] == "error"

    check()


@pytest.mark.parametrize("path", ["objects/contacts", "owners", "objects/contacts/101/associations/companies"])
@pytest.mark.parametrize("query", [{"limit": "x"}, {"limit": "-1"}, {"after": "x", "limit": ""}])
def test_no_query_is_too_odd_to_be_answered(hubspot: Caller, path: str, query: dict[str, str]) -> None:
    version = "v4" if "associations" in path else "v3"
    hubspot.contact(email="ada@example.com")
    assert hubspot.get(f"/crm/{version}/{path}", **query).status in (200, 400)
