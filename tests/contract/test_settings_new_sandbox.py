"""*Connect to a new sandbox*: what is said before, what happens when it is confirmed, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api_world import Said
from tests.asgi_browser import Browser
from tests.contract.sign_in_world import SALES, SANDBOX
from tests.new_sandbox_world import (
    CALLBACKS,
    HERE,
    NEW_URL,
    PAGE,
    a_copy,
    a_sandbox,
    begin,
    confirm,
    furnish,
    now_of,
    pairs,
    records_written,
    serve,
    sign_in,
    tell,
)
from tests.settings_world import SettingsWorld

from interlock.app import connections as use_case
from interlock.app import preview
from interlock.app.crms import save_app
from interlock.app.errors import Stopped
from interlock.app.new_org import kept, prepare
from interlock.app.once import once
from interlock.app.people import programs
from interlock.app.people.roles import Role
from interlock.app.people.visitor import By
from interlock.core.model import RecordKey, Side
from interlock.store import connections, crm_apps, directory, erasures


def test_a_connection_goes_over_to_another_sandbox_and_syncs_there(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        furnish(world)
        await world.turns()
        old, before = world.salesforce.org_id, world.salesforce.journal.last_seq
        new = a_sandbox(world)
        new.user().create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        admin = await world.admin()
        shown = await sign_in(world, admin, new)
        assert shown.status == 200, shown.body
        assert "Acme UAT" in shown.page.text
        assert (await now_of(world)).salesforce_org_id == old
        answer = await confirm(world, admin)
        assert answer.to == f"{PAGE}?done=connected", answer.page.text
        now = await now_of(world)
        assert (now.salesforce_org_id, now.state) == (new.org_id, "paused")
        text = (await admin.get(PAGE)).page.text
        assert "What a first sync would do" in text, text
        assert (await begin(world, admin, "all")).to == f"{HERE}/overview"
        await world.turns()
        contact = new.user().ids("Contact")
        assert len(contact) == 1
        assert pairs(world)["contacts", world.hugo.ids("contacts")[0]] == contact[0]
        assert len(new.user().ids("Account")) == 1
        assert len(new.user().ids("Opportunity")) == 2
        assert set(pairs(world).values()) == set(new.user().ids("Account") + contact + new.user().ids("Opportunity"))
        assert world.salesforce.journal.last_seq == before

    tell(tmp_path, story)


def test_in_a_copy_of_the_old_sandbox_every_pair_is_found_by_its_keys_and_nothing_is_written(tmp_path: Path) -> None:
    """Deals have no identity at all: of those that came from Salesforce the id alone says which they are."""

    async def story(world: SettingsWorld) -> None:
        for number in range(2):
            furnish(world, f"{number}")
        await world.turns()
        before = pairs(world)
        assert len(before) == 8
        assert all(before.values())
        new = a_copy(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        await confirm(world, admin)
        assert "8 ids in HubSpot are proven" in (await admin.get(PAGE)).page.text
        written = world.hubspot.journal.last_seq, records_written(new)
        assert (await begin(world, admin, "all")).status == 303
        await world.turns()
        assert pairs(world) == before
        assert (world.hubspot.journal.last_seq, records_written(new)) == written
        assert await world.issues() == []

    tell(tmp_path, story)


# --- what is said before ---------------------------------------------------------------------------------------------------


def test_before_anything_is_changed_the_page_says_what_will_happen(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        furnish(world)
        await world.turns()
        new = a_sandbox(world)
        admin = await world.admin()
        before = (pairs(world), world.salesforce.journal.last_seq, new.journal.last_seq)
        text = (await sign_in(world, admin, new)).page.text
        for sentence in (
            "Nothing has been changed yet",
            "Syncing with Acme dev",
            "4 links between records: they stay as history",
            "The Salesforce package is installed in the new sandbox",
            "interlock_salesforce_id is emptied",
            "A preview counts what a first sync would link",
            "Mappings, sync rules, what syncs, and all settings",
            "The conflict log, the history of writes and the log of deeds",
            "Every mapping that works now can be used in the new sandbox",
            "What several records share is asked, never guessed",
        ):
            assert sentence in text, text
        assert (pairs(world), world.salesforce.journal.last_seq, new.journal.last_seq) == before
        assert (await now_of(world)).state == "idle"
        # The old one syncs on until somebody confirms.
        world.person("bo@example.com")
        await world.turns()
        assert len(world.sally.ids("Contact")) == 2
        assert (await world.deeds())[-1] == "new_sandbox_offered"

    tell(tmp_path, story)


def test_a_mapping_whose_field_the_new_sandbox_lacks_is_named_kept_and_left_out(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        world.salesforce.add_custom_field("Contact", "Shoe_Size__c", length=20)
        world.property("contacts", "shoe_size", "string", "text")
        await asyncio.sleep(7 * 3_600)
        await world.map("contacts", "shoe_size", "Contact", "Shoe_Size__c")
        here = world.person("ada@example.com", shoe_size="38")
        await world.turns()
        new = a_sandbox(world)
        admin = await world.admin()
        text = (await sign_in(world, admin, new)).page.text
        assert "1 mapping that works now cannot be used in the new sandbox as it is" in text
        assert "shoe_size / Contact.Shoe_Size__c" in text.replace("  ", " ")
        await confirm(world, admin)
        await begin(world, admin, "all")
        await world.turns()
        (there,) = new.user().ids("Contact")
        assert new.user().get("Contact", there)["Email"] == "ada@example.com"
        # It is back as soon as the field is.
        new.add_custom_field("Contact", "Shoe_Size__c", length=20)
        await asyncio.sleep(7 * 3_600)
        await world.turns()
        assert new.user().get("Contact", there)["Shoe_Size__c"] == "38"
        assert world.counterpart("contacts", here) == there

    tell(tmp_path, story, objects=("contacts",))


def test_pipelines_whose_record_type_the_new_sandbox_lacks_are_named_and_their_deals_wait_with_an_issue(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        renewal = world.salesforce.add_record_type("Opportunity", "Renewal")
        stages = [{"label": "Closed Won", "metadata": {"probability": "1.0"}}]
        pipeline = world.hubspot.settings().add_pipeline("deals", "Renewals", stages)
        (stage,) = world.hubspot.portal.pipelines["deals"].get(pipeline).stages
        choice = {"record_type": renewal, "stages": {stage.id: "Closed Won"}}
        connection = world.connection
        assert connection is not None
        assert connection.id is not None
        async with world.write() as tx:
            settings = {**connection.settings, "pipelines": {pipeline: choice}}
            await connections.update(tx, connection.id, settings=settings)
            await directory.drop(tx, "schemas")
        await world.turns()
        new = a_sandbox(world)
        new.add_record_type("Opportunity", "Something else")
        admin = await world.admin()
        text = (await sign_in(world, admin, new)).page.text
        assert f"Renewals: {renewal}" in text.replace("  ", " ")
        await confirm(world, admin)
        await begin(world, admin, "all")
        await world.turns()
        deal = {"dealname": "Again", "pipeline": pipeline, "dealstage": stage.id, "closedate": "2026-03-01"}
        world.hugo.create("deals", deal)
        await world.turns()
        assert new.user().ids("Opportunity") == []
        assert [each.object for each in await world.issues()] == ["deals"]

    tell(tmp_path, story, objects=("companies", "contacts", "deals"))


def test_what_the_preview_says_is_what_a_first_sync_does(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        for number in range(3):
            furnish(world, str(number))
        await world.turns()
        new = a_sandbox(world)
        new.user().create("Contact", {"LastName": "Person", "Email": "ada1@example.com"})
        new.user().create("Account", {"Name": "Globex"})
        admin = await world.admin()
        await sign_in(world, admin, new)
        await confirm(world, admin)
        found = (await kept.run_of(world.interlock.store, await now_of(world))).preview["objects"]  # type: ignore[union-attr]
        assert (found["contacts"]["matched"], found["contacts"]["create_in_salesforce"]) == (1, 2)
        assert found["companies"]["create_in_hubspot"] == 1
        await begin(world, admin, "all")
        await world.turns()
        assert len(new.user().ids("Contact")) == 1 + found["contacts"]["create_in_salesforce"]
        assert len(new.user().ids("Opportunity")) == found["deals"]["create_in_salesforce"]
        assert len(world.hugo.ids("companies")) == 3 + found["companies"]["create_in_hubspot"]

    tell(tmp_path, story)


# --- what is refused -------------------------------------------------------------------------------------------------------


def test_what_the_preview_shows_of_a_person_goes_when_they_are_erased(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        ada, _ = [world.person(f"{name}@example.com", firstname=name) for name in ("ada", "grace")]
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        await confirm(world, admin)
        before = await preview_kept(world)
        assert ("ada@example.com" in before, "grace@example.com" in before) == (True, True)
        await erase(world, ada)
        after = await preview_kept(world)
        assert ("ada@example.com" in after, "grace@example.com" in after) == (False, True)

    tell(tmp_path, story, objects=("contacts",))


def test_a_preview_that_read_somebody_who_was_erased_meanwhile_keeps_nothing_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        ada, real = world.person("ada@example.com", firstname="Ada"), preview.plan

        async def meanwhile(*arguments: Any, **named: Any) -> preview.Planned:
            read = await real(*arguments, **named)
            await erase(world, ada)
            return read

        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        with monkeypatch.context() as patched:
            patched.setattr(preview, "plan", meanwhile)
            await confirm(world, admin)
        assert "ada@example.com" not in await preview_kept(world)
        text = (await admin.get(PAGE)).page.text
        assert "Somebody was erased while both sides were read" in text
        assert "Try again" in text
        assert "What a first sync would do" not in text

    tell(tmp_path, story, objects=("contacts",))


async def erase(world: SettingsWorld, person: str) -> None:
    assert world.store is not None
    key = RecordKey(Side.HUBSPOT, "contacts", person)
    async with world.store.write(1) as tx:
        await erasures.put(tx, [str(key)])
        await erasures.clear(tx, "contacts", [key], [])


async def preview_kept(world: SettingsWorld) -> str:
    """As it stands in the store."""
    assert world.store is not None
    async with world.store.read(1) as tx:
        return json.dumps(await directory.get(tx, "new_org"))


def test_a_production_org_is_refused_by_name_and_its_sign_in_is_ended(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        production = a_sandbox(world, sandbox=False, org_name="Acme Corporation")
        admin = await world.admin()
        refused = await sign_in(world, admin, production, my_domain=SANDBOX)
        assert refused.status == 422
        assert f"Acme Corporation ({production.org_id}) is a production org" in refused.page.text
        assert "test data must not end in production" in refused.page.text
        assert all(session.revoked for session in production.sessions.refresh.values())
        assert kept.of(await now_of(world)) is None

    tell(tmp_path, story, objects=("contacts",))


def test_the_org_that_the_connection_is_with_is_refused_by_name(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        serve(world, world.salesforce)
        refused = await sign_in(world, await world.admin(), world.salesforce)
        assert refused.status == 422
        assert f"Acme dev ({world.salesforce.org_id}) is the org that" in refused.page.text
        assert "is connected with already" in refused.page.text
        assert kept.of(await now_of(world)) is None

    own = {"sandbox": True, "org_name": "Acme dev", "instance_url": NEW_URL, "callback_urls": CALLBACKS}
    tell(tmp_path, story, objects=("contacts",), salesforce=own)


def test_a_user_who_may_not_install_is_refused_by_name(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        new = a_sandbox(world)
        refused = await sign_in(world, await world.admin(), new, who=SALES)
        assert refused.status == 502
        assert "may not install the package in Acme UAT" in refused.page.text
        assert kept.of(await now_of(world)) is None

    tell(tmp_path, story, objects=("contacts",))


def test_a_connection_with_a_production_org_goes_over_to_no_sandbox(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        assert "Connect to a new sandbox" not in (await admin.get(f"{HERE}/connection")).page.text
        shown = await admin.get(PAGE)
        assert "Only a connection with a sandbox goes over to another sandbox" in shown.page.text
        form = (await admin.get(f"{HERE}/connection")).page.form(f"{HERE}/connection/pause")
        assert (await admin.post(f"{PAGE}/sign-in", form)).status == 422

    tell(tmp_path, story, objects=("contacts",), salesforce={})


def test_what_was_not_read_or_is_another_by_now_is_not_confirmed(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        old = world.salesforce.org_id
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        unread = await admin.submit(PAGE, f"{PAGE}/connect")
        assert unread.status == 422
        assert "Say that you have read" in unread.page.text
        form = (await admin.get(PAGE)).page.form(f"{PAGE}/connect")
        await sign_in(world, await world.admin(), a_sandbox(world, seed=3, org_name="Acme QA"))
        stale = await admin.post(f"{PAGE}/connect", {**form, "agreed": "yes"})
        assert stale.status == 409
        assert "is not what this page has shown" in stale.page.text
        assert (await now_of(world)).salesforce_org_id == old
        assert (await now_of(world)).state == "idle"

    tell(tmp_path, story, objects=("contacts",))


def test_who_stays_with_the_old_sandbox_is_where_they_were(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        before = await now_of(world)
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        assert (await admin.submit(PAGE, f"{PAGE}/give-up")).to == f"{PAGE}?done=given_up"
        assert await now_of(world) == before
        assert all(session.revoked for session in new.sessions.refresh.values())
        again = await admin.post(f"{PAGE}/give-up", (await admin.get(PAGE)).page.form(f"{PAGE}/sign-in"))
        assert again.status == 409
        assert [deed for deed in await world.deeds() if "sandbox" in deed] == [
            "new_sandbox_offered",
            "new_sandbox_given_up",
        ]

    tell(tmp_path, story, objects=("contacts",))


def test_nothing_syncs_before_somebody_has_seen_the_preview_and_begins(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        world.person("ada@example.com")
        await world.turns()
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        form = (await admin.get(PAGE)).page.form(f"{PAGE}/connect")
        assert (await admin.post(f"{PAGE}/begin", {**form, "existing": "all"})).status == 409
        await confirm(world, admin)
        early = await admin.submit(PAGE, f"{PAGE}/begin", existing="all")
        assert early.status == 409
        assert "would be taken for edits" in early.page.text
        assert (await admin.submit(PAGE, f"{PAGE}/begin", existing="some")).status == 422
        moved = await now_of(world)
        with pytest.raises(Stopped, match="has not begun to sync there"):
            await use_case.resume(world.interlock.store, moved, None, plan=False)
        with pytest.raises(Stopped, match="waits for a person to begin there"):
            await once(world.interlock.store, moved, world.interlock.clients, world.clock_us)
        await world.turns(3_600.0)
        assert records_written(new) == []
        assert f"{HERE}/connection/resume" not in (await admin.get(f"{HERE}/connection")).body
        assert f"{HERE}/health/clear" not in (await admin.get(f"{HERE}/health")).body

    tell(tmp_path, story, objects=("contacts",))


def test_the_log_of_deeds_says_who_did_what(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        await confirm(world, admin)
        await begin(world, admin, "none")
        done = [deed for deed in await world.deeds() if "sandbox" in deed]
        assert done == ["new_sandbox_offered", "new_sandbox_connected", "new_sandbox_begun"]
        text = (await admin.get("/audit-log")).page.text
        assert "connected a new sandbox to" in text
        assert new.org_id in text

    tell(tmp_path, story, objects=("contacts",))


def test_the_app_that_was_entered_last_signs_in_where_none_is_typed(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        new = a_sandbox(world)
        await save_app(world.store, Side.SALESFORCE, "an-older-app", "secret")
        await asyncio.sleep(60)
        await save_app(world.store, Side.SALESFORCE, new.client_id, new.client_secret)
        away = await (await world.admin()).submit(PAGE, f"{PAGE}/sign-in")
        assert new.client_id in away.headers["refresh"]
        typed = await (await world.admin()).submit(PAGE, f"{PAGE}/sign-in", client_id="an-older-app")
        assert "an-older-app" in typed.headers["refresh"]
        async with world.store.read(None) as tx:
            known = await crm_apps.get(tx, 1)
        assert known is not None
        assert known.client_secret == "secret", "it keeps the secret that others sign in with"

    tell(tmp_path, story, objects=("contacts",))


def test_an_address_that_is_no_log_in_of_salesforce_is_refused_at_its_field(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        new = a_sandbox(world)
        app = {"client_id": new.client_id, "client_secret": new.client_secret}
        refused = await (await world.admin()).submit(PAGE, f"{PAGE}/sign-in", my_domain="evil.example", **app)
        assert refused.status == 502
        assert refused.page.all("div", id="my_domain-reason")

    tell(tmp_path, story, objects=("contacts",))


def test_a_program_does_the_same_by_the_api_after_a_person_has_signed_in(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        furnish(world)
        await world.turns()
        new = a_sandbox(world)
        ask = await a_program(world)
        assert (await ask("GET", ""))["stage"] == "none"
        await sign_in(world, await world.admin(), new)
        offered = await ask("GET", "")
        assert (offered["stage"], offered["salesforce"]["org_id"]) == ("offered", new.org_id)
        assert (offered["set_aside"]["links"], offered["offer"]["lacking"]) == (4, [])
        refused = await ask("POST", "/connect", {"seen": "something else"}, 412)
        assert refused["error"]["code"] == "changed_meanwhile"
        await ask("POST", "/connect", {"seen": offered["offer"]["seen"]})
        await prepare.wait(world.interlock, 1)
        moved = await ask("GET", "")
        assert (moved["stage"], moved["left"]["org_id"]) == ("moved", world.salesforce.org_id)
        assert (moved["preparation"]["state"], moved["preparation"]["ids_emptied"]) == ("done", 4)
        assert moved["preparation"]["preview"]["objects"]["contacts"]["create_in_salesforce"] == 1
        await ask("POST", "/prepare")
        await prepare.wait(world.interlock, 1)
        # Counted again there is nothing left to empty; what was stays told.
        assert (await ask("GET", ""))["preparation"]["ids_emptied"] == 4
        assert (await ask("POST", "/begin", {"existing": "all"}, 409))["error"]["code"] == "too_early"
        await asyncio.sleep(600)
        assert (await ask("POST", "/begin", {"existing": "all"}))["stage"] == "none"
        await world.turns()
        assert len(new.user().ids("Contact")) == 1
        assert (await ask("POST", "/give-up", {}, 409))["error"]["code"] == "no_new_sandbox"

    tell(tmp_path, story)


async def a_program(world: SettingsWorld) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Asks as an admin's program; gives the documents, each as its schema says."""
    assert world.store is not None
    admin = By("person:1")
    bearer = await programs.make(world.store, admin, "for tests", Role.ADMIN)

    async def ask(method: str, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        sent = b"" if method == "GET" else json.dumps(body if body is not None else {}).encode()
        answer = Said(await Browser(world.app).send(method, f"/api/v1/connections/1/new-sandbox{path}", sent, headers))
        assert answer.status == status, answer.answer.body
        return answer.document

    return ask
