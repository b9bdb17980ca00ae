"""The wizard's pages behind Connect, in a browser without scripts, on both local CRMs."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from tests.asgi_browser import Answer, Browser
from tests.contract.conftest import Clock
from tests.office import PASSWORD, CountingHasher
from tests.wizard import BY, Wizard

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app import status
from interlock.app.people import manage, signing_in
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Role
from interlock.app.setup import connect, finish, opened, package, properties, review
from interlock.app.times import rfc3339
from interlock.app.words import why_not
from interlock.core.model import LinkedBy, LinkState, Reason, RecordKey, RecordLink, Side
from interlock.store import Store, cursors, dirty, links
from interlock.web.access import Asked
from interlock.web.app import make_app
from interlock.web.pages import progress

pytestmark = pytest.mark.anyio


class Person(Browser):
    """An admin at the wizard."""

    async def press(self, page: str, action: str, **typed: str) -> Answer:
        """Send a form of a page, and go where that leads."""
        answer = await self.submit(page, action, **typed)
        while answer.to is not None:
            answer = await self.get(answer.to)
        return answer


@pytest.fixture
async def wizard(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[Wizard]:
    made = Wizard(store, clock, tmp_path)
    await made.signed_in()
    try:
        yield made
    finally:
        await made.interlock.background.close()


@pytest.fixture
async def ada(wizard: Wizard) -> Person:
    passwords = Passwords(CountingHasher())
    await manage.add(wizard.store, BY, "ada@example.com", "Ada", Role.ADMIN, passwords, PASSWORD)
    person = Person(make_app(wizard.interlock, "http://127.0.0.1:8090", passwords))
    assert (await person.sign_in("ada@example.com", PASSWORD)).status == 303
    return person


async def installed(wizard: Wizard, ada: Person) -> Answer:
    await ada.press("/setup/package?stage=scope", "/setup/package/install", who="all")
    await ada.press("/setup/package?stage=dialog", "/setup/package/continue")
    await package.wait(wizard.interlock, wizard.setup_id)
    return await ada.get("/setup/package")


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
    slow = Wizard(store, clock, tmp_path, deploy_pending_s=300)
    await slow.signed_in()
    passwords = Passwords(CountingHasher())
    await manage.add(store, BY, "ada@example.com", "Ada", Role.ADMIN, passwords, PASSWORD)
    ada = Person(make_app(slow.interlock, "http://127.0.0.1:8090", passwords))
    await ada.sign_in("ada@example.com", PASSWORD)
    await ada.press("/setup/package?stage=scope", "/setup/package/install", who="all")
    running = await ada.press("/setup/package?stage=dialog", "/setup/package/continue")
    assert running.page.all("div", id="progress")[0]["hx-get"] == "/setup/package"
    clock.advance(61)
    assert "taking a long time" in (await ada.get("/setup/package")).page.text
    await slow.interlock.background.close()


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
    assert "The contacts of the list Customers of the north." in (await ada.get("/setup/review")).page.text


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


async def test_live_progress_ends_with_the_session_that_opened_it(
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


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two creates are confirmed by typing how many."""
    monkeypatch.setattr(review, "MANY_CREATES", 2)


async def at_the_review(wizard: Wizard, ada: Person, people: int = 0) -> Answer:
    """So many people in HubSpot that Salesforce lacks, all counted."""
    for n in range(people):
        wizard.hubspot.user().create("contacts", {"email": f"ada{n}@example.com", "lastname": "Lovelace"})
    await installed(wizard, ada)
    await ada.press("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    await review.wait(wizard.interlock, wizard.setup_id)
    return await ada.get("/setup/review")


@pytest.mark.usefixtures("few_are_many")
async def test_many_creates_begin_only_with_their_number_which_the_page_asks_for(wizard: Wizard, ada: Person) -> None:
    shown = await at_the_review(wizard, ada, people=3)
    assert "To create 3 records, type their number" in shown.page.text
    for typed in ("", "2"):
        refused = await ada.submit("/setup/review", "/setup/review", existing="all", go="next", count=typed)
        assert refused.status == 422
        assert "3 records would be created. Type 3 to confirm." in refused.page.text
    assert (await wizard.connection()).begun_at_us is None
    await ada.press("/setup/review", "/setup/review", existing="all", go="next", count="3")
    assert (await wizard.finished()).state == "done"


async def test_the_review_says_what_from_now_on_means_for_what_is_linked_already(wizard: Wizard, ada: Person) -> None:
    shown = await at_the_review(wizard, ada, people=1)
    assert "From the moment when you finish the set-up." in shown.page.text
    assert "linked already" not in shown.page.text
    await wizard.end("try")
    tried = await ada.get("/setup/review")
    assert "The 1 pair that is linked already is compared" in tried.page.text


@pytest.mark.usefixtures("few_are_many")
async def test_a_few_creates_need_no_number(wizard: Wizard, ada: Person) -> None:
    shown = await at_the_review(wizard, ada, people=2)
    assert "type their number" not in shown.page.text
    await ada.press("/setup/review", "/setup/review", existing="all", go="next")
    assert (await wizard.finished()).state == "done"


async def test_a_count_says_when_it_was_made_and_is_made_again_after_an_hour(
    wizard: Wizard, ada: Person, clock: Clock
) -> None:
    shown = await at_the_review(wizard, ada, people=1)
    moment = (rfc3339(clock()) or "")[:19].replace("T", " ")
    assert f"Counted {moment} UTC" in shown.page.text
    wizard.hubspot.user().create("contacts", {"email": "grace@example.com", "lastname": "Hopper"})
    clock.advance(2 * 3_600.0)
    refused = await ada.post(
        "/setup/review", {**shown.page.form("/setup/review"), "existing": "all", "go": "next", "count": "1"}
    )
    assert refused.status == 422
    assert "not known yet" in refused.page.text
    await review.wait(wizard.interlock, wizard.setup_id)
    await ada.get("/setup/review")
    kept = await review.counted(wizard.interlock, wizard.setup_id)
    assert kept is not None
    assert kept.creates == 2


@pytest.mark.usefixtures("few_are_many")
async def test_continue_after_a_trial_creates_many_only_with_their_number(wizard: Wizard, ada: Person) -> None:
    await at_the_review(wizard, ada, people=13)
    await ada.press("/setup/review", "/setup/review", existing="try", go="next")
    await wizard.finished()
    await review.wait(wizard.interlock, wizard.setup_id)
    progress = f"/settings/progress?setup={wizard.setup_id}"
    shown = await ada.get(progress)
    assert "creates 3 records that the other side lacks" in shown.page.text
    assert "To create 3 records, type their number" in shown.page.text
    refused = await ada.submit(progress, "/setup/review/continue")
    assert refused.status == 422
    assert "3 records would be created. Type 3 to confirm." in refused.page.text
    assert (await wizard.finished()).state == "tried"
    assert (await ada.submit(progress, "/setup/review/continue", count="3")).to == progress
    assert (await wizard.finished()).state == "done"
    assert (await wizard.connection()).state == "first_sync"


async def test_a_trial_shows_both_sides_and_names_what_is_not_synced_yet(wizard: Wizard, ada: Person) -> None:
    await at_the_review(wizard, ada, people=2)
    run = await wizard.end("try")
    progress = f"/settings/progress?setup={wizard.setup_id}"
    shown = (await ada.get(progress)).page
    assert "These records are synced." in shown.text
    assert len(shown.all("td", **{"data-label": "In Salesforce"})) >= 2
    assert "ada0@example.com" in shown.text
    first, second = run.trial
    waiting = msgspec.structs.replace(second, salesforce=None, values=[], fields=[])
    run = msgspec.structs.replace(run, trial=[first, waiting])
    await opened.keep(wizard.store, wizard.setup_id, "finish", run)
    shown = (await ada.get(progress)).page
    assert "Synced so far: 1 of these 2 records." in shown.text
    assert "Not synced yet: a CRM has not taken it so far." in shown.text


async def test_continue_long_after_a_trial_counts_before_it_creates(
    wizard: Wizard, ada: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at_the_review(wizard, ada, people=1)
    await wizard.end("try")
    await review.wait(wizard.interlock, wizard.setup_id)
    for n in range(3):
        wizard.hubspot.user().create("contacts", {"email": f"late{n}@example.com", "lastname": "Hopper"})
    clock.advance(2 * 3_600.0)
    monkeypatch.setattr(review, "MANY_CREATES", 2)
    progress = f"/settings/progress?setup={wizard.setup_id}"
    assert "Continue counts it first" in (await ada.get(progress)).page.text
    assert (await ada.submit(progress, "/setup/review/continue")).status == 422
    await review.wait(wizard.interlock, wizard.setup_id)
    assert "creates 3 records that the other side lacks" in (await ada.get(progress)).page.text
    assert (await wizard.connection()).begun_at_us is None
    await ada.submit(progress, "/setup/review/continue", count="3")
    assert (await wizard.finished()).state == "done"


async def test_continue_begins_nothing_that_somebody_chose_after_the_trial(wizard: Wizard, ada: Person) -> None:
    await at_the_review(wizard, ada, people=1)
    await wizard.end("try")
    await review.wait(wizard.interlock, wizard.setup_id)
    await wizard.advanced(in_hubspot=False)
    await wizard.choose()
    refused = await ada.submit(f"/settings/progress?setup={wizard.setup_id}", "/setup/review/continue")
    assert refused.status == 409
    assert "A step of this set-up was changed" in refused.page.text
    assert ((await wizard.finished()).state, (await wizard.connection()).begun_at_us) == ("tried", None)


async def test_a_viewer_sees_what_was_tried_and_no_button_to_go_on(wizard: Wizard, ada: Person) -> None:
    await at_the_review(wizard, ada, people=1)
    await wizard.end("try")
    passwords = Passwords(CountingHasher())
    await manage.add(wizard.store, BY, "vera@example.com", "Vera", Role.VIEWER, passwords, PASSWORD)
    vera = Person(ada.app)
    await vera.sign_in("vera@example.com", PASSWORD)
    progress = f"/settings/progress?setup={wizard.setup_id}"
    for person, may in ((ada, True), (vera, False)):
        page = (await person.get(progress)).page
        assert "These records are synced." in page.text
        assert bool(page.all("form", action="/setup/review/continue")) is may
        assert bool([a for a in page.all("a") if "/setup/" in str(a.get("href"))]) is may


async def test_what_is_left_of_the_first_sync_is_all_that_was_counted_and_not_only_the_page_at_work(
    wizard: Wizard, ada: Person, clock: Clock
) -> None:
    await at_the_review(wizard, ada, people=30)
    await ada.press("/setup/review", "/setup/review", existing="all", go="next")
    assert (await wizard.finished()).state == "done"
    connection = await wizard.connection()
    made = [
        RecordLink(
            "contacts", str(n), "Contact", f"003{n}", LinkState.LINKED, LinkedBy.CREATED_IN_SALESFORCE, 1, {}, {}
        )
        for n in range(10)
    ]
    async with wizard.store.write(connection.id) as tx:
        await cursors.set(tx, "load:contacts", {"phase": "hubspot", "after": "10"})
        await links.insert(tx, made)
        await dirty.mark(tx, "contacts", [RecordKey(Side.HUBSPOT, "contacts", "11")], Reason.EXISTING, clock())
    clock.advance(10.0)
    [told] = await status.status(wizard.store, [connection], clock())
    first_sync = {"done": 10, "total": 30, "rate_per_second": 1.0, "eta_seconds": 20.0}
    assert told.document["objects"]["contacts"]["first_sync"] == first_sync
    shown = await ada.get(f"/settings/progress?setup={wizard.setup_id}")
    assert "about 20" in shown.page.text


async def test_how_much_is_left_is_not_said_where_nobody_has_counted(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await wizard.recommended()
    await wizard.end("all")
    async with wizard.store.write((await wizard.connection()).id) as tx:
        await dirty.mark(tx, "contacts", [RecordKey(Side.HUBSPOT, "contacts", "11")], Reason.EXISTING, 0)
    page = (await ada.get(f"/settings/progress?setup={wizard.setup_id}")).page
    assert page.text.count("about") == 0
    [status_of] = await status.status(wizard.store, [await wizard.connection()], wizard.clock())
    assert status_of.document["objects"]["contacts"]["first_sync"]["total"] is None


async def test_what_a_first_sync_does_is_shown_by_kind_with_examples_reasons_and_a_file(
    wizard: Wizard, ada: Person
) -> None:
    person, admin = wizard.hubspot.user(), wizard.production.user()
    person.create("contacts", {"email": "new@example.com", "lastname": "New"})
    person.create("contacts", {"email": "twice@example.com", "lastname": "Twice"})
    for n in range(2):
        admin.create("Contact", {"Email": "twice@example.com", "LastName": f"Twice {n}"})
    nameless = person.create("contacts", {"firstname": "Nobody"})
    shown = (await at_the_review(wizard, ada)).page
    assert "See examples: Contacts" in shown.text
    seen = await review.counted(wizard.interlock, wizard.setup_id)
    assert seen is not None
    counts = seen.document["objects"]["contacts"]
    assert (counts["create_in_salesforce"], counts["ambiguous"]) == (1, 3)
    assert counts["blocked_reasons"], "nothing can match who has neither name nor address"
    for why, n in counts["blocked_reasons"].items():
        assert f"Contacts: {n} blocked: {why_not(why)}" in shown.text
    assert f"hubspot:contacts:{nameless}" in shown.text
    [link] = [a for a in shown.all("a") if "interlock-preview.csv" in str(a.get("href"))]
    answer = await ada.get(str(link["href"]))
    assert answer.headers["content-disposition"] == 'attachment; filename="interlock-preview.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.removeprefix("\ufeff"))))
    told = {(row["action"], row["property"]): row for row in rows if row["object"] == "contacts"}
    assert told["create_in_salesforce", "email"]["result"] == "new@example.com"
    assert told["ambiguous", ""]["reason"] in shown.text
    assert told["blocked", ""]["reason"] in shown.text
