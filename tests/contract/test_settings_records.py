"""The tab Records and its conflicts: find, see, sync now, choose; and what the CRMs hold afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.settings_world import SettingsWorld, tell

from interlock.app import find, look, many_conflicts
from interlock.app.people.roles import Role

HERE = "/connections/1"


async def _pair(world: SettingsWorld, email: str = "ada@example.com", **properties: str) -> tuple[str, str]:
    person = world.person(email, firstname="Ada", **properties)
    await world.turns()
    return person, world.counterpart("contacts", person)


def test_a_record_is_found_by_email_name_id_and_address(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await _pair(world)
        viewer = await world.browser(Role.VIEWER)
        address = f"https://acme.lightning.force.com/lightning/r/Contact/{contact}/view"
        for text in ("ada@example.com", "Ada+Person", person, contact, address):
            found = await viewer.get(f"{HERE}/records?q={text}")
            links = [each.get("href") for each in found.page.all("a")]
            assert f"{HERE}/records/hubspot:contacts:{person}" in links, (text, found.page.text)
        nothing = await viewer.get(f"{HERE}/records?q=nobody@example.com")
        assert "Nothing is known of nobody@example.com" in nothing.page.text
        wrong = await viewer.get(f"{HERE}/records?q=https://example.com/x")
        assert wrong.status == 422
        assert "is not the address of a record that syncs" in wrong.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_pair_is_shown_side_by_side_with_its_history_and_causes(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await _pair(world, jobtitle="Analyst")
        world.sally.update("Contact", contact, {"Title": "Engineer"})
        await world.turns()
        viewer = await world.browser(Role.VIEWER)
        for key in (f"hubspot:contacts:{person}", f"salesforce:Contact:{contact}"):
            shown = await viewer.get(f"{HERE}/records/{key}")
            assert shown.status == 200
            text = shown.page.text
            assert "Both sides hold the same" in text
            assert "Salesforce was edited since both sides agreed" in text
            assert "Analyst" in text
            assert "Engineer" in text
            assert "Sync now" not in text
        assert (await viewer.get(f"{HERE}/records/nonsense")).status == 422

    tell(tmp_path, story, objects=("contacts",))


def test_a_record_that_is_not_synced_says_why(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person = world.hugo.create("contacts", {"lastname": "Nameless"})
        await world.turns()
        shown = await (await world.browser(Role.VIEWER)).get(f"{HERE}/records/hubspot:contacts:{person}")
        assert "It has no e-mail address, which is how contacts are matched" in shown.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_crm_that_is_away_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, _ = await _pair(world, jobtitle="Analyst")
        world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})
        viewer = await world.browser(Role.VIEWER)
        shown = await viewer.get(f"{HERE}/records/hubspot:contacts:{person}")
        assert shown.status == 200
        assert "Salesforce did not answer" in shown.page.text
        assert "Analyst" in shown.page.text
        assert "Salesforce did not answer" in (await viewer.get(f"{HERE}/records?q=ada@example.com")).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_sync_now_looks_at_a_record_that_did_not_change(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await world.turns()
        (person,) = world.hugo.ids("contacts")
        assert world.sally.ids("Contact") == []
        operator = await world.browser(Role.OPERATOR)
        record = f"{HERE}/records/hubspot:contacts:{person}"
        asked = await operator.submit(record, f"{record}/sync")
        assert asked.to == f"{record}?done=waits"
        assert "no dispatcher is running" in (await operator.get(f"{record}?done=waits")).page.text
        await world.desk.beat()
        assert (await operator.submit(record, f"{record}/sync")).to == f"{record}?done=due"
        await world.turns()
        assert len(world.sally.ids("Contact")) == 1
        assert "record_synced" in await world.deeds()

    person = {"contacts": [{"email": "old@example.com", "lastname": "Old"}]}
    tell(tmp_path, story, objects=("contacts",), furnish=lambda world: world.hubspot.seed(person))


def test_sync_now_is_refused_while_the_object_is_paused(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, _ = await _pair(world)
        operator = await world.browser(Role.OPERATOR)
        record = f"{HERE}/records/hubspot:contacts:{person}"
        form = (await operator.get(record)).page.form(f"{record}/sync")
        page = f"{HERE}/connection"
        assert (await operator.submit(page, f"{page}/contacts/pause")).status == 303
        refused = await operator.post(f"{record}/sync", form)
        assert refused.status == 409
        assert "Syncing of contacts is paused or off" in refused.page.text

    tell(tmp_path, story, objects=("contacts",))


async def _conflict(world: SettingsWorld, *emails: str, properties: tuple[str, ...] = ("jobtitle",)) -> list[str]:
    """Both sides edited between two looks: Salesforce's values win, HubSpot's are in the conflict log."""
    fields = {"jobtitle": "Title", "fax": "Fax"}
    people = [world.person(email, **dict.fromkeys(properties, "before")) for email in emails]
    await world.turns()
    for person in people:
        contact = world.counterpart("contacts", person)
        world.hugo.update("contacts", person, dict.fromkeys(properties, "of hugo"))
        world.sally.update("Contact", contact, {fields[name]: "of sally" for name in properties})
    await world.turns()
    assert all(world.contact(person)[name] == "of sally" for person in people for name in properties)
    return people


def test_a_conflict_that_is_resolved_writes_the_chosen_value_to_both_sides(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        (person,) = await _conflict(world, "ada@example.com")
        operator = await world.browser(Role.OPERATOR)
        page = f"{HERE}/conflicts"
        shown = await operator.get(page)
        assert "1 conflict " in shown.page.text
        (action,) = [
            str(each.get("action"))
            for each in shown.page.all("form")
            if str(each.get("action")).startswith(f"{page}/") and str(each.get("action")) != f"{page}/resolve"
        ]
        done = await operator.submit(page, action, keep="hubspot")
        assert done.to == f"{page}?done=yes"
        assert "waits for the next sync" in (await operator.get(page)).page.text
        await world.turns()
        assert world.contact(person)["jobtitle"] == "of hugo"
        assert world.sally.get("Contact", world.counterpart("contacts", person))["Title"] == "of hugo"
        assert "No conflict is open." in (await operator.get(page)).page.text
        assert "of sally" in (await operator.get(f"{page}?status=resolved")).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_choice_ends_when_its_field_is_set_to_dont_sync_before_it_is_carried_out(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        (person,) = await _conflict(world, "ada@example.com")
        admin = await world.admin()
        page = f"{HERE}/conflicts"
        (action,) = [
            str(each.get("action"))
            for each in (await admin.get(page)).page.all("form")
            if str(each.get("action")).startswith(f"{page}/") and str(each.get("action")) != f"{page}/resolve"
        ]
        assert (await admin.submit(page, action, keep="hubspot")).to == f"{page}?done=yes"
        contacts = f"{HERE}/contacts"
        mapping = f"{contacts}/mappings/jobtitle:Title"
        preview = await admin.submit(mapping, f"{contacts}/mappings/preview", rule="dont_sync")
        saved = await admin.post(f"{contacts}/mappings/save", preview.page.form(f"{contacts}/mappings/save"))
        assert saved.status == 303
        await world.turns()
        contact = world.counterpart("contacts", person)
        for _ in range(2):
            held = (world.contact(person)["jobtitle"], world.sally.get("Contact", contact)["Title"])
            assert held == ("of sally", "of sally")
            assert world.store is not None
            async with world.store.read(1) as tx:
                assert await tx.rows("SELECT state FROM resolution") == [("not_mapped",)]
            # Nor does it come back with the rule.
            await world.rule("contacts", "jobtitle", "two_way")
            await world.turns()

    tell(tmp_path, story, objects=("contacts",))


def test_conflicts_are_resolved_in_bulk_by_the_filter_and_only_with_the_right_count(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        people = await _conflict(world, "a@example.com", "b@example.com", properties=("jobtitle", "fax"))
        operator = await world.browser(Role.OPERATOR)
        page = f"{HERE}/conflicts"
        filtered = f"{page}?property=jobtitle"
        assert "4 conflicts" in (await operator.get(page)).page.text
        assert "2 conflicts" in (await operator.get(filtered)).page.text
        form = (await operator.get(filtered)).page.form(f"{page}/resolve") | {"keep": "hubspot"}
        assert form["property"] == "jobtitle"
        for counted, why in (("4", "There are 2 such conflicts now, not 4"), ("many", "as a number")):
            refused = await operator.post(f"{page}/resolve", form | {"counted": counted})
            assert refused.status == 422
            assert why in refused.page.text
        done = await operator.post(f"{page}/resolve", form | {"counted": "2"})
        assert "Noted for 2 conflicts" in done.page.text
        await world.turns()
        for person in people:
            here = world.contact(person)
            there = world.sally.get("Contact", world.counterpart("contacts", person))
            assert (here["jobtitle"], there["Title"]) == ("of hugo", "of hugo")
            assert (here["fax"], there["Fax"]) == ("of sally", "of sally")
        assert "2 conflicts" in (await operator.get(page)).page.text
        assert "conflicts_resolved" in await world.deeds()

    tell(tmp_path, story, objects=("contacts",))


def test_conflicts_beyond_what_is_resolved_at_a_time_are_reached_by_doing_it_again_though_nothing_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        await _conflict(world, *(f"p{number}@example.com" for number in range(5)))
        operator = await world.browser(Role.OPERATOR)
        page = f"{HERE}/conflicts"
        answer, left = await operator.get(page), []
        further = ["3 more match: do it again for them.", "1 more matches: do it again for it."]
        for _ in range(3):
            form = answer.page.form(f"{page}/resolve")
            answer = await operator.post(f"{page}/resolve", form | {"keep": "hubspot", "counted": "5"})
            left += [text for text in further if text in answer.page.text]
        assert left == further
        assert "do it again" not in answer.page.text
        assert "further" not in answer.page.form(f"{page}/resolve")
        assert world.store is not None
        async with world.store.read(1) as tx:
            (chosen,) = await tx.rows("SELECT COUNT(DISTINCT conflict_id) FROM resolution")
        assert chosen[0] == 5

    monkeypatch.setattr(many_conflicts, "MOST_AT_ONCE", 2)
    tell(tmp_path, story, objects=("contacts",))


def test_what_is_not_shown_whole_is_said_to_end_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: SettingsWorld) -> None:
        person, _ = await _pair(world, jobtitle="Analyst")
        for number in range(2):
            world.person(f"other{number}@example.com", firstname="Ada")
        await world.turns()
        viewer = await world.browser(Role.VIEWER)
        found = (await viewer.get(f"{HERE}/records?q=Ada+Person")).page.text
        assert "Only the first 2 that were found are shown." in found
        assert " linked" in found
        shown = (await viewer.get(f"{HERE}/records/hubspot:contacts:{person}")).page.text
        assert "Only the newest 1 rows are shown." in shown

    monkeypatch.setattr(find, "LIMIT", 2)
    monkeypatch.setattr(look, "HISTORY_ROWS", 1)
    tell(tmp_path, story, objects=("contacts",))
