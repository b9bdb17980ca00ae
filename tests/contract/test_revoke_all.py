"""`interlock revoke-all`: after it nothing that was stolen opens anything, here or in a CRM; what a person must do is said."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.contract.cli_world import Interlock, LocalCrms, validated
from tests.contract.test_sign_in_to_sync import joined
from tests.contract.test_sign_in_to_sync import opened as opened

from interlock import wiring
from interlock.app import connections as app_connections
from interlock.app import credentials, revoke_all
from interlock.app.crms import Crms
from interlock.app.errors import BadInput
from interlock.app.serve import ServeDesk
from interlock.crm.transport import HttpTransport, Request
from interlock.store import (
    api_tokens,
    colleague_links,
    connections,
    deeds,
    grants,
    one_time_links,
    people,
    secrets,
    sessions,
    setups,
)

pytestmark = pytest.mark.anyio
DAY_US = 86_400_000_000
NO_TOKENS: dict[str, str | None] = {"INTERLOCK_HUBSPOT_TOKEN": None, "INTERLOCK_SALESFORCE_TOKEN": None}


async def let_in(opened: wiring.Interlock) -> dict[str, str]:
    """Somebody is signed in, has a token and links."""
    async with opened.store.write(None) as tx:
        ada = await people.add(tx, "ada@example.com", "Ada", "admin", "a hash")
        _id, token = await api_tokens.make(tx, "reports", "admin", ada)
        setup = await setups.begin(tx, "person:1")
        return {
            "session": await sessions.begin(tx, ada, DAY_US),
            "token": token,
            "link": await one_time_links.make(tx, one_time_links.PASSWORD, ada, DAY_US),
            "colleague": await colleague_links.make(tx, setup, "hubspot", "person:1", 2**60),
        }


async def opens(opened: wiring.Interlock, held: dict[str, str]) -> set[str]:
    async with opened.store.read(None) as tx:
        found = {
            "session": await sessions.find(tx, held["session"], DAY_US),
            "token": await api_tokens.find(tx, held["token"]),
            "link": await one_time_links.find(tx, held["link"]),
            "colleague": await colleague_links.find(tx, held["colleague"]),
        }
    return {name for name, each in found.items() if each is not None}


async def asked(url: str, token: str) -> int:
    async with HttpTransport() as line:
        return (await line.send(Request("GET", url, {"Authorization": f"Bearer {token}"}, None), 10)).status


async def test_whatever_was_stolen_opens_nothing_any_more_here_or_in_a_crm(
    opened: wiring.Interlock, crms: LocalCrms, interlock: Interlock
) -> None:
    connection = (await joined(opened, crms)).connection
    held = await let_in(opened)
    async with opened.store.read(connection.id) as tx:
        used = await grants.in_use(tx)
    tokens = {side: grant.tokens for side, grant in used.items() if grant.tokens is not None}
    userinfo = f"{crms.salesforce.url}/services/oauth2/userinfo"
    assert await asked(userinfo, tokens["salesforce"].access) == 200

    planned = validated(interlock("revoke-all", "--plan", "--json", **NO_TOKENS).sound().document)
    assert (planned["sessions"], planned["links"], planned["api_tokens"], planned["sign_ins"]) == (1, 2, 1, 2)
    assert await opens(opened, held) == set(held)
    interlock("revoke-all", "--json", **NO_TOKENS).sound(2)

    done = validated(interlock("revoke-all", "--yes", "--json", **NO_TOKENS).sound().document)
    assert {each["side"] for each in done["ended"]} == {"hubspot", "salesforce"}
    assert (done["not_ended"], done["paused"]) == ([], [connection.name])
    assert await opens(opened, held) == set()
    assert await asked(userinfo, tokens["salesforce"].access) in (401, 403)
    async with opened.store.read(connection.id) as tx:
        assert await grants.not_revoked(tx) == []
        now = await connections.get(tx, tx.connection_id)
        assert (await people.list_(tx))[0].password_hash == "a hash"
        (last,) = await deeds.list_(tx, None, 1)
    assert now is not None
    assert now.state == "paused"
    assert (last.action, last.detail["api_tokens"]) == ("all_revoked", 1)
    again = interlock("revoke-all", "--yes", "--json", **NO_TOKENS).sound().document
    assert (again["sessions"], again["sign_ins"], again["ended"]) == (0, 0, [])


async def test_a_crm_that_is_away_holds_nothing_back_and_is_named_with_what_to_do(
    opened: wiring.Interlock, crms: LocalCrms, interlock: Interlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoke_all, "AGAIN_AFTER_S", (0.0, 0.0))
    await joined(opened, crms)
    held = await let_in(opened)
    fault = {"match": {"path_prefix": "/services/oauth2/revoke"}, "kind": "status", "status": 503}
    crms.salesforce.control("POST", "faults", [fault])
    done = await revoke_all.revoke_all(opened.store, opened.crms)
    assert [side.value for side, _user in done.ended] == ["hubspot"]
    (left,) = done.not_ended
    assert left.side.value == "salesforce"
    assert "Connected Apps OAuth Usage" in left.fix
    assert await opens(opened, held) == set()
    # Whoever runs it again is told again: the token lives on there, and nothing here can end it any more.
    crms.salesforce.control("POST", "faults", [])
    again = validated(interlock("revoke-all", "--yes", "--json", **NO_TOKENS).sound(1).document)
    assert [each["why"] for each in again["not_ended"]] == [left.why]
    async with opened.store.read(None) as tx:
        # A token that is kept only because it could not be given back is the worse of the two.
        assert await grants.not_revoked(tx) == []


async def test_a_crm_that_is_away_for_a_moment_is_asked_again_before_anything_is_wiped(
    opened: wiring.Interlock, crms: LocalCrms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoke_all, "AGAIN_AFTER_S", (0.0, 0.0))
    await joined(opened, crms)
    away = {"path_prefix": "/services/oauth2/revoke", "times": 2}
    fault = {"match": away, "kind": "status", "status": 503}
    crms.salesforce.control("POST", "faults", [fault])
    done = await revoke_all.revoke_all(opened.store, opened.crms)
    assert sorted(side.value for side, _user in done.ended) == ["hubspot", "salesforce"]
    assert done.not_ended == []


def test_keys_that_a_person_made_are_forgotten_here_and_named_with_where_to_end_them(
    interlock: Interlock, crms: LocalCrms
) -> None:
    interlock.connect().sound()
    done = validated(interlock("revoke-all", "--yes", "--json").sound(1).document)
    assert sorted(each["side"] for each in done["not_ended"]) == ["hubspot", "salesforce"]
    kept = [file for file in interlock.home.rglob("*") if file.is_file()]
    assert not [file for file in kept if crms.hubspot.token.encode() in file.read_bytes()]
    refused = interlock("sync", "--once", "--json", INTERLOCK_HUBSPOT_TOKEN=None).error
    assert refused["code"] == "paused"
    # With new keys, and before it goes on where it was, it says what was written (docs/incident.md, step 4).
    interlock.connect().sound()
    interlock("undo", "--since", "3d", "--plan", "--json").sound()
    assert interlock("explain", "hubspot:contacts:1", "--json").sound().document["why_not"] == [
        "deleted",
        "connection_stopped",
    ]
    interlock("resume", "--json").sound()
    interlock("sync", "--once", "--json").sound()


async def test_a_sign_in_whose_key_is_lost_keeps_no_other_from_being_ended_and_is_wiped(
    opened: wiring.Interlock, crms: LocalCrms
) -> None:
    connection = (await joined(opened, crms)).connection
    async with opened.store.write(connection.id) as tx:
        for used in (await grants.in_use(tx)).values():
            lost = await grants.create(tx, msgspec.structs.replace(used, role=grants.ADMIN))
            await tx.run("UPDATE crm_grant SET sealed = ? WHERE id = ?", b"sealed with a key of before", lost)
    done = await revoke_all.revoke_all(opened.store, opened.crms)
    assert sorted(side.value for side, _user in done.ended) == ["hubspot", "salesforce"]
    assert sorted(each.side.value for each in done.not_ended) == ["hubspot", "salesforce"]
    async with opened.store.read(None) as tx:
        assert await grants.not_revoked(tx) == []
        assert await tx.rows("SELECT id FROM crm_grant WHERE sealed IS NOT NULL") == []


async def test_a_dispatcher_that_runs_goes_on_with_no_key_that_was_forgotten_and_takes_a_new_one(
    interlock: Interlock, crms: LocalCrms, monkeypatch: pytest.MonkeyPatch
) -> None:
    interlock.connect().sound()
    for name in (credentials.HUBSPOT_TOKEN, credentials.SALESFORCE_TOKEN):
        monkeypatch.delenv(name, raising=False)
    async with wiring.open_interlock(interlock.home) as opened:
        desk = ServeDesk(opened.store, lambda each: opened.clients(each, note=False), opened.clock_us, "serve-1", print)

        async def connection() -> connections.Connection:
            async with opened.store.read(None) as tx:
                (found,) = await connections.list_(tx)
            return found

        before = await desk._session(await connection())
        assert await desk._session(await connection()) is before
        await revoke_all.revoke_all(opened.store, opened.crms)
        await app_connections.resume(opened.store, await connection(), None, plan=False)
        with pytest.raises(BadInput, match="holds no sign-in"):
            await desk._session(await connection())
        joined = await connection()
        for entered in ("a first key", "a second key"):
            async with opened.store.write(joined.id) as tx:
                await credentials.put(tx, credentials.Credentials(hubspot_token=entered, salesforce_token="one"))
            session = await desk._session(await connection())
            assert await session.clients.hubspot._tokens.token() == entered
        await desk.close()


async def test_nothing_is_dropped_before_the_crms_can_be_asked_and_what_a_person_must_end_is_kept(
    opened: wiring.Interlock, crms: LocalCrms
) -> None:
    connection = (await joined(opened, crms)).connection
    held = await let_in(opened)
    async with opened.store.write(connection.id) as tx:
        await secrets.put(tx, "sign_in.hubspot_token", "typed in")

    @contextlib.asynccontextmanager
    async def cannot_be_opened() -> AsyncIterator[Crms]:
        raise BadInput("ca_file cannot be used.", code="ca_file_unreadable")
        yield

    with pytest.raises(BadInput, match="ca_file"):
        await revoke_all.revoke_all(opened.store, cannot_be_opened)
    assert await opens(opened, held) == set()
    async with opened.store.read(connection.id) as tx:
        assert await secrets.names(tx) == ["sign_in.hubspot_token"]
        assert len(await grants.not_revoked(tx)) == 2
    done = await revoke_all.revoke_all(opened.store, opened.crms)
    assert [each.side.value for each in done.not_ended] == ["hubspot"]
    async with opened.store.read(connection.id) as tx:
        assert await secrets.names(tx) == []
        (last,) = await deeds.list_(tx, None, 1)
    assert last.detail["by_a_person"] == [each.fix for each in done.not_ended]


async def test_why_a_connection_stood_still_before_is_read_afterwards_too(
    opened: wiring.Interlock, crms: LocalCrms
) -> None:
    connection = (await joined(opened, crms)).connection

    async def after(state: str, reason: str | None, fix: str | None) -> tuple[str | None, str | None]:
        assert connection.id is not None
        async with opened.store.write(None) as tx:
            await connections.update(tx, connection.id, state=state, state_reason=reason, state_fix=fix)
        await revoke_all.revoke_all(opened.store, opened.crms)
        async with opened.store.read(None) as tx:
            now = await connections.get(tx, connection.id)
        assert now is not None
        assert now.state == "paused"
        return now.state_reason, now.state_fix

    would = "4,000 records would be cleared."
    said = (f"{revoke_all.REASON} A brake had stopped it before: {would}", f"Look at the plan. {revoke_all.FIX}")
    assert await after("stopped_by_brake", would, "Look at the plan.") == said
    assert await after("paused", "It is being disconnected.", "Go on.") == ("It is being disconnected.", "Go on.")
    assert await after("idle", None, None) == (revoke_all.REASON, revoke_all.FIX)


async def test_a_sign_in_that_the_crm_does_not_know_though_it_was_in_use_is_named(
    opened: wiring.Interlock, crms: LocalCrms
) -> None:
    """With rotation: whoever had the stolen token has used it, and holds the one that took its place."""
    connection = (await joined(opened, crms)).connection
    async with opened.store.read(connection.id) as tx:
        used = (await grants.in_use(tx))["salesforce"]
    assert used.tokens is not None
    async with HttpTransport() as line:
        url = f"{crms.salesforce.url}/services/oauth2/revoke?token={used.tokens.refresh}"
        assert (await line.send(Request("POST", url, {}, b""), 10)).status == 200
    for _run in ("first", "again"):
        done = await revoke_all.revoke_all(opened.store, opened.crms)
        (left,) = done.not_ended
        assert "does not know the sign-in of" in left.why
        assert "Connected Apps OAuth Usage" in left.fix
