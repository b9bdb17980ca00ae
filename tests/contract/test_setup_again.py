"""A connection that was disconnected goes through the wizard again: nothing is made twice, and giving up takes nothing with it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import Clock
from tests.wizard import BY, Person, Wizard, a_wizard

from interlock.app import connect as joining
from interlock.app import disconnect, once, status
from interlock.app.connections import PAUSED_OBJECTS
from interlock.app.errors import BadInput, Stale, Stopped
from interlock.app.schemas import Schemas
from interlock.app.setup import connect, review, signing_in
from interlock.core.model import Issue, IssueCategory, Reason, RecordKey, Side
from interlock.engine import backfill, import_, resync
from interlock.mapping_input import read_text
from interlock.store import Store, connections, dirty, issues, links
from interlock.store.connections import Connection

pytestmark = pytest.mark.anyio

HUBSPOT, SALESFORCE = "https://api.hubapi.com", "https://elsewhere.my.salesforce.com"
WRONG = """\
version: 1
objects:
  contacts:
    Contact:
      fields:
        - {property: fax, field: Telefax__c}
"""


@pytest.fixture
async def wizard(wizard: Wizard, tmp_path: Path) -> Wizard:
    """Disconnected after a first sync of one person, and signed in to once more."""
    wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    await wizard.signed_in()
    await set_up(wizard, "all")
    await synced(wizard)
    await disconnected(wizard, tmp_path)
    await wizard.signed_in()
    return wizard


async def set_up(wizard: Wizard, existing: str) -> None:
    assert (await wizard.install()).state == "done"
    await wizard.recommended()
    run = await wizard.end(existing)
    assert (run.state, run.message) == ("done", "")


async def disconnected(wizard: Wizard, folder: Path) -> None:
    await disconnect.disconnect(
        wizard.store,
        await the_connection(wizard),
        partial(wizard.interlock.clients, deploying=True),
        wizard.interlock.crms,
        wizard.clock,
        folder,
        keep_package=False,
        by=BY,
    )


async def synced(wizard: Wizard) -> None:
    await once.once(wizard.store, await the_connection(wizard), wizard.interlock.clients, wizard.interlock.clock_us)


async def the_connection(wizard: Wizard) -> Connection:
    async with wizard.store.read(None) as tx:
        (found,) = await connections.list_(tx)
    return found


async def pairs(wizard: Wizard) -> int:
    async with wizard.store.read((await the_connection(wizard)).id) as tx:
        return (await links.counts(tx)).get("contacts", {}).get("linked", 0)


async def test_it_is_the_same_connection_and_goes_on_with_its_pairs(wizard: Wizard) -> None:
    before = await the_connection(wizard)
    assert (before.state, await pairs(wizard)) == ("not_connected", 1)
    await set_up(wizard, "all")
    after = await the_connection(wizard)
    assert (after.id, after.begun_at_us, after.state) == (before.id, before.begun_at_us, "first_sync")
    wizard.hubspot.user().create("contacts", {"email": "bo@example.com", "lastname": "Boole"})
    await synced(wizard)
    assert len(wizard.salesforce_rows("Contact")) == 2
    assert await pairs(wizard) == 2


async def test_the_review_tells_what_was_chosen_before_and_stays(wizard: Wizard, ada: Person) -> None:
    before = await the_connection(wizard)
    chosen = {
        "choices": {"deletes": {"contacts": "both"}},
        "salesforce_filters": {"Contact": "Email != null"},
        "person_rules": [{"when": "account_exists", "create_as": "Lead"}],
    }
    async with wizard.store.write(None) as tx:
        await connections.update(tx, before.id or 0, settings={**before.settings, **chosen})
    await wizard.install()
    await wizard.recommended()
    await review.wait(wizard.interlock, wizard.setup_id)
    shown = (await ada.get("/setup/review")).page.text
    for told in (
        "Contacts: chosen before, and kept",
        "When a record is deleted on one side: Delete on the other side, both ways",
        "Of Contact in Salesforce only records sync that fit: Email != null",
        "There is an account of the company, or with the domain of the e-mail address: Lead",
    ):
        assert told in shown
    assert "Deals: chosen before" not in shown


async def test_nothing_syncs_before_it_is_finished(wizard: Wizard) -> None:
    await wizard.install()
    await wizard.found()
    now = await the_connection(wizard)
    assert (now.state, now.begun_at_us) == ("setting_up", None)


async def test_what_is_refused_on_the_way_to_another_org_leaves_the_old_one_with_its_links(wizard: Wizard) -> None:
    before = await the_connection(wizard)
    with pytest.raises(BadInput, match=r"Telefax__c"):
        await to_another_org(wizard, config=read_text(WRONG, "mappings.yaml"))
    assert (await the_connection(wizard), await pairs(wizard)) == (before, 1)


async def test_one_that_is_joined_to_its_own_org_again_meanwhile_is_not_forgotten_for_another(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await the_connection(wizard)
    read_schemas = joining.read_schemas

    async def meanwhile(*arguments: Any) -> Schemas:
        async with wizard.store.write(before.id) as tx:
            await connections.update(tx, before.id or 0, state="idle")
        return await read_schemas(*arguments)

    monkeypatch.setattr(joining, "read_schemas", meanwhile)
    with pytest.raises(Stale, match="connected again by somebody else"):
        await to_another_org(wizard)
    assert await pairs(wizard) == 1


async def to_another_org(wizard: Wizard, config: Any = None) -> None:
    """As `interlock connect` does, with the same HubSpot account."""
    await wizard.install()
    async with wizard.interlock.setup_clients(await wizard.setup()) as clients:
        organization = await clients.salesforce.organization()
        elsewhere = msgspec.structs.replace(organization, id="00D0000000other")

        async def other() -> Any:
            return elsewhere

        clients.salesforce.organization = other  # type: ignore[method-assign]
        request = joining.ConnectRequest(HUBSPOT, SALESFORCE, make=False, start=False, by=BY, config=config)
        await joining.join(wizard.store, clients.hubspot, clients.salesforce, request, wizard.interlock.clock_us)


async def test_nobody_begins_what_a_set_up_has_joined_and_not_finished(wizard: Wizard) -> None:
    await wizard.install()
    await wizard.found()
    with pytest.raises(Stopped, match="being set up on the pages"):
        await synced(wizard)
    (told,) = await status.status(wizard.store, [await the_connection(wizard)], wizard.interlock.clock_us())
    (action,) = told.document["next_actions"]
    assert "finish it, or give it up" in action["text"]
    assert (await the_connection(wizard)).begun_at_us is None
    await wizard.recommended()
    assert (await wizard.end("all")).state == "done"
    await synced(wizard)


async def test_giving_it_up_leaves_it_disconnected_with_all_that_is_remembered(wizard: Wizard) -> None:
    await wizard.install()
    await wizard.found()
    async with wizard.interlock.crms() as crms:
        await signing_in.give_up(wizard.store, crms, BY, wizard.setup_id)
    assert ((await the_connection(wizard)).state, await pairs(wizard)) == ("not_connected", 1)
    async with wizard.store.read(None) as tx:
        assert await tx.rows("SELECT name FROM setup_work WHERE setup_id = ?", wizard.setup_id) == [], (
            "what was shown of records on the way is not kept"
        )


async def test_it_can_be_set_up_with_another_org_in_which_pairs_are_found_anew(wizard: Wizard) -> None:
    """As with a sandbox that was refreshed: what is in it is linked, what is not is made, and nothing twice."""
    user = wizard.hubspot.user()
    (ada,) = user.ids("contacts")
    assert user.get("contacts", ada)["interlock_salesforce_id"]  # of the org that it was with
    user.create("contacts", {"email": "bo@example.com", "lastname": "Boole"})
    wizard.sandbox.user().create("Contact", {"Email": "bo@example.com", "LastName": "Boole"})
    values = connect.values_of(await wizard.setup())
    assert values.hubspot is not None
    other = await wizard.sign_in(Side.SALESFORCE, sandbox=True, other_account=values.hubspot.identity.account_id)
    signed_in = connect.SignedIn(other.identity, other.grant_id)
    await wizard.keep(connect.slug, msgspec.structs.replace(values, salesforce=signed_in))
    await set_up(wizard, "all")
    await synced(wizard)
    now = await the_connection(wizard)
    assert (now.salesforce_org_id, await pairs(wizard)) == (wizard.sandbox.org.org_id, 2)
    emails = [row.values["Email"] for row in wizard.sandbox.org.tables["Contact"].rows.values() if not row.deleted]
    assert sorted(emails) == ["ada@example.com", "bo@example.com"]
    assert user.get("contacts", ada)["interlock_salesforce_id"] in wizard.sandbox.org.tables["Contact"].rows


async def while_the_schemas_are_read(monkeypatch: pytest.MonkeyPatch, wizard: Wizard, **changes: Any) -> None:
    """Somebody else changes the connection at the moment when joining waits for the CRMs."""
    id_ = (await the_connection(wizard)).id
    assert id_ is not None
    read = joining.read_schemas

    async def read_slowly(*arguments: Any) -> Schemas:
        async with wizard.store.write(id_) as tx:
            await connections.update(tx, id_, **changes)
        return await read(*arguments)

    monkeypatch.setattr(joining, "read_schemas", read_slowly)


async def test_one_that_begins_to_sync_while_another_set_up_joins_it_goes_on(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wizard.install()
    await while_the_schemas_are_read(monkeypatch, wizard, state="first_sync", begun_at_us=wizard.clock())
    with pytest.raises(Stale, match="somebody else"):
        await wizard.found()
    now = await the_connection(wizard)
    assert (now.state, now.begun_at_us) == ("first_sync", wizard.clock())


async def test_what_is_set_while_a_set_up_joins_stays_set(wizard: Wizard, monkeypatch: pytest.MonkeyPatch) -> None:
    await wizard.install()
    settings = {**(await the_connection(wizard)).settings, PAUSED_OBJECTS: ["deals"]}
    await while_the_schemas_are_read(monkeypatch, wizard, settings=settings)
    await wizard.found()
    assert (await the_connection(wizard)).settings[PAUSED_OBJECTS] == ["deals"]


async def test_the_preview_counts_the_records_that_the_first_set_up_left_alone(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """The finish may have them looked at once more, and create them: that is what has to be confirmed."""
    async with a_wizard(store, clock, tmp_path) as wizard:
        wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
        wizard.production.user().create("Contact", {"Email": "grace@example.com", "LastName": "Hopper"})
        clock.advance(86_400.0)
        await wizard.signed_in()
        await set_up(wizard, "none")
        await synced(wizard)
        assert await pairs(wizard) == 0
        await disconnected(wizard, tmp_path)
        await wizard.signed_in()
        await wizard.install()
        await wizard.recommended()
        seen = await wizard.preview()
    assert seen.state == "done", seen.message
    counts = seen.document["objects"]["contacts"]
    assert (counts["create_in_hubspot"], counts["create_in_salesforce"]) == (1, 1)


class TestFromNowOn:
    """*Only what changes from now on*, chosen for a connection that was disconnected for a day."""

    async def test_what_was_edited_of_a_pair_meanwhile_is_carried_over_on_both_sides(
        self, wizard: Wizard, clock: Clock
    ) -> None:
        (ada,) = wizard.hubspot.user().ids("contacts")
        (ada_there,) = wizard.production.user().ids("Contact")
        wizard.hubspot.user().update("contacts", ada, {"jobtitle": "Countess"})
        wizard.production.user().update("Contact", ada_there, {"Phone": "+44 20 7946 0000"})
        clock.advance(86_400.0)
        await set_up(wizard, "none")
        await synced(wizard)
        assert wizard.production.user().get("Contact", ada_there)["Title"] == "Countess"
        assert wizard.hubspot.user().get("contacts", ada)["phone"] == "+44 20 7946 0000"

    async def test_the_review_counts_the_pairs_that_would_be_looked_at(self, wizard: Wizard) -> None:
        await wizard.install()
        assert await review.pairs_of(wizard.interlock, await wizard.found()) == 1

    async def test_a_pair_of_which_one_record_was_deleted_meanwhile_rests(self, wizard: Wizard, clock: Clock) -> None:
        (ada_there,) = wizard.production.user().ids("Contact")
        wizard.production.user().delete("Contact", ada_there)
        clock.advance(86_400.0)
        await set_up(wizard, "none")
        await synced(wizard)
        assert (await pairs(wizard), wizard.salesforce_rows("Contact")) == (0, [])

    async def test_what_has_no_pair_and_changed_before_is_left_alone(self, wizard: Wizard, clock: Clock) -> None:
        bo = wizard.hubspot.user().create("contacts", {"email": "bo@example.com", "lastname": "Boole"})
        wizard.production.user().create("Contact", {"Email": "grace@example.com", "LastName": "Hopper"})
        wizard.hubspot.user().create("contacts", {"email": "cy@example.com", "lastname": "Young"})
        wizard.production.user().create("Contact", {"Email": "cy@example.com", "LastName": "Young"})
        # This one was found before the disconnect, could not be created, and would be tried again.
        await due_with_an_issue(wizard, RecordKey(Side.HUBSPOT, "contacts", bo))
        clock.advance(86_400.0)
        await set_up(wizard, "none")
        await synced(wizard)
        assert (len(wizard.hubspot.user().ids("contacts")), len(wizard.salesforce_rows("Contact"))) == (3, 3)
        assert await pairs(wizard) == 1
        async with wizard.store.read((await the_connection(wizard)).id) as tx:
            assert await issues.list_(tx, status=("open", "waiting")) == ([], None)

    async def test_what_changes_after_the_finish_was_pressed_is_not_lost(self, wizard: Wizard, clock: Clock) -> None:
        bo = wizard.hubspot.user().create("contacts", {"email": "bo@example.com", "lastname": "Boole"})
        clock.advance(86_400.0)
        assert (await wizard.install()).state == "done"
        await wizard.recommended()
        await wizard.keep(review.slug, review.Values("none"))
        pressed_us = clock()
        await wizard.go_on(go_on=False)
        # It takes its time, and nobody syncs for a while after it has begun.
        clock.advance(3_600.0)
        wizard.hubspot.user().update("contacts", bo, {"jobtitle": "Professor"})
        wizard.production.user().create("Contact", {"Email": "grace@example.com", "LastName": "Hopper"})
        assert (await wizard.finished()).state == "done"
        assert (await the_connection(wizard)).begun_at_us == pressed_us
        clock.advance(3_600.0)
        await synced(wizard)
        assert (len(wizard.hubspot.user().ids("contacts")), len(wizard.salesforce_rows("Contact"))) == (3, 3)

    async def test_who_joined_the_list_meanwhile_is_left_alone_and_who_joins_now_syncs(
        self, wizard: Wizard, clock: Clock
    ) -> None:
        user = wizard.hubspot.user()
        bo = user.create("contacts", {"email": "bo@example.com", "lastname": "Boole"})
        cy = user.create("contacts", {"email": "cy@example.com", "lastname": "Young"})
        customers = user.create_list("contacts", "Customers", [bo])
        clock.advance(86_400.0)
        assert (await wizard.install()).state == "done"
        await wizard.advanced(list_id=customers, list_name="Customers")
        await wizard.choose()
        assert (await wizard.end("none")).state == "done"
        clock.advance(3_600.0)
        user.change_list(customers, [cy])
        clock.advance(3_600.0)
        await synced(wizard)
        there = {row["Email"] for row in wizard.salesforce_rows("Contact")}
        assert "cy@example.com" in there
        assert "bo@example.com" not in there


async def due_with_an_issue(wizard: Wizard, key: RecordKey) -> None:
    raised = Issue(
        IssueCategory.PROPERTY_VALUES, "refused", "error", "contacts", key.id, None, None, "It was refused.", "Mend it.",
        next_try_us=1,
    )  # fmt: skip
    async with wizard.store.write((await the_connection(wizard)).id) as tx:
        await dirty.mark(tx, "contacts", [key], Reason.RETRY, tx.now_us)
        await issues.raise_(tx, [raised])


async def test_what_was_asked_for_before_the_disconnection_is_not_gone_on_with(wizard: Wizard) -> None:
    """A resync of all would make what *Only what changes from now on* leaves alone."""
    connection = await the_connection(wizard)
    assert connection.id is not None
    async with wizard.store.write(connection.id) as tx:
        await resync.ask(tx, "contacts", None)
        await import_.ask(tx, "contacts", None)
        await backfill.ask(tx, "contacts")
    await set_up(wizard, "none")
    async with wizard.store.read(connection.id) as tx:
        assert (await resync.asked(tx), await import_.asked(tx)) == ({}, {})
        ended = await backfill.state(tx, "contacts")
    assert ended is not None
    assert ended.stands == "stopped"
