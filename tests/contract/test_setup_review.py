"""What the review shows of a first sync, what has to be typed to finish, and what is shown after a trial and while it runs."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest
from tests.asgi_browser import Answer
from tests.contract.conftest import Clock
from tests.wizard import Person, Wizard

from interlock.app import first_sync, states, status
from interlock.app.connect import load_again
from interlock.app.people.roles import Role
from interlock.app.setup import opened, review
from interlock.app.times import rfc3339
from interlock.app.words import why_not
from interlock.core.model import LinkedBy, LinkState, Reason, RecordKey, RecordLink, Side
from interlock.store import connections, cursors, dirty, links

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    await wizard.signed_in()
    await wizard.install()
    return wizard


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two creates are confirmed by typing how many."""
    monkeypatch.setattr(review, "MANY_CREATES", 2)


async def at_the_review(wizard: Wizard, ada: Person, people: int = 0) -> Answer:
    """So many people in HubSpot that Salesforce lacks, all counted."""
    for n in range(people):
        wizard.hubspot.user().create("contacts", {"email": f"ada{n}@example.com", "lastname": "Lovelace"})
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


async def test_a_finish_goes_by_what_the_review_has_just_read_and_reads_again_what_it_has_made(
    wizard: Wizard, ada: Person
) -> None:
    shown = await at_the_review(wizard, ada)
    asked = len(wizard.line.sent)
    await ada.post("/setup/review", shown.page.form("/setup/review") | {"existing": "all", "go": "next"})
    assert (await wizard.finished()).state == "done"
    read = [url for url in wizard.line.sent[asked:] if url.endswith("/custom-properties")]
    # For the review, and once the properties that HubSpot lacked are there.
    assert len(read) == 2


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
    vera = await wizard.person("Vera", Role.VIEWER)
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


@pytest.mark.parametrize("way", ["by command", "by another choice"])
async def test_what_a_set_up_had_counted_is_not_told_of_a_first_sync_that_began_another_way_since(
    wizard: Wizard, ada: Person, way: str
) -> None:
    await at_the_review(wizard, ada, people=3)
    await ada.press("/setup/review", "/setup/review", existing="all", go="next")
    assert (await wizard.finished()).state == "done"
    connection = await wizard.connection()
    async with wizard.store.write(connection.id) as tx:
        assert await first_sync.expected(tx)
        if way == "by another choice":
            await load_again(tx, "link")
        else:
            # As `connect` leaves one that was disconnected, after a set-up of it that was given up.
            await connections.update(tx, connection.id or 0, begun_at_us=None, state="setting_up")
    if way == "by command":
        await states.begin(wizard.store, await wizard.connection())
    [told] = await status.status(wizard.store, [await wizard.connection()], wizard.clock())
    assert told.document["objects"]["contacts"]["first_sync"]["total"] is None


async def test_how_much_is_left_is_not_said_where_nobody_has_counted(wizard: Wizard, ada: Person) -> None:
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


async def test_a_trial_that_waits_since_before_an_upgrade_can_be_gone_on_with(wizard: Wizard, ada: Person) -> None:
    await at_the_review(wizard, ada, people=1)
    run = await wizard.end("try")
    await review.wait(wizard.interlock, wizard.setup_id)
    await opened.keep(wizard.store, wizard.setup_id, "finish", msgspec.structs.replace(run, choices=""))
    progress = f"/settings/progress?setup={wizard.setup_id}"
    assert (await ada.submit(progress, "/setup/review/continue")).to == progress
    assert (await wizard.finished()).state == "done"
