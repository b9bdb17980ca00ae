"""*Suggestions* on the pages and over the JSON API: looked for, accepted, refused; and what both CRMs hold afterwards."""

from __future__ import annotations

from pathlib import Path

from tests.asgi_browser import Answer, Browser, Text
from tests.engine.test_suggestions import LINK_ONLY, with_two_adas
from tests.settings_world import SettingsWorld, ended, tell

from interlock.app.people.roles import Role

HERE = "/connections/1"
PAGE = f"{HERE}/suggestions"


async def looked(browser: Browser) -> Answer:
    sent = await browser.submit(PAGE, f"{PAGE}/look")
    assert sent.to is not None, sent.page.text
    await ended(browser, sent.to)
    return await browser.get(PAGE)


async def unlinked(world: SettingsWorld) -> tuple[str, str]:
    """(in HubSpot, in Salesforce): two who may be one, once the first sync is over."""
    with_two_adas(world)
    await world.turns()
    (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
    assert world.counterpart("contacts", here) == ""
    return here, there


def test_a_suggestion_is_looked_for_shown_with_its_reasons_and_linked_when_it_is_accepted(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        here, there = await unlinked(world)
        operator = await world.browser(Role.OPERATOR)
        shown = await looked(operator)
        assert "Ada Lovelace <ada@example.com>" in shown.page.text
        assert "They have a phone number in common." in shown.page.text
        said = await operator.submit(PAGE, f"{PAGE}/decide", decision="accept")
        assert said.to is not None
        assert "linked with the next sync" in (await operator.get(said.to)).page.text
        await world.turns()
        assert world.counterpart("contacts", here) == there
        assert "Nothing is suggested." in (await operator.get(PAGE)).page.text
        assert {"suggestions_looked_for", "suggestion_accepted"} <= set(await world.deeds())

    tell(tmp_path, story, objects=("contacts",), settings=NOTHING_IS_MADE, **LINK_ONLY)


def test_a_refused_one_is_listed_as_refused_and_can_be_linked_after_all(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        here, there = await unlinked(world)
        operator = await world.browser(Role.OPERATOR)
        await looked(operator)
        await operator.submit(PAGE, f"{PAGE}/decide", decision="refuse")
        assert "Nothing is suggested." in (await looked(operator)).page.text
        assert "Ada Lovelace" in (await operator.get(f"{PAGE}?state=refused")).page.text
        await world.turns()
        assert world.counterpart("contacts", here) == ""
        await operator.submit(f"{PAGE}?state=refused", f"{PAGE}/decide", decision="accept")
        await world.turns()
        assert world.counterpart("contacts", here) == there

    tell(tmp_path, story, objects=("contacts",), settings=NOTHING_IS_MADE, **LINK_ONLY)


def test_a_viewer_sees_suggestions_and_decides_nothing(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await unlinked(world)
        await looked(await world.browser(Role.OPERATOR))
        shown = await (await world.browser(Role.VIEWER)).get(PAGE)
        assert "Ada Lovelace" in shown.page.text
        assert f"{PAGE}/decide" not in shown.body

    tell(tmp_path, story, objects=("contacts",), settings=NOTHING_IS_MADE, **LINK_ONLY)


def test_what_is_gone_meanwhile_is_said(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await unlinked(world)
        operator = await world.browser(Role.OPERATOR)
        await looked(operator)
        said = await operator.submit(PAGE, f"{PAGE}/decide", decision="accept", suggestion="a|b")
        assert said.status == 404
        assert "There is no suggestion a|b." in said.page.text

    tell(tmp_path, story, objects=("contacts",), settings=NOTHING_IS_MADE, **LINK_ONLY)


NOTHING_IS_MADE = {"create_in_hubspot": False, "create_in_salesforce": False}


def test_duplicates_within_one_crm_are_reported_with_what_they_have_in_common(tmp_path: Path) -> None:
    def twice(world: SettingsWorld) -> None:
        for name in ("Lovelace", "King"):
            world.sally.create("Contact", {"LastName": name, "Email": "ada@example.com"})

    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        sent = await operator.submit(f"{HERE}/duplicates", f"{HERE}/duplicates/look")
        assert sent.to is not None
        shown = (await ended(operator, sent.to)).page.text
        assert "2 records were read. 1 group. There is 1 record too many." in shown
        assert "King <ada@example.com>" in shown
        assert "the same e-mail address" in shown
        viewer = await world.browser(Role.VIEWER)
        assert f"{HERE}/duplicates/look" not in (await viewer.get(f"{HERE}/duplicates")).body

    tell(tmp_path, story, twice, objects=("contacts",))


def test_a_large_group_of_duplicates_is_shown_in_pages(tmp_path: Path) -> None:
    def many(world: SettingsWorld) -> None:
        for number in range(130):
            world.sally.create("Contact", {"LastName": f"Office {number:03}", "Email": "office@example.com"})

    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        sent = await operator.submit(f"{HERE}/duplicates", f"{HERE}/duplicates/look")
        assert sent.to is not None
        shown = (await ended(operator, sent.to)).page
        assert len(members(shown)) == 20
        (link,) = [str(each["href"]) for each in shown.all("a") if "group=" in str(each["href"])]
        first = (await operator.get(link)).page
        assert "1 to 100 of 130." in first.text
        (link,) = [str(each["href"]) for each in first.all("a") if "page=1" in str(each["href"])]
        second = (await operator.get(link)).page
        assert "101 to 130 of 130." in second.text
        assert len(members(first)) == 100
        assert len(members(second)) == 30
        assert not members(first) & members(second)
        # What no group is called by shows them all.
        assert "1 group." in (await operator.get(f"{sent.to}&group=contacts:salesforce:7")).page.text
        assert "1 group." in (await operator.get(f"{sent.to}&group=nonsense&page=x")).page.text

    tell(tmp_path, story, many, objects=("contacts",))


def members(page: Text) -> set[str]:
    return {str(each["href"]) for each in page.all("a") if "/records/" in str(each["href"])}
