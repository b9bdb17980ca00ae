"""What the object specs promise: which fields, which identity, who waits and why."""

from __future__ import annotations

import pytest

from interlock.core.codec import Codec, FieldShape, codec_for
from interlock.core.model import Side, SyncRule
from interlock.core.values import Ref, Unknown
from interlock.objects.companies import COMPANIES
from interlock.objects.contacts import CONTACTS
from interlock.objects.deals import DEALS
from interlock.objects.owners import Person, match_owners
from interlock.objects.registry import SPECS, spec_of, spec_of_salesforce_type
from interlock.objects.spec import PLACEHOLDER, SALESFORCE_ID_PROPERTY, ObjectSpec

HUBSPOT, SALESFORCE = Side.HUBSPOT, Side.SALESFORCE
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def test_parents_sync_before_their_children():
    seen: set[str] = set()
    for spec in SPECS.values():
        assert seen.issuperset(spec.parents)
        seen.add(spec.slug)
    assert seen == {"companies", "contacts", "deals"}


def test_a_spec_is_found_by_slug_and_by_salesforce_type():
    assert spec_of("deals") is DEALS
    assert spec_of_salesforce_type("Lead") is spec_of_salesforce_type("Contact") is CONTACTS
    assert spec_of_salesforce_type("Case") is None


@every_spec
def test_no_property_and_no_field_is_mapped_twice(spec: ObjectSpec):
    properties = [mapping.property for mapping in spec.mappings]
    assert len(properties) == len(set(properties))
    for type_ in spec.salesforce_types:
        fields = [mapping.fields[type_] for mapping in spec.mappings if type_ in mapping.fields]
        assert len(fields) == len(set(fields))
    assert all(set(mapping.fields) <= set(spec.salesforce_types) for mapping in spec.mappings)


@every_spec
def test_opt_out_and_ids_are_read_but_never_mapped(spec: ObjectSpec):
    never_mapped = {"hs_email_optout", SALESFORCE_ID_PROPERTY, *(stored.property for stored in spec.stored_ids)}
    assert never_mapped.isdisjoint(mapping.property for mapping in spec.mappings)
    assert SALESFORCE_ID_PROPERTY in spec.hubspot_properties()
    assert {stored.property for stored in spec.stored_ids} <= set(spec.hubspot_properties())
    for type_ in spec.salesforce_types:
        assert {"Id", "IsDeleted", "SystemModstamp"} <= set(spec.salesforce_fields(type_))


@every_spec
def test_every_placeholder_belongs_to_a_mapped_field(spec: ObjectSpec):
    for type_, fields in spec.required_salesforce.items():
        mapped = {mapping.fields[type_] for mapping in spec.mappings if type_ in mapping.fields}
        assert set(fields) <= mapped


def test_the_address_of_a_contact_follows_prefer_salesforce_or_two_way_only():
    email = next(mapping for mapping in CONTACTS.mappings if mapping.property == "email")
    assert email.rule is SyncRule.PREFER_SALESFORCE
    assert set(email.allowed_rules) == {SyncRule.PREFER_SALESFORCE, SyncRule.TWO_WAY}
    assert email.locked_reason


@every_spec
def test_the_owner_is_two_way_on_every_object(spec: ObjectSpec):
    owner = next(mapping for mapping in spec.mappings if mapping.property == "hubspot_owner_id")
    assert owner.rule is SyncRule.TWO_WAY
    assert owner.codec == "owner"
    assert set(owner.fields) == set(spec.salesforce_types)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"email": "ada@example.com"}, None),
        ({"email": None, "lastname": "Lovelace"}, "no_email"),
        ({"email": "  "}, "no_email"),
        ({}, "no_email"),
        ({"email": "ada(at)example.com"}, "invalid_email"),
        ({"email": "ä@example.com"}, "invalid_email"),
    ],
)
def test_a_hubspot_contact_goes_to_salesforce_only_with_an_address_that_salesforce_takes(values, code):
    assert CONTACTS.why_not_eligible(HUBSPOT, values) == code


def test_a_salesforce_person_needs_no_address_but_must_not_be_a_converted_lead():
    assert CONTACTS.why_not_eligible(SALESFORCE, {"LastName": "Lovelace", "Email": None}) is None
    assert CONTACTS.why_not_eligible(SALESFORCE, {"IsConverted": True}) == "converted_lead"


def test_a_contact_is_found_by_each_of_its_addresses_and_a_salesforce_person_by_its_own():
    merged = {"email": "Ada@Example.com", "hs_additional_emails": "ada@old.example;broken;ada@example.com"}
    assert CONTACTS.identity_keys(HUBSPOT, merged) == [("email", "ada@example.com"), ("email", "ada@old.example")]
    assert CONTACTS.identity_keys(SALESFORCE, {"Email": "ADA@example.com"}) == [("email", "ada@example.com")]
    assert CONTACTS.identity_keys(SALESFORCE, {"Email": None}) == []


@pytest.mark.parametrize(
    ("side", "values", "label"),
    [
        (
            HUBSPOT,
            {"firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com"},
            "Ada Lovelace <ada@example.com>",
        ),
        (
            SALESFORCE,
            {"FirstName": "Ada", "LastName": PLACEHOLDER, "Email": "ada@example.com"},
            "Ada <ada@example.com>",
        ),
        (SALESFORCE, {"LastName": "Lovelace"}, "Lovelace"),
        (HUBSPOT, {"email": "ada@example.com"}, "ada@example.com"),
        (HUBSPOT, {}, "a contact without name and e-mail"),
    ],
)
def test_a_contact_is_called_by_what_is_known_of_it(side: Side, values, label: str):
    assert CONTACTS.label(side, values) == label


def test_a_company_is_found_by_its_domains_first_and_its_name_last():
    here = {
        "name": "Acme, Inc.",
        "domain": "acme.example.com",
        "hs_additional_domains": "acme.org;gmail.com",
        "website": None,
    }
    assert COMPANIES.identity_keys(HUBSPOT, here) == [
        ("domain", "example.com"),
        ("domain", "acme.org"),
        ("name", "acme"),
    ]
    there = {"Name": "ACME", "Website": "http://www.acme.org/about"}
    assert COMPANIES.identity_keys(SALESFORCE, there) == [("domain", "acme.org"), ("name", "acme")]


def test_a_company_without_a_name_is_not_matched_by_the_placeholder():
    assert COMPANIES.identity_keys(SALESFORCE, {"Name": PLACEHOLDER, "Website": None}) == []
    assert COMPANIES.label(SALESFORCE, {"Name": PLACEHOLDER, "Website": "acme.org"}) == "acme.org"


def test_a_company_needs_a_name_or_a_domain_and_a_person_account_is_no_company():
    assert COMPANIES.why_not_eligible(HUBSPOT, {"name": None, "domain": ""}) == "no_name"
    assert COMPANIES.why_not_eligible(HUBSPOT, {"domain": "acme.org"}) is None
    assert COMPANIES.why_not_eligible(SALESFORCE, {"Name": "Ada", "IsPersonAccount": True}) == "person_account"
    assert COMPANIES.why_not_eligible(SALESFORCE, {"Name": "Acme"}) is None


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"dealname": "Deal", "dealstage": "closedwon", "closedate": "2026-12-31T00:00:00Z"}, None),
        ({"dealname": None, "dealstage": "closedwon", "closedate": "2026-12-31T00:00:00Z"}, None),
        ({"dealstage": None, "closedate": "2026-12-31T00:00:00Z"}, "no_stage"),
        ({"dealstage": "closedwon", "closedate": None}, "no_close_date"),
    ],
)
def test_a_stage_and_a_close_date_are_never_made_up_for_a_deal(values, code):
    assert DEALS.why_not_eligible(HUBSPOT, values) == code
    assert DEALS.required_salesforce == {"Opportunity": {"Name": PLACEHOLDER}}


def test_deals_are_never_matched_by_their_name():
    assert DEALS.identity == ()
    assert DEALS.identity_keys(HUBSPOT, {"dealname": "Renewal"}) == []


# The HubSpot types of the contact properties that ship with every account (a recorded schema, grouparoo, MIT) and the
# Salesforce types of their fields (recorded describes of Contact and Lead, CumulusCI, BSD-3-Clause).
SHIPPED = [
    ("email", "string", "text", "email"),
    ("firstname", "string", "text", "string"),
    ("salutation", "string", "text", "picklist"),
    ("phone", "string", "text", "phone"),
    ("address", "string", "text", "textarea"),
    ("industry", "string", "text", "picklist"),
    ("annualrevenue", "string", "text", "currency"),
    ("message", "string", "textarea", "textarea"),
    ("website", "string", "text", "url"),
]


@pytest.mark.parametrize(("name", "type_", "field_type", "salesforce_type"), SHIPPED)
def test_each_shipped_pair_of_a_real_account_has_a_codec(name: str, type_: str, field_type: str, salesforce_type: str):
    assert name in {mapping.property for mapping in CONTACTS.mappings}
    shape = FieldShape(
        hubspot_type=type_, hubspot_field_type=field_type, salesforce_type=salesforce_type, default_pair=True
    )
    assert isinstance(codec_for(shape), Codec)


# --- owners ---------------------------------------------------------------------------------------------------------


def test_an_owner_is_the_user_with_the_same_address():
    owner = match_owners([Person("41", "Ada@Example.com")], [Person("005A", "ada@example.com")]).codec()
    assert owner.from_hubspot("41") == owner.from_salesforce("005A") == Ref("owner", "ada@example.com")
    assert owner.to_salesforce(owner.from_hubspot("41")) == "005A"


def test_an_owner_whom_the_other_side_does_not_know_is_unknown():
    owner = match_owners(
        [Person("41", "ada@example.com")], [Person("005B", "bob@example.com"), Person("00G", None)]
    ).codec()
    assert (
        owner.from_hubspot("41")
        == owner.from_salesforce("005B")
        == owner.from_salesforce("00G")
        == Unknown("no counterpart")
    )


def test_an_inactive_user_is_recognised_but_never_made_an_owner():
    directory = match_owners([Person("41", "ada@example.com")], [Person("005A", "ada@example.com", active=False)])
    assert directory.salesforce_to_common == {"005A": "ada@example.com"}
    assert directory.common_to_salesforce == {}


def test_two_users_with_one_address_are_not_guessed_apart():
    people = [Person("005A", "ada@example.com"), Person("005B", "ada@example.com")]
    directory = match_owners([Person("41", "ada@example.com")], people)
    assert directory.codec().from_salesforce("005A") == directory.codec().from_salesforce("005B")
    assert directory.common_to_salesforce == {}


def test_of_two_users_with_one_address_the_active_one_is_written():
    people = [Person("005A", "ada@example.com", active=False), Person("005B", "ada@example.com")]
    assert match_owners([Person("41", "ada@example.com")], people).common_to_salesforce == {"ada@example.com": "005B"}
