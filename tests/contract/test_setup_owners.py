"""Owners in the wizard: who is whom where the addresses differ, chosen before the first sync, which goes by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.asgi_browser import Answer
from tests.contract.conftest import Clock
from tests.wizard import Person, Wizard, a_wizard

from interlock.app import once
from interlock.app.setup import connecting, owners, path, review
from interlock.store import Store, connections

pytestmark = pytest.mark.anyio

HERE, REVIEW, FROM_REVIEW = "/setup/owners", "/setup/review", "/setup/owners?back=review"


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    """At the review, the recommended way."""
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    return wizard


def olga(wizard: Wizard) -> tuple[str, str]:
    here = wizard.hubspot.settings().add_user("Olga", "Owner", "olga@example.com")
    return here, wizard.production.add_user("Olga There", "o.owner@elsewhere.example").id


async def read(wizard: Wizard) -> None:
    await connecting.look_again(wizard.interlock, (await wizard.found()).connection)


async def form(ada: Person) -> dict[str, str]:
    page = (await ada.get(FROM_REVIEW)).page
    return page.form(HERE) | page.chosen()


async def choose(ada: Person, typed: dict[str, str], go: str = "next") -> Answer:
    return await ada.post(HERE, await form(ada) | typed | {"go": go})


async def first_sync(wizard: Wizard) -> None:
    run = await wizard.end("all")
    assert (run.state, run.message) == ("done", "")
    await once.once(wizard.store, await wizard.connection(), wizard.interlock.clients, wizard.interlock.clock_us)


async def pairs(wizard: Wizard) -> dict[str, str]:
    return dict((await wizard.connection()).settings.get("owner_pairs", {}))


async def test_two_people_who_are_paired_are_one_owner_in_the_preview_and_in_the_first_sync(
    wizard: Wizard, ada: Person
) -> None:
    here, there = olga(wizard)
    await read(wizard)
    wizard.hubspot.user().create("contacts", {"email": "a@example.com", "lastname": "A", "hubspot_owner_id": here})
    before = await wizard.preview()
    (unpaired,) = before.document["objects"]["contacts"]["examples"]
    assert "OwnerId" not in {each["field"] for each in unpaired["fields"]}
    shown = await ada.get(REVIEW)
    assert shown.page.all("a", href=FROM_REVIEW)
    assert (await form(ada))[f"owner:{here}"] == ""
    assert (await choose(ada, {f"owner:{here}": there})).to == REVIEW
    after = await wizard.preview()
    assert after.of != before.of
    (paired,) = after.document["objects"]["contacts"]["examples"]
    assert "OwnerId" in {each["field"] for each in paired["fields"]}
    assert "Olga Owner in HubSpot is Olga There in Salesforce." in (await ada.get(REVIEW)).page.text
    assert wizard.salesforce_rows("Contact") == []
    await first_sync(wizard)
    assert [row["OwnerId"] for row in wizard.salesforce_rows("Contact")] == [there]
    assert await pairs(wizard) == {here: there}


async def test_who_has_no_counterpart_is_said_with_the_inactive_and_the_queues(wizard: Wizard, ada: Person) -> None:
    here, _there = olga(wizard)
    gone = wizard.hubspot.settings().add_user("Piet", "Gone", "piet@example.com")
    wizard.production.add_user("Piet There", "piet@example.com", active=False)
    team = wizard.hubspot.settings().add_queue("Inbound")
    wizard.production.user().create("Group", {"Name": "Leads of the north", "Type": "Queue"})
    await read(wizard)
    page = (await ada.get(FROM_REVIEW)).page
    for told in (
        "No Salesforce user has this address",
        "The address is of somebody inactive: Piet There",
        "Without an e-mail address, as a queue or a team",
        "1 Salesforce user is inactive",
        "1 queue of Salesforce may own records",
        "Leads of the north",
    ):
        assert told in page.text
    assert {f"owner:{each}" for each in (here, gone, team)} <= set(page.form(HERE) | page.chosen())
    assert "Piet There (" not in page.text.partition("Salesforce user is inactive")[0]


async def test_nothing_has_to_be_chosen_and_next_alone_changes_nothing(wizard: Wizard, ada: Person) -> None:
    olga(wizard)
    await read(wizard)
    before = await wizard.preview()
    assert (await choose(ada, {})).to == REVIEW
    assert (await wizard.preview()).of == before.of


async def test_a_pair_that_cannot_be_is_refused_at_its_row(wizard: Wizard, ada: Person) -> None:
    here, there = olga(wizard)
    other = wizard.hubspot.settings().add_user("Piet", "Owner", "piet@example.com")
    await read(wizard)
    twice = await choose(ada, {f"owner:{here}": there, f"owner:{other}": there})
    assert twice.status == 422
    assert "paired with the HubSpot owner" in twice.page.text
    shown = twice.page.form(HERE) | twice.page.chosen()
    assert (shown[f"owner:{here}"], shown[f"owner:{other}"]) == (there, there)
    nobody = await choose(ada, {f"owner:{here}": "005000000000099AAA"})
    assert nobody.status == 404
    assert "Salesforce has no user 005000000000099AAA." in nobody.page.text
    assert owners.values_of(await wizard.setup()).pairs == {}


async def test_somebody_made_meanwhile_is_there_once_the_people_are_read_again(wizard: Wizard, ada: Person) -> None:
    await read(wizard)
    shown = await form(ada)
    here, there = olga(wizard)
    assert f"owner:{here}" not in shown
    again = await ada.post(HERE, shown | {"go": "again"})
    assert f"owner:{here}" in again.page.form(HERE) | again.page.chosen()
    assert (await choose(ada, {f"owner:{here}": there})).to == REVIEW


async def test_whoever_is_inactive_by_the_finish_is_said_and_nothing_begins_unseen(wizard: Wizard, ada: Person) -> None:
    here, there = olga(wizard)
    await read(wizard)
    await choose(ada, {f"owner:{here}": there})
    await review.wait(wizard.interlock, wizard.setup_id)
    await wizard.preview()
    wizard.production.org.tables["User"].rows[there].values["IsActive"] = False
    assert (await ada.finish("link")).status == 409
    shown = (await ada.get(REVIEW)).page.text
    assert "Olga Owner in HubSpot was paired with Olga There, who is gone or inactive: choose anew." in shown
    inactive = await choose(ada, {})
    assert inactive.status == 422
    assert "Olga There is inactive in Salesforce" in inactive.page.text
    assert (await choose(ada, {f"owner:{here}": ""})).to == REVIEW


async def test_who_leaves_finds_what_was_chosen_and_it_is_not_gone_by_yet(wizard: Wizard, ada: Person) -> None:
    here, there = olga(wizard)
    await read(wizard)
    left = await choose(ada, {f"owner:{here}": there}, go="leave")
    assert left.to == "/?done=setup_left"
    assert path.resume(await wizard.setup()) == owners.slug
    assert (await form(ada))[f"owner:{here}"] == there
    assert review.settings_of(await wizard.setup(), (await wizard.found()).connection)["owner_pairs"] == {}


async def test_pairs_of_a_connection_that_was_set_up_before_stand_and_can_be_taken_apart(
    wizard: Wizard, ada: Person
) -> None:
    here, there = olga(wizard)
    await read(wizard)
    connection = (await wizard.found()).connection
    async with wizard.store.write(connection.id) as tx:
        settings = {**connection.settings, "owner_pairs": {here: there}}
        await connections.update(tx, connection.id or 0, settings=settings)
    assert (await form(ada))[f"owner:{here}"] == there
    assert "Olga Owner in HubSpot is Olga There in Salesforce." in (await ada.get(REVIEW)).page.text
    assert (await choose(ada, {f"owner:{here}": ""})).to == REVIEW
    await wizard.preview()
    assert await pairs(wizard) == {}


async def test_of_many_users_one_is_found_by_typing_and_kept_by_leaving_too(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    async with a_wizard(store, clock, tmp_path) as wizard:
        ada = await wizard.person()
        await wizard.signed_in()
        await wizard.install()
        await wizard.recommended()
        here, there = olga(wizard)
        for n in range(60):
            wizard.production.add_user(f"Somebody {n}", f"somebody{n}@elsewhere.example")
        await read(wizard)
        name = next(
            str(each["value"])
            for each in (await ada.get(FROM_REVIEW)).page.all("option")
            if "Olga There" in str(each["value"])
        )
        await choose(ada, {f"owner:{here}": name}, go="leave")
        assert owners.values_of(await wizard.setup()).pairs == {here: there}
        assert (await form(ada))[f"owner:{here}"] == name
        assert (await choose(ada, {})).to == REVIEW
        assert owners.values_of(await wizard.setup()).pairs == {here: there}
