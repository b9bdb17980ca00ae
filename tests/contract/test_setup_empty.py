"""What the wizard says where a search or a trial found nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.conftest import Clock
from tests.contract.test_setup_pages import Person, installed
from tests.office import PASSWORD, CountingHasher
from tests.wizard import BY, Wizard

from interlock.app.people import manage
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Role
from interlock.store import Store
from interlock.web.app import make_app

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wizard(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[Wizard]:
    made = Wizard(store, clock, tmp_path)
    await made.signed_in()
    try:
        yield made
    finally:
        await made.interlock.background.close()


@pytest.fixture
async def ada(wizard: Wizard) -> Person:
    passwords = Passwords(CountingHasher())
    await manage.add(wizard.store, BY, "ada@example.com", "Ada", Role.ADMIN, passwords, PASSWORD)
    person = Person(make_app(wizard.interlock, "http://127.0.0.1:8090", passwords))
    await person.sign_in("ada@example.com", PASSWORD)
    return person


async def test_a_search_that_finds_nothing_says_so(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await wizard.advanced()
    found = await ada.press("/setup/contacts", "/setup/contacts", which="list", search="no such list", go="search")
    assert "No list of contacts has that in its name." in found.page.text
    properties = await ada.get("/setup/properties?search=no+such+field")
    assert "No property or field has that in its name." in properties.page.text


async def test_a_trial_without_a_record_to_try_with_says_so(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await wizard.recommended()
    run = await wizard.end("try")
    assert (run.state, run.trial) == ("tried", [])
    progress = await ada.get(f"/settings/progress?setup={wizard.setup_id}")
    assert "There was no record to try with." in progress.page.text
