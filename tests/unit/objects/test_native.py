"""The ids that HubSpot's own integration left: what they name, and what is no id."""

from __future__ import annotations

import pytest

from interlock.core.model import RecordKey, Side
from interlock.objects.contacts import CONTACTS
from interlock.objects.native import named
from interlock.objects.registry import SPECS
from interlock.objects.spec import Values


@pytest.mark.parametrize(
    ("slug", "values", "type_"),
    [
        ("contacts", {"salesforcecontactid": "003fY000000KFqoQAG"}, "Contact"),
        ("contacts", {"salesforcecontactid": " 003fY000000KFqo "}, "Contact"),
        ("contacts", {"salesforceleadid": "00QfY000000KFqoQAG", "salesforcecontactid": ""}, "Lead"),
        ("companies", {"salesforceaccountid": "001fY000000KFqoQAG"}, "Account"),
        ("deals", {"hs_salesforceopportunityid": "006fY000000KFqoQAG"}, "Opportunity"),
    ],
)
def test_a_record_names_its_counterpart(slug: str, values: Values, type_: str) -> None:
    found = named(SPECS[slug], values)
    assert found is not None
    assert found.key is not None
    assert (found.key.type, found.key.id[3:15], len(found.key.id)) == (type_, "fY000000KFqo", 18)


def test_a_contact_that_names_a_lead_too_is_the_contacts() -> None:
    both = {"salesforceleadid": "00QfY000000KFqoQAG", "salesforcecontactid": "003fY000000KFqoQAG"}
    found = named(CONTACTS, both)
    assert found is not None
    assert found.key == RecordKey(Side.SALESFORCE, "Contact", "003fY000000KFqoQAG")


@pytest.mark.parametrize(
    "text", ["nothing", "00QfY000000KFqoQAG", "003fY000000KFq", "003fY000000KFqoQAG') OR (Id != '"]
)
def test_what_is_no_id_of_such_a_record_names_nothing_and_is_not_taken_for_blank(text: str) -> None:
    found = named(CONTACTS, {"salesforcecontactid": text})
    assert found is not None
    assert (found.key, found.text) == (None, text)


def test_a_record_that_the_integration_never_met_names_nobody() -> None:
    assert named(CONTACTS, {"email": "ada@example.com", "salesforcecontactid": None}) is None
