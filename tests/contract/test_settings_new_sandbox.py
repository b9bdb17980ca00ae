"""*Connect to a new sandbox*: what is said before, what happens when it is confirmed, and that nothing is joined or written wrong."""

from __future__ import annotations

from pathlib import Path

from tests.new_sandbox_world import HERE, PAGE, a_copy, a_sandbox, begin, confirm, now_of, sign_in, tell
from tests.settings_world import SettingsWorld


def furnish(world: SettingsWorld) -> None:
    world.person("ada@example.com", firstname="Ada")
    world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
    world.sally.create("Opportunity", {"Name": "Renewal", "StageName": "Closed Won", "CloseDate": "2026-03-01"})


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
        assert world.counterpart("contacts", world.hugo.ids("contacts")[0]) == contact[0]
        assert len(new.user().ids("Account")) == 1
        assert len(new.user().ids("Opportunity")) == 1
        assert world.salesforce.journal.last_seq == before

    tell(tmp_path, story)
