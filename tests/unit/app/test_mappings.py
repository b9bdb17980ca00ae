"""Mappings as a file: what is exported can be applied, what is refused names its place, and no base is lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import mappings as use_case
from interlock.app.compile import joined_values
from interlock.app.errors import BadInput
from interlock.app.mapping_files import as_yaml
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, read_schemas
from interlock.mapping_input import read_file
from interlock.store import directory, links, mappings
from interlock.store.mappings import FieldMappingRow


class Desk:
    """A person with a file of mappings."""

    def __init__(self, world: World, file: Path) -> None:
        self.world, self.file = world, file
        self.refreshed = 0

    @property
    def _id(self) -> int:
        assert self.world.connection is not None
        assert self.world.connection.id is not None
        return self.world.connection.id

    async def export(self) -> dict[str, Any]:
        assert self.world.store is not None
        assert self.world.connection is not None
        self.file.write_text(as_yaml(await use_case.export(self.world.store, self._id), self.world.connection))
        values: dict[str, Any] = yaml.safe_load(self.file.read_text())
        return values

    def write(self, values: dict[str, Any]) -> None:
        self.file.write_text(yaml.safe_dump(values, sort_keys=False))

    async def compare(self) -> list[use_case.Change]:
        assert self.world.store is not None
        return await use_case.compare(self.world.store, self._id, *read_file(self.file))

    async def apply(self, plan: bool = False) -> list[use_case.Change]:
        assert self.world.store is not None

        async def refresh() -> Schemas:
            self.refreshed += 1
            return await read_schemas(*self.world.clients(), ["companies", "contacts", "deals"])

        document, where = read_file(self.file)
        return await use_case.apply(self.world.store, self._id, document, where, refresh, plan=plan)

    async def rows(self) -> dict[tuple[str, str, str], FieldMappingRow]:
        assert self.world.store is not None
        async with self.world.store.read(self._id) as tx:
            types = {row.id: row.salesforce_type for row in await mappings.object_mappings(tx)}
            found = await mappings.field_mappings(tx)
        return {(types[row.object_mapping_id], row.property, row.field): row for row in found}


def contact(values: dict[str, Any], property_: str) -> dict[str, Any]:
    fields: list[dict[str, Any]] = values["objects"]["contacts"]["Contact"]["fields"]
    (only,) = [each for each in fields if each["property"] == property_]
    return only


@pytest.fixture
def at_desk(tell: Tell, tmp_path: Path) -> Any:
    def run(story: Any) -> None:
        async def with_desk(world: World) -> None:
            await world.connect()
            await story(Desk(world, tmp_path / "mappings.yaml"))

        tell(with_desk, existing="all")

    return run


def test_what_is_exported_differs_in_nothing_and_applies_to_nothing(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        await desk.export()
        assert await desk.compare() == []
        before = await desk.rows()
        assert await desk.apply() == []
        assert await desk.rows() == before

    at_desk(story)


def test_a_changed_rule_keeps_the_row_and_the_bases_of_every_pair(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        hubspot_id = desk.world.hugo.create(
            "contacts", {"email": "a@example.com", "lastname": "A", "jobtitle": "Clerk"}
        )
        await desk.world.sync_later()
        values = await desk.export()
        contact(values, "jobtitle")["rule"] = "two_way"
        desk.write(values)
        assert desk.world.store is not None
        async with desk.world.store.read(desk._id) as tx:
            before = (await links.by_hubspot(tx, "contacts", [hubspot_id]))[hubspot_id].base
        id_ = (await desk.rows())["Contact", "jobtitle", "Title"].id
        (change,) = await desk.apply()
        assert (change.action, change.rule_before, change.rule_after) == ("change", "prefer_salesforce", "two_way")
        row = (await desk.rows())["Contact", "jobtitle", "Title"]
        assert (row.id, row.rule, row.kind) == (id_, "two_way", "default")
        async with desk.world.store.read(desk._id) as tx:
            assert (await links.by_hubspot(tx, "contacts", [hubspot_id]))[hubspot_id].base == before
        assert id_ in before
        desk.world.hugo.update("contacts", hubspot_id, {"jobtitle": "Countess"})
        await desk.world.sync_later()
        salesforce_id = desk.world.contact(hubspot_id)["interlock_salesforce_id"]
        assert desk.world.sally.get("Contact", salesforce_id)["Title"] == "Countess"

    at_desk(story)


def test_a_pair_removed_and_added_again_is_a_new_row_without_a_base(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        values = await desk.export()
        fields = values["objects"]["contacts"]["Contact"]["fields"]
        before = await desk.rows()
        removed = contact(values, "jobtitle")
        fields.remove(removed)
        desk.write(values)
        assert [change.action for change in await desk.apply()] == ["remove"]
        fields.append(removed)
        desk.write(values)
        assert [change.action for change in await desk.apply()] == ["add"]
        after = (await desk.rows())["Contact", "jobtitle", "Title"]
        assert after.id not in [row.id for row in before.values()]
        assert after.kind == "default"

    at_desk(story)


def test_a_plan_changes_nothing(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        values = await desk.export()
        contact(values, "jobtitle")["rule"] = "dont_sync"
        values["objects"]["deals"]["Opportunity"]["enabled"] = False
        desk.write(values)
        before = await desk.rows()
        changes = await desk.apply(plan=True)
        assert [change.action for change in changes] == ["change", "disable"]
        assert await desk.rows() == before
        assert await desk.compare() == changes

    at_desk(story)


def test_what_the_file_does_not_name_is_left_alone(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        values = await desk.export()
        del values["objects"]["deals"], values["objects"]["contacts"]["Lead"]
        desk.write(values)
        assert await desk.apply() == []

    at_desk(story)


def test_a_field_that_was_made_a_minute_ago_is_found_by_asking_the_crms_once(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.world.salesforce.add_custom_field("Contact", "Motto__c")
        values = await desk.export()
        pair = {"property": "website", "field": "Motto__c", "rule": "two_way"}
        values["objects"]["contacts"]["Contact"]["fields"].append(pair)
        desk.write(values)
        (change,) = await desk.apply()
        assert (change.action, change.field, desk.refreshed) == ("add", "Motto__c", 1)
        row = (await desk.rows())["Contact", "website", "Motto__c"]
        assert (row.kind, row.rule, row.locked_reason) == ("custom", "two_way", None)

    at_desk(story)


# --- options and values that are called the same ------------------------------------------------------------------------


def tiers(world: World) -> None:
    """Gold is the same on both sides; bronze and silver have no namesake."""
    world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver", "silver plus"))
    world.property("contacts", "tier", "enumeration", "select", options=("gold", "bronze", "tin"))


def with_tiers(values: dict[str, Any], **joined: str) -> dict[str, Any]:
    pair: dict[str, Any] = {"property": "tier", "field": "Tier__c", "rule": "two_way", "values": dict(joined)}
    fields = values["objects"]["contacts"]["Contact"]["fields"]
    values["objects"]["contacts"]["Contact"]["fields"] = [
        *(each for each in fields if each["property"] != "tier"),
        pair,
    ]
    return values


def test_values_that_are_called_the_same_go_out_and_in_with_the_file(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        tiers(desk.world)
        desk.write(with_tiers(await desk.export(), bronze="silver"))
        (change,) = await desk.apply()
        assert (change.action, change.values_before, change.values_after) == ("add", None, {"bronze": "silver"})
        values = await desk.export()
        assert contact(values, "tier")["values"] == {"bronze": "silver"}
        assert await desk.compare() == []
        # A file that does not speak of them keeps them; another map is a change of the same row, and an empty one parts them.
        id_ = (await desk.rows())["Contact", "tier", "Tier__c"].id
        del contact(values, "tier")["values"]
        desk.write(values)
        assert await desk.apply() == []
        for joined in ({"bronze": "silver plus", "tin": "silver"}, {}):
            desk.write(with_tiers(values, **joined))
            (change,) = await desk.apply()
            assert (change.action, change.rule_before, change.rule_after) == ("change", "two_way", "two_way")
            assert change.values_after == joined
            row = (await desk.rows())["Contact", "tier", "Tier__c"]
            assert (row.id, joined_values(row)) == (id_, joined)
        assert "values" not in contact(await desk.export(), "tier")

    at_desk(story)


def test_a_record_that_waited_for_an_option_gets_it_once_the_file_says_what_it_is(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        tiers(desk.world)
        async with desk.world.write() as tx:
            await directory.drop(tx, SCHEMAS)
        desk.write(with_tiers(await desk.export()))
        await desk.apply()
        made = desk.world.hugo.create("contacts", {"email": "a@example.com", "lastname": "A", "tier": "gold"})
        await desk.world.settle()
        there = desk.world.contact(made)["interlock_salesforce_id"]
        desk.world.sally.update("Contact", there, {"Tier__c": "silver"})
        await desk.world.settle()
        assert (desk.world.contact(made)["tier"], len(await desk.world.issues())) == ("gold", 1)
        desk.write(with_tiers(await desk.export(), bronze="silver"))
        await desk.apply()
        await desk.world.settle()
        assert (desk.world.contact(made)["tier"], await desk.world.issues()) == ("bronze", [])

    at_desk(story)


@pytest.mark.parametrize(
    ("joined", "said"),
    [
        ({"brass": "silver"}, r"line \d+: tier and Tier__c: HubSpot has no option brass of tier"),
        ({"bronze": "iron"}, r"line \d+: tier and Tier__c: Salesforce has no value iron of Contact.Tier__c"),
        ({"gold": "silver"}, r"line \d+: tier and Tier__c: the option gold is a value of Tier__c under its own name"),
        ({"bronze": "gold"}, r"line \d+: tier and Tier__c: the value gold is an option of tier under its own name"),
        ({"bronze": "silver", "tin": "silver"}, r"line \d+: two options of tier are called silver"),
        ({"bronze": ""}, r"line \d+: 'bronze' of tier is joined with nothing"),
    ],
)
@pytest.mark.parametrize("plan", [False, True], ids=["apply", "plan"])
def test_what_cannot_be_called_the_same_is_refused_by_line_and_name(
    at_desk: Any, joined: dict[str, str], said: str, plan: bool
) -> None:
    async def story(desk: Desk) -> None:
        tiers(desk.world)
        desk.write(with_tiers(await desk.export(), **joined))
        before = await desk.rows()
        with pytest.raises(BadInput, match=said):
            await desk.apply(plan)
        assert await desk.rows() == before

    at_desk(story)


def test_the_line_of_a_value_is_said_and_text_fields_have_none(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        tiers(desk.world)
        desk.write(with_tiers(await desk.export(), bronze="silver", brass="silver plus"))
        line = next(number for number, text in enumerate(desk.file.read_text().splitlines(), 1) if "brass" in text)
        with pytest.raises(BadInput, match=f"line {line}: tier and Tier__c"):
            await desk.apply()
        values = await desk.export()
        contact(values, "jobtitle")["values"] = {"Clerk": "Boss"}
        desk.write(values)
        with pytest.raises(BadInput, match="jobtitle and Title are no list and picklist"):
            await desk.apply()
        contact(values, "jobtitle")["values"] = {1: "Boss"}
        desk.write(values)
        with pytest.raises(BadInput, match=r"line \d+: .*values"):
            await desk.apply()

    at_desk(story)


def broken(change: Any) -> Any:
    return pytest.param(change, id=change.__name__)


def unknown_key(values: dict[str, Any]) -> str:
    contact(values, "jobtitle")["direction"] = "both"
    return r"line \d+: the key 'objects.contacts.Contact.fields.\d+.direction' is not known"


def unknown_rule(values: dict[str, Any]) -> str:
    contact(values, "jobtitle")["rule"] = "newest"
    return r"line \d+: objects.contacts.Contact.fields.\d+.rule: .*two_way"


def missing_property(values: dict[str, Any]) -> str:
    contact(values, "jobtitle")["property"] = "job_titel"
    return r"line \d+: job_titel and Title: HubSpot has no property job_titel on contacts"


def missing_field(values: dict[str, Any]) -> str:
    contact(values, "jobtitle")["field"] = "Titel"
    return r"line \d+: jobtitle and Titel: Salesforce has no field Contact.Titel"


def incompatible_types(values: dict[str, Any]) -> str:
    contact(values, "jobtitle")["field"] = "Birthdate"
    return r"line \d+: jobtitle and Birthdate: Mismatched Types: .* cannot be joined"


def locked_rule(values: dict[str, Any]) -> str:
    contact(values, "email")["rule"] = "always_hubspot"
    return r"line \d+: email and Email cannot have the rule always_hubspot: The e-mail address identifies"


def locked_pair_left_out(values: dict[str, Any]) -> str:
    values["objects"]["contacts"]["Contact"]["fields"].remove(contact(values, "email"))
    return "email and Email of Contact cannot be left out"


def mapped_twice(values: dict[str, Any]) -> str:
    values["objects"]["contacts"]["Contact"]["fields"].append({"property": "jobtitle", "field": "Department"})
    return r"line \d+: the property jobtitle is mapped twice for Contact"


def unknown_object(values: dict[str, Any]) -> str:
    values["objects"]["people"] = {}
    return r"line \d+: 'people' is not an object that syncs"


def wrong_salesforce_object(values: dict[str, Any]) -> str:
    values["objects"]["contacts"]["Account"] = {"fields": []}
    return r"line \d+: contacts do not sync with the Salesforce object 'Account'"


def no_version(values: dict[str, Any]) -> str:
    del values["version"]
    return r"line 1: version: Field required"


@pytest.mark.parametrize(
    "change",
    [
        broken(each)
        for each in (
            unknown_key,
            unknown_rule,
            missing_property,
            missing_field,
            incompatible_types,
            locked_rule,
            locked_pair_left_out,
            mapped_twice,
            unknown_object,
            wrong_salesforce_object,
            no_version,
        )
    ],
)
@pytest.mark.parametrize("plan", [False, True], ids=["apply", "plan"])
def test_a_file_that_cannot_be_applied_is_refused_by_line_and_name_and_changes_nothing(
    at_desk: Any, change: Any, plan: bool
) -> None:
    async def story(desk: Desk) -> None:
        values = await desk.export()
        expected = change(values)
        contact(values, "phone")["rule"] = "two_way"
        desk.write(values)
        before = await desk.rows()
        with pytest.raises(BadInput, match=expected) as refused:
            await desk.apply(plan)
        assert refused.value.failure.exit_code == 2
        assert refused.value.failure.fix
        assert await desk.rows() == before

    at_desk(story)


def test_a_line_number_is_the_line_of_the_key(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        await desk.export()
        lines = desk.file.read_text().splitlines()
        place = next(n for n, line in enumerate(lines) if line.strip() == "field: Title")
        lines[place] += "l"
        desk.file.write_text("\n".join(lines))
        # The pair is named by its first line, the one before.
        with pytest.raises(BadInput, match=f"mappings.yaml, line {place}: jobtitle and Titlel"):
            await desk.apply()

    at_desk(story)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is not YAML"),
        ("", "holds no mappings"),
        ("- a", "holds no mappings"),
        ("\x00", "not YAML"),
        ("version: 1\nobjects: &a\n  x: *a\n", r"line 3: .*aliases \(\*name\) are not taken"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", r"line 2: .*aliases"),  # 30 such lines are a billion items
        ("objects: " + "[" * 3_000, "nested too deeply"),
        ("objects: " + "{a: " * 3_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_mappings_is_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mappings.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=said):
        read_file(file)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_file(tmp_path / "none.yaml")


def test_the_list_says_of_each_pair_whether_it_can_be_synced(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        assert desk.world.store is not None
        rows = await use_case.list_(desk.world.store, desk._id)
        assert all((row["status"] == "ok") == (row["status_reason"] is None) for row in rows)
        by_name = {(row["salesforce_object"], row["property"]): row for row in rows}
        # HubSpot ships this one as a dropdown of ranges, Salesforce as a number.
        assert by_name["Lead", "numemployees"]["status"] == "broken"
        assert "dropdown" in by_name["Lead", "numemployees"]["status_reason"]
        assert by_name["Contact", "jobtitle"]["status"] == "ok"
        assert {row["object"] for row in rows} == {"contacts", "companies", "deals"}
        only = await use_case.list_(desk.world.store, desk._id, ["deals"])
        assert {row["object"] for row in only} == {"deals"}
        (email,) = [row for row in rows if (row["property"], row["salesforce_object"]) == ("email", "Contact")]
        assert email["locked_reason"].startswith("The e-mail address identifies")
        async with desk.world.store.write(desk._id) as tx:
            row = (await mappings.field_mappings(tx))[0]
            await mappings.save_field_mapping(
                tx, FieldMappingRow(row.object_mapping_id, "gone", "Gone__c", "two_way", "custom")
            )
        (gone,) = [row for row in await use_case.list_(desk.world.store, desk._id) if row["property"] == "gone"]
        assert (gone["status"], gone["status_reason"]) == ("broken", "HubSpot has no property gone on companies")

    at_desk(story)


def test_a_field_that_the_sync_user_may_only_read_is_a_warning(at_desk: Any) -> None:
    async def story(desk: Desk) -> None:
        assert desk.world.store is not None
        values = await desk.export()
        read_only = "engagements_last_meeting_booked_source"
        pair = {"property": read_only, "field": "Department", "rule": "two_way"}
        values["objects"]["contacts"]["Contact"]["fields"].append(pair)
        desk.write(values)
        await desk.apply()
        rows = await use_case.list_(desk.world.store, desk._id)
        (row,) = [each for each in rows if each["property"] == read_only]
        assert (row["status"], row["rule"]) == ("warning", "two_way")
        assert row["status_reason"] == (
            "HubSpot does not let the sync user change this field, so the rule works as: Always use HubSpot"
        )

    at_desk(story)
