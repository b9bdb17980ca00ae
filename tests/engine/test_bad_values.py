"""Values that the other side refuses: one bad field never stops its record, one bad record never stops its batch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from interlock.core.model import IssueCategory, RecordKey, Side
from tests.world import World

TITLE_LENGTH = 128  # Contact.Title (describe)

# What is typed in HubSpot, and the code of the issue.
BAD_IN_SALESFORCE: dict[str, tuple[str, str, str]] = {
    "over-long text": ("jobtitle", "x" * (TITLE_LENGTH + 1), "STRING_TOO_LONG"),
    "a novel": ("jobtitle", "x" * 65_536, "STRING_TOO_LONG"),
    "half an emoji": ("jobtitle", "Chief \ud83d Officer", "INVALID_CHARACTERS"),
    "NUL": ("jobtitle", "Chief\x00Officer", "INVALID_CHARACTERS"),
}


@pytest.mark.parametrize("bad", BAD_IN_SALESFORCE)
def test_a_field_that_salesforce_cannot_hold_is_left_out_and_the_rest_arrives(tell, bad):
    property_, value, code = BAD_IN_SALESFORCE[bad]

    async def story(world: World) -> None:
        await world.rule("contacts", property_, "two_way")
        here = world.person("ada@example.com")
        await world.settle()
        world.hugo.update("contacts", here, {property_: value, "phone": "+1 555 0100"})
        await world.settle()
        there = world.sally.get("Contact", world.counterpart("contacts", here))
        assert (there["Title"], there["Phone"]) == (None, "+1 555 0100")
        (issue,) = await world.issues()
        assert (issue.code, issue.property, issue.field) == (code, property_, "Title")
        assert issue.fix
        assert issue.hubspot_id == here
        # It is not sent again until it changes, and then it is, and the issue ends by itself.
        sent = world.sent(Side.SALESFORCE)
        world.hugo.update("contacts", here, {"firstname": "Ada"})
        await world.settle()
        assert world.sent(Side.SALESFORCE) == sent + 1
        assert b"Title" not in (world.line.sent[Side.SALESFORCE][-1].body or b"")
        world.hugo.update("contacts", here, {property_: "CTO"})
        await world.settle()
        assert world.sally.get("Contact", there["Id"])["Title"] == "CTO"
        assert await world.issues() == []
        assert world.sent(Side.SALESFORCE) == sent + 2

    tell(story)


@pytest.mark.parametrize("value", ["Ada 👩‍💻 Löf 漢字", "x" * TITLE_LENGTH, " padded ", "a\u2028b"])
def test_unusual_text_that_both_sides_can_hold_is_carried_over_as_it_is(tell, value):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", jobtitle=value)
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["Title"].strip() == value.strip()
        assert await world.issues() == []

    tell(story)


def test_a_value_too_long_for_hubspot_is_left_out_and_the_rest_arrives(tell):
    async def story(world: World) -> None:
        there = world.sally.create("Account", {"Name": "Acme", "Phone": "+1 555 0100"})
        await world.settle()
        (here,) = world.hugo.ids("companies")
        world.sally.update("Account", there, {"Essay__c": "x" * 70_000, "Phone": "+1 555 0101"})
        await world.settle()
        assert world.hugo.get("companies", here)["phone"] == "+1 555 0101"
        (issue,) = await world.issues()
        assert (issue.property, issue.field, issue.salesforce_id) == ("description", "Essay__c", there)
        world.sally.update("Account", there, {"Essay__c": "Short."})
        await world.settle()
        assert world.hugo.get("companies", here)["description"] == "Short."
        assert await world.issues() == []

    def before(world: World) -> None:
        world.salesforce.add_custom_field("Account", "Essay__c", "LongTextArea", length=131_072)

    async def mapped(world: World) -> None:
        await world.unmap("companies", "description")
        await world.map("companies", "description", "Account", "Essay__c", "prefer_salesforce")
        await story(world)

    tell(mapped, before=before)


def test_two_bad_fields_are_two_issues_and_end_one_by_one(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "x" * 200, "firstname": "y" * 200})
        await world.settle()
        assert {issue.property for issue in await world.issues()} == {"jobtitle", "firstname"}
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert {issue.property for issue in await world.issues()} == {"firstname"}
        # Fixed in the other CRM: what Salesforce holds wins, under this rule.
        world.sally.update("Contact", there, {"FirstName": "Ada"})
        await world.settle()
        assert world.contact(here)["firstname"] == "Ada"
        assert await world.issues() == []

    tell(story)


def test_a_value_that_a_restricted_picklist_does_not_have_is_held_and_goes_once_it_is_added(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", tier="gold")
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["Tier__c"] == "gold"
        world.hugo.update("contacts", here, {"tier": "platinum", "jobtitle": "CTO"})
        await world.settle()
        row = world.sally.get("Contact", there)
        assert (row["Tier__c"], row["Title"]) == ("gold", "CTO")
        (issue,) = await world.issues()
        assert (issue.property, issue.value) == ("tier", "platinum")
        world.hugo.update("contacts", here, {"tier": "silver"})
        await world.settle()
        assert world.sally.get("Contact", there)["Tier__c"] == "silver"
        assert await world.issues() == []

    def before(world: World) -> None:
        world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver"))
        world.property("contacts", "tier", "enumeration", "select", options=("gold", "silver", "platinum"))

    async def mapped(world: World) -> None:
        await world.map("contacts", "tier", "Contact", "Tier__c")
        await story(world)

    tell(mapped, before=before)


def test_a_validation_rule_that_names_no_field_holds_the_record_until_it_is_corrected(tell):
    async def story(world: World) -> None:
        for name in ("jobtitle", "phone", "mobilephone"):
            await world.rule("contacts", name, "two_way")
        here = world.person("ada@example.com")
        others = [world.person(f"p{number}@example.com") for number in range(3)]
        await world.settle()
        there = world.counterpart("contacts", here)
        for each in (here, *others):
            world.hugo.update("contacts", each, {"jobtitle": "bad" if each == here else "fine", "phone": "1"})
        await world.settle()
        # The others of its batch are through.
        for each in others:
            assert world.sally.get("Contact", world.counterpart("contacts", each))["Title"] == "fine"
        (issue,) = await world.issues()
        assert (issue.category, issue.hubspot_id) == (IssueCategory.CUSTOM_CODE, here)
        assert "Titles must be good" in issue.cause
        before = world.written
        await world.sync_later()
        assert world.written == before
        # One field corrected: everything that was held with it goes along.
        world.hugo.update("contacts", here, {"jobtitle": "good"})
        await world.settle()
        row = world.sally.get("Contact", there)
        assert (row["Title"], row["Phone"]) == ("good", "1")
        assert await world.issues() == []

    def before(world: World) -> None:
        world.salesforce.add_validation_rule("Contact", lambda row: row.get("Title") == "bad", "Titles must be good")

    tell(story, before=before)


def test_a_validation_rule_that_names_a_field_holds_that_field_alone(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "bad", "phone": "1"})
        await world.settle()
        row = world.sally.get("Contact", there)
        assert (row["Title"], row["Phone"]) == (None, "1")
        (issue,) = await world.issues()
        assert (issue.property, issue.field) == ("jobtitle", "Title")

    def before(world: World) -> None:
        world.salesforce.add_validation_rule(
            "Contact", lambda row: row.get("Title") == "bad", "Titles must be good", field="Title"
        )

    tell(story, before=before)


def test_a_duplicate_rule_that_blocks_a_new_record_is_an_issue_until_the_duplicate_goes(tell):
    async def story(world: World) -> None:
        twin = world.sally.create("Contact", {"LastName": "Person", "FirstName": "Ada"})
        here = world.person("ada@example.com", firstname="Ada")
        others = [world.person(f"p{number}@example.com", firstname=f"P{number}") for number in range(2)]
        await world.settle()
        assert all(world.counterpart("contacts", each) for each in others)
        assert world.counterpart("contacts", here) == ""
        assert "DUPLICATES_DETECTED" in {issue.code for issue in await world.issues()}
        world.sally.update("Contact", twin, {"FirstName": "Somebody else"})
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here)
        assert [issue.code for issue in await world.issues()] == []

    def before(world: World) -> None:
        world.salesforce.add_duplicate_rule("Contact", "FirstName", "LastName", block=True)

    tell(story, before=before)


def test_a_required_custom_field_that_nobody_fills_is_an_issue_naming_it(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        assert world.sally.ids("Contact") == []
        (issue,) = await world.issues()
        assert issue.code == "REQUIRED_FIELD_MISSING"
        assert "Badge__c" in f"{issue.field} {issue.cause}"
        assert world.counterpart("contacts", here) == ""

    def before(world: World) -> None:
        world.salesforce.add_custom_field("Contact", "Badge__c", "Text", required=True)

    tell(story, before=before)


def test_a_locked_row_is_tried_again_until_it_is_free(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.salesforce.lock_row(there, times=3)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert await world.issues() == []

    tell(story)


def test_one_bad_record_in_a_batch_of_250_stops_none_of_the_others(tell):
    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com") for number in range(250)]
        await world.settle()
        for number, here in enumerate(people):
            world.hugo.update("contacts", here, {"jobtitle": "bad" if number % 100 == 7 else f"T{number}"})
        await world.settle()
        titles = [world.sally.get("Contact", world.counterpart("contacts", here))["Title"] for here in people]
        assert titles == [None if number % 100 == 7 else f"T{number}" for number in range(250)]
        assert len(await world.issues()) == 3
        # And the other way: HubSpot refuses a value of one contact.
        for number, here in enumerate(people):
            world.sally.update("Contact", world.counterpart("contacts", here), {"Phone": f"+1 555 {number}"})
        await world.settle()
        assert {world.contact(here)["phone"] for here in people} == {f"+1 555 {number}" for number in range(250)}

    def before(world: World) -> None:
        world.salesforce.add_validation_rule("Contact", lambda row: row.get("Title") == "bad", "No")

    tell(story, before=before)


@pytest.mark.parametrize("address", ["ada@company.test", "ada@example.c", "ada@10.1"])
def test_an_address_that_hubspot_refuses_is_an_issue_and_the_rest_arrives(tell, address):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.update("Contact", there, {"Email": address, "Title": "CTO"})
        await world.settle()
        assert world.contact(here)["email"] == "ada@example.com"
        assert world.contact(here)["jobtitle"] == "CTO"
        (issue,) = await world.issues()
        assert (issue.property, issue.field) == ("email", "Email")

    tell(story)


def test_new_people_whose_address_hubspot_refuses_are_made_without_it_and_stop_nobody(tell):
    async def story(world: World) -> None:
        for number in range(120):
            domain = "company.test" if number % 50 == 3 else "example.com"
            world.sally.create("Contact", {"LastName": f"P{number}", "Email": f"p{number}@{domain}"})
        await world.settle()
        made = [world.contact(id_) for id_ in world.hugo.ids("contacts")]
        assert {each["lastname"] for each in made} == {f"P{number}" for number in range(120)}
        assert sum("email" not in each for each in made) == 3
        assert [issue.property for issue in await world.issues()] == ["email"] * 3

    tell(story)


def test_an_address_that_another_hubspot_contact_has_is_an_issue_and_the_rest_arrives(tell):
    async def story(world: World) -> None:
        here, other = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.update("Contact", there, {"Email": "bob@example.com", "Title": "CTO"})
        await world.settle()
        assert world.contact(here)["email"] == "ada@example.com"
        assert world.contact(here)["jobtitle"] == "CTO"
        (issue,) = await world.issues()
        assert issue.property == "email"
        assert issue.category is IssueCategory.DUPLICATES
        world.sally.update("Contact", world.counterpart("contacts", other), {"Email": "robert@example.com"})
        await world.settle()
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        await world.settle()
        assert world.contact(here)["email"] == "bob@example.com"
        assert await world.issues() == []

    tell(story)


NUMBERS: dict[str, tuple[Any, Any]] = {
    "out of range": ("123456789", None),
    "rounded half up": ("12.345", 12.35),
    "negative": ("-7", -7),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_a_number_is_rounded_to_the_field_or_held_when_it_is_out_of_range(tell, case):
    typed, stored = NUMBERS[case]

    async def story(world: World) -> None:
        await world.map("contacts", "weight", "Contact", "Weight__c")
        here = world.person("ada@example.com", weight=typed, jobtitle="CTO")
        await world.settle()
        row = world.sally.get("Contact", world.counterpart("contacts", here))
        assert (row["Weight__c"], row["Title"]) == (stored, "CTO")
        assert [issue.property for issue in await world.issues()] == ([] if stored is not None else ["weight"])
        # A rounding is no change: what HubSpot holds stays as it was typed.
        assert world.contact(here)["weight"] == typed

    def before(world: World) -> None:
        world.salesforce.add_custom_field("Contact", "Weight__c", "Number", precision=6, scale=2)
        world.property("contacts", "weight", "number", "number")

    tell(story, before=before)


def test_a_field_that_the_sync_user_may_not_edit_is_only_read(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["Title"] is None
        world.sally.update("Contact", there, {"Title": "CEO"})
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CEO"

    def before(world: World) -> None:
        sync_user = world.salesforce.users[0].name
        world.salesforce.set_field_permission(sync_user, "Contact", "Title", read=True, edit=False)

    tell(story, before=before)


def test_an_edit_permission_taken_away_while_syncing_is_an_issue_of_that_field(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.salesforce.set_field_permission(world.salesforce.users[0].name, "Contact", "Title", read=True, edit=False)
        world.hugo.update("contacts", here, {"jobtitle": "CTO", "phone": "1"})
        await world.settle()
        assert world.sally.get("Contact", there)["Phone"] == "1"
        (issue,) = await world.issues()
        assert (issue.category, issue.field) == (IssueCategory.PERMISSIONS, "Title")

    tell(story)


STAGES = ("subscriber", "lead", "opportunity", "customer")


@pytest.mark.parametrize("rule", ["two_way", "prefer_salesforce", "always_salesforce"])
def test_a_stage_that_hubspot_does_not_take_back_is_an_issue_and_takes_nothing_away_in_salesforce(tell, rule):
    """HubSpot answers that it was written, and holds what it held: believed, that was its edit, and Salesforce lost its own."""

    async def story(world: World) -> None:
        await world.map("contacts", "lifecyclestage", "Contact", "Stage__c", rule)
        here = world.person("ada@example.com", lifecyclestage="lead")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.update("Contact", there, {"Stage__c": "customer"})
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "customer"
        await asyncio.sleep(3_600.0)
        world.sally.update("Contact", there, {"Stage__c": "lead", "Department": "Court"})
        await world.settle()
        world.hugo.update("contacts", here, {"firstname": "Augusta"})  # it is looked at again
        await world.settle()
        assert world.sally.get("Contact", there)["Stage__c"] == "lead"
        (issue,) = await world.issues()
        assert (issue.code, issue.property, issue.value) == ("NOT_TAKEN", "lifecyclestage", "lead")
        # A person clears it by hand, or sets it forward again: both agree, and the issue is over.
        world.hugo.update("contacts", here, {"lifecyclestage": "lead"})
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == world.sally.get("Contact", there)["Stage__c"] == "lead"
        assert await world.issues() == []

    tell(
        story,
        before=lambda world: world.salesforce.add_custom_field("Contact", "Stage__c", "Picklist", picklist=STAGES),
    )
