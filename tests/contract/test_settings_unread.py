"""A CRM that does not answer leaves the rest of a settings page, with what is remembered, and says so."""

from __future__ import annotations

from pathlib import Path

from tests.settings_world import SettingsWorld, tell

from interlock.app.people.roles import Role

HERE = "/connections/1"


def away(world: SettingsWorld) -> None:
    world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})


async def linked(world: SettingsWorld) -> None:
    person = world.person("ada@example.com", jobtitle="Analyst")
    await world.turns()
    world.counterpart("contacts", person)


def test_of_what_is_searched_only_what_is_remembered_is_shown(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await linked(world)
        away(world)
        found = await (await world.browser(Role.VIEWER)).get(f"{HERE}/records?q=ada@example.com")
        assert "Salesforce did not answer: only what is remembered of it is shown." in found.page.text
        assert "HubSpot did not answer" not in found.page.text
        assert "hubspot:contacts:" in found.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_change_whose_effect_cannot_be_found_out_says_so(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await linked(world)
        admin = await world.admin()
        form = (await admin.get(f"{HERE}/contacts/mappings/jobtitle:Title")).page.form(
            f"{HERE}/contacts/mappings/preview"
        )
        away(world)
        shown = await admin.post(f"{HERE}/contacts/mappings/preview", {**form, "do": "change", "rule": "two_way"})
        assert shown.status == 200
        assert "What it would change could not be found out:" in shown.page.text
        assert "Salesforce" in shown.page.text
        assert "No value changes at once." not in shown.page.text

    tell(tmp_path, story, objects=("contacts",))
