"""Whatever JSON is sent to whatever path, and whatever is asked, the answer is Salesforce's error list, never a crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.emulator.salesforce.calls import BASE, Caller

WORDS = st.sampled_from(
    (
        *("id", "Id", "ids", "fields", "records", "attributes", "type", "allOrNone", "compositeRequest", "referenceId"),
        *(
            "method",
            "url",
            "body",
            "httpHeaders",
            "batchRequests",
            "richInput",
            "Name",
            "LastName",
            "Email",
            "AccountId",
        ),
        *("Account", "Contact", "GET", "POST", "PATCH", "a1", "@{a1.id}", "@{a1[0].id}", "FullName", "Metadata"),
        *("Contact.X__c", "Text", "label", "length", "valueSet", "valueSetDefinition", "value", "Picklist", "Number"),
        *("precision", "scale", "Amount", "StageName", "CloseDate", "2026-01-01", "OwnerId", "IsActive", "Key__c"),
        *(f"{BASE}/composite/sobjects", f"{BASE}/query?q=SELECT+Id+FROM+Contact", f"{BASE}/sobjects/Contact"),
    )
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 300) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=25
)
TYPED = st.fixed_dictionaries({"attributes": st.just({"type": "Contact"})}, optional={"id": JSON, "LastName": JSON})
PARTS = st.fixed_dictionaries(
    {"referenceId": st.just("a1"), "method": WORDS, "url": WORDS | JSON}, optional={"body": JSON, "httpHeaders": JSON}
)
METADATA = st.dictionaries(WORDS, JSON, max_size=6) | st.fixed_dictionaries(
    {"type": WORDS, "label": WORDS, "length": JSON}
)
BODIES = st.one_of(
    st.dictionaries(WORDS, JSON, max_size=6),
    st.fixed_dictionaries({"records": st.lists(TYPED | JSON, max_size=3)}, optional={"allOrNone": JSON}),
    st.fixed_dictionaries({"compositeRequest": st.lists(PARTS | JSON, max_size=3)}, optional={"allOrNone": JSON}),
    st.fixed_dictionaries({"batchRequests": st.lists(PARTS | JSON, max_size=3)}),
    st.fixed_dictionaries({"FullName": st.just("Contact.X__c"), "Metadata": METADATA}),
    st.fixed_dictionaries({"ids": JSON, "fields": JSON}),
)
PATHS = [
    ("POST", "/sobjects/Contact"),
    ("POST", "/sobjects/Opportunity"),
    ("POST", "/sobjects/Event"),
    ("POST", "/sobjects/FieldPermissions"),
    ("PATCH", "/sobjects/Contact/{id}"),
    ("PATCH", "/sobjects/Contact/Key__c/k"),
    ("PATCH", "/sobjects/User/{user}"),
    ("POST", "/composite/sobjects"),
    ("PATCH", "/composite/sobjects"),
    ("PATCH", "/composite/sobjects/Contact/Key__c"),
    ("PATCH", "/composite/sobjects/Contact/Id"),
    ("POST", "/composite/sobjects/Contact"),
    ("POST", "/composite"),
    ("POST", "/composite/batch"),
    ("POST", "/tooling/sobjects/CustomField"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_no_body_is_too_odd_to_be_answered(method: str, path: str) -> None:
    org = Caller(enforce_daily_limit=False)
    org.emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
    id = org.create("Contact", LastName="L")
    path = path.format(id=id, user=org.emulator.user("Sales User").id)

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(BODIES)
    def check(body: Any) -> None:
        answer = org.call(method, path, body)
        assert answer.status in (200, 201, 204, 400, 404), answer.body
        if answer.status >= 400:
            assert {"errorCode", "message"} <= set(answer.json[0])

    check()


@pytest.mark.parametrize(
    "path",
    [
        "/query?q=%00",
        "/query?q=SELECT+Id+FROM+Contact&columns=true",
        "/query?q=SELECT+COUNT(Id)+FROM+Contact&columns=true",
        "/query/01g",
        "/query/01g000000000000AAA-x",
        "/sobjects/Contact/%20",
        "/sobjects/Contact/%F0%9F%98%80",
        "/sobjects/Contact/Email/",
        "/sobjects/Contact/updated?start=2026-05-28T00:00:00Z",
        "/sobjects/Contact/deleted?end=%20",
        "/composite/sobjects/Contact",
        "/composite/sobjects/Contact?ids=&fields=",
        "/limits/recordCount?sObjects=,,",
        "/tooling/query?q=SELECT+Id+FROM+CustomField+WHERE+Id+LIKE+'a'",
        "/tooling/query",
    ],
)
def test_no_address_is_too_odd_to_be_answered(org: Caller, path: str) -> None:
    answer = org.call("GET", path)
    assert answer.status in (200, 400, 404)
    if answer.status >= 400:
        assert {"errorCode", "message"} <= set(answer.json[0])


def test_no_query_is_too_odd_to_be_answered(org: Caller) -> None:
    org.create("Contact", LastName="L", Email="a@b.com", Birthdate="1990-01-01")
    words = st.sampled_from(
        (
            *(
                "SELECT",
                "Id",
                "FROM",
                "Contact",
                "WHERE",
                "LastName",
                "=",
                "!=",
                "<",
                "'a'",
                "null",
                "(",
                ")",
                ",",
                "AND",
            ),
            *("OR", "NOT", "IN", "LIKE", "ORDER BY", "LIMIT", "1", "COUNT(Id)", "GROUP BY", "Account.Name", "Accounts"),
            *(
                "(SELECT Id FROM Contacts)",
                "TODAY",
                "LAST_N_DAYS:3",
                "2026-01-01",
                "Birthdate",
                "HAVING",
                "FIELDS(ALL)",
            ),
            *(
                "INCLUDES",
                "Owner",
                "AccountId",
                "SystemModstamp",
                "MailingAddress",
                "n",
                "DESC",
                "NULLS LAST",
                "''",
                "\\",
            ),
        )
    )
    queries = st.lists(words, max_size=14).map(" ".join)
    started = st.lists(words, max_size=8).map(lambda rest: " ".join(["SELECT Id FROM Contact WHERE", *rest]))
    ordered = st.lists(words, min_size=1, max_size=3).map(
        lambda rest: " ".join(["SELECT Id FROM Contact ORDER BY", *rest])
    )
    grouped = st.lists(words, min_size=1, max_size=4).map(
        lambda rest: " ".join(["SELECT COUNT(Id) FROM Contact GROUP BY", *rest])
    )

    @settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(queries | started | ordered | grouped)
    def check(soql: str) -> None:
        answer = org.call("GET", "/query", query={"q": soql})
        assert answer.status in (200, 400), (soql, answer.body)

    check()
