"""The package in an org, against the local Salesforce: installed, found half there, upgraded, resumed, removed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests import databases
from tests.contract.test_clients_salesforce import OurOrg

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app.errors import AppError
from interlock.app.package import export, parts, plan
from interlock.app.package.deploy import resume
from interlock.app.package.install import Installed, PackageFailed, install
from interlock.app.package.kept import Keeper, Kept
from interlock.app.package.parts import Address
from interlock.app.package.permit import MappedField, NotGranted, Permitted, choose, permit
from interlock.app.package.remove import Removed, remove
from interlock.core.model import LinkedBy, LinkState, RecordLink, Side, Written
from interlock.crm.errors import CrmError, Forbidden
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.deploy import Deployment, StartUnknown
from interlock.crm.salesforce.model import SalesforceCreate
from interlock.crm.seam import forbid_network
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import OutcomeUnknown, Request, Response
from interlock.store import Store, connections, links
from interlock.store.connections import Connection

HERE = Address("https://sync.example.com")
KEY = "Contact.Interlock_Creation_Key__c"


class Installer:
    """An org, an Interlock with its store, and what it was shown while it deployed."""

    def __init__(self, path: Path, signed_in_as: str | None = None, **config: Any) -> None:
        self.path = path
        self.org = OurOrg(**config)
        if signed_in_as is not None:
            tokens = StaticToken(Side.SALESFORCE, self.org.crm.issue_token(signed_in_as))
            url = "https://acme.my.salesforce.com"
            self.org.client = SalesforceClient(url, self.org.wire, tokens, self.org.governor, self.org.time)
        self.seen: list[Deployment] = []
        self.user_id = ""

    def tell(self, story: Callable[[Installer], Awaitable[None]]) -> None:
        async def main() -> None:
            self.store = await Store.open(
                databases.at(self.path / "interlock.db"),
                clock_us=self.org.time,
                synchronous="OFF",
                threadless=True,
                forbid_network=forbid_network,
            )
            try:
                self.user_id = (await self.org.client.identity()).user_id
                self.connection_id = await self._connected()
                self.keeper = Keeper(self.store, self.connection_id)
                await story(self)
            finally:
                await self.store.close()

        self.org.run(main())

    async def _connected(self) -> int:
        row = Connection(
            name="default",
            state="idle",
            state_since_us=0,
            hubspot_url="https://api.hubapi.com",
            hubspot_account_id="1",
            hubspot_name="Looms",
            salesforce_url="https://acme.my.salesforce.com",
            salesforce_org_id=self.org.crm.org_id,
            salesforce_name="Looms",
        )
        async with self.store.write(None) as tx:
            return await connections.create(tx, row)

    async def install(self, address: Address = HERE) -> Installed:
        return await install(self.org.client, self.keeper, self.user_id, address, self.org.time, self.seen.append)

    async def look(self, address: Address = HERE) -> plan.Plan:
        return await plan.look(self.org.client, self.user_id, address)

    def fails(self, type_: str, name: str, problem: str, times: int | None = None) -> None:
        self.org.crm.deployments.failures.append(PlannedFailure(type_, name, problem, times))

    @property
    def deployments(self) -> int:
        return len(self.org.crm.deployments.all())

    async def field_by_hand(self, full_name: str) -> None:
        """As an administrator makes one: nobody is granted it."""
        owner, _, name = full_name.partition(".")
        elements = f"<fullName>{name}</fullName><label>{name}</label><length>100</length><type>Text</type>"
        text = f'<CustomObject xmlns="{parts.NAMESPACE}"><fields>{elements}</fields></CustomObject>'
        manifest = parts.manifest([("CustomField", full_name)])
        zipped = parts.zipped({"package.xml": manifest, f"objects/{owner}.object": text})
        done = await self.org.client.deployment(await self.org.client.start_deployment(zipped))
        assert done.success, done

    async def remove(self, exported: export.Exported) -> Removed:
        return await remove(self.store, self.org.client, self.keeper, exported, self.org.time, self.seen.append)

    async def permit(self, *fields: MappedField) -> Permitted:
        return await permit(self.org.client, self.keeper, self.user_id, fields, self.seen.append)

    async def everybody_has(self, set_id: str, people: int) -> list[str]:
        """So many users who have the set, by id."""
        users = [self.org.crm.add_user(f"Person {number}").id for number in range(people)]
        assert await self.org.client.assign_permission_set_to(set_id, users) == {}
        return sorted(users)

    def administrator_adds(self, set_id: str) -> None:
        """What an administrator may do in Setup to one of the sets."""
        rights = {"PermissionsRead": True, "PermissionsCreate": True, "PermissionsEdit": True}
        self.org.person.create("ObjectPermissions", {"ParentId": set_id, "SobjectType": "Lead", **rights})
        field = {"SobjectType": "Lead", "Field": "Lead.Title", "PermissionsRead": True}
        self.org.person.create("FieldPermissions", {"ParentId": set_id, **field})
        self.org.person.update("PermissionSet", set_id, {"PermissionsViewSetup": True})

    def granted(self, set_id: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool, bool]], bool]:
        """Of fields that are not ours, of objects (may edit, may delete), and whether it lets people view Setup."""
        tables = self.org.crm.org.tables
        fields, objects = (
            [row.values for row in tables[name].rows.values() if row.values["ParentId"] == set_id and not row.deleted]
            for name in ("FieldPermissions", "ObjectPermissions")
        )
        return (
            sorted((r["Field"], bool(r.get("PermissionsEdit"))) for r in fields if "Interlock_" not in r["Field"]),
            [(r["SobjectType"], bool(r.get("PermissionsEdit")), bool(r.get("PermissionsDelete"))) for r in objects],
            bool(tables["PermissionSet"].rows[set_id].values.get("PermissionsViewSetup")),
        )

    async def export(self) -> export.Exported:
        return await export.write(self.store, self.org.crm.org_id, self.path / "links.csv")

    async def link(self, hubspot_id: str, salesforce_id: str) -> None:
        link = RecordLink(
            object="contacts",
            hubspot_id=hubspot_id,
            salesforce_type="Contact",
            salesforce_id=salesforce_id,
            state=LinkState.LINKED,
            linked_by=LinkedBy.EMAIL,
            linked_at_us=1,
            base={},
            sets={},
        )
        async with self.store.write(self.connection_id) as tx:
            await links.insert(tx, [link])

    def set_row(self) -> Any:
        rows = self.org.crm.org.tables["PermissionSet"].rows.values()
        [row] = [each for each in rows if each.values.get("Name") == parts.PERMISSION_SET and not each.deleted]
        return row

    def lose_answer_to(self, method: str, path: str) -> None:
        """The next such request is carried out and its answer is lost."""
        wire, real = self.org.wire, self.org.wire.send

        async def send(request: Request, deadline_s: float) -> Response:
            answer = await real(request, deadline_s)
            if request.method == method and path in request.url:
                wire.send = real  # type: ignore[method-assign]
                raise OutcomeUnknown("the line went dead")
            return answer

        wire.send = send  # type: ignore[method-assign]


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


def test_mapped_fields_are_granted_but_for_those_that_salesforce_refuses(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        await our.field_by_hand("Contact.Rank__c")
        assert "Rank__c" not in {each.name for each in await our.org.client.describe("Contact")}
        done = await our.permit(
            MappedField("Contact", "Rank__c", True),
            MappedField("Contact", "Title", False),
            MappedField("Contact", "LastName", True),
            MappedField("Contact", "CreatedDate", False),
            MappedField("Contact", "Account.Name", False),
            MappedField("Contact", "Nothing__c", True),
        )
        assert done.added == (("Contact.Rank__c", True), ("Contact.Title", False))
        assert {each.field: each.reason for each in done.left_out} == {
            "Contact.LastName": "required",
            "Contact.CreatedDate": "system",
            "Contact.Account.Name": "of_another_record",
            "Contact.Nothing__c": "unknown",
        }
        assert "Rank__c" in {each.name for each in await our.org.client.describe("Contact")}
        again = await our.permit(MappedField("Contact", "Rank__c", True))
        assert again.added == ()
        widened = await our.permit(MappedField("Contact", "Title", True))
        assert widened.added == (("Contact.Title", True),)
        assert (await our.look()).further == (("Contact.Rank__c", True), ("Contact.Title", True))

    Installer(tmp_path).tell(story)


def test_of_an_address_the_whole_is_granted_since_salesforce_refuses_its_parts(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        done = await our.permit(
            MappedField("Contact", "MailingStreet", False),
            MappedField("Contact", "MailingCity", True),
            MappedField("Lead", "City", False),
        )
        assert done.added == (("Contact.MailingAddress", True), ("Lead.Address", False))
        assert done.left_out == ()
        again = await our.permit(MappedField("Contact", "MailingCountry", True))
        assert (again.added, again.left_out) == ((), ())

    Installer(tmp_path).tell(story)


def test_an_address_that_the_user_cannot_see_is_found_by_the_names_of_its_parts() -> None:
    """The describe leaves it out, and the list of what is hidden names the whole."""
    hidden = frozenset({"Contact.MailingAddress", "Lead.Address", "Lead.Site__c"})
    asked = [
        MappedField("Contact", "MailingStateCode", True),
        MappedField("Lead", "PostalCode", False),
        MappedField("Lead", "Site__City__s", True),
        MappedField("Lead", "Velocity", True),
        MappedField("Contact", "OtherCity", True),
    ]
    chosen = choose(asked, {}, hidden)
    assert chosen.grants == (("Contact.MailingAddress", True), ("Lead.Address", False), ("Lead.Site__c", True))
    assert [each.field for each in chosen.left_out] == ["Lead.Velocity", "Contact.OtherCity"]


def test_what_an_administrator_added_to_a_set_stays_when_fields_are_added_and_when_it_is_upgraded(
    tmp_path: Path,
) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        sets = [str(done.after.permission_set_id), str(done.after.user_set_id)]
        for set_id in sets:
            our.administrator_adds(set_id)
        added = ([("Lead.Title", False)], [("Lead", True, False)], True)
        await our.permit(MappedField("Contact", "Title", True))
        with_ours = ([("Contact.Title", True), ("Lead.Title", False)], *added[1:])
        assert [our.granted(set_id) for set_id in sets] == [with_ours, added]
        our.set_row().values["Description"] = "Package version 0."
        assert (await our.install()).deployment is not None
        assert [our.granted(set_id) for set_id in sets] == [with_ours, added]

    Installer(tmp_path).tell(story)


def test_two_connections_of_one_org_take_no_fields_from_each_other(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        title, phone = MappedField("Contact", "Title", True), MappedField("Contact", "Phone", True)
        fax = MappedField("Contact", "Fax", False)
        await asyncio.gather(our.permit(title, fax), our.permit(phone, fax))
        assert (await our.look()).further == (("Contact.Fax", False), ("Contact.Phone", True), ("Contact.Title", True))

    Installer(tmp_path).tell(story)


def test_who_may_not_manage_permission_sets_is_told_which_fields_and_who_can(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        sales = StaticToken(Side.SALESFORCE, our.org.crm.issue_token("Sales User"))
        url = "https://acme.my.salesforce.com"
        client = SalesforceClient(url, our.org.wire, sales, our.org.governor, our.org.time)
        fields = [MappedField("Contact", "Title", True), MappedField("Contact", "Fax", True)]
        with pytest.raises(NotGranted, match=r"Contact\.Fax, Contact\.Title") as refused:
            await permit(client, our.keeper, our.user_id, fields, our.seen.append)
        assert "Manage Profiles and Permission Sets" in refused.value.failure.fix
        assert (await our.look()).further == ()

    Installer(tmp_path).tell(story)


def test_a_field_that_salesforce_refuses_is_named_and_the_others_are_granted(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        grants = {"Contact.Title": True, "Contact.MailingCity": True}
        refused = await our.org.client.grant_fields(str(done.after.permission_set_id), grants)
        assert list(refused) == ["Contact.MailingCity"]
        assert (await our.look()).further == (("Contact.Title", True),)

    Installer(tmp_path).tell(story)


def test_fields_are_granted_only_where_the_package_is(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        with pytest.raises(AppError) as refused:
            await our.permit(MappedField("Contact", "Title", True))
        assert refused.value.failure.code == "package_missing"

    Installer(tmp_path).tell(story)


def test_removal_exports_every_link_and_takes_all_of_it_out(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        [id_] = our.org.contacts(1)
        await our.link("501", id_)
        exported = await our.export()
        assert exported.pairs == 1
        assert (tmp_path / "links.csv").read_text().splitlines()[1:] == [
            f"default,hubspot:contacts:501,salesforce:Contact:{id_},linked,email,1"
        ]
        removed = await our.remove(exported)
        assert set(removed.components) == set(parts.components(HERE))
        after = await our.look()
        assert (after.state, after.there()) == ("none", [])
        assert (await our.remove(exported)).components == []
        assert (await our.install()).after.complete

    Installer(tmp_path).tell(story)


@pytest.mark.parametrize("spoil", ["another link", "another text", "no file"])
def test_removal_is_refused_without_an_export_that_is_true(tmp_path: Path, spoil: str) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        exported = await our.export()
        if spoil == "another link":
            await our.link("501", our.org.contacts(1)[0])
        elif spoil == "another text":
            (tmp_path / "links.csv").write_text("")
        else:
            (tmp_path / "links.csv").unlink()
        with pytest.raises(AppError) as refused:
            await our.remove(exported)
        assert refused.value.failure.code == "links_not_exported"
        assert (await our.look()).complete

    Installer(tmp_path).tell(story)


def test_a_removal_that_fails_leaves_the_sync_user_what_they_had(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        our.fails("CustomField", KEY, "This custom field is referenced elsewhere in salesforce.com.", times=1)
        with pytest.raises(PackageFailed, match=re.escape(KEY)):
            await our.remove(await our.export())
        assert (await our.look()).complete

    Installer(tmp_path).tell(story)


def _refuse(our: Installer, method: str, path: str) -> None:
    our.org.crm.faults.add({"match": {"method": method, "path_prefix": path}, "kind": "status", "status": 403})


def _lose_the_answer(our: Installer, method: str, path: str) -> None:
    our.lose_answer_to(method, "/metadata/deployRequest")


def _break_while_it_runs(our: Installer, method: str, path: str) -> None:
    our.org.crm.faults.add({"match": {"method": "GET", "path_prefix": path}, "kind": "status", "status": 403})


@pytest.mark.parametrize("break_", [_refuse, _lose_the_answer, _break_while_it_runs])
def test_a_removal_that_cannot_be_begun_or_followed_leaves_everybody_their_sets(
    tmp_path: Path, break_: Callable[[Installer, str, str], None]
) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        people = await our.everybody_has(str(done.after.user_set_id), 5)
        exported = await our.export()
        our.fails("CustomField", KEY, "This custom field is referenced elsewhere in salesforce.com.", times=1)
        break_(our, "POST", "/services/data/v66.0/metadata")
        with pytest.raises((CrmError, PackageFailed)):
            await our.remove(exported)
        our.org.crm.faults.clear()
        assert (await our.look()).complete
        held = await our.org.client.permission_set_holders(str(done.after.user_set_id))
        assert sorted(held.values()) == people

    Installer(tmp_path).tell(story)


def test_a_process_that_dies_while_it_removes_the_package_gives_the_sets_back_when_it_is_done_with_again(
    tmp_path: Path,
) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        people = await our.everybody_has(str(done.after.user_set_id), 5)
        held = await our.org.client.permission_set_holders(str(done.after.user_set_id))
        taken = {str(done.after.user_set_id): sorted(held.values())}
        await our.keeper.keep(Kept(None, our.user_id, our.org.time(), taken))
        await our.org.client.take_permission_set(list(held))
        await our.permit()
        held = await our.org.client.permission_set_holders(str(done.after.user_set_id))
        assert sorted(held.values()) == people
        assert await our.keeper.load() is None

    Installer(tmp_path).tell(story)


def test_taking_the_sets_from_hundreds_of_people_costs_a_handful_of_calls(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        done = await our.install()
        await our.everybody_has(str(done.after.user_set_id), 450)
        exported = await our.export()
        before = our.org.crm.stats.calls
        await our.remove(exported)
        assert our.org.crm.stats.calls - before < 30

    Installer(tmp_path).tell(story)
