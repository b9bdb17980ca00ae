"""The page Pipelines of the tab Deals: what is chosen there is seen in a preview, and counts in the CRMs after the next turn."""

from __future__ import annotations

from pathlib import Path

from tests.asgi_browser import Answer, Browser
from tests.settings_world import SettingsWorld, saved, tell

from interlock.app import what_syncs
from interlock.store import connections
from interlock.store.connections import Connection

HERE = "/connections/1/deals/pipelines"
SYNCS = {"objects": ("companies", "contacts", "deals")}
RENEW = ["Proposal/Price Quote", "Closed Won"]


async def connection_of(world: SettingsWorld) -> Connection:
    assert world.store is not None
    async with world.store.read(None) as tx:
        found = await connections.get(tx, 1)
    assert found is not None
    return found


def form_of(shown: Answer) -> dict[str, str]:
    """As it is filled in, its selects included."""
    found = shown.page.form(HERE)
    select = ""
    for tag, attributes in shown.page.tags:
        if tag == "select":
            select = str(attributes["name"])
        elif tag == "option" and "selected" in attributes:
            found[select] = str(attributes["value"])
    return found


async def choose(browser: Browser, **typed: str) -> Answer:
    """The form as it stands, with some fields typed over; seen, and saved. Names have ':' for '__'."""
    form = form_of(await browser.get(HERE)) | {name.replace("__", ":"): value for name, value in typed.items()}
    return await saved(browser, await browser.post(HERE, form))


def with_record_types(world: SettingsWorld) -> str:
    world.salesforce.add_record_type("Opportunity", "New Business")
    process = world.salesforce.add_process("Renew", RENEW)
    return world.salesforce.add_record_type("Opportunity", "Renewal", process=process)


def test_a_pipeline_is_made_for_a_record_type_and_syncs_once_it_was_seen_and_saved(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        renewal = with_record_types(world)
        admin = await world.admin()
        assert "stands for every record type" in (await admin.get("/connections/1/deals")).page.text
        asked = await admin.submit(HERE, f"{HERE}/make", record_type=renewal)
        made = asked.to.partition("made=")[2].partition("&")[0]
        pipeline = world.hubspot.portal.pipelines["deals"].get(made)
        assert pipeline.label == "Salesforce - Renewal"
        stages = {each.label: (each.probability, each.is_closed) for each in pipeline.stages}
        # Salesforce has 75 percent, HubSpot tenths.
        assert stages == {"Proposal/Price Quote": ("0.8", False), "Closed Won": ("1.0", True)}
        assert (await connection_of(world)).settings.get("pipelines") is None
        # Nothing is told twice, and nothing made twice.
        assert (await admin.submit(HERE, f"{HERE}/make", record_type=renewal)).to == asked.to
        form = form_of(await admin.get(asked.to))
        assert (form[f"type:{made}"], form[f"step:{made}"]) == (renewal, "yes")
        refused = await admin.post(HERE, form)
        assert refused.status == 422
        assert "must be the only one" in refused.page.text
        seen = await admin.post(HERE, form | {"type:default": ""})
        assert "/deals/change/" in seen.to
        assert (await connection_of(world)).settings.get("pipelines") is None
        assert (await saved(admin, seen)).to == "/connections/1/deals?done=rules"
        assert "1 pipeline of HubSpot syncs." in (await admin.get("/connections/1/deals")).page.text
        row = {"Name": "Again", "StageName": "Closed Won", "CloseDate": "2026-03-01", "RecordTypeId": renewal}
        world.sally.create("Opportunity", row)
        await world.turns()
        (deal,) = world.hugo.ids("deals")
        assert world.hugo.get("deals", deal)["pipeline"] == made
        assert {"pipeline_made", "what_syncs_chosen"} <= set(await world.deeds())

    tell(tmp_path, story, **SYNCS)


def test_a_stage_is_joined_with_one_that_reads_otherwise(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        await choose(admin, stage__default__qualifiedtobuy="Prospecting")
        chosen = what_syncs.chosen(await connection_of(world), "deals").pipelines["default"]
        assert (chosen.record_type, chosen.stages["qualifiedtobuy"]) == ("any", "Prospecting")
        world.hugo.create("deals", {"dealname": "Big", "dealstage": "qualifiedtobuy", "closedate": "2026-03-01"})
        await world.turns()
        (there,) = world.sally.ids("Opportunity")
        assert world.sally.get("Opportunity", there)["StageName"] == "Prospecting"

    tell(tmp_path, story, **SYNCS)


def test_what_cannot_be_chosen_is_refused_with_what_was_typed(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        renewal = with_record_types(world)
        admin = await world.admin()
        for typed, reason in (
            ({"type__default": ""}, "No pipeline is left that syncs."),
            ({"type__default": "012000000000099"}, "no record type 012000000000099"),
            ({"type__default": renewal, "stage__default__closedlost": "Closed Lost"}, "is no stage of Renewal"),
            ({"stage__default__closedlost": "Closed Won"}, "stand for one of Salesforce"),
        ):
            refused = await choose(admin, **typed)
            assert refused.status in (404, 422)
            assert reason in refused.page.text
            if "type__default" in typed and typed["type__default"] == renewal:
                assert form_of(refused)["type:default"] == renewal
        assert (await connection_of(world)).settings.get("pipelines") is None

    tell(tmp_path, story, **SYNCS)


def test_who_saves_over_what_somebody_else_has_chosen_since_is_told(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        first, second = await world.admin(), await world.admin()
        form = form_of(await first.get(HERE))
        await choose(second, stage__default__qualifiedtobuy="Prospecting")
        refused = await first.post(HERE, form)
        assert "Somebody else has changed" in refused.page.text

    tell(tmp_path, story, **SYNCS)


def test_stages_of_which_only_one_closes_a_deal_are_named(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        await choose(admin, stage__default__closedlost="Prospecting")
        text = (await admin.get(HERE)).page.text
        assert "Closed Lost in HubSpot and Prospecting in Salesforce are joined" in text

    tell(tmp_path, story, **SYNCS)


def test_pipelines_that_cannot_be_read_say_why_and_how_to_try_again(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        world.hubspot.faults.add({"match": {"path_prefix": "/crm/pipelines"}, "kind": "status", "status": 503})
        shown = await admin.get(HERE)
        assert "The pipelines could not be read:" in shown.page.text
        assert shown.page.all("form", action=HERE) == []

    tell(tmp_path, story, **SYNCS)
