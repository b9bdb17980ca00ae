"""The tabs Contacts, Companies and Deals: each control, and what it then does to records in both CRMs."""

from __future__ import annotations

from pathlib import Path

from tests.asgi_browser import Answer, Browser
from tests.contract.sign_in_world import ADMIN, SALES
from tests.contract.sign_in_world import Browser as Person
from tests.contract.test_settings_connection import _REAL as BY_BROWSER
from tests.contract.test_settings_connection import _joined_by_browser, _sign_in
from tests.settings_world import PUBLIC_URL, SettingsWorld, carried_out, tell

from interlock.app import mappings, sign_offs
from interlock.app.package import plan
from interlock.app.package.parts import Address
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.setup import state
from interlock.core.model import Side
from interlock.crm.salesforce.oauth import REVOKE_PATH
from interlock.crm.salesforce.requests import DATA_PATH
from interlock.store import grants, setups
from interlock.store import mappings as stored
from interlock.store.mappings import FieldMappingRow

HERE = "/connections/1/contacts"


GRANTED = "The mappings are saved, and the permission set lets the sync user use their fields."


async def _try_again(browser: Browser, shown: Answer) -> Answer:
    (button,) = [str(each["action"]) for each in shown.page.all("form") if str(each.get("action")).endswith("/again")]
    return await browser.post(button, shown.page.form(button))


async def _pair(world: SettingsWorld, **properties: str) -> tuple[str, str]:
    """A contact that is linked."""
    person = world.person("ada@example.com", firstname="Ada", **properties)
    await world.turns()
    return person, world.counterpart("contacts", person)


async def _preview(browser: Browser, pair: str, do: str, rule: str = "") -> Answer:
    page = await browser.get(f"{HERE}/mappings/{pair}")
    assert page.status == 200, page.body
    fields = page.page.form(f"{HERE}/mappings/preview") | {"do": do, "rule": rule}
    return await browser.post(f"{HERE}/mappings/preview", fields)


async def _save(browser: Browser, shown: Answer) -> Answer:
    assert shown.status == 200, shown.body
    return await browser.post(f"{HERE}/mappings/save", shown.page.form(f"{HERE}/mappings/save"))


def test_a_rule_that_is_saved_decides_the_next_edit(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await _pair(world, jobtitle="Analyst")
        admin = await world.admin()
        shown = await _preview(admin, "jobtitle:Title", "change", "always_salesforce")
        assert "Prefer Salesforce unless blank" in shown.page.text
        assert "Always use Salesforce" in shown.page.text
        saved = await _save(admin, shown)
        assert GRANTED in (await carried_out(admin, saved)).page.text
        assert "mappings_changed" in await world.deeds()
        world.hugo.update("contacts", person, {"jobtitle": "Engineer"})
        await world.turns()
        assert world.sally.get("Contact", contact)["Title"] == "Analyst"
        assert world.contact(person)["jobtitle"] == "Analyst"

    tell(tmp_path, story, objects=("contacts",))


def test_what_a_change_would_write_is_shown_before_it_is_saved_and_nothing_is_written(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await _pair(world, jobtitle="Analyst")
        admin = await world.admin()
        assert (await _save(admin, await _preview(admin, "jobtitle:Title", "change", "dont_sync"))).status == 303
        world.hugo.update("contacts", person, {"jobtitle": "Engineer"})
        await world.turns()
        before = world.written
        shown = await _preview(admin, "jobtitle:Title", "change", "two_way")
        text = shown.page.text
        assert "Looked at 1 of 1 linked pairs" in text
        assert "Values that would be written to Salesforce: 1" in text
        assert "Values that would be written to HubSpot: 0" in text
        assert "Ada" in text
        assert "Analyst" in text
        assert "Engineer" in text
        assert world.written == before
        assert (await _save(admin, shown)).status == 303
        world.hugo.update("contacts", person, {"city": "Turin"})
        await world.turns()
        assert world.sally.get("Contact", contact)["Title"] == "Engineer"

    tell(tmp_path, story, objects=("contacts",))


def test_a_mapping_that_is_added_carries_values_and_only_fields_that_fit_are_offered(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await _pair(world, fax="1")
        admin = await world.admin()
        assert (await _save(admin, await _preview(admin, "fax:Fax", "remove"))).status == 303
        offered = await admin.get(f"{HERE}/add?property=fax")
        names = [each.get("value") or "" for each in offered.page.all("option")]
        assert "Fax Contact,Lead" in names
        # A flag and a date are no place for text; a field that is mapped is taken.
        assert not {"HasOptedOutOfEmail Contact,Lead", "Birthdate Contact", "Title Contact,Lead"} & set(names)
        form = offered.page.form(f"{HERE}/mappings/preview") | {"field": "Fax Contact,Lead", "rule": "two_way"}
        shown = await admin.post(f"{HERE}/mappings/preview", form)
        assert "not mapped" in shown.page.text
        assert (await _save(admin, shown)).status == 303
        world.hugo.update("contacts", person, {"fax": "2"})
        await world.turns()
        assert world.sally.get("Contact", contact)["Fax"] == "2"

    tell(tmp_path, story, objects=("contacts",))


def test_a_property_that_was_made_a_minute_ago_is_offered_once_both_crms_are_read_again(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await _pair(world)
        admin = await world.admin()
        world.property("contacts", "shoe_size", "string", "text")
        before = await admin.get(f"{HERE}/add")
        assert "shoe_size" not in {each.get("value") for each in before.page.all("option")}
        again = await admin.post(f"{HERE}/add", before.page.form(f"{HERE}/add"))
        assert again.status == 303
        after = await admin.get(again.to or "")
        assert "shoe_size" in {each.get("value") for each in after.page.all("option")}

    tell(tmp_path, story, objects=("contacts",))


def test_a_mapping_that_is_removed_leaves_both_values_alone(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await _pair(world, jobtitle="Analyst")
        admin = await world.admin()
        shown = await _preview(admin, "jobtitle:Title", "remove")
        assert "No value changes at once" in shown.page.text
        assert (await _save(admin, shown)).status == 303
        assert "jobtitle:Title" not in (await admin.get(HERE)).body
        world.hugo.update("contacts", person, {"jobtitle": "Engineer"})
        await world.turns()
        assert world.sally.get("Contact", contact)["Title"] == "Analyst"
        assert world.contact(person)["jobtitle"] == "Engineer"

    tell(tmp_path, story, objects=("contacts",))


def test_set_rule_for_selected_changes_the_ticked_rows_and_no_others(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await _pair(world, jobtitle="Analyst", fax="1", phone="2")
        admin = await world.admin()
        form = (await admin.get(HERE)).page.form(f"{HERE}/mappings/preview")
        ticked = {"jobtitle:Title", "fax:Fax"}
        fields = {name: value for name, value in form.items() if not name.startswith("pair:")}
        fields |= {f"pair:{pair}": "yes" for pair in ticked} | {"rule": "dont_sync"}
        assert (await _save(admin, await admin.post(f"{HERE}/mappings/preview", fields))).status == 303
        world.sally.update("Contact", contact, {"Title": "x", "Fax": "x", "Phone": "x"})
        await world.turns()
        here = world.contact(person)
        assert (here["jobtitle"], here["fax"], here["phone"]) == ("Analyst", "1", "x")

    tell(tmp_path, story, objects=("contacts",))


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        first, second = await world.admin(), await world.admin()
        seen = await _preview(first, "jobtitle:Title", "change", "two_way")
        assert (await _save(second, await _preview(second, "fax:Fax", "change", "dont_sync"))).status == 303
        refused = await _save(first, seen)
        assert refused.status == 409
        assert "Somebody else has changed this" in refused.page.text
        rules = {row["property"]: row["rule"] for row in await _rows(world)}
        assert (rules["jobtitle"], rules["fax"]) == ("prefer_salesforce", "dont_sync")

    tell(tmp_path, story, objects=("contacts",))


async def _rows(world: SettingsWorld) -> list[dict[str, str]]:
    assert world.store is not None
    return await mappings.list_(world.store, 1)


def test_a_locked_row_says_why_and_its_rules_are_refused(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        shown = await admin.get(f"{HERE}/mappings/email:Email")
        offered = [each.get("value") for each in shown.page.all("option")]
        assert offered == ["prefer_salesforce", "two_way"]
        assert "The e-mail address identifies the contact on both sides" in shown.page.text
        assert "Remove mapping" not in shown.page.text
        for do, rule in (("change", "dont_sync"), ("remove", "")):
            refused = await _preview(admin, "email:Email", do, rule)
            assert refused.status == 422
            assert "The e-mail address identifies the contact on both sides" in refused.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_the_search_finds_rows_by_both_names_and_samples_are_of_real_records(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await _pair(world, jobtitle="Analyst")
        viewer = await world.browser(Role.VIEWER)
        found = await viewer.get(f"{HERE}?q=title&samples=yes")
        assert "1 mapping found" in found.page.text
        assert "Analyst / Analyst" in found.page.text
        assert "firstname" not in found.body
        assert not found.page.all("input", type="checkbox")

    tell(tmp_path, story, objects=("contacts",))


def test_samples_of_a_crm_that_is_away_are_missing_with_the_reason_and_the_table_stays(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await _pair(world)
        world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})
        admin = await world.admin()
        found = await admin.get(f"{HERE}?samples=yes")
        assert found.status == 200
        assert "Samples could not be shown" in found.page.text
        assert "jobtitle" in found.body

    tell(tmp_path, story, objects=("contacts",))


def test_saving_lets_the_sync_user_use_the_fields_that_the_page_before_named_and_no_others(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        shown = await _preview(admin, "jobtitle:Title", "change", "two_way")
        assert "Contact.Title read and write" in shown.page.text
        assert "Fax" not in shown.page.text
        assert await _granted(world) == set()
        assert GRANTED in (await carried_out(admin, await _save(admin, shown))).page.text
        assert await _granted(world) == {("Contact.Title", True), ("Lead.Title", True)}
        again = await _preview(admin, "jobtitle:Title", "change", "prefer_hubspot")
        assert "needs nothing more" in again.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_mappings_stay_saved_when_the_permission_set_cannot_be_extended_and_it_can_be_tried_again(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        shown = await _preview(admin, "jobtitle:Title", "change", "two_way")
        fault = {"match": {"path_prefix": f"{DATA_PATH}/tooling"}, "kind": "status", "status": 500}
        world.salesforce.faults.add(fault)
        refused = await carried_out(admin, await _save(admin, shown))
        assert "The mappings are saved, but the permission set in Salesforce could not be extended" in refused.page.text
        assert {row["rule"] for row in await _rows(world) if row["property"] == "jobtitle"} == {"two_way"}
        world.salesforce.faults.clear()
        # Whoever comes to the tab later sees it too.
        assert "could not be extended" in (await admin.get(HERE)).page.text
        again = await carried_out(admin, await _try_again(admin, refused))
        assert GRANTED in again.page.text
        assert "could not be extended" not in (await admin.get(HERE)).page.text
        assert ("Contact.Title", True) in await _granted(world)

    tell(tmp_path, story, objects=("contacts",))


def test_a_sync_user_who_may_not_extend_the_permission_set_is_said_before_and_an_administrator_signs_in_for_that_alone(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else")
        shown = await _preview(admin, "jobtitle:Title", "change", "two_way")
        assert "may not change permission sets" in shown.page.text
        refused = await carried_out(admin, await _save(admin, shown))
        assert "could not be extended" in refused.page.text
        assert await _granted(world) == set()
        button = "/connections/1/connection/salesforce/sign-in"
        away = await admin.post(button, refused.page.form(button) | {"as": "administrator"})
        person = Person(_joined_by_browser(world), ADMIN, interlock_url=PUBLIC_URL)
        await person.go_through(away.headers["refresh"].partition("url=")[2])
        back = await admin.get(person.at.removeprefix(PUBLIC_URL))
        assert "lets the sync user use the mapped fields" in (await carried_out(admin, back)).page.text
        assert ("Contact.Title", True) in await _granted(world)
        async with world.store.read(1) as tx:
            syncs = (await grants.in_use(tx))["salesforce"]
            deploys = await grants.in_use(tx, grants.ADMIN)
        assert syncs.who["user_name"].startswith(SALES)
        assert (syncs.state, deploys) == (grants.GOOD, {})

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


async def _administrator_beside(world: SettingsWorld, admin: Browser) -> int:
    """As a set-up leaves it until it has ended: an administrator deploys, another user syncs. The administrator's sign-in."""
    assert world.store is not None
    await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "somebody_else")
    async with world.store.write(1) as tx:
        deploys = (await grants.in_use(tx))["salesforce"].id
        await grants.set_role(tx, deploys, grants.ADMIN)
    await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else")
    return deploys


async def _state(world: SettingsWorld, grant_id: int) -> str:
    assert world.store is not None
    async with world.store.read(None) as tx:
        found = await grants.get(tx, grant_id)
    assert found is not None
    return found.state


def test_saving_a_mapping_uses_the_sign_in_of_a_set_ups_administrator_and_does_not_end_it(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        deploys = await _administrator_beside(world, admin)
        saved = await _save(admin, await _preview(admin, "jobtitle:Title", "change", "two_way"))
        assert GRANTED in (await carried_out(admin, saved)).page.text
        assert await _state(world, deploys) == grants.GOOD

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_an_administrator_who_signs_in_for_the_fields_neither_replaces_nor_ends_another_administrators_sign_in(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        deploys = await _administrator_beside(world, admin)
        back = await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "administrator")
        await carried_out(admin, back)
        assert await _state(world, deploys) == grants.GOOD
        async with world.store.read(1) as tx:
            assert [each.id for each in await grants.all_in_use(tx, grants.ADMIN)] == [deploys]

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_an_administrators_sign_in_that_could_not_be_ended_at_the_crm_is_said(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else")
        fault = {"match": {"path_prefix": REVOKE_PATH}, "kind": "status", "status": 500}
        world.salesforce.faults.add(fault)
        back = await carried_out(admin, await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "administrator"))
        assert "could not be told to end the sign-in" in back.page.text
        assert "Connected Apps OAuth Usage" in back.page.text

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_an_administrators_sign_in_that_a_process_left_when_it_died_is_ended_and_a_set_ups_is_not(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        left = await _administrator_beside(world, admin)
        async with world.store.write(None) as tx:
            setup = await state.begin_in(tx, BY_COMMAND, None)
            await state.joined(tx, setup.id, 1)
        async with world.interlock.crms() as crms:
            now_us = world.interlock.clock_us()
            assert await sign_offs.end_left_deploying(world.store, crms, now_us) == []
            async with world.store.write(None) as tx:
                await setups.end(tx, setup.id)
            assert await sign_offs.end_left_deploying(world.store, crms, 0) == []
            ended = await sign_offs.end_left_deploying(world.store, crms, now_us)
        assert [each.grant_id for each in ended] == [left]
        assert await _state(world, left) == grants.REVOKED

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_a_thousand_mappings_that_are_ticked_can_be_saved_from_the_page_that_shows_their_effect(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        async with world.store.write(1) as tx:
            (of,) = [each for each in await stored.object_mappings(tx) if each.salesforce_type == "Contact"]
            assert of.id is not None
            for number in range(1_000):
                names = f"a_property_with_a_middling_name_{number}", f"A_Field_With_A_Middling_Name_{number}__c"
                await stored.save_field_mapping(tx, FieldMappingRow(of.id, *names, "two_way"))
        admin = await world.admin()
        page = (await admin.get("/connections/1/contacts?q=middling")).page
        ticked = {str(each["name"]): "yes" for each in page.all("input", type="checkbox") if each.get("name")}
        assert len(ticked) == 1_000
        sent = page.form(f"{HERE}/mappings/preview") | ticked | {"do": "change", "rule": "dont_sync"}
        shown = await admin.post(f"{HERE}/mappings/preview", sent)
        (form,) = shown.page.all("form", action=f"{HERE}/mappings/save")
        fields = shown.page.form(f"{HERE}/mappings/save")
        as_it_says = form.get("enctype") == "multipart/form-data"
        path = f"{HERE}/mappings/save"
        saved = await (admin.upload(path, fields, "nothing", "") if as_it_says else admin.post(path, fields))
        assert saved.status == 303, saved.page.text
        rows = [row for row in await _rows(world) if "middling" in row["property"]]
        assert {row["rule"] for row in rows} == {"dont_sync"}

    tell(tmp_path, story, objects=("contacts",))


async def _granted(world: SettingsWorld) -> set[tuple[str, bool]]:
    """Fields that Interlock's permission set names in the org, besides the keys."""
    salesforce = world.clients()[1]
    found = await plan.look(salesforce, (await salesforce.identity()).user_id, Address(None))
    return set(found.further)
