"""The package in an org, against the local Salesforce: installed, found half there, upgraded, resumed, removed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.package_world import HERE, KEY, Installer

from interlock.app.errors import AppError
from interlock.app.package import parts
from interlock.app.package.deploy import resume
from interlock.app.package.install import PackageFailed
from interlock.app.package.kept import Kept
from interlock.app.package.parts import Address
from interlock.app.package.permit import MappedField
from interlock.core.model import Written
from interlock.crm.errors import Forbidden
from interlock.crm.salesforce.deploy import StartUnknown
from interlock.crm.salesforce.model import SalesforceCreate


def test_a_fresh_org_gets_the_whole_package_and_the_sync_user_sees_the_fields(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        before = await our.look()
        assert (before.state, before.version_there, before.assigned) == ("none", None, False)
        done = await our.install()
        assert (done.after.state, done.after.version_there, done.after.assigned) == ("current", parts.version(), True)
        assert done.after.complete
        for sobject in ("Lead", "Contact", "Account", "Opportunity"):
            fields = {each.name: each for each in await our.org.client.describe(sobject)}
            key = fields["Interlock_Creation_Key__c"]
            assert (key.unique, key.external_id, key.length, key.updateable) == (True, True, 100, True)
            assert fields["Interlock_HubSpot_Id__c"].updateable

    Installer(tmp_path).tell(story)


def test_an_org_that_has_it_all_is_left_alone(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        again = await our.install()
        assert (again.deployment, our.deployments) == (None, 1)

    Installer(tmp_path).tell(story)


def test_a_package_that_is_half_there_is_completed_and_keeps_the_values_of_its_fields(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.field_by_hand(KEY)
        new = SalesforceCreate("hubspot:1", {"LastName": "L"})
        made = await our.org.client.create("Contact", KEY.split(".")[1], [new], purpose="setup")
        assert isinstance(made["hubspot:1"], Written)
        before = await our.look()
        assert before.state == "partly"
        assert {each.name: each.state for each in before.components if each.state == "there"} == {KEY: "there"}
        assert (await our.install()).after.complete
        text = "SELECT Interlock_Creation_Key__c FROM Contact"
        [row] = await our.org.client.query_all_rows(text, purpose="setup")
        assert row["Interlock_Creation_Key__c"] == "hubspot:1"

    Installer(tmp_path, custom_fields_visible=True).tell(story)


def test_a_key_field_that_was_granted_for_reading_only_becomes_writable(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        rows = our.org.crm.org.tables["FieldPermissions"].rows.values()
        [row] = [each for each in rows if each.values["Field"] == KEY]
        our.org.person.update("FieldPermissions", row.id, {"PermissionsEdit": False})
        assert (await our.look()).state == "partly"
        await our.install()
        fields = {each.name: each for each in await our.org.client.describe("Contact")}
        assert fields[KEY.split(".")[1]].updateable

    Installer(tmp_path).tell(story)


def test_a_sync_user_from_whom_the_permission_set_was_taken_gets_it_back(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        assert done.after.permission_set_id is not None
        held = await our.org.client.permission_set_holders(done.after.permission_set_id)
        assert list(held.values()) == [our.user_id]
        await our.org.client.take_permission_set(list(held))
        assert not (await our.look()).complete
        again = await our.install()
        assert (again.deployment, again.after.complete) == (None, True)

    Installer(tmp_path).tell(story)


def test_an_older_version_is_upgraded_and_what_was_granted_for_mappings_stays_granted(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        await our.permit(MappedField("Contact", "Title", True))
        our.set_row().values["Description"] = "Package version 0."
        older = await our.look()
        assert (older.state, older.version_there) == ("older", 0)
        after = (await our.install()).after
        assert (after.state, after.version_there, after.further) == ("current", 1, (("Contact.Title", True),))

    Installer(tmp_path).tell(story)


def test_a_newer_package_is_left_alone(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        our.set_row().values["Description"] = "Package version 999."
        with pytest.raises(AppError) as refused:
            await our.install()
        assert (refused.value.failure.code, our.deployments) == ("package_newer", 1)

    Installer(tmp_path).tell(story)


def test_only_the_address_of_this_install_is_trusted(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        moved = Address("https://elsewhere.example.com:8443")
        different = [each.type for each in (await our.look(moved)).components if each.state == "different"]
        assert different == ["RemoteSiteSetting", "CspTrustedSite"]
        await our.install(moved)
        sites = [each.values.get("url", each.values.get("endpointUrl")) for each in our.org.crm.org.sites.values()]
        assert sites == [moved.origin, moved.origin]

    Installer(tmp_path).tell(story)


def test_without_an_address_no_site_is_trusted(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        assert (await our.install(Address(None, "it has none"))).after.complete
        assert our.org.crm.org.sites == {}

    Installer(tmp_path).tell(story)


def test_a_component_that_fails_is_named_with_what_to_do_and_nothing_was_changed(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        our.fails("CustomField", KEY, "Lead already has 25 External ID fields", times=1)
        with pytest.raises(PackageFailed) as failed:
            await our.install()
        [trouble] = [each for each in failed.value.troubles if each.component == KEY]
        assert (trouble.type, trouble.message) == ("CustomField", "Lead already has 25 External ID fields")
        assert "external id" in trouble.fix
        assert (await our.look()).state == "none"
        assert (await our.install()).after.complete

    Installer(tmp_path).tell(story)


def test_a_deployment_that_broke_as_a_whole_says_so(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        our.org.crm.deployments.broken.append("An unexpected error occurred")
        with pytest.raises(PackageFailed) as failed:
            await our.install()
        assert failed.value.troubles[0].message == "An unexpected error occurred"
        assert "try again" in failed.value.troubles[0].fix

    Installer(tmp_path).tell(story)


def test_progress_is_told_by_component(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        counts = [each.number_components_deployed for each in our.seen]
        assert counts == sorted(counts)
        assert len(set(counts)) > 2
        assert our.seen[0].status == "Pending"
        names = {row.full_name for row in our.seen[-1].components}
        assert names == {name for _, name in parts.components(HERE)}

    Installer(tmp_path, deploy_pending_s=2, deploy_component_s=3, deploy_finalize_s=2).tell(story)


def test_a_process_that_dies_while_it_waits_is_continued_and_deploys_once(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        first = asyncio.ensure_future(our.install())
        await asyncio.sleep(4)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        kept = await our.keeper.load()
        assert kept is not None
        assert kept.id == our.org.crm.deployments.all()[0].id
        assert (await our.install()).after.complete
        assert our.deployments == 1
        assert await our.keeper.load() is None

    Installer(tmp_path, deploy_pending_s=2, deploy_component_s=3).tell(story)


def test_a_process_that_died_before_it_knew_the_id_finds_its_deployment_in_the_org(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        since_us = our.org.time()
        await our.org.client.start_deployment(parts.package(HERE))
        await our.keeper.keep(Kept(None, our.user_id, since_us))
        assert (await our.install()).after.complete
        assert our.deployments == 1

    Installer(tmp_path, deploy_pending_s=20).tell(story)


@pytest.mark.parametrize("whose", ["another user's", "an older one"])
def test_a_deployment_that_cannot_be_ours_is_not_waited_for(tmp_path: Path, whose: str) -> None:
    async def story(our: Installer) -> None:
        await our.org.client.start_deployment(parts.package(HERE))
        user_id = "005000000000001AAA" if whose == "another user's" else our.user_id
        since_us = our.org.time() + (0 if whose == "another user's" else 301_000_000)
        await our.keeper.keep(Kept(None, user_id, since_us))
        assert await resume(our.org.client, our.keeper, our.seen.append) is None
        assert (our.seen, await our.keeper.load()) == ([], None)

    Installer(tmp_path, deploy_pending_s=20).tell(story)


def test_a_deployment_that_the_org_has_forgotten_is_forgotten_here_too(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.keeper.keep(Kept("0Af000000000001AAA", our.user_id, our.org.time()))
        assert (await our.install()).after.complete
        assert await our.keeper.load() is None

    Installer(tmp_path).tell(story)


def test_an_answer_that_was_lost_is_no_second_deployment(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        our.lose_answer_to("POST", "/metadata/deployRequest")
        assert (await our.install()).after.complete
        assert our.deployments == 1

    Installer(tmp_path, deploy_pending_s=20).tell(story)


def test_a_lost_answer_to_a_deployment_that_is_over_is_told_and_the_next_try_finds_it_done(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        our.lose_answer_to("POST", "/metadata/deployRequest")
        with pytest.raises(StartUnknown):
            await our.install()
        assert (await our.install()).after.complete
        assert our.deployments == 1

    Installer(tmp_path).tell(story)


def test_a_deployment_that_a_person_cancels_is_told_and_can_be_started_again(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        running = asyncio.ensure_future(our.install())
        await asyncio.sleep(4)
        kept = await our.keeper.load()
        assert kept is not None
        assert kept.id is not None
        await our.org.client.cancel_deployment(kept.id)
        with pytest.raises(PackageFailed, match="cancelled"):
            await running
        assert (await our.look()).state == "none"
        assert (await our.install()).after.complete

    Installer(tmp_path, deploy_component_s=3).tell(story)


def test_a_user_who_may_not_deploy_is_told_so(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        with pytest.raises(Forbidden, match="ModifyMetadata"):
            await our.install()
        assert await our.keeper.load() is None

    Installer(tmp_path, signed_in_as="Sales User").tell(story)


def test_a_production_org_takes_it_too(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        assert (await our.install()).after.complete
        exported = await our.export()
        assert (await our.remove(exported)).components

    Installer(tmp_path, edition="Enterprise Edition").tell(story)
