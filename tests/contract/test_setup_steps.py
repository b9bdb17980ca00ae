"""From both sign-ins to a connection that syncs: the wizard's steps behind Connect, as use cases, on both local CRMs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import Clock
from tests.contract.sign_in_world import PUBLIC_URL
from tests.wizard import BY, Wizard, a_wizard

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app import disconnect, sign_in_checks, sign_offs
from interlock.app.after_restore import withdraw_again
from interlock.app.background import Background
from interlock.app.connect import ConnectRefused
from interlock.app.errors import BadInput, Busy
from interlock.app.setup import configuration, connect, contacts, finish, package, properties, review, signing_in
from interlock.app.setup.draft import Row
from interlock.core.model import Side, SyncRule
from interlock.store import Store, connections, grants, links
from interlock.store.connections import Connection

pytestmark = pytest.mark.anyio


class TestPackage:
    async def test_it_is_installed_behind_the_page_and_the_step_is_done(self, wizard: Wizard) -> None:
        await wizard.signed_in()
        run = await wizard.install()
        assert (run.state, run.troubles, run.users) == ("done", [], 3)
        assert {line.success for line in run.lines} == {True}
        assert package.done(await wizard.setup())

    async def test_the_address_is_trusted_only_where_that_was_granted(self, wizard: Wizard) -> None:
        await wizard.signed_in()
        await wizard.install()
        assert wizard.production.org.sites == {}
        assert (await wizard.install(trusts_address=True)).state == "done"
        assert len(wizard.production.org.sites) == 2

    async def test_a_failure_names_the_component_and_trying_again_mends_it(self, wizard: Wizard) -> None:
        await wizard.signed_in()
        failure = PlannedFailure("CustomField", "Lead.Interlock_HubSpot_Id__c", "Lead is full", 1)
        wizard.production.deployments.failures.append(failure)
        run = await wizard.install()
        assert run.state == "failed"
        assert any(each.message == "Lead is full" and each.fix for each in run.troubles)
        assert not package.done(await wizard.setup())
        assert (await wizard.install()).state == "done"

    async def test_an_install_that_a_process_left_is_continued_by_the_next_look(self, wizard: Wizard) -> None:
        await wizard.signed_in()
        await wizard.keep(package.slug, package.Values())
        await package.begin(wizard.interlock, BY, await wizard.setup(), "https://interlock.example")
        await wizard.interlock.background.close()  # the process ends before anything was sent
        wizard.interlock.background = type(wizard.interlock.background)()
        run = await package.standing(wizard.interlock, await wizard.setup())
        assert run is not None
        assert run.state == "running"
        await package.wait(wizard.interlock, wizard.setup_id)
        assert package.done(await wizard.setup())

    async def test_the_sync_user_gets_the_set_of_the_sync_and_the_admin_does_not(self, wizard: Wizard) -> None:
        await wizard.signed_in("sales@example.com")
        assert (await wizard.install(who="admins")).state == "done"
        setup = await wizard.setup()
        sets = {row["Name"]: row for row in wizard.salesforce_rows("PermissionSet")}
        assert "Interlock_Integration" in sets
        holders = {row["AssigneeId"] for row in wizard.salesforce_rows("PermissionSetAssignment")}
        assert package.sync_user_id(setup) in holders


async def test_nothing_is_written_to_a_record_and_no_property_is_made_before_the_finish(wizard: Wizard) -> None:
    wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    await wizard.signed_in()
    await wizard.install()
    before = wizard.hubspot_changes(), wizard.production.org.journal.last_seq
    await wizard.recommended()
    seen = await wizard.preview()
    assert seen.state == "done", seen.message
    assert seen.document["objects"]["contacts"]["create_in_salesforce"] == 1
    assert (wizard.hubspot_changes(), wizard.production.org.journal.last_seq) == before
    assert "interlock_salesforce_id" not in wizard.hubspot.portal.tables["contacts"].schema.properties
    connection = await wizard.connection()
    assert (connection.state, connection.begun_at_us) == ("setting_up", None)


async def test_the_preview_counts_records_that_were_there_long_before_the_set_up(wizard: Wizard, clock: Clock) -> None:
    wizard.hubspot.user("Admin User").create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    wizard.production.user("Admin User").create("Contact", {"LastName": "Hopper", "Email": "grace@example.com"})
    clock.advance(86_400.0)
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    seen = await wizard.preview()
    assert seen.state == "done", seen.message
    counts = seen.document["objects"]["contacts"]
    assert (counts["create_in_hubspot"], counts["create_in_salesforce"]) == (1, 1)


async def test_finishing_makes_the_properties_grants_the_fields_and_begins(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    run = await wizard.end("all")
    assert (run.state, run.message, run.not_revoked) == ("done", "", "")
    known = wizard.hubspot.portal.tables["contacts"].schema.properties
    assert {"interlock_salesforce_id", "mailingcity", "leadsource"} <= known.keys()
    assert known["mailingcity"].group == "salesforceinformation"
    connection = await wizard.connection()
    # The wizard was told by which address the pages are reached: records hold the address of theirs.
    assert connection.settings["pages_at"] == PUBLIC_URL.rstrip("/")
    assert known["interlock_link"].group == "salesforceinformation"
    assert (connection.state, connection.settings["existing"]) == ("first_sync", "all")
    assert connection.begun_at_us == connection.created_at_us
    assert (await wizard.setup()).ended_at_us is not None
    grants = {row["Field"] for row in wizard.salesforce_rows("FieldPermissions")}
    assert "Contact.Title" in grants


async def test_the_admins_sign_in_is_revoked_when_another_user_syncs(wizard: Wizard) -> None:
    await wizard.signed_in("sales@example.com")
    await wizard.install()
    await wizard.recommended()
    assert (await wizard.end()).state == "done"
    async with wizard.interlock.store.read(None) as tx:
        rows = await tx.rows("SELECT role, state FROM crm_grant WHERE side = 'salesforce' ORDER BY role")
    assert rows == [("admin", "revoked"), ("sync", "good")]


async def test_a_set_up_of_an_account_that_syncs_already_is_refused_and_changes_nothing(wizard: Wizard) -> None:
    """Somebody else finished theirs after both had signed in."""
    await wizard.signed_in()
    await wizard.install()
    late = wizard.setup_id
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    await wizard.end()
    before, first = await wizard.connection(), wizard.setup_id
    wizard.setup_id = late
    with pytest.raises(ConnectRefused) as refused:
        await wizard.found()
    assert refused.value.failure.code == "account_already_joined"
    wizard.setup_id = first
    assert await wizard.connection() == before


async def test_ten_records_are_tried_and_everything_else_waits_until_somebody_goes_on(wizard: Wizard) -> None:
    person = wizard.hubspot.user()
    for n in range(12):
        person.create("contacts", {"email": f"ada{n}@example.com", "lastname": "Lovelace"})
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    run = await wizard.end("try")
    assert (run.state, run.message) == ("tried", "")
    assert len(run.trial) == 10
    assert all(pair.hubspot and pair.salesforce for pair in run.trial)
    assert any(field.name == "LastName" and field.after == "Lovelace" for field in run.trial[0].fields)
    assert len(wizard.salesforce_rows("Contact")) == 10
    connection = await wizard.connection()
    assert (connection.state, connection.begun_at_us) == ("setting_up", None)
    await wizard.go_on()
    assert (await wizard.finished()).state == "done"
    connection = await wizard.connection()
    assert (connection.state, connection.settings["existing"]) == ("first_sync", "all")


async def test_giving_up_takes_the_connection_that_never_began_with_it(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    await wizard.found()
    async with wizard.interlock.crms() as crms:
        ended = await signing_in.give_up(wizard.store, crms, BY, wizard.setup_id)
    assert [each.why_not for each in ended] == [None, None]
    async with wizard.store.read(None) as tx:
        assert await connections.list_(tx) == []
    assert (await wizard.setup()).ended_at_us is not None


async def test_a_set_up_that_syncs_is_not_given_up(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    await wizard.end()
    async with wizard.interlock.crms() as crms:
        with pytest.raises(BadInput, match="syncs already"):
            await signing_in.give_up(wizard.store, crms, BY, wizard.setup_id)


@pytest.mark.parametrize("restored", [False, True])
async def test_a_process_that_died_at_the_very_end_leaves_no_admins_sign_in_behind(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch, restored: bool
) -> None:
    """The set-up is over by then, and no page leads to it any more."""
    await wizard.signed_in("sales@example.com")
    await wizard.install()
    await wizard.recommended()

    async def dies(*_arguments: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(sign_offs, "end_deploying", dies)
        await wizard.keep(review.slug, review.Values("all"))
        await wizard.go_on(go_on=False)
        await finish.wait(wizard.interlock, wizard.setup_id)
    assert (await wizard.setup()).ended_at_us is not None
    wizard.interlock.background = Background()
    if restored:
        await withdraw_again(wizard.store, None, 0, BY)
    await finish.go_on_with_what_was_left(wizard.interlock)
    run = await wizard.finished()
    assert (run.state, run.step) == ("done", "done")
    async with wizard.store.read(None) as tx:
        rows = await tx.rows("SELECT role, state FROM crm_grant WHERE side = 'salesforce' ORDER BY role")
    assert rows == [("admin", "revoked"), ("sync", "good")]


async def test_a_set_up_is_not_given_up_while_it_is_being_finished(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    await wizard.keep(review.slug, review.Values("all"))
    await wizard.go_on(go_on=False)
    with pytest.raises(Busy, match="being finished"):
        await finish.check_not_running(wizard.interlock, wizard.setup_id)
    await wizard.finished()
    await finish.check_not_running(wizard.interlock, wizard.setup_id)


async def test_a_preview_that_still_counts_ends_with_the_set_up_and_leaves_nothing_of_records(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    counting, counts = asyncio.Event(), review.preview.plan

    async def counts_slowly(*arguments: Any, **more: Any) -> Any:
        await counting.wait()
        return await counts(*arguments, **more)

    monkeypatch.setattr(review.preview, "plan", counts_slowly)
    await review.seen(wizard.interlock, BY, await wizard.setup(), await wizard.found())
    assert (await wizard.end("none")).state == "done"
    counting.set()
    await review.wait(wizard.interlock, wizard.setup_id)
    async with wizard.store.read(None) as tx:
        assert await tx.rows("SELECT name FROM setup_work WHERE setup_id = ?", wizard.setup_id) == [("finish",)]


async def test_a_finish_that_comes_after_giving_up_makes_no_connection_of_it(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    setup = await wizard.setup()
    async with wizard.interlock.crms() as crms:
        await signing_in.give_up(wizard.store, crms, BY, wizard.setup_id)
    await finish.begin(wizard.interlock, BY, setup)
    run = await wizard.finished()
    assert (run.state, run.message) == ("failed", "This set-up was given up. It was not finished.")
    async with wizard.store.read(None) as tx:
        assert await connections.list_(tx) == []


async def disconnected(wizard: Wizard, folder: Path) -> tuple[Connection, dict[str, dict[str, int]]]:
    """A connection that has synced ten contacts and was disconnected, with what it knows of pairs."""
    for n in range(10):
        wizard.hubspot.user().create("contacts", {"email": f"ada{n}@example.com", "lastname": "Lovelace"})
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    await wizard.end("try")
    await wizard.go_on()
    await wizard.finished()
    interlock = wizard.interlock
    await disconnect.disconnect(
        wizard.store,
        await wizard.connection(),
        interlock.clients,
        interlock.crms,
        interlock.clock_us,
        folder,
        keep_package=True,
    )
    known = await wizard.connection()
    assert known.state == "not_connected"
    async with wizard.store.read(known.id) as tx:
        return known, await links.counts(tx)


async def test_what_was_disconnected_is_set_up_anew_and_syncs_no_sooner_than_the_finish(
    wizard: Wizard, tmp_path: Path
) -> None:
    known, pairs = await disconnected(wizard, tmp_path)
    assert pairs["contacts"] == {"linked": 10}
    await wizard.signed_in()
    await wizard.install()
    found = (await wizard.found()).connection
    assert (found.id, found.state, found.begun_at_us) == (known.id, "setting_up", None)
    await wizard.recommended()
    run = await wizard.end("all")
    assert (run.state, run.message) == ("done", "")
    now = await wizard.connection()
    assert (now.id, now.state, now.begun_at_us) == (known.id, "first_sync", known.created_at_us)
    async with wizard.store.read(now.id) as tx:
        assert await links.counts(tx) == pairs


async def test_giving_up_such_a_set_up_leaves_the_links_so_that_nothing_is_made_twice(
    wizard: Wizard, tmp_path: Path
) -> None:
    known, pairs = await disconnected(wizard, tmp_path)
    await wizard.signed_in()
    await wizard.install()
    await wizard.found()
    async with wizard.interlock.crms() as crms:
        await signing_in.give_up(wizard.store, crms, BY, wizard.setup_id)
    async with wizard.store.read(known.id) as tx:
        left = await connections.get(tx, known.id or 0)
        assert left is not None
        assert left.state == "not_connected"
        assert await links.counts(tx) == pairs
        assert await grants.in_use(tx) == {}


async def test_an_account_that_was_disconnected_may_be_set_up_with_another_org(wizard: Wizard, tmp_path: Path) -> None:
    """A sandbox that was refreshed is another org: its connection can only be ended, and another be made."""
    known, _ = await disconnected(wizard, tmp_path)
    async with wizard.store.read(None) as tx:
        await sign_in_checks.check_pair(tx, known.hubspot_account_id, "00D000000000099", Side.HUBSPOT)


async def test_who_signs_in_anew_after_the_package_syncs_with_that_sign_in(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    before = (await wizard.found()).connection
    again = await wizard.sign_in(Side.HUBSPOT)
    values = connect.values_of(await wizard.setup())
    assert values.hubspot is not None
    assert values.hubspot.grant is not None
    await wizard.keep(
        connect.slug, msgspec.structs.replace(values, hubspot=connect.SignedIn(again.identity, again.grant_id))
    )
    after = (await wizard.found()).connection
    assert after.id == before.id
    async with wizard.store.read(after.id) as tx:
        assert (await grants.in_use(tx))["hubspot"].id == again.grant_id
        assert await grants.to_revoke(tx) == []
        replaced = await grants.get(tx, values.hubspot.grant)
    assert replaced is not None
    assert (replaced.state, replaced.tokens) == (grants.REVOKED, None)


async def test_who_took_the_wrong_org_goes_back_and_signs_in_to_the_other(wizard: Wizard) -> None:
    await wizard.signed_in()
    await wizard.install()
    wrong = (await wizard.found()).connection
    values = connect.values_of(await wizard.setup())
    assert values.hubspot is not None
    other = await wizard.sign_in(Side.SALESFORCE, sandbox=True, other_account=values.hubspot.identity.account_id)
    signed_in = connect.SignedIn(other.identity, other.grant_id)
    await wizard.keep(connect.slug, msgspec.structs.replace(values, salesforce=signed_in))
    assert not package.done(await wizard.setup())
    await wizard.install()
    right = (await wizard.found()).connection
    assert (right.salesforce_org_id, right.sandbox) == (wizard.sandbox.org.org_id, True)
    assert right.id != wrong.id
    async with wizard.store.read(None) as tx:
        assert [each.id for each in await connections.list_(tx)] == [right.id]


class TestChoices:
    async def test_a_rule_and_an_object_that_are_switched_off_are_so_in_the_connection(self, wizard: Wizard) -> None:
        await wizard.signed_in()
        await wizard.install()
        await wizard.advanced(in_salesforce="Lead")
        await wizard.choose(objects=("companies", "contacts"), rules={"contacts/jobtitle": "two_way"})
        assert (await wizard.end()).state == "done"
        connection = await wizard.connection()
        assert connection.settings["objects"] == ["companies", "contacts"]
        assert connection.settings["create_person_as"] == "Lead"
        async with wizard.store.read(connection.id) as tx:
            rows = await tx.rows(
                "SELECT rule FROM field_mapping WHERE connection_id = ? AND property = 'jobtitle'", connection.id
            )
        assert {row[0] for row in rows} == {"two_way"}

    async def test_a_rule_that_its_row_is_locked_against_is_refused(self, wizard: Wizard) -> None:
        await wizard.signed_in()
        await wizard.install()
        await wizard.advanced()
        draft = properties.draft_of(await wizard.setup(), await wizard.found())
        with pytest.raises(BadInput, match="identifies the contact"):
            properties.with_rules(properties.Values(), draft, {"contacts/email": "dont_sync"})

    async def test_only_a_list_of_contacts_limits_the_contacts(self, wizard: Wizard) -> None:
        await wizard.signed_in()
        person, setup = wizard.hubspot.user(), await wizard.setup()
        people, firms = (person.create_list(each, "Customers") for each in ("contacts", "companies"))
        assert (await contacts.chosen_list(wizard.interlock, setup, people)).id == people
        for other in (firms, "999", "../objects/contacts"):
            with pytest.raises(BadInput):
                await contacts.chosen_list(wizard.interlock, setup, other)

    async def test_fields_without_a_property_get_one_and_are_synced(self, wizard: Wizard) -> None:
        wizard.production.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver"))
        await wizard.signed_in()
        await wizard.install()
        await wizard.recommended()
        found = await wizard.found()
        rows = {row.property: row for row in properties.draft_of(await wizard.setup(), found).rows["contacts"]}
        assert rows["tier__c"].new is not None
        await wizard.end()
        made = wizard.hubspot.portal.tables["contacts"].schema.properties["tier__c"]
        assert (made.type, [each["value"] for each in made.options]) == ("enumeration", ["gold", "silver"])


def test_more_than_a_thousand_creates_are_typed_out() -> None:
    counts = {"create_in_hubspot": 700, "create_in_salesforce": 400}
    seen = review.Seen("done", "", 0, {"objects": {"contacts": counts}})
    with pytest.raises(BadInput, match="1,100 records"):
        review.check_count(review.Values("all"), seen, "1000")
    review.check_count(review.Values("all"), seen, " 1,100 ")
    review.check_count(review.Values("link"), seen, "")


def test_creating_is_not_confirmed_while_nobody_knows_how_many() -> None:
    with pytest.raises(BadInput, match="not known yet"):
        review.check_count(review.Values("all"), review.Seen("running", "", 0), "0")


class TestFieldsToKeepBack:
    @pytest.fixture
    async def rows(self, wizard: Wizard) -> dict[str, Row]:
        wizard.production.add_custom_field("Contact", "Ssn__c", "EncryptedText", length=20)
        wizard.production.add_custom_field("Contact", "Salary__c", "Currency")
        wizard.production.add_custom_field("Contact", "Nickname__c")
        wizard.production.org.classified |= {"Contact.Salary__c": "Restricted", "Contact.Nickname__c": "Internal"}
        wizard.production.org.classified["Contact.OtherAddress"] = "Confidential"
        await wizard.signed_in()
        await wizard.install()
        await wizard.recommended()
        draft = properties.draft_of(await wizard.setup(), await wizard.found())
        return {row.property: row for row in draft.rows["contacts"]}

    async def test_what_is_encrypted_or_restricted_starts_at_dont_sync_and_gets_no_property(
        self, rows: dict[str, Row]
    ) -> None:
        assert (rows["ssn__c"].rule, rows["ssn__c"].makes) == (SyncRule.DONT_SYNC, None)
        assert (rows["salary__c"].rule, rows["salary__c"].makes) == (SyncRule.DONT_SYNC, None)
        assert "Restricted" in str(rows["salary__c"].why_not)
        assert (rows["othercity"].rule, rows["othercity"].makes) == (SyncRule.DONT_SYNC, None)

    async def test_what_is_internal_only_is_offered_like_any_other(self, rows: dict[str, Row]) -> None:
        assert rows["nickname__c"].rule is SyncRule.PREFER_SALESFORCE
        assert rows["nickname__c"].makes is not None

    async def test_ids_stamps_and_interlocks_own_fields_are_not_offered(self, rows: dict[str, Row]) -> None:
        assert not {"id", "createddate", "accountid", "interlock_creation_key__c", "isconverted"} & rows.keys()


async def test_an_account_without_room_is_told_and_can_leave_them_out(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    async with a_wizard(store, clock, tmp_path, hubspot={"custom_properties_max": 5}) as wizard:
        await wizard.signed_in()
        await wizard.install()
        found = await wizard.found()
        with pytest.raises(BadInput, match="has room for 5"):
            configuration.check(configuration.Values("recommended"), found)
        configuration.check(configuration.Values("recommended", "leave_out"), found)
        await wizard.recommended("leave_out")
        rows = properties.draft_of(await wizard.setup(), found).rows["companies"]
        assert not [row for row in rows if row.kind == "custom" and row.makes is not None]
