"""Who gets to see Interlock's fields in an org, against the local Salesforce."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.package_world import Installer

from crm_emulator.salesforce.setup import add_profile, add_user
from interlock.app.errors import BadInput
from interlock.app.package import parts, scope
from interlock.app.package.scope import Scope


def holders(our: Installer) -> set[Any]:
    org = our.org.crm.org
    [own] = [
        row.id
        for row in org.tables["PermissionSet"].rows.values()
        if row.values.get("Name") == parts.USER_SET and not row.deleted
    ]
    return {
        org.tables["User"].rows[str(row.values["AssigneeId"])].values["LastName"]
        for row in org.tables["PermissionSetAssignment"].rows.values()
        if row.values["PermissionSetId"] == own and not row.deleted
    }


async def give(our: Installer, chosen: Scope) -> scope.Given:
    installed = await our.install()
    assert installed.after.user_set_id is not None
    return await scope.give(our.org.client, installed.after.user_set_id, chosen)


def test_all_users_means_every_active_person_and_nobody_twice(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        add_user(our.org.crm.org, "Gone User", "gone@example.com", active=False)
        assert (await give(our, Scope())).users == 3
        assert (await give(our, Scope())).users == 3
        assert len(holders(our)) == 1  # the three are called User, and Gone is not among them: counted below
        org = our.org.crm.org
        rows = [row for row in org.tables["PermissionSetAssignment"].rows.values() if not row.deleted]
        assert len(rows) == 4  # the sync user's own, and one a person

    Installer(tmp_path).tell(story)


def test_admins_only_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        add_user(our.org.crm.org, "Ada Seller", "ada@example.com")
        assert (await give(our, Scope("admins"))).users == 2
        assert holders(our) == {"User"}

    Installer(tmp_path).tell(story)


def test_profiles_are_those_that_somebody_has_and_their_people_get_it(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        org = our.org.crm.org
        support = add_profile(org, "Support")
        add_profile(org, "Nobody's")
        add_user(org, "Bob Helper", "bob@example.com", profile=support)
        listed = await scope.profiles(our.org.client)
        assert [(each.name, each.users, each.admin) for each in listed] == [
            ("Standard User", 1, False),
            ("Support", 1, False),
            ("System Administrator", 2, True),
        ]
        chosen = Scope("profiles", (listed[1].id,))
        scope.check(chosen, listed)
        assert (await give(our, chosen)).users == 1
        assert holders(our) == {"Helper"}

    Installer(tmp_path).tell(story)


@pytest.mark.parametrize("profiles", [(), ("00e000000000001AAA",)])
def test_a_scope_that_names_no_profile_of_the_org_is_refused(tmp_path: Path, profiles: tuple[str, ...]) -> None:
    async def story(our: Installer) -> None:
        with pytest.raises(BadInput) as refused:
            scope.check(Scope("profiles", profiles), await scope.profiles(our.org.client))
        assert refused.value.failure.field == "profiles"

    Installer(tmp_path).tell(story)


def test_people_see_the_hubspot_id_and_may_not_write_the_keys(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await give(our, Scope())
        org = our.org.crm.org
        [own] = [
            row.id for row in org.tables["PermissionSet"].rows.values() if row.values.get("Name") == parts.USER_SET
        ]
        rows = [row.values for row in org.tables["FieldPermissions"].rows.values() if row.values["ParentId"] == own]
        assert {row["Field"] for row in rows} == parts.user_fields()
        assert not any(row.get("PermissionsEdit") for row in rows)

    Installer(tmp_path).tell(story)


def test_removing_the_package_takes_the_set_from_everybody_first(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await give(our, Scope())
        removed = await our.remove(await our.export())
        assert ("PermissionSet", parts.USER_SET) in removed.components

    Installer(tmp_path).tell(story)
