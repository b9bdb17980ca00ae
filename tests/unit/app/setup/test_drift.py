"""What counts as a change of a mapped pair, and which values of two lists have no counterpart. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from tests.unit.app.test_migrate import a_field, a_property

from interlock.app.schemas import Schemas
from interlock.app.setup.draft import Choices, draft
from interlock.app.setup.drift import Change, Pairs, Unmatched, changes, pairs_of, unmatched
from interlock.core.model import Side
from interlock.crm.hubspot.model import Option, PropertyDef
from interlock.crm.salesforce.model import FieldDef

HUBSPOT, SALESFORCE = Side.HUBSPOT, Side.SALESFORCE


def a_dropdown(*values: str) -> PropertyDef:
    options = [Option(each, each) for each in values]
    plain = a_property("tier__c")
    return msgspec.structs.replace(plain, type="enumeration", field_type="select", options=options)


def a_picklist(*values: str, restricted: bool = True) -> FieldDef:
    listed = [(each, each) for each in values]
    plain = a_field("Tier__c", type_="picklist", custom=True)
    return msgspec.structs.replace(plain, picklist_values=listed, restricted=restricted)


def schemas(properties: Sequence[PropertyDef], fields: Sequence[FieldDef]) -> Schemas:
    email = a_field("Email", type_="email")
    contact = [email, *fields]
    return Schemas({"contacts": [a_property("email"), *properties]}, {"Contact": contact, "Lead": [email]}, [], [], [])


ON = Choices(objects=("contacts",))
GOLD = schemas([a_dropdown("gold", "silver")], [a_picklist("gold", "silver")])


def seen(of: Schemas, choices: Choices = ON) -> Pairs:
    return pairs_of(of, draft(of, {}, choices))


def since(before: Schemas, now: Schemas) -> list[Change]:
    return changes(seen(before), ("contacts",), now, draft(now, {}, ON))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(GOLD, [], id="nothing"),
        pytest.param(
            schemas([a_dropdown("silver", "gold")], [a_picklist("silver", "gold")]),
            [],
            id="another order of the options",
        ),
        pytest.param(
            schemas([a_dropdown("gold", "silver")], [a_picklist("gold", "bronze")]),
            [
                Change(
                    "options",
                    "contacts",
                    "tier__c",
                    SALESFORCE,
                    "Contact.Tier__c",
                    ("silver",),
                    ("bronze",),
                    syncs=True,
                )
            ],
            id="a value went, another came",
        ),
        pytest.param(
            schemas([a_dropdown("gold", "silver")], [a_picklist("bronze")]),
            [
                Change(
                    "options",
                    "contacts",
                    "tier__c",
                    SALESFORCE,
                    "Contact.Tier__c",
                    ("gold", "silver"),
                    ("bronze",),
                    syncs=False,
                )
            ],
            id="no value in common any more",
        ),
        pytest.param(
            schemas([a_dropdown("gold")], [a_picklist("gold", "silver")]),
            [Change("options", "contacts", "tier__c", HUBSPOT, "tier__c", ("silver",), ())],
            id="an option of the property went",
        ),
        pytest.param(
            schemas([], [a_picklist("gold", "silver")]),
            [Change("gone", "contacts", "tier__c", HUBSPOT, "tier__c")],
            id="the property is gone, and is made anew",
        ),
        pytest.param(
            schemas([a_dropdown("gold", "silver")], []),
            [Change("gone", "contacts", "tier__c", SALESFORCE, "Contact.Tier__c", syncs=False)],
            id="the field is gone",
        ),
        pytest.param(
            schemas([a_dropdown("gold", "silver")], [a_field("Tier__c", type_="double", custom=True)]),
            [
                Change(
                    "type",
                    "contacts",
                    "tier__c",
                    SALESFORCE,
                    "Contact.Tier__c",
                    ("picklist",),
                    ("double",),
                    syncs=False,
                )
            ],
            id="the field is of another type that does not fit",
        ),
        pytest.param(
            schemas([a_dropdown("gold", "silver")], [a_picklist("gold", "silver"), a_field("New__c", custom=True)]),
            [Change("added", "contacts", "new__c", SALESFORCE, "Contact.New__c")],
            id="a field came",
        ),
    ],
)
def test_what_changed_since_the_mappings_were_made(now: Schemas, expected: list[Change]) -> None:
    assert since(GOLD, now) == expected


def test_a_property_that_the_finish_has_made_meanwhile_is_no_change() -> None:
    to_make = schemas([], [a_picklist("gold", "silver")])
    assert since(to_make, GOLD) == []


def test_an_object_that_goes_off_is_one_change_and_not_one_for_each_of_its_fields() -> None:
    off = draft(GOLD, {}, Choices(objects=()))
    assert changes(seen(GOLD), ("contacts",), GOLD, off) == [Change("object_off", "contacts")]
    assert changes({}, (), GOLD, draft(GOLD, {}, ON)) == [Change("object_on", "contacts")]


def test_what_does_not_sync_may_change_as_it_likes() -> None:
    quiet = Choices(objects=("contacts",), rules={"contacts/tier__c": "dont_sync"})
    now = schemas([a_dropdown("bronze")], [a_picklist("bronze")])
    assert changes(seen(GOLD, quiet), ("contacts",), now, draft(now, {}, quiet)) == []


@pytest.mark.parametrize(
    ("rule", "restricted", "expected"),
    [
        ("two_way", True, [(("silver",), ("bronze",))]),
        ("two_way", False, [(("silver",), ())]),
        ("always_salesforce", True, [(("silver",), ())]),
        ("always_hubspot", True, [((), ("bronze",))]),
        ("always_hubspot", False, []),
        ("dont_sync", True, []),
    ],
)
def test_values_are_lacking_where_the_rule_would_carry_them(
    rule: str, restricted: bool, expected: list[tuple[tuple[str, ...], tuple[str, ...]]]
) -> None:
    found = schemas([a_dropdown("gold", "bronze")], [a_picklist("gold", "silver", restricted=restricted)])
    choices = Choices(objects=("contacts",), rules={"contacts/tier__c": rule})
    assert unmatched(found, draft(found, {}, choices)) == [
        Unmatched("contacts", "tier__c", "Contact.Tier__c", *lists) for lists in expected
    ]


def test_values_that_differ_in_spelling_alone_are_not_lacking() -> None:
    found = schemas([a_dropdown("GOLD", "silver_plus")], [a_picklist("Gold", "Silver Plus")])
    assert unmatched(found, draft(found, {}, ON)) == []


def test_a_property_that_is_made_takes_over_the_values_and_lacks_none() -> None:
    found = schemas([], [a_picklist("gold", "silver")])
    assert unmatched(found, draft(found, {}, ON)) == []
