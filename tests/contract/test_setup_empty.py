"""What the wizard says where a search or a trial found nothing."""

from __future__ import annotations

import pytest
from tests.wizard import Person, Wizard, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    await wizard.signed_in()
    return wizard


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
