"""The wizard's pages behind Connect, in a browser without scripts, on both local CRMs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from tests.contract.conftest import Clock
from tests.wizard import Person, Wizard, a_wizard, installed

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app.people import signing_in
from interlock.app.setup import connect, contacts, finish, package, properties, review
from interlock.app.setup.contacts import LISTS_SHOWN
from interlock.store import Store
from interlock.web.access import Asked
from interlock.web.pages import progress

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    await wizard.signed_in()
    return wizard


async def test_recommended_takes_seven_presses_from_connect_to_syncing(wizard: Wizard, ada: Person) -> None:
    shown = await ada.get("/setup/package")
    assert "Begin Salesforce package install" in shown.page.text
    scope = await ada.get("/setup/package?stage=scope")
    assert "Install for All Users" in scope.page.text
    dialog = await ada.press("/setup/package?stage=scope", "/setup/package/install", who="all")
    assert "Yes, grant access to these third-party web sites" in dialog.page.text
    assert "interlock.example" in dialog.page.text
    await ada.press("/setup/package?stage=dialog", "/setup/package/continue")
    await package.wait(wizard.interlock, wizard.setup_id)
    done = await ada.get("/setup/package")
    assert "Done. The package is installed." in done.page.text
    configuration = await ada.press("/setup/package", "/setup/package", go="next")
    assert "Salesforce fields have no HubSpot property" in configuration.page.text
    shown = await ada.press("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    assert "All contacts." in shown.page.text
    await review.wait(wizard.interlock, wizard.setup_id)
    counted = (await ada.get("/setup/review")).page.text
    assert "API calls and time" in counted
    assert "less than a minute" in counted
    assert "preview" in await kept_names(wizard)
    progress = await ada.press("/setup/review", "/setup/review", existing="none", go="next")
    assert progress.status == 200
    await finish.wait(wizard.interlock, wizard.setup_id)
    last = await ada.get(f"/settings/progress?setup={wizard.setup_id}")
    assert "The first sync is running." in last.page.text
    assert (await wizard.connection()).state == "first_sync"
    assert await kept_names(wizard) == {"finish"}, "what was shown of records on the way is not kept"


async def kept_names(wizard: Wizard) -> set[str]:
    async with wizard.store.read(None) as tx:
        rows = await tx.rows("SELECT name FROM setup_work WHERE setup_id = ?", wizard.setup_id)
    return {name for (name,) in rows}


async def test_a_failed_install_says_what_to_do_and_is_tried_again(wizard: Wizard, ada: Person) -> None:
    failure = PlannedFailure("CustomField", "Lead.Interlock_HubSpot_Id__c", "Lead is full", 1)
    wizard.production.deployments.failures.append(failure)
    failed = await installed(wizard, ada)
    assert "Lead is full" in failed.page.text
    assert "external id" in failed.page.text
    await ada.press("/setup/package", "/setup/package/again")
    await package.wait(wizard.interlock, wizard.setup_id)
    assert "Done." in (await ada.get("/setup/package")).page.text


async def test_the_page_of_a_running_install_asks_again_by_itself_and_says_that_it_may_be_left(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    async with a_wizard(store, clock, tmp_path, deploy_pending_s=300) as slow:
        await slow.signed_in()
        ada = await slow.person()
        await ada.press("/setup/package?stage=scope", "/setup/package/install", who="all")
        running = await ada.press("/setup/package?stage=dialog", "/setup/package/continue")
        assert running.page.all("div", id="progress")[0]["hx-get"] == f"/setup/package?setup={slow.setup_id}"
        clock.advance(61)
        assert "taking a long time" in (await ada.get("/setup/package")).page.text


async def test_a_rule_is_set_for_the_ticked_rows_and_a_locked_one_says_why(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await ada.press("/setup/configuration", "/setup/configuration", which="advanced", missing="create")
    await ada.press("/setup/contacts", "/setup/contacts", which="all", in_salesforce="Contact", in_hubspot="update")
    page = "/setup/properties?tab=contacts&search=title"
    ticked = {"row:contacts/jobtitle": "yes", "rule": "two_way"}
    answer = await ada.submit(page, "/setup/properties/rule", **ticked)
    assert answer.to == "/setup/properties?tab=contacts&search=title"
    [row] = properties.draft_of(await wizard.setup(), await wizard.found()).rows["contacts"][4:5]
    assert (row.property, row.rule.value) == ("jobtitle", "two_way")
    ticked = {"row:contacts/email": "yes", "rule": "dont_sync"}
    refused = await ada.submit("/setup/properties?search=email", "/setup/properties/rule", **ticked)
    assert refused.status == 422
    assert "identifies the contact" in refused.page.text


async def test_an_object_that_is_switched_off_has_no_rows(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await ada.press("/setup/configuration", "/setup/configuration", which="advanced", missing="create")
    await ada.press("/setup/contacts", "/setup/contacts", which="all", in_salesforce="Contact", in_hubspot="update")
    off = await ada.press("/setup/properties", "/setup/properties/object", object="deals", on="")
    assert "This object does not sync" in off.page.text


async def test_change_on_the_review_comes_straight_back(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await ada.press("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    page = "/setup/configuration?back=review"
    answer = await ada.submit(page, "/setup/configuration", which="recommended", missing="leave_out")
    assert answer.to == "/setup/review"


async def test_a_list_is_found_by_its_name_and_kept_with_it(wizard: Wizard, ada: Person) -> None:
    wizard.hubspot.user().create_list("contacts", "Customers of the north", [])
    await installed(wizard, ada)
    await ada.press("/setup/configuration", "/setup/configuration", which="advanced", missing="create")
    found = await ada.press("/setup/contacts", "/setup/contacts", which="list", search="north", go="search")
    assert "Customers of the north (manual, 0)" in found.page.text
    [radio] = found.page.all("input", name="list_id")
    typed = {"which": "list", "list_id": str(radio["value"]), "in_salesforce": "Contact", "in_hubspot": "nothing"}
    await ada.press("/setup/contacts", "/setup/contacts", **typed)
    await ada.press("/setup/properties", "/setup/properties", go="next")
    await wizard.choose()
    assert "The contacts of the list Customers of the north." in (await ada.get("/setup/review")).page.text


async def test_a_list_that_is_chosen_stays_so_where_it_is_not_among_those_shown(wizard: Wizard, ada: Person) -> None:
    hugo = wizard.hubspot.user()
    for number in range(LISTS_SHOWN):
        hugo.create_list("contacts", f"Campaign {number}", [])
    chosen = hugo.create_list("contacts", "Customers of the north", [])
    await wizard.install()
    await wizard.advanced(list_id=chosen, list_name="Customers of the north")
    for number in range(2):  # and where HubSpot does not answer
        page = (await ada.get("/setup/contacts")).page
        assert page.form("/setup/contacts")["list_id"] == chosen
        assert "Customers of the north" in page.text
        assert ("Only the first 50 lists are shown: search for a part of the name." in page.text) is (number == 0)
        wizard.hubspot.faults.add({"match": {"path_prefix": "/crm/"}, "kind": "status", "status": 400})
    wizard.hubspot.faults.clear()
    await ada.press("/setup/contacts", "/setup/contacts", in_hubspot="nothing", go="next")
    values = contacts.values_of(await wizard.setup())
    assert (values.list_id, values.list_name, values.in_hubspot) == (chosen, "Customers of the north", False)


async def test_what_was_tried_is_undone_after_its_preview_and_another_choice_can_be_made(
    wizard: Wizard, ada: Person
) -> None:
    wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    await installed(wizard, ada)
    await wizard.recommended()
    await wizard.end("try")
    progress = f"/settings/progress?setup={wizard.setup_id}"
    undo = f"/setup/review/undo?setup={wizard.setup_id}"
    assert undo in [a.get("href") for a in (await ada.get(progress)).page.all("a")]
    preview = await ada.get(undo)
    assert "1 record that a sync created could be deleted again." in preview.page.text
    refused = await ada.submit(undo, "/setup/review/undo", count="2")
    assert refused.status == 422
    assert "2 is not 1." in refused.page.text
    assert len(wizard.salesforce_rows("Contact")) == 1
    sent = await ada.submit(undo, "/setup/review/undo", count="1")
    assert sent.to == progress
    await finish.wait(wizard.interlock, wizard.setup_id)
    told = (await ada.get(progress)).page
    assert "1 record was deleted again." in told.text
    assert f"/setup/review?setup={wizard.setup_id}" in [a.get("href") for a in told.all("a")]
    assert wizard.salesforce_rows("Contact") == []
    assert (await ada.get(undo)).to == progress


async def test_nobody_gives_up_on_the_page_what_is_being_finished(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await ada.press("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    question = f"/setup/give-up?setup={wizard.setup_id}"
    form = (await ada.get(question)).page.form("/setup/give-up")
    await wizard.go_on(go_on=False)
    refused = await ada.post("/setup/give-up", form)
    assert refused.status == 409
    assert "being finished" in refused.page.text
    assert (await wizard.finished()).state == "done"
    assert (await wizard.connection()).state == "first_sync"


async def test_live_progress_ends_with_the_session_that_opened_it_and_says_so(
    wizard: Wizard, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wizard.install()
    await wizard.recommended()
    await wizard.end()  # and the first sync begins
    monkeypatch.setattr(progress, "EVERY_S", 0)
    session = ada.cookies["interlock_session"]
    visitor = await signing_in.whose(wizard.store, session)
    path = "/settings/progress/events"
    query = f"setup={wizard.setup_id}".encode()
    request = Request({"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []})
    answer = await progress.events(Asked(ada.app.state.site, request, visitor, {}, "", session))
    assert isinstance(answer, StreamingResponse)
    said = aiter(answer.body_iterator)
    assert bytes(await anext(said)).startswith(b"event: progress")
    await signing_in.sign_out(wizard.store, session, "127.0.0.1")
    assert bytes(await anext(said)).startswith(b"event: over\ndata: You are signed out")
    assert bytes(await anext(said)).startswith(b"event: end")
    with pytest.raises(StopAsyncIteration):
        await anext(said)


async def test_nobody_begins_with_what_somebody_else_chose_after_the_review_was_shown(
    wizard: Wizard, ada: Person
) -> None:
    await installed(wizard, ada)
    await ada.press("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    await review.wait(wizard.interlock, wizard.setup_id)
    form = (await ada.get("/setup/review")).page.form("/setup/review")
    await wizard.advanced()
    await wizard.choose(rules={"contacts/firstname": "always_hubspot"})
    refused = await ada.post("/setup/review", {**form, "existing": "none", "go": "next"})
    assert refused.status == 409
    assert "Nothing was begun" in refused.page.text
    assert (await wizard.connection()).begun_at_us is None
    await review.wait(wizard.interlock, wizard.setup_id)
    await ada.press("/setup/review", "/setup/review", existing="none", go="next")
    assert (await wizard.finished()).state == "done"


async def test_the_preview_of_one_account_is_not_shown_for_another_like_it(wizard: Wizard) -> None:
    await wizard.install()
    await wizard.recommended()
    await wizard.preview()
    setup, found = await wizard.setup(), await wizard.found()
    before = review.fingerprint(setup, found)
    values = connect.values_of(setup)
    assert values.hubspot is not None
    other = msgspec.structs.replace(values.hubspot.identity, account_id="1")
    signed_in = msgspec.structs.replace(values.hubspot, identity=other)
    await wizard.keep(connect.slug, msgspec.structs.replace(values, hubspot=signed_in))
    assert review.fingerprint(await wizard.setup(), found) != before
