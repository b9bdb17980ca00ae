"""The wizard's step Connect, from the button through the CRM's own pages and back, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.asgi_browser import Browser
from tests.contract.conftest import a_connection
from tests.setup_world import ADMIN, APPS, CONNECT, PUBLIC_URL, SALES, SIGN_IN, SetupWorld, a_setup_world

from interlock.app.setup import connect, joining, state
from interlock.store import connections, grants

pytestmark = pytest.mark.anyio

HUBSPOT, SALESFORCE, SYNC_USER = "hubspot", "salesforce", "sync_user"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[SetupWorld]:
    async with a_setup_world(tmp_path, database_url) as made:
        yield made


@pytest.fixture
async def ada(world: SetupWorld) -> Browser:
    """At the step Connect."""
    browser = await world.person()
    await world.to_connect(browser)
    return browser


async def values(world: SetupWorld) -> connect.Values:
    return connect.values_of(await world.setup())


async def state_of(world: SetupWorld, grant_id: int) -> tuple[str, str]:
    async with world.store.read(None) as tx:
        found = await grants.get(tx, grant_id)
    assert found is not None
    return found.state, found.role


async def good_grants(world: SetupWorld) -> set[int]:
    """Of all that was ever granted."""
    async with world.store.read(None) as tx:
        rows = await tx.rows("SELECT id FROM crm_grant WHERE state = ?", grants.GOOD)
    return {row[0] for row in rows}


class TestBothSides:
    async def test_whoever_signs_in_sees_who_and_into_what_on_each_side(self, world: SetupWorld, ada: Browser) -> None:
        here = await world.sign_in_to(ada, HUBSPOT)
        assert str(world.hubspot.account_id) in here.page.text
        there = await world.sign_in_to(ada, SALESFORCE)
        for shown in (ADMIN, world.production.org_id, "Production", "Developer Edition"):
            assert shown in there.page.text
        assert there.page.text.count("Not you? Sign in as someone else") == 2

    async def test_next_leads_on_only_once_both_are_signed_in_to(self, world: SetupWorld, ada: Browser) -> None:
        refused = await ada.submit(CONNECT, CONNECT, go="next")
        assert (refused.status, "Both sides have to be signed in to" in refused.page.text) == (422, True)
        await world.sign_in_to(ada, HUBSPOT)
        await world.sign_in_to(ada, SALESFORCE)
        assert (await ada.submit(CONNECT, CONNECT, go="next")).status == 303

    async def test_the_sign_ins_are_there_in_another_admins_browser(self, world: SetupWorld, ada: Browser) -> None:
        await world.sign_in_to(ada, HUBSPOT)
        bo = await world.person("bo")
        assert str(world.hubspot.account_id) in (await bo.get(CONNECT)).page.text

    async def test_signing_in_as_somebody_else_ends_the_sign_in_before(self, world: SetupWorld, ada: Browser) -> None:
        await world.sign_in_to(ada, SALESFORCE)
        before = (await values(world)).salesforce
        crm = world.browser()
        await crm.go_through(await world.press(ada, SALESFORCE, again="yes"))
        await world.come_back(ada, crm)
        after = (await values(world)).salesforce
        assert before is not None
        assert before.grant is not None
        assert after is not None
        assert after.grant != before.grant
        assert (await state_of(world, before.grant))[0] == grants.REVOKED

    async def test_a_sandbox_is_left_for_the_production_org(self, world: SetupWorld, ada: Browser) -> None:
        await world.sign_in_to(ada, SALESFORCE, sandbox="yes")
        form = (await ada.get(CONNECT)).page.form(SIGN_IN)
        assert form.pop("sandbox") == "yes"
        crm = world.browser()
        left = await ada.post(SIGN_IN, {**form, "part": SALESFORCE, "again": "yes"})
        (link,) = [a["href"] for a in left.page.all("a") if str(a.get("href", "")).startswith("https://login.")]
        await crm.go_through(str(link))
        await world.come_back(ada, crm)
        now = (await values(world)).salesforce
        assert now is not None
        assert (now.identity.account_id, now.identity.sandbox) == (world.production.org_id, False)

    async def test_what_the_connection_is_joined_with_is_both_sign_ins(self, world: SetupWorld, ada: Browser) -> None:
        await world.sign_in_to(ada, HUBSPOT)
        await world.sign_in_to(ada, SALESFORCE)
        setup = await world.setup()
        parts = await joining.parts(world.store, setup)
        assert (parts.hubspot_url, parts.salesforce_url) == ("https://api.hubapi.com", "https://acme.my.salesforce.com")
        assert (parts.secrets, len(parts.grants), parts.sandbox) == (None, 2, False)
        async with world.office.interlock.setup_clients(setup) as clients:
            assert (await clients.hubspot.account()).account_id == str(world.hubspot.account_id)
            assert (await clients.salesforce.organization()).id == world.production.org_id


class TestRefusals:
    """Each is said beside the button that was pressed, and only until it is pressed again."""

    async def refused(self, world: SetupWorld, part: str = SALESFORCE) -> str:
        return (await values(world)).refused[part]

    async def test_a_production_org_where_a_sandbox_was_ticked(self, world: SetupWorld, ada: Browser) -> None:
        # test.salesforce.com knows no user of the production org: My Domain is how one gets there all the same.
        page = await world.sign_in_to(ada, SALESFORCE, sandbox="yes", my_domain="acme.my.salesforce.com")
        assert "is a production org, but a sandbox was asked for" in page.page.text
        assert "Untick Yes, this will connect to a sandbox" in page.page.text.replace("*", "")
        assert (await values(world)).salesforce is None

    async def test_a_sandbox_where_none_was_ticked(self, world: SetupWorld, ada: Browser) -> None:
        page = await world.sign_in_to(ada, SALESFORCE, my_domain="acme--dev.sandbox.my.salesforce.com")
        assert "is a sandbox, but a production org was asked for" in page.page.text

    async def test_a_sandbox_that_was_ticked_is_signed_in_to(self, world: SetupWorld, ada: Browser) -> None:
        page = await world.sign_in_to(ada, SALESFORCE, sandbox="yes")
        assert "Sandbox" in page.page.text
        assert world.sandbox.org_id in page.page.text

    async def test_deny_is_said_and_forgotten_with_the_next_try(self, world: SetupWorld, ada: Browser) -> None:
        for part in (HUBSPOT, SALESFORCE):
            denied = await world.sign_in_to(ada, part, word="no")
            assert "not" in await self.refused(world, part)
            assert await self.refused(world, part) in " ".join(denied.page.text.split())
            await world.press(ada, part)
            assert part not in (await values(world)).refused

    async def test_a_sign_in_that_took_too_long(self, world: SetupWorld, ada: Browser) -> None:
        crm = world.browser()
        await crm.go_through(await world.press(ada, SALESFORCE))
        world.office.advance(11 * 60)
        await world.come_back(ada, crm)
        assert "took longer than 10 minutes" in await self.refused(world)

    async def test_a_window_that_was_closed(self, world: SetupWorld, ada: Browser) -> None:
        await world.press(ada, HUBSPOT, window="yes")
        page = await ada.get(f"{CONNECT}?closed=hubspot")
        assert "The sign-in window was closed" in page.page.text
        await world.sign_in_to(ada, HUBSPOT)
        assert "window was closed" not in (await ada.get(f"{CONNECT}?closed=hubspot")).page.text

    async def test_an_address_that_is_no_my_domain(self, world: SetupWorld, ada: Browser) -> None:
        form = (await ada.get(CONNECT)).page.form(SIGN_IN)
        answer = await ada.post(SIGN_IN, {**form, "part": SALESFORCE, "my_domain": "https://evil.example"})
        assert (answer.status, "is not a My Domain address" in answer.page.text) == (422, True)
        assert answer.page.all("input", id="my_domain")[0]["aria-invalid"] == "true"
        assert (await values(world)).my_domain == ""

    async def test_an_app_that_the_org_does_not_let_in(self, database_url: str, tmp_path: Path) -> None:
        async with a_setup_world(tmp_path, database_url, app_policy="not_installed") as world:
            ada = await world.person()
            await world.to_connect(ada)
            await world.sign_in_to(ada, SALESFORCE)
            assert "does not let this app in" in await self.refused(world)


class TestWindow:
    async def test_the_window_comes_back_to_a_page_that_closes_it(self, world: SetupWorld, ada: Browser) -> None:
        page = await world.sign_in_to(ada, HUBSPOT, window="yes")
        assert page.page.all("div", **{"data-came-back": None})  # type: ignore[arg-type]
        assert page.headers["cross-origin-opener-policy"] == "unsafe-none"
        assert (await ada.get(CONNECT)).headers["cross-origin-opener-policy"] == "same-origin-allow-popups"

    async def test_what_is_refused_before_it_leaves_is_said_beside_the_button_and_not_in_the_window(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        form = (await ada.get(CONNECT)).page.form(SIGN_IN)
        typed = {**form, "part": SALESFORCE, "my_domain": "https://evil.example", "window": "yes"}
        window = await ada.post(SIGN_IN, typed)
        assert window.page.all("div", **{"data-came-back": None})  # type: ignore[arg-type]
        assert "is not a My Domain address" in (await values(world)).refused[SALESFORCE]
        assert "is not a My Domain address" in (await ada.get(CONNECT)).page.text
        await world.press(ada, SALESFORCE)
        assert SALESFORCE not in (await values(world)).refused

    async def test_a_window_that_was_closed_while_somebody_is_signed_in_is_said_too(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.sign_in_to(ada, HUBSPOT)
        (form,) = (await ada.get(CONNECT)).page.all("form", **{"data-opens-window": HUBSPOT})
        closed = f"{CONNECT}?closed=hubspot&stood={form['data-stood']}"
        assert "The sign-in window was closed" in (await ada.get(closed)).page.text
        await world.sign_in_to(ada, HUBSPOT, again="yes")
        assert "The sign-in window was closed" not in (await ada.get(closed)).page.text

    async def test_both_sides_may_be_on_their_way_at_once(self, world: SetupWorld, ada: Browser) -> None:
        one, other = world.browser(), world.browser()
        await one.go_through(await world.press(ada, HUBSPOT))
        await other.go_through(await world.press(ada, SALESFORCE))
        for crm in (one, other):
            assert (await world.come_back(ada, crm)).to == CONNECT
        assert connect.done(await world.setup())

    @pytest.mark.parametrize("part", [HUBSPOT, SALESFORCE, SYNC_USER])
    async def test_of_two_who_sign_in_to_one_side_at_once_the_first_stays_and_the_second_is_ended_again(
        self, world: SetupWorld, ada: Browser, part: str
    ) -> None:
        if part == SYNC_USER:
            await world.sign_in_to(ada, SALESFORCE)
        bo, email = await world.person("bo"), SALES if part == SYNC_USER else ADMIN
        first, second = world.browser(email), world.browser(email)
        await first.go_through(await world.press(ada, part))
        await second.go_through(await world.press(bo, part))
        await world.come_back(ada, first)
        stays = getattr(await values(world), part)
        await world.come_back(bo, second)
        now = await values(world)
        assert getattr(now, part) == stays
        assert (await state_of(world, stays.grant))[0] == grants.GOOD
        assert "signed in to" in now.refused[part]
        assert "this one was ended again" in (await bo.get(CONNECT)).page.text
        assert await good_grants(world) == {
            each.grant for each in (now.hubspot, now.salesforce, now.sync_user) if each is not None
        }

    async def test_a_sign_in_that_comes_back_after_a_key_was_chosen_is_ended_again(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        crm = world.browser()
        await crm.go_through(await world.press(ada, HUBSPOT))
        await ada.submit(APPS, APPS, go="next", hubspot_way="key", hubspot_key=world.hubspot.token)
        await world.come_back(ada, crm)
        assert (await values(world)).hubspot is None
        assert "chose a key for HubSpot" in (await values(world)).refused[HUBSPOT]
        assert await good_grants(world) == set()


class TestTheDoor:
    async def test_a_callback_in_a_browser_that_began_nothing_is_refused(self, world: SetupWorld, ada: Browser) -> None:
        crm = world.browser()
        await crm.go_through(await world.press(ada, HUBSPOT))
        stranger = await world.come_back(world.visitor(), crm)
        bo = await world.come_back(await world.person("bo"), crm)
        assert (stranger.status, bo.status) == (400, 400)
        assert (await values(world)).hubspot is None
        # Nothing was used up by it.
        await world.come_back(ada, crm)
        assert (await values(world)).hubspot is not None

    async def test_who_signed_out_meanwhile_is_refused(self, world: SetupWorld, ada: Browser) -> None:
        crm = world.browser()
        await crm.go_through(await world.press(ada, HUBSPOT))
        await ada.submit(CONNECT, "/sign-out")
        answer = await world.come_back(ada, crm)
        assert answer.status == 403
        assert (await values(world)).hubspot is None

    async def test_the_cookies_of_a_sign_in_are_of_this_host_alone(self, world: SetupWorld, ada: Browser) -> None:
        await world.press(ada, HUBSPOT)
        assert {"__Host-interlock_sign_in", "__Host-interlock_sign_in_from_hubspot"} <= set(ada.cookies)


class TestSyncUser:
    async def chosen(self, world: SetupWorld, ada: Browser, email: str = SALES) -> str:
        crm = world.browser(email)
        await crm.go_through(await world.press(ada, SYNC_USER))
        answer = await world.come_back(ada, crm)
        assert answer.to == CONNECT
        return (await ada.get(CONNECT)).page.text

    async def test_one_user_deploys_and_another_syncs(self, world: SetupWorld, ada: Browser) -> None:
        await world.sign_in_to(ada, HUBSPOT)
        await world.sign_in_to(ada, SALESFORCE)
        shown = await self.chosen(world, ada)
        assert SALES in shown
        now = await values(world)
        assert now.salesforce is not None
        assert now.sync_user is not None
        assert now.salesforce.grant is not None
        assert now.sync_user.grant is not None
        assert await state_of(world, now.salesforce.grant) == (grants.GOOD, grants.ADMIN)
        assert await state_of(world, now.sync_user.grant) == (grants.GOOD, grants.SYNC)
        setup = await world.setup()
        for deploying, email in ((True, ADMIN), (False, SALES)):
            async with world.office.interlock.setup_clients(setup, deploying=deploying) as clients:
                assert (await clients.salesforce.identity()).username.startswith(email)

    async def test_what_was_chosen_for_another_org_that_nobody_signed_in_to_does_not_count_for_the_sync_user(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.sign_in_to(ada, SALESFORCE)
        await world.press(ada, SALESFORCE, again="yes", sandbox="yes", my_domain="acme--dev.sandbox.my.salesforce.com")
        shown = await self.chosen(world, ada)
        assert SALES in shown
        now = await values(world)
        assert now.sync_user is not None
        assert now.sync_user.identity.account_id == world.production.org_id

    async def test_the_admin_is_no_other_user(self, world: SetupWorld, ada: Browser) -> None:
        await world.sign_in_to(ada, SALESFORCE)
        shown = await self.chosen(world, ada, ADMIN)
        assert "is the user who is signed in already" in shown
        assert (await values(world)).sync_user is None

    async def test_the_sync_runs_as_the_admin_after_all(self, world: SetupWorld, ada: Browser) -> None:
        await world.sign_in_to(ada, SALESFORCE)
        await self.chosen(world, ada)
        before = await values(world)
        await ada.submit(CONNECT, f"{CONNECT}/sync-user-none")
        now = await values(world)
        assert now.sync_user is None
        assert before.sync_user is not None
        assert before.sync_user.grant is not None
        assert now.salesforce is not None
        assert now.salesforce.grant is not None
        assert (await state_of(world, before.sync_user.grant))[0] == grants.REVOKED
        assert await state_of(world, now.salesforce.grant) == (grants.GOOD, grants.SYNC)


class TestAsking:
    ASK = f"{CONNECT}/ask"

    async def link(self, ada: Browser, side: str) -> str:
        form = (await ada.get(CONNECT)).page.form(self.ASK)
        page = await ada.post(self.ASK, {**form, "side": side})
        (shown,) = page.page.all("input", id="link")
        link = str(shown["value"])
        assert link.startswith(f"{PUBLIC_URL}/colleague/")
        assert link in page.page.text
        return link.removeprefix(PUBLIC_URL)

    async def test_a_colleague_without_an_account_signs_in_to_one_side(self, world: SetupWorld, ada: Browser) -> None:
        link = await self.link(ada, HUBSPOT)
        assert "Waiting for your colleague" in (await ada.get(CONNECT)).page.text
        carol = world.visitor()
        page = await carol.get(link)
        assert "Ada asks you to let Interlock in to HubSpot" in page.page.text
        crm = world.browser()
        await crm.go_through(await world.press(carol, HUBSPOT, link, f"{link}/connect/sign-in"))
        assert (await world.come_back(carol, crm)).to == link
        assert str(world.hubspot.account_id) in (await carol.get(link)).page.text
        assert str(world.hubspot.account_id) in (await ada.get(CONNECT)).page.text
        assert "Waiting" not in (await ada.get(CONNECT)).page.text
        thanks = await carol.submit(link, f"{link}/connect")
        assert "Your part is done" in thanks.page.text
        assert (await carol.get(link)).status == 404
        actors = {
            actor.partition(":")[0] for actor, action, _ in await world.office.deeds() if action == "colleague_done"
        }
        assert actors == {"link"}

    async def test_a_link_lets_nobody_do_anything_else(self, world: SetupWorld, ada: Browser) -> None:
        link = await self.link(ada, HUBSPOT)
        carol = world.visitor()
        form = (await carol.get(link)).page.form(f"{link}/connect/sign-in")
        other = await carol.post(f"{link}/connect/sign-in", {**form, "part": SALESFORCE})
        assert other.status == 422
        assert (await carol.get(CONNECT)).to == "/sign-in?next=%2Fsetup%2Fconnect"
        assert not [a for a in (await carol.get(link)).page.all("a") if "/setup" in str(a.get("href"))]

    async def test_a_link_that_was_taken_back_ends_a_sign_in_under_way(self, world: SetupWorld, ada: Browser) -> None:
        link = await self.link(ada, HUBSPOT)
        carol, crm = world.visitor(), world.browser()
        await crm.go_through(await world.press(carol, HUBSPOT, link, f"{link}/connect/sign-in"))
        form = (await ada.get(CONNECT)).page.form(f"{CONNECT}/take-back")
        await ada.post(f"{CONNECT}/take-back", {**form, "side": HUBSPOT})
        assert (await world.come_back(carol, crm)).status == 403
        assert (await carol.get(link)).status == 404
        assert (await values(world)).hubspot is None

    async def test_a_link_ends_after_seven_days_and_when_a_newer_one_is_made(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        old, new = await self.link(ada, SALESFORCE), await self.link(ada, SALESFORCE)
        assert ((await world.visitor().get(old)).status, (await world.visitor().get(new)).status) == (404, 200)
        world.office.advance(7 * 24 * 3600 + 1)
        assert (await world.visitor().get(new)).status == 404

    async def test_a_link_that_somebody_took_up_is_nobody_elses(self, world: SetupWorld, ada: Browser) -> None:
        link = await self.link(ada, SALESFORCE)
        await world.press(world.visitor(), SALESFORCE, link, f"{link}/connect/sign-in")
        second = await world.visitor().get(link)
        assert (second.status, "taken up in another browser" in second.page.text) == (404, True)

    async def test_the_package_waits_for_the_sign_in_of_its_org(self, world: SetupWorld, ada: Browser) -> None:
        link = await self.link(ada, SALESFORCE)
        carol = world.visitor()
        early = await carol.get(f"{link}/package")
        form = (await carol.get(link)).page.form(f"{link}/connect/sign-in")
        sent = await carol.post(f"{link}/package/continue", {"csrf": form["csrf"]})
        assert [(each.status, each.to) for each in (early, sent)] == [(303, link)] * 2

    async def test_who_is_asked_for_the_package_alone_takes_the_link_up_with_it(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.sign_in_to(ada, HUBSPOT)
        await world.sign_in_to(ada, SALESFORCE)
        form = (await ada.get("/setup/package")).page.form("/setup/package/ask")
        (shown,) = (await ada.post("/setup/package/ask", form)).page.all("input", id="link")
        link = str(shown["value"]).removeprefix(PUBLIC_URL)
        carol = world.visitor()
        scope = (await carol.get(f"{link}/package?stage=scope")).page.form(f"{link}/package/install")
        assert (await carol.post(f"{link}/package/install", {**scope, "who": "all"})).status == 303
        assert (await carol.get(f"{link}/package?stage=dialog")).status == 200
        other = await world.visitor().get(f"{link}/package")
        assert (other.status, "taken up in another browser" in other.page.text) == (404, True)

    async def test_a_link_for_the_package_stays_good_while_the_admin_chooses_the_sync_user(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.sign_in_to(ada, HUBSPOT)
        await world.sign_in_to(ada, SALESFORCE)
        form = (await ada.get("/setup/package")).page.form("/setup/package/ask")
        asked = await ada.post("/setup/package/ask", form)
        (shown,) = asked.page.all("input", id="link")
        await world.sign_in_to(ada, SYNC_USER, world.browser(SALES))
        link = str(shown["value"]).removeprefix(PUBLIC_URL)
        assert (await world.visitor().get(f"{link}/package")).status == 200

    async def test_the_message_says_all_that_the_link_is_for(self, world: SetupWorld, ada: Browser) -> None:
        form = (await ada.get(CONNECT)).page.form(self.ASK)
        hubspot = (await ada.post(self.ASK, {**form, "side": HUBSPOT})).page.text
        salesforce = (await ada.post(self.ASK, {**form, "side": SALESFORCE})).page.text
        assert "can sign in to HubSpot for this set-up, and do nothing else" in hubspot
        assert "install its package, and do nothing else" in salesforce
        assert "then press Install the Salesforce package" in salesforce
        await world.sign_in_to(ada, HUBSPOT)
        await world.sign_in_to(ada, SALESFORCE)
        ask = "/setup/package/ask"
        package = (await ada.post(ask, (await ada.get("/setup/package")).page.form(ask))).page.text
        assert "press Install the Salesforce package" in package
        assert "press Sign in to Salesforce" not in package

    async def test_the_token_stands_nowhere_in_the_database(self, world: SetupWorld, ada: Browser) -> None:
        token = (await self.link(ada, HUBSPOT)).rpartition("/")[2]
        async with world.store.read(None) as tx:
            kept = repr([await tx.rows(f"SELECT * FROM {table}") for table in ("colleague_link", "setup_step", "deed")])
        assert token not in kept


class TestJoinedElsewhere:
    async def connected(self, world: SetupWorld, account: str, org: str, name: str = "main", **changes: object) -> None:
        joined = {"salesforce_org_id": org, "salesforce_name": "Acme old", "hubspot_name": "Brand B", **changes}
        async with world.store.write(None) as tx:
            await connections.create(tx, a_connection(name, account, **joined))

    @pytest.mark.parametrize("last", [HUBSPOT, SALESFORCE])
    async def test_an_account_that_is_joined_to_another_org_is_refused_by_its_name(
        self, world: SetupWorld, ada: Browser, last: str
    ) -> None:
        await self.connected(world, str(world.hubspot.account_id), "00D000000000009EAA")
        await world.sign_in_to(ada, SALESFORCE if last == HUBSPOT else HUBSPOT)
        page = await world.sign_in_to(ada, last)
        assert "is already joined to the Salesforce org Acme old (00D000000000009EAA)" in page.page.text
        assert getattr(await values(world), last) is None

    @pytest.mark.parametrize("last", [HUBSPOT, SALESFORCE])
    async def test_it_is_refused_where_both_sides_were_on_their_way_at_once(
        self, world: SetupWorld, ada: Browser, last: str
    ) -> None:
        await self.connected(world, str(world.hubspot.account_id), "00D000000000009EAA")
        first, second = world.browser(), world.browser()
        await first.go_through(await world.press(ada, SALESFORCE if last == HUBSPOT else HUBSPOT))
        await second.go_through(await world.press(ada, last))
        for crm in (first, second):
            await world.come_back(ada, crm)
        assert "is already joined to the Salesforce org Acme old" in (await values(world)).refused[last]
        assert getattr(await values(world), last) is None
        assert len(await good_grants(world)) == 1

    async def test_an_org_that_is_joined_to_other_accounts_says_to_which(self, world: SetupWorld, ada: Browser) -> None:
        await self.connected(world, "999", world.production.org_id)
        page = await world.sign_in_to(ada, SALESFORCE)
        assert "This org is joined to other HubSpot accounts too: Brand B" in page.page.text

    async def test_an_account_that_has_this_connection_already_says_so(self, world: SetupWorld, ada: Browser) -> None:
        await self.connected(world, str(world.hubspot.account_id), world.production.org_id)
        page = await world.sign_in_to(ada, HUBSPOT)
        assert "has the connection main already, which does not sync" in page.page.text

    async def test_an_account_that_syncs_already_is_refused_before_the_package_is_in_an_org(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await self.connected(world, str(world.hubspot.account_id), world.production.org_id, begun_at_us=1)
        page = await world.sign_in_to(ada, HUBSPOT)
        assert "syncs already, as the connection 'main' with the Salesforce org Acme old" in page.page.text
        assert (await values(world)).hubspot is None
        assert await good_grants(world) == set()

    async def test_an_account_whose_connection_was_disconnected_may_be_set_up_anew(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        account, org = str(world.hubspot.account_id), world.production.org_id
        await self.connected(world, account, org, begun_at_us=1, state="not_connected")
        await world.sign_in_to(ada, HUBSPOT)
        assert (await values(world)).hubspot is not None


class TestGivingUp:
    async def test_sign_ins_are_ended_at_the_crms_and_links_work_no_more(self, world: SetupWorld, ada: Browser) -> None:
        link = await TestAsking().link(ada, HUBSPOT)
        await world.sign_in_to(ada, SALESFORCE)
        grant = (await values(world)).salesforce
        assert grant is not None
        assert grant.grant is not None
        setup = await world.setup()
        page = await ada.submit(f"/setup/give-up?setup={setup.id}", "/setup/give-up")
        assert "is given up" in page.page.text
        assert (await state_of(world, grant.grant))[0] == grants.REVOKED
        assert any(session.revoked for session in world.production.sessions.refresh.values())
        assert (await world.visitor().get(link)).status == 404
        assert (await ada.get("/setup")).to == "/setup/expectations"

    async def test_one_whose_connection_syncs_is_not_given_up(self, world: SetupWorld, ada: Browser) -> None:
        setup = await world.setup()
        async with world.store.write(None) as tx:
            await state.joined(tx, setup.id, await connections.create(tx, a_connection(begun_at_us=1)))
        page = await ada.submit(f"/setup/give-up?setup={setup.id}", "/setup/give-up")
        assert (page.status, "This connection syncs already" in page.page.text) == (422, True)

    async def test_a_link_ends_when_the_admin_signs_in_instead(self, world: SetupWorld, ada: Browser) -> None:
        link = await TestAsking().link(ada, HUBSPOT)
        await world.sign_in_to(ada, HUBSPOT)
        assert (await world.visitor().get(link)).status == 404
