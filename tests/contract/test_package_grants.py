"""What the permission set grants of mapped fields: what Salesforce takes, and nothing that others have added to it is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.package_world import Installer

from interlock.app.errors import AppError
from interlock.app.package.permit import MappedField, NotGranted, choose, permit
from interlock.core.model import Side
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.tokens import StaticToken


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
