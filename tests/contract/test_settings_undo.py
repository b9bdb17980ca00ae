"""*Undo* on the pages: of everything since, and of one record; what the CRMs hold afterwards, and what is said of the rest."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest
from tests.asgi_browser import Answer, Browser
from tests.settings_world import PUBLIC_URL, SettingsWorld, ended, tell

from interlock.app.people.roles import Role
from interlock.app.undo import documents
from interlock.store import aside
from interlock.web.app import make_app
from interlock.web.pages import undo

HERE = "/connections/1"


async def carried_over(world: SettingsWorld) -> tuple[str, str]:
    """A person on both sides, whose title has just gone from Salesforce to HubSpot."""
    person = world.person("ada@example.com", jobtitle="Clerk")
    await world.turns()
    contact = world.counterpart("contacts", person)
    await asyncio.sleep(3_600)
    world.sally.update("Contact", contact, {"Title": "Countess"})
    await world.turns()
    assert world.contact(person)["jobtitle"] == "Countess"
    return person, contact


async def previewed(browser: Browser, page: str = f"{HERE}/undo", **typed: str) -> tuple[str, Answer]:
    """(its address, the preview)."""
    sent = await browser.submit(page, f"{HERE}/undo/look", **typed)
    assert sent.to is not None, sent.page.text
    return sent.to, await ended(browser, sent.to)


def test_what_was_carried_over_since_is_shown_first_and_then_taken_back(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, contact = await carried_over(world)
        operator = await world.browser(Role.OPERATOR)
        address, preview = await previewed(operator, since="30m")
        assert "1 field would go back." in preview.page.text
        assert "Countess" in preview.page.text
        assert "Clerk" in preview.page.text
        assert world.contact(person)["jobtitle"] == "Countess"
        run = await operator.submit(address, f"{address}/run")
        assert run.to is not None
        done = await ended(operator, run.to)
        assert "1 field went back." in done.page.text
        assert world.contact(person)["jobtitle"] == "Clerk"
        await world.turns()
        held = (world.contact(person)["jobtitle"], world.sally.get("Contact", contact)["Title"])
        assert held == ("Clerk", "Countess")
        assert "undone" in await world.deeds()

    tell(tmp_path, story, objects=("contacts",))


def test_what_was_carried_over_after_the_preview_stays_and_is_said(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, _ = await carried_over(world)
        bob = world.person("bob@example.com", jobtitle="Clerk")
        await world.turns()
        operator = await world.browser(Role.OPERATOR)
        address, preview = await previewed(operator, since="8m")
        assert "1 field would go back." in preview.page.text
        world.sally.update("Contact", world.counterpart("contacts", bob), {"Title": "Baron"})
        await world.turns()
        run = await operator.submit(address, f"{address}/run")
        assert run.to is not None
        done = await ended(operator, run.to)
        assert "1 field went back." in done.page.text
        assert "A sync has written it after this was shown, so it stays." in done.page.text
        assert [world.contact(each)["jobtitle"] for each in (person, bob)] == ["Clerk", "Baron"]

    tell(tmp_path, story, objects=("contacts",))


def test_a_record_that_a_sync_created_goes_only_when_its_count_was_typed(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person = world.person("ada@example.com")
        await world.turns()
        contact = world.counterpart("contacts", person)
        operator = await world.browser(Role.OPERATOR)
        address, preview = await previewed(operator, since="1d", object="contacts")
        assert "1 record that a sync created could be deleted again." in preview.page.text
        wrong = await operator.submit(address, f"{address}/run", count="7")
        assert wrong.status == 422
        assert "7 is not 1. Nothing was changed." in wrong.page.text
        kept = await operator.submit(address, f"{address}/run")
        assert kept.to is not None
        assert "deleting it was not confirmed" in (await ended(operator, kept.to)).page.text
        assert world.sally.ids("Contact") == [contact]
        gone = await operator.submit(address, f"{address}/run", count="1")
        assert gone.to is not None
        assert "1 record was deleted again." in (await ended(operator, gone.to)).page.text
        assert world.sally.ids("Contact") == []

    tell(tmp_path, story, objects=("contacts",))


def test_of_one_record_alone(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, _ = await carried_over(world)
        other = world.person("bo@example.com", jobtitle="Baker")
        await world.turns()
        world.sally.update("Contact", world.counterpart("contacts", other), {"Title": "Brewer"})
        await world.turns()
        operator = await world.browser(Role.OPERATOR)
        key = f"hubspot:contacts:{person}"
        page = await operator.get(f"{HERE}/records/{key}")
        (link,) = [str(a["href"]) for a in page.page.all("a") if "/undo?record=" in str(a.get("href"))]
        address, preview = await previewed(operator, link, since="1d")
        assert "1 field would go back." in preview.page.text
        run = await operator.submit(address, f"{address}/run")
        assert run.to is not None
        await ended(operator, run.to)
        assert [world.contact(each)["jobtitle"] for each in (person, other)] == ["Clerk", "Brewer"]

    tell(tmp_path, story, objects=("contacts",))


def test_what_was_edited_since_is_listed_and_left(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person, _ = await carried_over(world)
        world.hugo.update("contacts", person, {"jobtitle": "Analyst"})
        _, preview = await previewed(await world.browser(Role.OPERATOR), since="30m")
        assert "There is nothing to take back." in preview.page.text
        assert "It was edited since, on either side, and that edit stands." in preview.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_time_that_is_none_is_refused_at_its_field(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        for text, why in (("soon", "is not a time"), ("", "Say since when.")):
            refused = await operator.submit(f"{HERE}/undo", f"{HERE}/undo/look", since=text)
            assert refused.status == 422
            assert why in refused.page.text
        assert (await operator.get(f"{HERE}/undo/nonsense")).status == 404

    tell(tmp_path, story, objects=("contacts",))


def test_a_crm_that_does_not_answer_is_said(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await carried_over(world)
        world.hubspot.faults.add({"match": {"path_prefix": "/crm"}, "kind": "status", "status": 503})
        _, preview = await previewed(await world.browser(Role.OPERATOR), since="30m")
        assert "HubSpot" in preview.page.text
        assert "Try again" in preview.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_long_preview_is_read_page_by_page_and_whole_as_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "PAGE_ROWS", 2)
    monkeypatch.setattr(aside, "HELD_MOST", 1)

    async def story(world: SettingsWorld) -> None:
        people = [world.person(f"n{n}@example.com", jobtitle="Clerk") for n in range(5)]
        await world.turns()
        await asyncio.sleep(3_600)
        for n, person in enumerate(people):
            world.sally.update("Contact", world.counterpart("contacts", person), {"Title": f"=Countess {n}"})
        await world.turns()
        world.hugo.update("contacts", people[4], {"jobtitle": "Analyst"})
        operator = await world.browser(Role.OPERATOR)
        address, page = await previewed(operator, since="30m")
        assert "4 fields would go back." in page.page.text
        titles = [f"=Countess {n}" for n in range(5)]
        first = [title for title in titles if title in page.page.text]
        (further,) = [each["href"] or "" for each in page.page.all("a") if (each["href"] or "").startswith("?fields=")]
        page = await operator.get(address + further.partition("#")[0])
        second = [title for title in titles if title in page.page.text]
        assert (len(first), len(second), sorted(first + second)) == (2, 2, titles[:4])
        assert "3 to 4 of 4." in page.page.text
        assert "Previous page" in page.page.text
        assert "Next page" not in page.page.text
        file = await operator.get(f"{address}/export")
        lines = list(csv.DictReader(io.StringIO(file.body)))
        assert [(each["what"], each["now"], each["back_to"], each["why"]) for each in lines] == [
            *sorted(("field", f"'=Countess {n}", "Clerk", "") for n in range(4)),
            ("left", "", "", "edited_since"),
        ]
        viewer = await world.browser(Role.VIEWER)
        assert (await viewer.get(f"{address}/export")).status == 403

    tell(tmp_path, story, objects=("contacts",))


@pytest.mark.parametrize("in_document", [1_000, 3])
def test_another_process_shows_what_the_answer_holds_and_gives_a_file_only_where_that_is_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_document: int
) -> None:
    monkeypatch.setattr(documents, "_IN_DOCUMENT", in_document)

    async def story(world: SettingsWorld) -> None:
        people = [world.person(f"n{n}@example.com", jobtitle="Clerk") for n in range(4)]
        await world.turns()
        await asyncio.sleep(3_600)
        for n, person in enumerate(people):
            world.sally.update("Contact", world.counterpart("contacts", person), {"Title": f"Countess {n}"})
        await world.turns()
        operator = await world.browser(Role.OPERATOR)
        address, _ = await previewed(operator, since="30m")
        elsewhere = Browser(make_app(world.interlock, PUBLIC_URL))
        elsewhere.cookies.update(operator.cookies)
        page, file = await elsewhere.get(address), await elsewhere.get(f"{address}/export")
        titles = {f"Countess {n}" for n in range(4)}
        assert len({title for title in titles if title in page.page.text}) == min(4, in_document)
        assert "4 fields would go back." in page.page.text
        if in_document >= 4:
            assert {row["now"] for row in csv.DictReader(io.StringIO(file.body))} == titles
            assert "are shown." not in page.page.text
        else:
            assert (file.status, "Only the beginning of this list is known here" in file.page.text) == (404, True)
            assert "3 of 4 are shown." in page.page.text
            assert f"{address}/export" not in page.body
            assert (await operator.get(f"{address}/export")).status == 200

    tell(tmp_path, story, objects=("contacts",))


def test_a_place_that_is_none_shows_the_first_page_of_the_preview(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await carried_over(world)
        operator = await world.browser(Role.OPERATOR)
        address, _ = await previewed(operator, since="30m")
        for place in ("fields=99", "fields=-1", "fields=x&records=9", "fields=" + "9" * 40):
            page = await operator.get(f"{address}?{place}")
            assert (page.status, "Countess" in page.page.text) == (200, True), place

    tell(tmp_path, story, objects=("contacts",))
