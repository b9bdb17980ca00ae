"""The wizard's step Apps: the address with its test, three ways for each side, secrets that come in and never go out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.asgi_browser import Answer, Browser
from tests.contract.conftest import a_connection
from tests.setup_world import ADMIN, APPS, CONNECT, EXPECTATIONS, PUBLIC_URL, SALES, SIGN_IN, SetupWorld, a_setup_world

from interlock.app.package.install import install
from interlock.app.package.parts import Address
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.setup import apps, connect, connecting, joining, package, state
from interlock.app.setup.opened import SetupKeeper
from interlock.core.model import Side
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.tokens import StaticToken
from interlock.store import connections, crm_apps, grants, secrets, setups

pytestmark = pytest.mark.anyio

PACKAGE = "/setup/package"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[SetupWorld]:
    async with a_setup_world(tmp_path, database_url) as made:
        yield made


@pytest.fixture
async def ada(world: SetupWorld) -> Browser:
    """At the step Apps."""
    browser = await world.person()
    await browser.submit(EXPECTATIONS, EXPECTATIONS, go="next")
    return browser


async def tried(world: SetupWorld, ada: Browser, url: str) -> Answer:
    form = (await ada.get(APPS)).page.form(APPS)
    return await ada.post(f"{APPS}/test", {**form, "public_url": url})


class TestAddress:
    async def test_the_address_by_which_the_page_was_opened_is_filled_in(self, ada: Browser) -> None:
        (field,) = (await ada.get(APPS)).page.all("input", id="public_url")
        assert field["value"] == PUBLIC_URL

    async def test_it_is_asked_for_its_health_and_what_came_back_is_said(self, world: SetupWorld, ada: Browser) -> None:
        assert "cannot be reached from this machine" in (await tried(world, ada, PUBLIC_URL)).page.text
        world.line.serve("interlock.example", world.app)
        assert "answered: this is Interlock" in (await tried(world, ada, PUBLIC_URL)).page.text
        world.line.serve("crm.example", world.hubspot.app)
        assert "another program is there" in (await tried(world, ada, "https://crm.example")).page.text
        assert apps.values_of(await world.setup()).public_url == ""

    async def test_an_address_that_no_crm_sends_anybody_back_to_is_refused(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        for answer in (
            await tried(world, ada, "http://interlock.example"),
            await ada.submit(APPS, APPS, public_url="http://interlock.example", go="next"),
        ):
            assert answer.status == 422
            assert "https only" in answer.page.text

    async def test_another_name_of_this_machine_leads_to_the_one_that_the_crms_take(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        answer = await tried(world, ada, "http://127.0.0.1:8090")
        assert answer.status == 422
        assert "Open Interlock at http://localhost:8090, sign in there" in answer.page.text
        assert (await tried(world, ada, "http://localhost:8090")).status == 200

    async def test_links_that_are_given_out_carry_the_address_that_was_entered_and_what_the_settings_say_goes_first(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.to_connect(ada, public_url="https://sync.example/")
        assert (await invited(ada, "dan@example.com")).startswith("https://sync.example/welcome/")
        interlock = world.office.interlock
        assert await interlock.told_address() == "https://sync.example"
        interlock.home = interlock.home.reached_by("https://other.example")
        assert (await invited(ada, "eve@example.com")).startswith("https://other.example/welcome/")


async def invited(ada: Browser, email: str) -> str:
    """The link that the page of people gives out."""
    answer = await ada.submit("/people", "/people", name=email, email=email, role="viewer")
    assert answer.status == 200, answer.page.text
    (shown,) = answer.page.all("input", id="link")
    return str(shown["value"])


class TestWithAnApp:
    async def test_secrets_are_sealed_and_shown_to_nobody(self, world: SetupWorld, ada: Browser) -> None:
        await world.to_connect(ada)
        page = await ada.get(APPS)
        assert page.page.text.count("Replace") == 2
        async with world.store.read(None) as tx:
            kept = repr([await tx.rows(f"SELECT * FROM {table}") for table in ("crm_app", "setup_step", "deed")])
        for secret in (world.hubspot.client_secret, world.production.client_secret):
            assert secret not in page.body
            assert secret not in kept

    async def test_a_secret_that_is_left_empty_is_the_one_that_is_kept(self, world: SetupWorld, ada: Browser) -> None:
        await world.to_connect(ada)
        assert (await ada.submit(APPS, APPS, go="next")).to == CONNECT
        await world.sign_in_to(ada, "hubspot")
        assert connect.values_of(await world.setup()).hubspot is not None

    async def test_replacing_a_secret_replaces_it_for_the_app(self, world: SetupWorld, ada: Browser) -> None:
        await world.to_connect(ada)
        await ada.submit(APPS, APPS, hubspot_client_secret="another", go="next")
        app_id = apps.values_of(await world.setup()).hubspot_app
        assert app_id is not None
        async with world.store.read(None) as tx:
            found = await crm_apps.get(tx, app_id)
        assert found is not None
        assert found.client_secret == "another"

    async def test_a_second_set_up_that_leaves_the_secret_empty_takes_it_from_no_connection(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.to_connect(ada)
        first = apps.values_of(await world.setup())
        again = "?setup=new"
        begun = await ada.submit(f"{EXPECTATIONS}{again}", EXPECTATIONS + again, go="next")
        page = begun.to or ""
        await ada.submit(
            page,
            page,
            go="next",
            public_url=PUBLIC_URL,
            hubspot_way="key",
            hubspot_key="a key",
            salesforce_way="have",
            salesforce_client_id=world.production.client_id,
            salesforce_client_secret="",
        )
        (second, _first) = [apps.values_of(each) for each in await state.under_way(world.store)]
        assert second.salesforce_app == first.salesforce_app is not None
        async with world.store.read(None) as tx:
            found = await crm_apps.get(tx, second.salesforce_app)
        assert found is not None
        assert found.client_secret == world.production.client_secret

    async def test_what_is_missing_is_said_at_its_field_and_nothing_secret_is_shown_again(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        refused = await ada.submit(
            APPS, APPS, go="next", hubspot_client_id="abc", hubspot_client_secret="hush-hush", salesforce_client_id=""
        )
        assert refused.status == 422
        assert [a["href"] for a in refused.page.all("a") if str(a["href"]).startswith("#")][
            -1
        ] == "#salesforce_client_id"
        assert "hush-hush" not in refused.body
        assert 'value="abc"' in refused.body

    async def test_the_page_has_all_that_is_copied_into_the_apps(self, ada: Browser) -> None:
        page = (await ada.get(APPS)).body
        for text in (f"{PUBLIC_URL}/oauth/hubspot/callback", f"{PUBLIC_URL}/oauth/salesforce/callback"):
            assert text in page
        assert "crm.objects.contacts.write" in page
        assert "api refresh_token openid" in page
        assert "needs the OAuth scopes api and openid" in page  # of an administrator's app, that a key belongs to

    async def test_the_project_file_makes_the_app_as_it_is_signed_in_with(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        form = (await ada.get(APPS)).page.form(APPS)
        answer = (await ada.post(f"{APPS}/hubspot-project", form)).raw
        with zipfile.ZipFile(io.BytesIO(answer)) as archive:
            assert sorted(archive.namelist()) == ["hsproject.json", "src/app/app-hsmeta.json"]
            auth = json.loads(archive.read("src/app/app-hsmeta.json"))["config"]["auth"]
        assert auth["redirectUrls"] == [f"{PUBLIC_URL}/oauth/hubspot/callback"]
        await world.to_connect(ada)
        address = await world.press(ada, "hubspot")
        assert all(scope in address for scope in auth["requiredScopes"])


def a_key_pair() -> tuple[str, str]:
    """(private key, what the app holds), PEM."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), public.decode()


class TestWithAKey:
    async def with_keys(self, world: SetupWorld, ada: Browser, **fields: str) -> Answer:
        return await ada.submit(
            APPS,
            APPS,
            go="next",
            public_url=PUBLIC_URL,
            hubspot_way="key",
            hubspot_key=world.hubspot.token,
            salesforce_way="key",
            salesforce_client_id=world.production.client_id,
            salesforce_url="acme.my.salesforce.com",
            **fields,
        )

    async def pressed(self, ada: Browser, part: str) -> Answer:
        answer = await ada.post(SIGN_IN, {**(await ada.get(CONNECT)).page.form(SIGN_IN), "part": part})
        return await ada.get(answer.to) if answer.to is not None else answer

    async def test_a_service_key_and_client_credentials_join_both_without_a_browser(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        secret = world.production.client_secret
        answer = await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret=secret)
        assert answer.to == CONNECT, answer.page.text
        await self.pressed(ada, "hubspot")
        page = await self.pressed(ada, "salesforce")
        assert str(world.hubspot.account_id) in page.page.text
        assert world.production.org_id in page.page.text
        setup = await world.setup()
        parts = await joining.parts(world.store, setup)
        assert "Another user takes an app" in page.page.text
        assert parts.grants == ()
        assert parts.secrets is not None
        assert parts.secrets.salesforce_way == "client_credentials"
        async with world.office.interlock.setup_clients(setup) as clients:
            assert (await clients.salesforce.organization()).id == world.production.org_id
            assert (await clients.hubspot.account()).account_id == str(world.hubspot.account_id)

    async def test_a_key_opens_no_window_and_one_that_a_page_of_before_has_opened_ends_at_once(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret="wrong")
        page = (await ada.get(CONNECT)).page
        assert not [form for form in page.all("form") if "data-opens-window" in form]
        for part in ("hubspot", "salesforce"):
            window = await ada.post(SIGN_IN, {**page.form(SIGN_IN), "part": part, "window": "yes"})
            assert window.page.all("div", **{"data-came-back": None})  # type: ignore[arg-type]
        kept = connect.values_of(await world.setup())
        assert kept.hubspot is not None
        assert "invalid client credentials" in kept.refused["salesforce"]

    async def test_a_jwt_key_signs_in_as_the_user_who_is_named(self, database_url: str, tmp_path: Path) -> None:
        private, certificate = a_key_pair()
        async with a_setup_world(tmp_path, database_url, app_certificate=certificate) as world:
            page = await self.with_jwt(world, await world.person(), private, world.production.user().user.username)
            assert ADMIN in page.page.text

    async def with_jwt(self, world: SetupWorld, ada: Browser, private: str, user: str) -> Answer:
        """Connect, both sides signed in to."""
        await ada.submit(EXPECTATIONS, EXPECTATIONS, go="next")
        answer = await self.with_keys(
            world, ada, salesforce_key="jwt", salesforce_jwt_key=private, salesforce_user=user
        )
        assert answer.to == CONNECT, answer.page.text
        await self.pressed(ada, "hubspot")
        return await self.pressed(ada, "salesforce")

    async def test_a_sign_in_is_one_although_the_other_sides_key_cannot_be_read(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        key = {"salesforce_key": "jwt", "salesforce_jwt_key": "no key", "salesforce_user": ADMIN}
        await world.to_connect(ada, salesforce_way="key", salesforce_url="acme.my.salesforce.com", **key)
        window = await world.sign_in_to(ada, "hubspot", window="yes")
        assert "Not signed in" not in window.page.text
        page = await ada.get(CONNECT)
        assert str(world.hubspot.account_id) in page.page.text
        again = await ada.post(f"{CONNECT}/look", page.page.form(f"{CONNECT}/look"))
        assert (again.status, "private key" in again.page.text) == (422, True)

    async def test_a_key_that_may_not_install_goes_on_once_somebody_else_has_put_the_package_there(
        self, database_url: str, tmp_path: Path
    ) -> None:
        private, certificate = a_key_pair()
        async with a_setup_world(tmp_path, database_url, app_certificate=certificate) as world:
            ada, sales = await world.person(), world.production.users[2]
            page = await self.with_jwt(world, ada, private, sales.username)
            assert SALES in page.page.text
            assert (await ada.submit(CONNECT, CONNECT, go="next")).to == PACKAGE
            assert f"give the permission set Interlock Integration to {SALES}" in (await ada.get(PACKAGE)).page.text
            refused = await ada.submit(PACKAGE, PACKAGE, go="next")
            assert (refused.status, "let an administrator of the org deploy it" in refused.page.text) == (422, True)
            await self.deployed_by_an_administrator(world, sales.id)
            assert "you can go on without an install" in (await ada.get(PACKAGE)).page.text
            assert (await ada.submit(PACKAGE, PACKAGE, go="next")).to == "/setup/configuration"
            assert "Recommended" in (await ada.get("/setup/configuration")).page.text

    async def deployed_by_an_administrator(self, world: SetupWorld, user_id: str) -> None:
        clock_us = world.office.clock_us
        governor = SalesforceGovernor(MemoryBudgetStore(clock_us), clock_us)
        token = StaticToken(Side.SALESFORCE, world.production.token)
        admin = SalesforceClient("https://acme.my.salesforce.com", world.line, token, governor, clock_us)
        keeper = SetupKeeper(world.store, (await world.setup()).id)
        installed = await install(admin, keeper, user_id, Address(None, "not asked for"), clock_us, lambda _: None)
        assert installed.after.complete

    @pytest.mark.parametrize("last", ["hubspot", "salesforce"])
    async def test_an_account_that_is_joined_to_another_org_is_refused_by_its_name_with_keys_too(
        self, world: SetupWorld, ada: Browser, last: str
    ) -> None:
        known = a_connection("main", str(world.hubspot.account_id), salesforce_name="Acme old")
        async with world.store.write(None) as tx:
            await connections.create(tx, known)
        secret = world.production.client_secret
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret=secret)
        await self.pressed(ada, "salesforce" if last == "hubspot" else "hubspot")
        refused = await self.pressed(ada, last)
        assert "is already joined to the Salesforce org Acme old" in refused.page.text
        assert getattr(connect.values_of(await world.setup()), last) is None

    async def test_a_key_of_an_account_that_has_a_connection_says_so(self, world: SetupWorld, ada: Browser) -> None:
        org = world.production.org_id
        async with world.store.write(None) as tx:
            await connections.create(tx, a_connection("main", str(world.hubspot.account_id), salesforce_org_id=org))
        secret = world.production.client_secret
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret=secret)
        assert "has the connection main already" in (await self.pressed(ada, "hubspot")).page.text

    async def test_a_key_that_the_crm_does_not_know_is_said(self, world: SetupWorld, ada: Browser) -> None:
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret="wrong")
        page = await self.pressed(ada, "salesforce")
        assert "invalid client credentials" in page.page.text
        assert connect.values_of(await world.setup()).salesforce is None

    async def test_a_key_is_forgotten_with_its_way_and_sealed_anew_with_the_keyring(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret="hush")
        setup = await world.setup()
        async with world.store.write(None) as tx:
            assert await setups.secret_names(tx, setup.id) == ["hubspot_token", "salesforce_client_secret"]
            assert tx.keyring is not None
            assert await setups.reseal(tx, tx.keyring) == 2
            assert await setups.get_secret(tx, setup.id, "salesforce_client_secret") == "hush"
        await ada.submit(APPS, APPS, go="next", hubspot_way="have", hubspot_client_id="a", hubspot_client_secret="b")
        async with world.store.read(None) as tx:
            assert await setups.secret_names(tx, setup.id) == ["salesforce_client_secret"]

    async def test_a_sign_in_that_a_key_takes_the_place_of_is_ended_at_its_crm(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.to_connect(ada)
        await world.sign_in_to(ada, "salesforce")
        await world.sign_in_to(ada, "sync_user", world.browser(SALES))
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret="x")
        async with world.store.read(None) as tx:
            rows = await tx.rows("SELECT state FROM crm_grant")
        assert [row[0] for row in rows] == [grants.REVOKED] * 2
        sessions = world.production.sessions.refresh.values()
        assert [session.revoked for session in sessions] == [True, True]
        now = connect.values_of(await world.setup())
        assert (now.salesforce, now.sync_user, now.refused) == (None, None, {})

    async def test_who_only_looked_at_another_way_and_left_stays_signed_in(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.to_connect(ada)
        await world.sign_in_to(ada, "salesforce")
        await world.sign_in_to(ada, "sync_user", world.browser(SALES))
        before = connect.values_of(await world.setup())
        asked = len(world.line.sent)
        await ada.submit(APPS, APPS, go="leave", salesforce_way="key", salesforce_key="client_credentials")
        assert not apps.done(await world.setup())
        assert world.line.sent[asked:] == []
        await ada.submit(APPS, APPS, go="next", salesforce_way="have")
        assert connect.values_of(await world.setup()) == before
        assert apps.done(await world.setup())

    async def test_a_way_that_was_left_half_ends_the_sign_in_once_it_is_whole(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.to_connect(ada)
        await world.sign_in_to(ada, "salesforce")
        await ada.submit(APPS, APPS, go="leave", salesforce_way="key", salesforce_key="client_credentials")
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret="x")
        assert connect.values_of(await world.setup()).salesforce is None
        sessions = world.production.sessions.refresh.values()
        assert [session.revoked for session in sessions] == [True]

    async def test_a_key_stays_until_the_way_that_takes_its_place_is_whole(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        secret = world.production.client_secret
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret=secret)
        await self.pressed(ada, "hubspot")
        await self.pressed(ada, "salesforce")
        await ada.submit(APPS, APPS, go="leave", hubspot_way="have", salesforce_key="jwt")
        setup = await world.setup()
        assert connect.done(setup)
        async with world.store.read(None) as tx:
            assert await setups.secret_names(tx, setup.id) == ["hubspot_token", "salesforce_client_secret"]
        app = {"hubspot_client_id": world.hubspot.client_id, "hubspot_client_secret": world.hubspot.client_secret}
        await ada.submit(APPS, APPS, go="next", salesforce_key="client_credentials", **app)
        setup = await world.setup()
        assert connect.values_of(setup).hubspot is None  # the app that is whole now has not signed in
        async with world.store.read(None) as tx:
            assert await setups.secret_names(tx, setup.id) == ["salesforce_client_secret"]

    async def test_a_sign_in_that_could_not_be_ended_says_where_to_do_it(self, world: SetupWorld, ada: Browser) -> None:
        await world.to_connect(ada)
        await world.sign_in_to(ada, "salesforce")
        world.line.lose_next = "/oauth2/revoke"
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret="x")
        assert "Connected Apps OAuth Usage, revoke" in (await ada.get(CONNECT)).page.text

    async def test_another_app_or_another_way_to_enter_one_asks_nobody_to_sign_in_again(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        await world.to_connect(ada)
        await world.sign_in_to(ada, "salesforce")
        before = connect.values_of(await world.setup())
        await ada.submit(APPS, APPS, go="next", salesforce_way="create")
        assert connect.values_of(await world.setup()) == before

    async def test_another_key_is_asked_who_it_is_before_anything_is_joined_by_it(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        secret = world.production.client_secret
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret=secret)
        await self.pressed(ada, "hubspot")
        await self.pressed(ada, "salesforce")
        saved = await ada.submit(APPS, APPS, go="next")
        assert saved.to == CONNECT
        assert connect.done(await world.setup())  # nothing was typed, and both stay signed in
        await ada.submit(APPS, APPS, go="next", hubspot_key="pat-eu1-of-another-account")
        kept = connect.values_of(await world.setup())
        assert kept.hubspot is None
        assert kept.salesforce is not None
        refused = await ada.submit(CONNECT, CONNECT, go="next")
        assert "Both sides have to be signed in to." in refused.page.text
        await ada.submit(APPS, APPS, go="next", salesforce_way="have", salesforce_client_id="x")
        assert connect.values_of(await world.setup()).salesforce is None

    async def test_a_key_that_was_replaced_is_what_the_connection_signs_in_with(
        self, world: SetupWorld, ada: Browser
    ) -> None:
        secret = world.production.client_secret
        await self.with_keys(world, ada, salesforce_key="client_credentials", salesforce_client_secret=secret)
        await self.pressed(ada, "hubspot")
        await self.pressed(ada, "salesforce")
        interlock = world.office.interlock
        setup = await world.setup()
        await package.begin(interlock, BY_COMMAND, setup, PUBLIC_URL)
        await package.wait(interlock, setup.id)
        joined = (await connecting.found(interlock, BY_COMMAND, await world.setup())).connection
        assert joined.id is not None
        async with world.store.write(joined.id) as tx:
            await secrets.put(tx, "sign_in.hubspot_token", "pat-eu1-of-old")
        again = (await connecting.found(interlock, BY_COMMAND, await world.setup())).connection
        assert again.id == joined.id
        async with world.store.read(joined.id) as tx:
            assert await secrets.get(tx, "sign_in.hubspot_token") == world.hubspot.token
