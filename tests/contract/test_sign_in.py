"""Signing in to both CRMs in a browser, through the local CRMs' own log-in and consent pages: let in, refused, and why."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from tests.contract.conftest import Clock, a_connection
from tests.contract.sign_in_world import PRODUCTION, SALES, SANDBOX, SignInWorld, save_app

from interlock.app.sign_in import Finished, SignInStopped
from interlock.core.model import Side
from interlock.crm.errors import (
    AddressRefused,
    AppNotAllowed,
    AppRefused,
    CodeRefused,
    CrmError,
    RightsMissing,
    SignInDenied,
)
from interlock.store import Store, connections, deeds, grants

pytestmark = pytest.mark.anyio

HUBSPOT, SALESFORCE = Side.HUBSPOT, Side.SALESFORCE


@pytest.fixture
async def world(store: Store, clock: Clock) -> SignInWorld:
    made = SignInWorld(store, clock, {}, {})
    await made.enter_apps()
    return made


async def kept(world: SignInWorld, finished: Finished) -> grants.Grant:
    async with world.store.read(None) as tx:
        grant = await grants.get(tx, finished.grant_id)
    assert grant is not None
    return grant


async def test_an_admin_signs_in_to_hubspot(world: SignInWorld) -> None:
    finished = await world.sign_in(HUBSPOT)
    assert finished.identity.account_id == str(world.hubspot.account_id)
    assert finished.identity.user_name == "admin@example.com"
    grant = await kept(world, finished)
    assert grant.tokens is not None
    assert grant.tokens.access in world.hubspot.account.tokens
    assert "crm.objects.contacts.write" in grant.scopes
    assert "communication_preferences.read_write" in grant.scopes


@pytest.mark.parametrize(
    ("choices", "host"),
    [
        ({}, PRODUCTION),
        ({"sandbox": True}, SANDBOX),
        ({"my_domain": "acme"}, PRODUCTION),
        ({"my_domain": f"https://{PRODUCTION}/lightning/page/home"}, PRODUCTION),
        ({"my_domain": SANDBOX, "sandbox": True}, SANDBOX),
    ],
)
async def test_an_admin_signs_in_to_salesforce(world: SignInWorld, choices: dict[str, object], host: str) -> None:
    finished = await world.sign_in(SALESFORCE, **choices)
    org = world.sandbox if host == SANDBOX else world.production
    assert finished.identity.account_id == org.org_id
    assert finished.identity.user_name == org.users[1].username
    assert finished.identity.api_url == f"https://{host}"
    assert (finished.identity.sandbox, finished.identity.may_install) == (host == SANDBOX, True)
    assert finished.identity.edition == "Developer Edition"


async def test_salesforce_is_asked_for_the_api_a_refresh_token_and_who_it_is_and_for_nothing_else(
    world: SignInWorld,
) -> None:
    address = (await world.begin(world.browser(), SALESFORCE)).address
    assert parse_qs(urlsplit(address).query)["scope"] == ["api refresh_token openid"]


class TestRefusals:
    @pytest.mark.parametrize("side", list(Side))
    async def test_a_person_who_says_no_is_told_so_and_may_try_again(self, world: SignInWorld, side: Side) -> None:
        browser = world.browser()
        with pytest.raises(SignInDenied, match="denied"):
            await world.sign_in(side, browser, "no")
        assert (await world.sign_in(side, browser)).side is side

    @pytest.mark.parametrize("side", list(Side))
    async def test_an_address_works_once(self, world: SignInWorld, side: Side) -> None:
        browser = world.browser()
        await world.sign_in(side, browser)
        with pytest.raises(SignInStopped) as told:
            await world.finish(browser, side)
        assert told.value.failure.code == "sign_in_used"

    @pytest.mark.parametrize("side", list(Side))
    async def test_it_must_be_finished_within_ten_minutes(self, world: SignInWorld, clock: Clock, side: Side) -> None:
        browser = world.browser()
        await browser.go_through((await world.begin(browser, side)).address)
        clock.advance(600)
        with pytest.raises(SignInStopped) as told:
            await world.finish(browser, side)
        assert told.value.failure.code == "sign_in_expired"
        assert "10 minutes" in told.value.failure.message

    async def test_another_browser_cannot_finish_it_and_does_not_use_it_up(self, world: SignInWorld) -> None:
        victim, attacker = world.browser(), world.browser()
        await attacker.go_through((await world.begin(attacker, SALESFORCE)).address)
        victim.at = attacker.at  # the link that the attacker sent
        for cookie in (None, "guess", (await world.begin(world.browser(), SALESFORCE)).browser):
            victim.interlock_cookie = cookie
            with pytest.raises(SignInStopped) as told:
                await world.finish(victim, SALESFORCE)
            assert told.value.failure.code == "sign_in_other_browser"
        assert (await world.finish(attacker, SALESFORCE)).grant_id

    async def test_two_sign_ins_in_one_browser_do_not_get_in_each_others_way(self, world: SignInWorld) -> None:
        browser, other_tab = world.browser(), world.browser()
        first = await world.begin(browser, SALESFORCE)
        other_tab.interlock_cookie = browser.interlock_cookie
        second = await world.begin(other_tab, SALESFORCE, sandbox=True)
        assert first.browser == second.browser
        await other_tab.go_through(second.address)
        await browser.go_through(first.address)
        assert (await world.finish(browser, SALESFORCE)).identity.sandbox is False
        assert (await world.finish(other_tab, SALESFORCE)).identity.sandbox is True

    async def test_a_state_that_was_never_given_out_is_refused(self, world: SignInWorld) -> None:
        browser = world.browser()
        await browser.go_through((await world.begin(browser, SALESFORCE)).address)
        for changed in ("state=", "nothing="):
            brought = browser.at.replace("state=", changed).replace(changed, changed + "x")
            forged = world.browser()
            forged.at, forged.interlock_cookie = brought, browser.interlock_cookie
            with pytest.raises(SignInStopped) as told:
                await world.finish(forged, SALESFORCE)
            assert told.value.failure.code == "sign_in_unknown"

    async def test_a_callback_that_is_refused_is_in_the_log_with_why_and_by_whom(self, world: SignInWorld) -> None:
        browser = world.browser()
        await world.sign_in(SALESFORCE, browser)
        for _ in range(3):
            with pytest.raises(SignInStopped):
                await world.finish(browser, SALESFORCE)
        async with world.store.read(None) as tx:
            (told,) = [deed for deed in await deeds.list_(tx, None, 100) if deed.action == "crm_sign_in_refused"]
        assert (told.actor, told.subject, told.detail) == ("command", "salesforce", {"why": "used"})

    async def test_a_state_of_one_crm_is_unknown_at_the_callback_of_the_other(self, world: SignInWorld) -> None:
        browser = world.browser()
        await browser.go_through((await world.begin(browser, SALESFORCE)).address)
        browser.at = browser.at.replace("/oauth/salesforce/", "/oauth/hubspot/")
        with pytest.raises(SignInStopped) as told:
            await world.finish(browser, HUBSPOT)
        assert told.value.failure.code == "sign_in_unknown"

    @pytest.mark.parametrize("side", list(Side))
    async def test_an_answer_that_names_another_issuer_is_refused_and_its_code_sent_nowhere(
        self, world: SignInWorld, side: Side
    ) -> None:
        browser = world.browser()
        await browser.go_through((await world.begin(browser, side)).address)
        browser.at += "&iss=https%3A%2F%2Fevil.example"
        sent = len(world.line.sent)
        with pytest.raises(AddressRefused, match=r"evil\.example"):
            await world.finish(browser, side)
        assert len(world.line.sent) == sent

    async def test_an_answer_that_names_its_own_issuer_is_taken(self, world: SignInWorld) -> None:
        browser = world.browser()
        await browser.go_through((await world.begin(browser, SALESFORCE)).address)
        browser.at += "&iss=https%3A%2F%2Flogin.salesforce.com"
        assert (await world.finish(browser, SALESFORCE)).side is SALESFORCE

    @pytest.mark.parametrize("side", list(Side))
    async def test_a_code_put_in_from_another_sign_in_is_refused_by_its_verifier(
        self, world: SignInWorld, side: Side
    ) -> None:
        victim, attacker = world.browser(), world.browser()
        await attacker.go_through((await world.begin(attacker, side)).address)
        await victim.go_through((await world.begin(victim, side)).address)
        victim.at = victim.at.replace(victim.brought["code"], attacker.brought["code"])
        with pytest.raises(CodeRefused, match="verifier"):
            await world.finish(victim, side)

    async def test_a_code_that_is_too_old_is_refused_by_salesforce(self, world: SignInWorld) -> None:
        browser = world.browser()
        await browser.go_through((await world.begin(browser, SALESFORCE)).address)
        code = world.production.sessions.codes[browser.brought["code"]]
        code.expires_s = 0
        with pytest.raises(CodeRefused, match="expired authorization code"):
            await world.finish(browser, SALESFORCE)

    @pytest.mark.parametrize(
        ("choices", "words"),
        [
            ({"sandbox": True, "my_domain": "acme"}, "is a production org, but a sandbox was asked for"),
            ({"my_domain": SANDBOX}, "is a sandbox, but a production org was asked for"),
        ],
    )
    async def test_the_other_kind_of_org_is_refused_by_name_and_nothing_stays_behind(
        self, world: SignInWorld, choices: dict[str, object], words: str
    ) -> None:
        with pytest.raises(SignInStopped, match=words) as told:
            await world.sign_in(SALESFORCE, **choices)
        assert told.value.failure.code == "wrong_kind_of_org"
        org = world.production if choices.get("sandbox") else world.sandbox
        assert org.config.org_name in told.value.failure.message
        assert all(session.revoked for session in org.sessions.refresh.values())
        async with world.store.read(None) as tx:
            assert await tx.rows("SELECT id FROM crm_grant") == []

    @pytest.mark.parametrize(("sandbox", "where"), [(True, "test"), (False, "login")])
    async def test_a_user_of_the_other_kind_of_org_is_not_known_at_that_log_in(
        self, world: SignInWorld, sandbox: bool, where: str
    ) -> None:
        org = world.production if sandbox else world.sandbox
        world.line._app_by_host[f"{where}.salesforce.com"] = org.app
        browser = world.browser()
        await browser.open((await world.begin(browser, SALESFORCE, sandbox=sandbox)).address)
        assert "Please check your username and password" in browser.page

    async def test_a_user_without_api_access_is_told_which_right_is_missing(self, world: SignInWorld) -> None:
        world.production.add_user("No Api", "no.api@example.com", api_enabled=False)
        with pytest.raises(RightsMissing, match=r"no\.api@example\.com.*may not use the API") as told:
            await world.sign_in(SALESFORCE, world.browser("no.api@example.com"))
        assert "API Enabled" in told.value.fix
        assert all(session.revoked for session in world.production.sessions.refresh.values())

    async def test_a_user_who_may_not_install_is_let_in_and_it_is_said(self, world: SignInWorld) -> None:
        finished = await world.sign_in(SALESFORCE, world.browser(SALES))
        assert finished.identity.may_install is False

    async def test_a_user_who_may_not_install_cannot_sign_in_to_deploy(self, world: SignInWorld) -> None:
        with pytest.raises(RightsMissing, match="may not install the package in Local Salesforce") as told:
            await world.sign_in(SALESFORCE, world.browser(SALES), deploys=True)
        assert "administrator" in told.value.fix
        assert (await world.sign_in(SALESFORCE, deploys=True)).identity.may_install is True

    async def test_a_permission_set_lets_a_user_install(self, world: SignInWorld) -> None:
        org = world.production.org
        given = {"Name": "Deployer", "Label": "Deployer", "PermissionsModifyMetadata": True}
        right = org.insert_setup("PermissionSet", given)
        user = world.production.users[2].id
        org.insert_setup("PermissionSetAssignment", {"PermissionSetId": right.id, "AssigneeId": user})
        finished = await world.sign_in(SALESFORCE, world.browser(SALES), deploys=True)
        assert finished.identity.may_install is True

    async def test_hubspot_lets_only_an_admin_connect_an_app_and_says_so_itself(self, world: SignInWorld) -> None:
        browser = world.browser(SALES)
        await browser.open((await world.begin(browser, HUBSPOT)).address)
        await browser.log_in()
        assert not browser.is_back
        assert "Ask a super admin" in browser.page

    @pytest.mark.parametrize(
        ("policy", "email", "words"),
        [
            ("not_installed", "admin@example.com", "not installed in this org"),
            ("blocked", "admin@example.com", "blocked by admin"),
            ("admin_approved", SALES, "not admin approved"),
        ],
    )
    async def test_an_org_that_does_not_let_the_app_in_says_why_and_what_to_do(
        self, world: SignInWorld, policy: str, email: str, words: str
    ) -> None:
        world.production.config.app_policy = policy  # type: ignore[assignment]
        with pytest.raises(AppNotAllowed, match=words) as told:
            await world.sign_in(SALESFORCE, world.browser(email))
        assert "administrator of the org installs the app" in told.value.fix

    @pytest.mark.parametrize("side", list(Side))
    async def test_a_wrong_client_secret_is_told_apart_from_a_wrong_person(
        self, world: SignInWorld, side: Side
    ) -> None:
        crm = world.hubspot if side is HUBSPOT else world.production
        assert await save_app(world.store, side, crm.client_id, "mistyped") == world.apps[side]
        with pytest.raises(AppRefused, match=r"client (secret|credentials)"):
            await world.sign_in(side)

    @pytest.mark.parametrize("side", list(Side))
    async def test_a_callback_that_is_not_the_apps_is_refused_on_the_crms_own_page(
        self, store: Store, clock: Clock, side: Side
    ) -> None:
        world = SignInWorld(store, clock, {}, {})
        await world.enter_apps()
        browser = world.browser()
        address = (await world.begin(browser, side)).address
        await browser.open(address.replace("interlock.example", "other.example"))
        if "/sign-in" in browser.at:
            await browser.log_in()
        assert not browser.is_back
        assert "redirect" in browser.page

    async def test_a_sign_in_that_would_end_with_the_session_is_refused(self, world: SignInWorld) -> None:
        browser = world.browser()
        begun = await world.begin(browser, SALESFORCE)
        await browser.go_through(begun.address.replace("refresh_token", ""))
        with pytest.raises(SignInStopped) as told:
            await world.finish(browser, SALESFORCE)
        assert told.value.failure.code == "no_refresh_token"
        assert all(session.revoked for session in world.production.sessions.access.values() if session.refresh_token)

    async def test_a_scope_that_is_not_granted_is_named_and_the_rest_given_back(self, world: SignInWorld) -> None:
        browser = world.browser()
        begun = await world.begin(browser, HUBSPOT)
        await browser.go_through(begun.address.replace("crm.objects.contacts.write", ""))
        with pytest.raises(CrmError, match=r"without crm\.objects\.contacts\.write") as told:
            await world.finish(browser, HUBSPOT)
        assert told.value.code == "missing_scope"
        assert all(token.revoked for token in world.hubspot.account.tokens.values() if token.kind == "oauth")

    async def test_an_account_without_an_optional_scope_signs_in_without_it(self, store: Store, clock: Clock) -> None:
        lacking = "communication_preferences.read_write"
        world = SignInWorld(store, clock, {"scopes_unavailable": (lacking,)}, {})
        await world.enter_apps()
        grant = await kept(world, await world.sign_in(HUBSPOT))
        assert lacking not in grant.scopes

    async def test_an_account_without_a_required_scope_is_refused_by_hubspot(self, store: Store, clock: Clock) -> None:
        world = SignInWorld(store, clock, {"scopes_unavailable": ("crm.objects.contacts.write",)}, {})
        await world.enter_apps()
        browser = world.browser()
        await browser.open((await world.begin(browser, HUBSPOT)).address)
        await browser.log_in()
        assert "does not have access to the scopes crm.objects.contacts.write" in browser.page

    async def test_an_app_that_demands_pkce_is_content(self, store: Store, clock: Clock) -> None:
        world = SignInWorld(store, clock, {"require_pkce": True}, {"require_pkce": True})
        await world.enter_apps()
        for side in Side:
            assert (await world.sign_in(side)).side is side


class TestHosts:
    @pytest.mark.parametrize(
        "typed",
        ["evil.example", "acme.my.salesforce.com.evil.example", "http://127.0.0.1:8092", "", "na1.salesforce.com"],
    )
    async def test_only_an_orgs_own_log_in_is_a_my_domain(self, world: SignInWorld, typed: str) -> None:
        with pytest.raises(AddressRefused):
            await world.begin(world.browser(), SALESFORCE, my_domain=typed)
        assert world.line.sent == []

    async def test_an_instance_of_somebody_else_gets_no_token(self, world: SignInWorld) -> None:
        world.production.instance_url = "https://salesforce.com.evil.example"
        with pytest.raises(AddressRefused, match=r"evil\.example is not an address of Salesforce"):
            await world.sign_in(SALESFORCE)
        assert not any("evil" in url for url in world.line.sent)

    async def test_an_instance_on_this_machine_is_refused_outside_the_demo(self, world: SignInWorld) -> None:
        world.production.instance_url = "http://127.0.0.1:8092"
        with pytest.raises(AddressRefused):
            await world.sign_in(SALESFORCE)


class TestWhatIsJoinedAlready:
    async def join(self, world: SignInWorld, account: str, org_id: str, name: str = "main") -> int:
        async with world.store.write(None) as tx:
            made = a_connection(
                name, account, salesforce_org_id=org_id, salesforce_name="Beta", hubspot_name=f"H {account}"
            )
            return await connections.create(tx, made)

    @pytest.mark.parametrize("last", list(Side))
    async def test_a_second_org_for_one_account_is_refused_whichever_comes_last(
        self, world: SignInWorld, last: Side
    ) -> None:
        await self.join(world, str(world.hubspot.account_id), "00D000000000009EAA")
        first = await world.sign_in(last.other)
        with pytest.raises(
            SignInStopped, match=r"already joined to the Salesforce org Beta \(00D000000000009EAA\)"
        ) as told:
            await world.sign_in(last, other_account=first.identity.account_id)
        assert told.value.failure.code == "account_already_joined"

    async def test_a_second_account_on_one_org_is_let_in_and_the_first_is_named(self, world: SignInWorld) -> None:
        await self.join(world, "111", world.production.org_id)
        hubspot = await world.sign_in(HUBSPOT)
        finished = await world.sign_in(SALESFORCE, other_account=hubspot.identity.account_id)
        assert finished.joined_to == ("H 111",)

    async def test_signing_in_again_brings_a_signed_out_connection_back(self, world: SignInWorld) -> None:
        id_ = await self.join(world, str(world.hubspot.account_id), world.production.org_id)
        async with world.store.write(id_) as tx:
            users = {"salesforce": world.production.users[1].username}
            await connections.update(
                tx, id_, state="signed_out", state_reason="revoked", begun_at_us=1, settings={"users": users}
            )
        first = await world.sign_in(SALESFORCE, connection_id=id_)
        second = await world.sign_in(SALESFORCE, connection_id=id_)
        async with world.store.read(id_) as tx:
            now, used = await connections.get(tx, id_), await grants.in_use(tx)
        assert now is not None
        assert (now.state, now.state_reason) == ("idle", None)
        assert now.salesforce_url == f"https://{PRODUCTION}"
        assert now.settings["users"]["salesforce"] == world.production.users[1].username
        assert used["salesforce"].id == second.grant_id
        # The first is ended at Salesforce too, and its tokens are gone.
        assert (await kept(world, first)).state == grants.REVOKED
        assert (await kept(world, first)).tokens is None
        assert sum(not session.revoked for session in world.production.sessions.refresh.values()) == 1

    @pytest.mark.parametrize("url", [f"https://{SANDBOX}", "https://cs42.salesforce.com"])
    async def test_signing_in_again_leads_to_the_orgs_own_log_in(self, world: SignInWorld, url: str) -> None:
        id_ = await self.join(world, "111", world.sandbox.org_id)
        async with world.store.write(id_) as tx:
            await connections.update(tx, id_, salesforce_url=url, sandbox=True)
        finished = await world.sign_in(SALESFORCE, connection_id=id_)
        assert finished.identity.account_id == world.sandbox.org_id
        assert {SANDBOX if SANDBOX in url else "test.salesforce.com"} == {
            host
            for host in ("login.salesforce.com", "test.salesforce.com", SANDBOX)
            if f"https://{host}/services/oauth2/authorize" in " ".join(world.line.sent)
        }

    async def test_a_refresh_token_that_the_new_sign_in_shares_is_not_ended_with_the_old(
        self, world: SignInWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Should HubSpot give whoever lets the same app in again the same refresh token."""
        issue = world.hubspot.account.issue_oauth_token

        def the_same(scopes: Any, now_ms: int, refresh_token: str | None = None, **more: Any) -> Any:
            return issue(scopes, now_ms, refresh_token or "na1-the-same", **more)

        monkeypatch.setattr(world.hubspot.account, "issue_oauth_token", the_same)
        id_ = await self.join(world, str(world.hubspot.account_id), world.production.org_id)
        first = await world.sign_in(HUBSPOT, connection_id=id_)
        await world.sign_in(HUBSPOT, connection_id=id_)
        assert (await kept(world, first)).state == grants.REVOKED
        assert world.hubspot.account.by_refresh_token("na1-the-same") is not None

    async def test_signing_in_again_to_something_else_is_refused_and_the_old_stays(self, world: SignInWorld) -> None:
        id_ = await self.join(world, str(world.hubspot.account_id), "00D000000000009EAA")
        with pytest.raises(SignInStopped, match="but the connection 'main' is with Beta") as told:
            await world.sign_in(SALESFORCE, connection_id=id_)
        assert told.value.failure.code == "other_account"

    async def test_a_sandbox_that_was_refreshed_is_another_org_and_what_to_do_is_said(self, world: SignInWorld) -> None:
        id_ = await self.join(world, str(world.hubspot.account_id), "00D000000000009EAA")
        async with world.store.write(id_) as tx:
            await connections.update(tx, id_, sandbox=True)
        with pytest.raises(SignInStopped, match="A sandbox that was refreshed is another org") as told:
            await world.sign_in(SALESFORCE, connection_id=id_, sandbox=True)
        assert told.value.failure.code == "other_sandbox"
        assert "Use *Connect to a new sandbox*" in str(told.value.failure.fix)
        assert (await world.sign_in(HUBSPOT, connection_id=id_)).connection_id == id_


async def test_somebody_else_is_asked_who_they_are_although_a_session_is_open(world: SignInWorld) -> None:
    browser = world.browser()
    first = await world.sign_in(SALESFORCE, browser)
    browser.email = SALES
    second = await world.sign_in(SALESFORCE, browser, as_somebody_else=True, replaces=first.grant_id)
    assert second.identity.user_name == world.production.users[2].username
    assert (await kept(world, first)).state == grants.REVOKED


async def test_a_set_up_that_nobody_finishes_is_signed_out_in_the_end(world: SignInWorld, clock: Clock) -> None:
    abandoned = await world.sign_in(SALESFORCE)
    clock.advance(29 * 86_400)
    resumed = await world.sign_in(HUBSPOT)
    assert (await kept(world, abandoned)).state == grants.GOOD
    clock.advance(2 * 86_400)
    await world.sign_in(HUBSPOT, replaces=resumed.grant_id)
    assert (await kept(world, abandoned)).state == grants.REVOKED
    assert all(session.revoked for session in world.production.sessions.refresh.values())


async def test_no_secret_stands_in_the_database_or_in_what_a_printer_shows(world: SignInWorld, clock: Clock) -> None:
    browser = world.browser()
    begun = await world.begin(browser, SALESFORCE)
    state = begun.address.partition("state=")[2].partition("&")[0]
    await browser.go_through(begun.address)
    finished = await world.finish(browser, SALESFORCE)
    grant = await kept(world, finished)
    assert grant.tokens is not None
    async with world.store.read(None) as tx:
        rows = [row for table in ("sign_in", "crm_grant", "crm_app") for row in await tx.rows(f"SELECT * FROM {table}")]
    stored = b"".join(each if isinstance(each, bytes) else str(each).encode() for row in rows for each in row)
    for secret in (state, begun.browser, grant.tokens.access, grant.tokens.refresh, world.production.client_secret):
        assert secret
        assert secret.encode() not in stored
        assert secret not in repr((begun, finished, grant, world.crms))
    assert msgspec.json.encode(finished.identity)
