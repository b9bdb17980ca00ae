"""Recommended has companies and deals on where the sign-ins permit them; where one does not, it says why, and goes on without."""

from __future__ import annotations

import msgspec
import pytest
from tests.asgi_browser import Browser
from tests.wizard import Wizard

from crm_emulator.hubspot.config import Config
from interlock.app import sign_in
from interlock.app.setup import connect, permitted, properties, review
from interlock.app.setup.permitted import Barrier
from interlock.core.model import Side
from interlock.crm.budget import Governor
from interlock.crm.errors import MissingScope
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.tokens import StaticToken

pytestmark = pytest.mark.anyio

DEALS = tuple(sorted(sign_in.object_scopes("deals")))
HUBSPOT = Side.HUBSPOT


def takes_no_deals(wizard: Wizard) -> Config:
    """The account has no deals: whoever signs in gets none of their scopes. How it was before."""
    before = wizard.hubspot.api.config
    wizard.hubspot.api.config = msgspec.structs.replace(before, scopes_unavailable=DEALS)
    return before


def a_client(wizard: Wizard, token: str, governor: Governor) -> HubSpotClient:
    return HubSpotClient("https://api.hubapi.com", wizard.line, StaticToken(HUBSPOT, token), governor, wizard.clock)


async def reviewed(wizard: Wizard, person: Browser) -> str:
    """The review of *Recommended*, when its count is whole."""
    answer = await person.submit("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    assert answer.to == "/setup/review", answer.body
    await person.get("/setup/review")
    await review.wait(wizard.interlock, wizard.setup_id)
    return (await person.get("/setup/review")).page.text


@pytest.mark.parametrize(
    ("sobject", "rights", "told"),
    [
        ("Opportunity", {"read": False}, "Deals: left off, since the sync user may not see Opportunity records"),
        ("Opportunity", {"create": False}, "Deals: left off, since the sync user may not create Opportunity records"),
        ("Account", {"create": False}, "Companies: left off, since the sync user may not create Account records"),
        ("Account", {"edit": False}, "Companies: left off, since the sync user may not edit Account records"),
    ],
)
async def test_what_the_sync_user_may_not_do_in_salesforce_leaves_the_object_off_and_both_pages_say_why(
    wizard: Wizard, sobject: str, rights: dict[str, bool], told: str
) -> None:
    wizard.production.set_object_permission("sales@example.com", sobject, **rights)
    await wizard.signed_in("sales@example.com")
    await wizard.install()
    person = await wizard.person()
    card = (await person.get("/setup/configuration")).page.text
    assert told in card
    assert "Companies and deals sync." not in card
    assert ("Companies sync." in card) == (sobject == "Opportunity")
    assert told in await reviewed(wizard, person)
    await person.submit("/setup/review", "/setup/review", existing="all", go="next")
    run = await wizard.finished()
    assert (run.state, run.message) == ("done", "")
    left = "deals" if sobject == "Opportunity" else "companies"
    assert sorted((await wizard.connection()).settings["objects"]) == sorted(
        {"companies", "contacts", "deals"} - {left}
    )


async def test_what_hubspot_does_not_grant_leaves_the_object_off_and_both_pages_say_why(
    wizard: Wizard,
) -> None:
    takes_no_deals(wizard)
    await wizard.signed_in()
    await wizard.install()
    person = await wizard.person()
    told = f"Deals: left off, since the sign-in to HubSpot lacks the scopes {', '.join(DEALS)}."
    card = (await person.get("/setup/configuration")).page.text
    assert told in card
    assert "Companies sync." in card
    assert told in await reviewed(wizard, person)
    await person.submit("/setup/review", "/setup/review", existing="all", go="next")
    run = await wizard.finished()
    assert (run.state, run.message) == ("done", "")
    assert (await wizard.connection()).settings["objects"] == ["companies", "contacts"]


async def test_where_all_is_permitted_the_card_says_that_both_sync(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    card = (await (await wizard.person()).get("/setup/configuration")).page.text
    assert "Companies and deals sync." in card
    assert "left off" not in card


async def test_advanced_offers_no_switch_for_it_and_says_why_on_its_tab(wizard: Wizard) -> None:
    wizard.production.set_object_permission("Admin User", "Opportunity", edit=False)
    await wizard.signed_in()
    await wizard.install()
    person = await wizard.person()
    await person.submit("/setup/configuration", "/setup/configuration", which="advanced", missing="create")
    await wizard.advanced()
    tab = (await person.get("/setup/properties?tab=deals")).page.text
    assert "Deals: left off, since the sync user may not edit Opportunity records in Salesforce." in tab
    assert "Enable deal sync" not in tab
    assert "Enable company sync" in tab


async def test_once_it_is_granted_a_look_at_the_page_switches_it_on_and_it_syncs(wizard: Wizard) -> None:
    wizard.production.set_object_permission("Admin User", "Opportunity", read=False)
    await wizard.signed_in()
    await wizard.install()
    person = await wizard.person()
    assert "Deals: left off" in (await person.get("/setup/configuration")).page.text
    wizard.production.set_object_permission("Admin User", "Opportunity")
    assert "Companies and deals sync." in (await person.get("/setup/configuration")).page.text
    assert "left off" not in await reviewed(wizard, person)
    await person.submit("/setup/review", "/setup/review", existing="all", go="next")
    run = await wizard.finished()
    assert (run.state, run.message) == ("done", "")
    connection = await wizard.connection()
    assert connection.settings["objects"] == ["companies", "contacts", "deals"]
    async with wizard.store.read(connection.id) as tx:
        rows = await tx.rows(
            "SELECT property FROM field_mapping JOIN object_mapping ON object_mapping.id = object_mapping_id"
            " WHERE field_mapping.connection_id = ? AND object = 'deals'",
            connection.id,
        )
    assert ("dealname",) in rows


async def test_what_is_taken_away_while_the_review_is_open_begins_nothing_and_is_said(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    person = await wizard.person()
    await reviewed(wizard, person)
    wizard.production.set_object_permission("Admin User", "Opportunity", read=False)
    refused = await person.submit("/setup/review", "/setup/review", existing="none", go="next")
    assert refused.status == 409
    assert "Deals: the sign-ins may not read and write them any more. They do not sync." in refused.page.text
    assert (await wizard.connection()).begun_at_us is None


async def test_a_service_key_without_the_scopes_is_asked_what_it_has(wizard: Wizard) -> None:
    granted = {*sign_in.needed_scopes(("contacts", "companies")), "crm.objects.deals.read"}
    key = wizard.hubspot.issue_token(*granted)
    await wizard.signed_in()
    async with wizard.interlock.setup_clients(await wizard.setup()) as clients:
        with_key = a_client(wizard, key, clients.hubspot.governor)
        found = await permitted.look(with_key, clients.salesforce, None)
    lacking = tuple(each for each in DEALS if each != "crm.objects.deals.read")
    assert found == {"deals": [Barrier(HUBSPOT, "scopes", lacking)]}


async def test_a_token_that_tells_no_scopes_is_tried(wizard: Wizard) -> None:
    token = wizard.hubspot.issue_token(*sign_in.needed_scopes(("contacts", "companies")), expires_in_s=3_600)
    await wizard.signed_in()
    async with wizard.interlock.setup_clients(await wizard.setup()) as clients:
        client = a_client(wizard, token, clients.hubspot.governor)
        found = await permitted.look(client, clients.salesforce, None)
    assert list(found) == ["deals"]
    (barrier,) = found["deals"]
    assert (barrier.side, barrier.lack) == (HUBSPOT, "scopes")
    assert "crm.schemas.deals.read" in barrier.names


async def test_a_sign_in_of_a_connection_that_syncs_deals_still_needs_their_scopes(
    wizard: Wizard,
) -> None:
    takes_no_deals(wizard)
    await wizard.enter_apps()
    with pytest.raises(MissingScope, match=r"crm\.objects\.deals\.read"):
        await wizard.sign_in(HUBSPOT, objects=("contacts", "deals"))
    assert (await wizard.sign_in(HUBSPOT, objects=("contacts", "companies"))).grant_id


async def test_who_signs_in_again_with_more_scopes_has_the_object_on_at_once(wizard: Wizard) -> None:
    everything = takes_no_deals(wizard)
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    assert list((await wizard.found()).barred) == ["deals"]
    wizard.hubspot.api.config = everything
    again = await wizard.sign_in(HUBSPOT)
    values = connect.values_of(await wizard.setup())
    signed_in = connect.SignedIn(again.identity, again.grant_id)
    await wizard.keep(connect.slug, msgspec.structs.replace(values, hubspot=signed_in))
    found = await wizard.found()
    assert found.barred == {}
    assert properties.draft_of(await wizard.setup(), found).objects == ("companies", "contacts", "deals")


async def test_the_page_stays_whole_where_what_was_lacking_cannot_be_looked_at_again(wizard: Wizard) -> None:
    wizard.production.set_object_permission("sales@example.com", "Opportunity", read=False)
    await wizard.signed_in(sync_user="sales@example.com")
    await wizard.install()
    person = await wizard.person()
    lacking = "Deals: left off, since the sync user may not see Opportunity records"
    assert lacking in (await person.get("/setup/configuration")).page.text
    wizard.production.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 400})
    answer = await person.get("/setup/configuration")
    assert answer.status == 200
    assert [nav["aria-label"] for nav in answer.page.all("nav") if nav.get("aria-label") == "Steps of the set-up"]
    assert lacking in answer.page.text
    assert "Review settings" in answer.page.text
    assert answer.page.all("div", role="alert"), "what Salesforce said stands at the top"
