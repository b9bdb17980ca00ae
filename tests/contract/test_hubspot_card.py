"""The card on a HubSpot record: what it is told, what it may ask for, and who is not HubSpot. The local one signs as that does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.asgi_browser import Answer, Browser
from tests.settings_world import SettingsWorld, tell

from crm_emulator.hubspot.app_card import CardRequest
from interlock.app.connections import pause
from interlock.app.hubspot_card import PAIR_STATES
from interlock.core.model import LinkState, Reason, RecordKey, Side
from interlock.store import crm_apps, deeds, dirty, grants, links
from interlock.store.grants import Grant, Tokens
from interlock.web.app import make_app

AT = "https://interlock.example.com"
HUBSPOT = {"app_permitted_urls": (f"{AT}/hubspot/card",)}


async def an_app(world: SettingsWorld) -> None:
    """The connection is signed in with a project app, and the pages are reached by the address that the app permits."""
    world.app = make_app(world.interlock, AT)
    assert world.store is not None
    async with world.store.write(None) as tx:
        app_id = await crm_apps.put(tx, "hubspot", "client", world.hubspot.client_secret)
        await grants.create(
            tx,
            Grant(
                side="hubspot",
                app_id=app_id,
                login_url="https://app.hubspot.com",
                account_id=str(world.hubspot.account_id),
                who={},
                scopes=[],
                tokens=Tokens(world.hubspot.token),
                connection_id=1,
            ),
        )


def address(contact: str, object_type_id: str = "0-1") -> str:
    return f"{AT}/hubspot/card?objectTypeId={object_type_id}&objectId={contact}"


async def deliver(world: SettingsWorld, sent: CardRequest, **changed: Any) -> Answer:
    parts = urlsplit(changed.get("url", sent.url))
    browser = Browser(world.app, host="interlock.example.com", address=changed.get("from_", "198.51.100.7"))
    path = f"{parts.path}?{parts.query}"
    return await browser.send(sent.method, path, changed.get("body", sent.body), changed.get("headers", sent.headers))


async def ask(world: SettingsWorld, contact: str, body: dict[str, str] | None = None, **changed: Any) -> Answer:
    sent = world.hugo.look_at_card(address(contact), "GET" if body is None else "POST", body)
    return await deliver(world, sent, **changed)


def test_a_card_is_told_where_the_sync_of_its_record_stands(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await an_app(world)
        ada, nobody = (
            world.person("ada@example.com", jobtitle="x" * 200),
            world.hugo.create("contacts", {"firstname": "N"}),
        )
        await world.turns()
        told = json.loads((await ask(world, ada)).body)
        there = world.counterpart("contacts", ada)
        assert (told["state"], told["salesforce"]["id"]) == ("linked", there)
        assert told["salesforce"]["url"].endswith(f"/{there}")
        assert told["page"] == f"{AT}/connections/1/records/hubspot:contacts:{ada}"
        (issue,) = told["issues"]
        assert (issue["code"], issue["property"]) == ("STRING_TOO_LONG", "jobtitle")
        assert "xxx" not in json.dumps(told), "no values of the record"
        alone = json.loads((await ask(world, nobody)).body)
        assert (alone["state"], alone["salesforce"]) == ("not_linked", None)
        assert "e-mail" in alone["text"]
        assert (await deliver(world, world.hugo.look_at_card(address(ada, "0-5")))).status == 404

    tell(tmp_path, story, objects=("contacts",), hubspot=HUBSPOT)


def test_a_card_has_words_for_whatever_state_a_pair_is_in() -> None:
    assert set(PAIR_STATES) == set(LinkState)


def test_a_card_of_a_pair_that_does_not_sync_now_says_why(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await an_app(world)
        ada = world.person("ada@example.com")
        await world.turns()
        async with world.read() as tx:
            link = (await links.by_hubspot(tx, "contacts", [ada]))[ada]
        assert link.id is not None
        for state, said in (
            (LinkState.OTHER_PIPELINE, "pipeline"),
            (LinkState.EXCLUDED, "list or filter"),
            (LinkState.HUBSPOT_DELETED, "rests"),
            (LinkState.SALESFORCE_DELETED, "rests"),
        ):
            async with world.write() as tx:
                await links.set_state(tx, [link.id], state)
            answer = await ask(world, ada)
            assert (answer.status, said in json.loads(answer.body)["text"]) == (200, True), state

    tell(tmp_path, story, objects=("contacts",), hubspot=HUBSPOT)


def test_nothing_can_be_added_to_a_long_address_that_hubspot_signed(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await an_app(world)
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        await world.turns()
        short = world.hugo.look_at_card(f"{address(ada)}&x=", "POST", {"action": "sync"})
        padding = "x" * (2_048 - len(urlsplit(short.url).query))
        long = world.hugo.look_at_card(f"{address(ada)}&x={padding}", "POST", {"action": "sync"})
        assert len(urlsplit(long.url).query) == 2_048
        assert (await deliver(world, long)).status == 200
        refused = await deliver(world, long, url=f"{long.url}&objectId={bob}")
        assert refused.status in (401, 414)
        key = RecordKey(Side.HUBSPOT, "contacts", bob)
        async with world.read() as tx:
            assert key not in await dirty.by_keys(tx, [key])

    tell(tmp_path, story, objects=("contacts",), hubspot=HUBSPOT)


def test_sync_now_on_a_card_makes_its_record_due_and_is_in_the_log(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await an_app(world)
        ada = world.person("ada@example.com")
        await world.turns()
        answer = await ask(world, ada, {"action": "sync"})
        assert (answer.status, json.loads(answer.body)["due"]) == (200, True)
        key = RecordKey(Side.HUBSPOT, "contacts", ada)
        async with world.read() as tx:
            due = (await dirty.by_keys(tx, [key]))[key]
        assert due.reason is Reason.RESYNC
        assert world.store is not None
        async with world.store.read(None) as tx:
            done = [each for each in await deeds.list_(tx, None, 100) if each.action == "record_synced"]
        assert [each.actor for each in done] == [f"hubspot:{world.hugo.user.email}"]
        for wrong in ({"action": "delete"}, {"nothing": "x"}):
            assert (await ask(world, ada, wrong)).status == 400

    tell(tmp_path, story, objects=("contacts",), hubspot=HUBSPOT)


def test_who_is_not_hubspot_is_told_nothing_and_does_nothing(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await an_app(world)
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        await world.turns()
        good = world.hugo.look_at_card(address(ada), "POST", {"action": "sync"})
        assert (await deliver(world, good)).status == 200
        unsigned = {name: value for name, value in good.headers.items() if "Signature" not in name}
        of_bob = good.url.replace(f"objectId={ada}", f"objectId={bob}")
        elsewhere = good.url.replace(str(world.hubspot.account_id), "999")
        for changed in (
            {"headers": unsigned},
            {"headers": {**good.headers, "X-HubSpot-Signature-v3": "AAAA"}},
            {"url": of_bob},
            {"url": elsewhere},
            {"url": good.url.replace(f"portalId={world.hubspot.account_id}", "portalId=%00")},
            {"body": b'{"action":"sync" }'},
        ):
            refused = await deliver(world, good, **changed)
            assert (refused.status, json.loads(refused.body)) == (
                401,
                {"error": "This request is not signed by HubSpot."},
            )
        key = RecordKey(Side.HUBSPOT, "contacts", bob)
        async with world.read() as tx:
            assert key not in await dirty.by_keys(tx, [key])
        # What was overheard is of no use five minutes later.
        await world.turns()
        assert (await deliver(world, good)).status == 401

    tell(tmp_path, story, objects=("contacts",), hubspot=HUBSPOT)


def test_a_connection_without_an_app_has_no_card(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        world.app = make_app(world.interlock, AT)
        ada = world.person("ada@example.com")
        await world.turns()
        assert (await ask(world, ada)).status == 401

    tell(tmp_path, story, objects=("contacts",), hubspot=HUBSPOT)


def test_a_card_of_a_paused_connection_says_so_and_syncs_nothing(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await an_app(world)
        ada = world.person("ada@example.com")
        await world.turns()
        assert world.store is not None
        assert world.connection is not None
        await pause(world.store, world.connection, None, plan=False)
        assert json.loads((await ask(world, ada)).body)["runs"] is False
        refused = await ask(world, ada, {"action": "sync"})
        assert refused.status == 409
        assert "paused" in json.loads(refused.body)["error"]

    tell(tmp_path, story, objects=("contacts",), hubspot=HUBSPOT)
