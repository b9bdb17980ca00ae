"""A connection that was disconnected goes through the wizard again: nothing is made twice, and giving up takes nothing with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import Clock
from tests.wizard import BY, Wizard

from interlock.app import connect as joining
from interlock.app import disconnect, once
from interlock.app.connections import PAUSED_OBJECTS
from interlock.app.errors import Stale
from interlock.app.schemas import Schemas
from interlock.app.setup import connect, signing_in
from interlock.core.model import Side
from interlock.store import Store, connections, links
from interlock.store.connections import Connection

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wizard(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[Wizard]:
    """Disconnected after a first sync of one person, and signed in to once more."""
    made = Wizard(store, clock, tmp_path)
    made.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    await made.signed_in()
    await set_up(made, "all")
    await synced(made)
    await disconnect.disconnect(
        store,
        await the_connection(made),
        partial(made.interlock.clients, deploying=True),
        made.interlock.crms,
        clock,
        tmp_path,
        keep_package=False,
        by=BY,
    )
    await made.signed_in()
    try:
        yield made
    finally:
        await made.interlock.background.close()


async def set_up(wizard: Wizard, existing: str) -> None:
    assert (await wizard.install()).state == "done"
    await wizard.recommended()
    run = await wizard.end(existing)
    assert (run.state, run.message) == ("done", "")


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


async def test_nothing_syncs_before_it_is_finished(wizard: Wizard) -> None:
    await wizard.install()
    await wizard.found()
    now = await the_connection(wizard)
    assert (now.state, now.begun_at_us) == ("setting_up", None)


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
