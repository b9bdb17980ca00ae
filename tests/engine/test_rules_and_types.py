"""Six rules on one field, and every pair of field types, through the whole line: there and back, and then silence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World

RULES = ("prefer_salesforce", "always_salesforce", "two_way", "prefer_hubspot", "always_hubspot", "dont_sync")

# What both sides hold of (jobtitle, Title) after a step under each rule. `""` is blank; the step begins with "old" on both.
AFTER: dict[str, dict[str, tuple[str, str]]] = {
    #                     HubSpot edits     Salesforce edits  HubSpot clears    Salesforce clears
    "prefer_salesforce": {"h": ("old", "old"), "s": ("new", "new"), "h-": ("old", "old"), "s-": ("", "")},
    "always_salesforce": {"h": ("old", "old"), "s": ("new", "new"), "h-": ("old", "old"), "s-": ("", "")},
    "two_way": {"h": ("new", "new"), "s": ("new", "new"), "h-": ("", ""), "s-": ("", "")},
    "prefer_hubspot": {"h": ("new", "new"), "s": ("old", "old"), "h-": ("", ""), "s-": ("old", "old")},
    "always_hubspot": {"h": ("new", "new"), "s": ("old", "old"), "h-": ("", ""), "s-": ("old", "old")},
    "dont_sync": {"h": ("new", "old"), "s": ("old", "new"), "h-": ("", "old"), "s-": ("old", "")},
}


async def step(world: World, here: str, there: str, move: str) -> None:
    if move[0] == "h":
        world.hugo.update("contacts", here, {"jobtitle": "" if "-" in move else "new"})
    else:
        world.sally.update("Contact", there, {"Title": None if "-" in move else "new"})
    await world.settle()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_carries_edits_and_clears_as_it_says(tell, rule):
    async def story(world: World) -> None:
        people = {move: world.person(f"{number}@example.com") for number, move in enumerate(AFTER[rule])}
        for here in people.values():
            world.hugo.update("contacts", here, {"jobtitle": "old"})
        await world.settle()
        await world.rule("contacts", "jobtitle", rule)
        for move, here in people.items():
            there = world.counterpart("contacts", here)
            assert world.sally.get("Contact", there)["Title"] == "old"
            await step(world, here, there, move)
            held = (world.contact(here).get("jobtitle") or "", world.sally.get("Contact", there)["Title"] or "")
            assert held == AFTER[rule][move], move
        assert await world.issues() == []
        # What a rule took back is in the log; a value that nobody replaced is not.
        replaced = {row.old for row in await world.audit("conflict")}
        assert replaced <= {"new", None, ""}

    tell(story)


# HubSpot type and field type, Salesforce metadata type and its options, and values as (typed in HubSpot, as Salesforce holds
# them) and as (typed in Salesforce, as HubSpot holds them). HubSpot answers in strings.
OPTIONS = ("red", "green", "blue")
Case = tuple[str, str, str, dict[str, Any], list[tuple[str, Any]], list[tuple[Any, str]]]
PAIRS: dict[str, Case] = {
    "text and text": ("string", "text", "Text", {}, [("a b", "a b")], [("c ü 漢", "c ü 漢")]),
    "text and text area": (
        "string",
        "text",
        "TextArea",
        {},
        [("one line", "one line")],
        [("two\nlines", "two\nlines")],
    ),
    "text and e-mail": (
        "string",
        "text",
        "Email",
        {},
        [("x@example.com", "x@example.com")],
        [("y@example.com", "y@example.com")],
    ),
    "text and phone": (
        "string",
        "phonenumber",
        "Phone",
        {},
        [("+1 555 0100", "+1 555 0100")],
        [("(555) 0101", "(555) 0101")],
    ),
    "text and url": (
        "string",
        "text",
        "Url",
        {},
        [("https://a.example", "https://a.example")],
        [("b.example/x?y=1", "b.example/x?y=1")],
    ),
    "long text and long text area": (
        "string",
        "textarea",
        "LongTextArea",
        {"length": 5_000},
        [("a\nb" * 1_000, "a\nb" * 1_000)],
        [("é" * 5_000, "é" * 5_000)],
    ),
    "number and number": (
        "number",
        "number",
        "Number",
        {"precision": 18, "scale": 2},
        [("1.5", 1.5), ("-0.25", -0.25)],
        [(1234567.89, "1234567.89"), (0, "0")],
    ),
    "number and whole number": ("number", "number", "Number", {"precision": 18, "scale": 0}, [("42", 42)], [(7, "7")]),
    "number and currency": (
        "number",
        "number",
        "Currency",
        {"precision": 18, "scale": 2},
        [("99.99", 99.99)],
        [(0.1, "0.1")],
    ),
    "number and percent": (
        "number",
        "number",
        "Percent",
        {"precision": 5, "scale": 2},
        [("12.5", 12.5)],
        [(100, "100")],
    ),
    "check box": (
        "bool",
        "booleancheckbox",
        "Checkbox",
        {},
        [("true", True), ("false", False)],
        [(True, "true"), (False, "false")],
    ),
    "date and date": ("date", "date", "Date", {}, [("2026-02-28", "2026-02-28")], [("1999-12-31", "1999-12-31")]),
    "moment and moment": (
        "datetime",
        "date",
        "DateTime",
        {},
        [("2026-03-01T23:30:00Z", "2026-03-01T23:30:00.000+0000")],
        [("2026-07-01T00:00:00.000+0200", "2026-06-30T22:00:00Z")],
    ),
    "select and picklist": (
        "enumeration",
        "select",
        "Picklist",
        {"picklist": OPTIONS},
        [("red", "red")],
        [("blue", "blue")],
    ),
    "radio and picklist": (
        "enumeration",
        "radio",
        "Picklist",
        {"picklist": OPTIONS},
        [("red", "red")],
        [("blue", "blue")],
    ),
    "check boxes and multi-select": (
        "enumeration",
        "checkbox",
        "MultiselectPicklist",
        {"picklist": OPTIONS},
        [("blue;red", {"red", "blue"})],
        [("green;blue", {"green", "blue"})],
    ),
}


def held(raw: Any) -> Any:
    """A set, where order says nothing."""
    return set(raw.split(";")) if isinstance(raw, str) and ";" in raw else raw


@pytest.mark.parametrize("name", PAIRS)
def test_a_value_of_each_pair_of_types_goes_over_comes_back_and_causes_no_echo(tell, name):
    type_, field_type, salesforce_type, metadata, from_hubspot, from_salesforce = PAIRS[name]

    def before(world: World) -> None:
        options = OPTIONS if type_ == "enumeration" else ()
        world.property("contacts", "thing", type_, field_type, options=options)
        world.salesforce.add_custom_field("Contact", "Thing__c", salesforce_type, **metadata)

    async def story(world: World) -> None:
        await world.map("contacts", "thing", "Contact", "Thing__c", "two_way")
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        for typed, arrives in from_hubspot:
            world.hugo.update("contacts", here, {"thing": typed})
            await world.settle()
            assert held(world.sally.get("Contact", there)["Thing__c"]) == arrives
        for typed, arrives in from_salesforce:
            world.sally.update("Contact", there, {"Thing__c": typed})
            await world.settle()
            assert held(world.contact(here)["thing"]) == held(arrives)
        if salesforce_type != "Checkbox":
            world.sally.update("Contact", there, {"Thing__c": None})
            await world.settle()
            assert world.contact(here).get("thing") is None
        assert await world.issues() == []

    tell(story, before=before)


def test_a_name_that_salesforce_puts_together_arrives_in_hubspot_and_is_not_written_back(tell):
    """Contact.Name cannot be written: the rule can only be carried out in one direction."""

    async def story(world: World) -> None:
        await world.map("contacts", "full_name", "Contact", "Name", "two_way")
        here = world.person("ada@example.com", firstname="Ada")
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.contact(here)["full_name"] == "Ada Person"
        world.hugo.update("contacts", here, {"full_name": "Countess"})
        await world.settle()
        assert world.contact(here)["full_name"] == "Ada Person"
        world.sally.update("Contact", there, {"FirstName": "Augusta"})
        await world.settle()
        assert world.contact(here)["full_name"] == "Augusta Person"
        assert await world.issues() == []

    def before(world: World) -> None:
        world.property("contacts", "full_name", "string", "text")

    tell(story, before=before)


def test_a_lookup_is_carried_as_the_id_that_stands_among_the_options(tell):
    people: dict[str, str] = {}

    async def story(world: World) -> None:
        await world.map("contacts", "boss", "Contact", "ReportsToId", "two_way")
        await world.settle()
        there = world.counterpart("contacts", people["ada"])
        world.hugo.update("contacts", people["ada"], {"boss": people["boss"]})
        await world.settle()
        assert world.sally.get("Contact", there)["ReportsToId"] == people["boss"]
        world.sally.update("Contact", there, {"ReportsToId": None})
        await world.settle()
        assert world.contact(people["ada"]).get("boss") is None
        assert await world.issues() == []

    def before(world: World) -> None:
        people["boss"] = world.sally.create("Contact", {"LastName": "Boss", "Email": "boss@example.com"})
        people["ada"] = world.person("ada@example.com")
        world.property("contacts", "boss", "enumeration", "select", options=(people["boss"],))

    tell(story, before=before, existing="all")


def test_values_that_differ_only_in_how_each_side_writes_them_are_equal(tell):
    async def story(world: World) -> None:
        world.person("ada@example.com", jobtitle="  CTO ", message="one\r\ntwo", phone="1")
        world.sally.create(
            "Contact",
            {"LastName": "Person", "Email": "ADA@example.com", "Title": "CTO", "Description": "one\ntwo", "Phone": "1"},
        )
        before = world.written
        await world.settle()
        assert {entry.field for entry in world.ours(before)} <= {"interlock_salesforce_id", "hubspot_owner_id"}
        assert await world.audit("conflict") == []

    tell(story)


def test_a_currency_that_the_org_lacks_is_an_issue_and_the_amount_arrives(tell):
    async def story(world: World) -> None:
        stage = {"dealstage": "closedwon", "closedate": "2026-03-01"}
        here = world.hugo.create("deals", {"dealname": "Big", "amount": "1000.50", **stage})
        await world.settle()
        there = world.counterpart("deals", here)
        assert world.sally.get("Opportunity", there)["Amount"] == 1000.5
        world.sally.update("Opportunity", there, {"Amount": 2000})
        await world.settle()
        assert world.hugo.get("deals", here)["amount"] == "2000"
        assert await world.issues() == []

    tell(story)


def test_a_stage_moves_both_ways_and_an_unknown_one_is_left_alone(tell):
    async def story(world: World) -> None:
        here = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        await world.settle()
        there = world.counterpart("deals", here)
        await world.rule("deals", "dealstage", "two_way")
        world.sally.update("Opportunity", there, {"StageName": "Closed Lost"})
        await world.settle()
        assert world.hugo.get("deals", here)["dealstage"] == "closedlost"
        world.hugo.update("deals", here, {"dealstage": "closedwon"})
        await world.settle()
        assert world.sally.get("Opportunity", there)["StageName"] == "Closed Won"
        # A stage that HubSpot's pipeline lacks: nothing is guessed, the rest goes on.
        world.sally.update("Opportunity", there, {"StageName": "Perception Analysis", "Description": "New"})
        await world.settle()
        assert world.hugo.get("deals", here)["dealstage"] == "closedwon"
        assert world.hugo.get("deals", here)["description"] == "New"
        assert world.sally.get("Opportunity", there)["StageName"] == "Perception Analysis"

    tell(story)
