"""The wizard's frame: begun, left, resumed in any browser; never in two hands at once; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.asgi_browser import Browser
from tests.office import PASSWORD, Office, an_office

from interlock.app.errors import Stale
from interlock.app.people.roles import Role
from interlock.app.setup import state
from interlock.app.setup.expectations import Values
from interlock.web.app import make_app

pytestmark = pytest.mark.anyio

FIRST = "/setup/expectations"


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, database_url) as opened:
        await opened.add("Ada", Role.ADMIN)
        await opened.add("Bo", Role.ADMIN)
        yield opened


async def signed_in(office: Office, name: str) -> Browser:
    browser = Browser(make_app(office.interlock, "http://127.0.0.1:8090", office.passwords))
    assert (await browser.sign_in(f"{name}@example.com", PASSWORD)).status == 303
    return browser


async def at_first_step(browser: Browser) -> str:
    """Where /setup leads."""
    answer = await browser.get("/setup")
    assert answer.status == 303
    assert answer.to is not None
    return answer.to


async def test_looking_at_the_first_step_begins_nothing(office: Office) -> None:
    ada = await signed_in(office, "ada")
    page = await ada.get(await at_first_step(ada))
    assert "Before you start" in page.page.text
    assert await state.under_way(office.store) == []


async def test_a_set_up_goes_on_where_it_was_left_in_another_admins_browser(office: Office) -> None:
    ada, bo = await signed_in(office, "ada"), await signed_in(office, "bo")
    left = await ada.submit(FIRST, FIRST, go="leave")
    assert left.to == "/?done=setup_left"
    assert await at_first_step(bo) == "/setup/apps"
    (setup,) = await state.under_way(office.store)
    assert [deed[1:] for deed in (await office.deeds())[-2:]] == [
        ("setup_begun", f"setup:{setup.id}"),
        ("setup_saved", f"setup:{setup.id}"),
    ]


async def test_a_step_whose_turn_is_not_yet_leads_to_the_one_that_is(office: Office) -> None:
    ada = await signed_in(office, "ada")
    assert (await ada.get("/setup/connect")).to == FIRST


async def test_of_two_who_save_one_step_the_second_is_told_and_overwrites_nothing(office: Office) -> None:
    ada, bo = await signed_in(office, "ada"), await signed_in(office, "bo")
    await ada.submit(FIRST, FIRST, go="next")
    old = (await bo.get(FIRST)).page.form(FIRST)
    await ada.submit(FIRST, FIRST, go="next")
    (before,) = await state.under_way(office.store)
    refused = await bo.post(FIRST, {**old, "go": "next"})
    assert refused.status == 409
    assert "Ada saved this step at" in refused.page.text
    assert await state.under_way(office.store) == [before]
    # The page that says so is of now: from it the step can be saved.
    again = await bo.post(FIRST, {**refused.page.form(FIRST), "go": "next"})
    assert again.status == 303


async def test_of_two_who_begin_at_once_the_second_is_told(office: Office) -> None:
    ada, bo = await signed_in(office, "ada"), await signed_in(office, "bo")
    old = (await bo.get(FIRST)).page.form(FIRST)
    await ada.submit(FIRST, FIRST, go="next")
    refused = await bo.post(FIRST, {**old, "go": "next"})
    assert refused.status == 409
    assert "Ada began a set-up meanwhile" in refused.page.text
    assert len(await state.under_way(office.store)) == 1


async def test_a_second_connection_is_set_up_beside_the_first(office: Office) -> None:
    ada = await signed_in(office, "ada")
    await ada.submit(FIRST, FIRST, go="next")
    await ada.submit(f"{FIRST}?setup=new", f"{FIRST}?setup=new", go="next")
    later, first = await state.under_way(office.store)
    several = await ada.get("/setup")
    assert [a["href"] for a in several.page.all("a") if "setup=" in str(a["href"])] == [
        f"/setup/apps?setup={later.id}",
        f"/setup/give-up?setup={later.id}",
        f"/setup/apps?setup={first.id}",
        f"/setup/give-up?setup={first.id}",
        "/setup?setup=new",
    ]


async def test_another_is_begun_while_one_waits_and_either_is_given_up_by_links_alone(office: Office) -> None:
    ada = await signed_in(office, "ada")
    await ada.submit(FIRST, FIRST, go="next")
    [link] = [a["href"] for a in (await ada.get(FIRST)).page.all("a") if str(a["href"]).endswith("setup=new")]
    begun = (await ada.get(str(link))).to
    assert begun == f"{FIRST}?setup=new"
    await ada.submit(begun, begun, go="next")
    later, first = await state.under_way(office.store)
    here = f"{FIRST}?setup={first.id}"
    page = await ada.get(here)
    assert f"/setup/give-up?setup={first.id}" in [a["href"] for a in page.page.all("a")]
    await ada.submit(f"/setup/give-up?setup={first.id}", "/setup/give-up")
    assert [each.id for each in await state.under_way(office.store)] == [later.id]


async def test_of_two_under_way_no_address_means_the_one_that_was_changed_last(office: Office) -> None:
    ada, bo = await signed_in(office, "ada"), await signed_in(office, "bo")
    await ada.submit(FIRST, FIRST, go="next")
    (hers,) = await state.under_way(office.store)
    old = [a["href"] for a in (await ada.get("/setup/apps")).page.all("a") if a["href"] == FIRST]
    another = f"{FIRST}?setup=new"
    await bo.submit(another, another, go="next")
    # What was shown before there were two does not lead into his.
    assert (await ada.get(str(old[0]))).to == "/setup"
    page = (await ada.get(f"/setup/apps?setup={hers.id}")).page
    assert f"Set-up {hers.id}" in page.text
    within = [str(a["href"]) for a in page.all("a") if str(a["href"]).startswith("/setup/")]
    within += [str(form["action"]) for form in page.all("form") if str(form.get("action")).startswith("/setup/")]
    assert within
    assert all(address.endswith(f"setup={hers.id}") for address in within), within


async def test_a_set_up_that_has_ended_takes_nothing_more(office: Office) -> None:
    ada = await signed_in(office, "ada")
    await ada.submit(FIRST, FIRST, go="next")
    by = await office.by("Ada")
    (setup,) = await state.under_way(office.store)
    async with office.store.write(None) as tx:
        await state.give_up_in(tx, by, setup.id)
    with pytest.raises(Stale, match="has ended"):
        await state.save(office.store, by, setup.id, "expectations", Values(read=True), 1)
    assert await at_first_step(ada) == FIRST
