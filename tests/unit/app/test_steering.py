"""Issues, pausing and the status: what a person is shown, and what becomes of what they ask for."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import connections, issues, status
from interlock.app.errors import AppError, BadInput, NotConnected
from interlock.app.times import rfc3339
from interlock.core.model import Issue, IssueCategory, RecordKey, Side
from interlock.store import Store, dirty, lease
from interlock.store import connections as stored
from interlock.store import issues as stored_issues
from interlock.store.connections import Connection


async def the_connection(world: World) -> Connection:
    assert world.store is not None
    async with world.store.read(None) as tx:
        (found,) = await stored.list_(tx)
    return found


async def told_status(world: World) -> status.ConnectionStatus:
    assert world.store is not None
    (found,) = await status.status(world.store, [await the_connection(world)], world.clock_us())
    return found


async def too_long(world: World) -> tuple[Store, int, Issue]:
    """A contact whose title does not fit, and the issue about it."""
    world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron", "jobtitle": "x" * 300})
    await world.connect()
    await world.sync_later()
    assert world.store is not None
    connection = await the_connection(world)
    assert connection.id is not None
    (issue,) = (await issues.list_(world.store, connection.id, issues.Query())).issues
    return world.store, connection.id, issue


# --- issues ----------------------------------------------------------------------------------------------------------


def test_an_issue_names_the_record_the_field_the_value_and_what_to_do(tell: Tell) -> None:
    async def story(world: World) -> None:
        _, _, issue = await too_long(world)
        shown = issues.as_document(issue)
        assert (shown["category"], shown["code"], shown["object"]) == ("property_values", "STRING_TOO_LONG", "contacts")
        assert (shown["property"], shown["field"], shown["value"]) == ("jobtitle", "Title", "x" * 300)
        assert shown["hubspot"].startswith("hubspot:contacts:")
        assert "128" in shown["cause"]
        assert shown["fix"] == "Shorten the value, or map another field."
        in_twenty_minutes = rfc3339(issue.last_seen_us + 20 * 60 * 1_000_000)
        assert (shown["status"], shown["tries"], shown["next_try_at"]) == ("open", 1, in_twenty_minutes)

    tell(story, existing="all")


def test_a_resynced_issue_waits_and_is_resolved_once_the_record_is_right(tell: Tell) -> None:
    async def story(world: World) -> None:
        store, id_, issue = await too_long(world)
        assert issue.hubspot_id is not None
        assert await issues.resync(store, id_, [issue], world.clock_us()) == 1
        assert issue.id is not None
        assert (await issues.show(store, id_, issue.id)).status == "waiting"
        await world.sync()
        assert (await issues.show(store, id_, issue.id)).status == "open"
        world.hugo.update("contacts", issue.hubspot_id, {"jobtitle": "Countess"})
        await world.sync_later()
        assert (await issues.show(store, id_, issue.id)).status == "resolved"
        assert (await issues.list_(store, id_, issues.Query())).total == 0

    tell(story, existing="all")


def test_an_ignored_issue_stays_hidden_when_it_is_raised_again(tell: Tell) -> None:
    async def story(world: World) -> None:
        store, id_, issue = await too_long(world)
        await issues.ignore(store, id_, [issue])
        await issues.resync(store, id_, [], world.clock_us())
        async with store.write(id_) as tx:
            await stored_issues.raise_(tx, [issue])
        assert (await issues.list_(store, id_, issues.Query())).total == 0

    tell(story, existing="all")


def test_issues_are_filtered_by_category_object_code_and_record(tell: Tell) -> None:
    async def story(world: World) -> None:
        store, id_, issue = await too_long(world)
        other = Issue(IssueCategory.LIMITS, "budget", "warning", "deals", None, None, None, "Cause.", "Fix.")
        async with store.write(id_) as tx:
            await stored_issues.raise_(tx, [other])
        key = RecordKey(Side.HUBSPOT, "contacts", issue.hubspot_id or "")
        for query in (
            issues.Query(category="property_values"),
            issues.Query(object="contacts"),
            issues.Query(code="STRING_TOO_LONG"),
            issues.Query(record=key),
        ):
            listed = await issues.list_(store, id_, query)
            assert [each.id for each in listed.issues] == [issue.id]
            assert (listed.total, listed.by_category) == (2, {"property_values": 1, "limits": 1})

    tell(story, existing="all")


def test_an_export_is_read_back_and_runs_no_formula(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        store, id_, issue = await too_long(world)
        issue.value = "=HYPERLINK(1)"
        issues.export([issue], tmp_path / "out.csv")
        issues.export([issue], tmp_path / "out.jsonl")
        with (tmp_path / "out.csv").open(newline="") as file:
            (row,) = list(csv.DictReader(file))
        assert row["value"] == "'=HYPERLINK(1)"
        (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
        assert json.loads(line) == issues.as_document(issue)
        assert (store, id_) is not None

    tell(story, existing="all")


def test_a_mistyped_ending_leaves_the_file_that_is_there_alone(tmp_path: Path) -> None:
    file = tmp_path / "holiday.png"
    file.write_text("picture")
    with pytest.raises(BadInput, match=r"must be \.csv or \.jsonl"):
        issues.export([], file)
    assert file.read_text() == "picture"
    with pytest.raises(BadInput, match="cannot be written"):
        issues.export([], tmp_path / "no" / "where.csv")


# --- pause and resume ------------------------------------------------------------------------------------------------


def test_a_pause_and_its_end_say_what_was_and_what_is(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        planned = await connections.pause(world.store, await the_connection(world), None, plan=True)
        assert (planned.before, planned.after, (await the_connection(world)).state) == ("idle", "paused", "idle")
        await connections.pause(world.store, await the_connection(world), None, plan=False)
        assert (await the_connection(world)).state_reason == "A person has paused it."
        assert not (await connections.pause(world.store, await the_connection(world), None, plan=False)).changed
        ended = await connections.resume(world.store, await the_connection(world), None, plan=False)
        assert (ended.before, ended.reason) == ("paused", "A person has paused it.")
        now = await the_connection(world)
        assert (now.state, now.state_reason, now.state_fix) == ("idle", None, None)

    tell(story, existing="all")


@pytest.mark.parametrize("state", ["suspended", "signed_out", "stopped_by_brake"])
def test_resuming_clears_what_stopped_the_connection_and_tells_why_it_was(tell: Tell, state: str) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        async with world.store.write(None) as tx:
            await stored.update(tx, (await the_connection(world)).id or 0, state=state, state_reason="Because.")
        ended = await connections.resume(world.store, await the_connection(world), None, plan=False)
        assert (ended.before, ended.after, ended.reason) == (state, "idle", "Because.")

    tell(story, existing="all")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("suspended", "It had been suspended before: Because."),
        ("signed_out", "It had been signed out before: Because."),
        ("stopped_by_brake", "A brake had stopped it before: Because."),
    ],
)
def test_a_pause_keeps_the_reason_why_it_stood_still_already(tell: Tell, state: str, told: str) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        async with world.store.write(None) as tx:
            id_ = (await the_connection(world)).id or 0
            await stored.update(tx, id_, state=state, state_reason="Because.", state_fix="Mend it.")
        await connections.pause(world.store, await the_connection(world), None, plan=False)
        now = await the_connection(world)
        assert (now.state, now.state_reason) == ("paused", f"A person has paused it. {told}")
        assert now.state_fix == "Mend it. Run `interlock resume`."

    tell(story, existing="all")


def test_two_who_pause_at_once_pause_both(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        seen = await the_connection(world)
        for slug in ("deals", "contacts"):
            await connections.pause(world.store, seen, [slug], plan=False)
        assert connections.paused_objects(await the_connection(world)) == {"deals", "contacts"}
        both = await the_connection(world)
        for slug in ("deals", "contacts"):
            await connections.resume(world.store, both, [slug], plan=False)
        assert connections.paused_objects(await the_connection(world)) == set()

    tell(story)


@pytest.mark.parametrize("state", ["suspended", "stopped_by_brake", "signed_out", "not_connected"])
def test_what_stopped_it_since_somebody_looked_is_not_cleared_unseen(tell: Tell, state: str) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        await connections.pause(world.store, await the_connection(world), None, plan=False)
        seen = await the_connection(world)
        await asyncio.sleep(1)
        async with world.store.write(seen.id) as tx:
            await stored.update(tx, seen.id or 0, state=state, state_reason="Something else.")
        with pytest.raises(AppError):
            await connections.resume(world.store, seen, None, plan=False)
        assert (await the_connection(world)).state == state

    tell(story)


def test_what_was_disconnected_since_somebody_looked_is_not_paused(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        seen = await the_connection(world)
        async with world.store.write(seen.id) as tx:
            await stored.update(tx, seen.id or 0, state="not_connected")
        assert not (await connections.pause(world.store, seen, None, plan=False)).changed
        assert (await the_connection(world)).state == "not_connected"

    tell(story)


def test_single_objects_are_paused_and_resumed_and_shown_as_off(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        await connections.pause(world.store, await the_connection(world), ["deals", "contacts"], plan=False)
        objects = (await told_status(world)).document["objects"]
        assert {slug: each["enabled"] for slug, each in objects.items()} == {
            "companies": True,
            "contacts": False,
            "deals": False,
        }
        left = await connections.resume(world.store, await the_connection(world), ["deals"], plan=False)
        assert left.objects == ["contacts"]
        assert connections.paused_objects(await the_connection(world)) == {"contacts"}

    tell(story, existing="all")


# --- status ----------------------------------------------------------------------------------------------------------


def test_the_verdict_tells_the_worst_first(tell: Tell) -> None:
    async def story(world: World) -> None:
        store, id_, issue = await too_long(world)
        assert (await told_status(world)).verdict() == "Syncing, and 1 issue needs a person."
        await issues.ignore(store, id_, [issue])
        assert (await told_status(world)).verdict() == "In agreement: nothing is due, nothing needs you."
        assert (await told_status(world)).verdict(late=True) == "Syncing, and behind."
        async with store.write(id_) as tx:
            await dirty.mark(tx, "contacts", issues.keys_of(issue), _resync(), world.clock_us())
        assert (await told_status(world)).verdict() == "Syncing: 1 record is due."
        await connections.pause(store, await the_connection(world), None, plan=False)
        paused = await told_status(world)
        assert (paused.verdict(), paused.mood()) == ("Not syncing: A person has paused it.", "stopped")
        assert paused.document["next_actions"][0]["command"] == "interlock resume"

    tell(story, existing="all")


def _resync() -> Any:
    from interlock.core.model import Reason

    return Reason.RESYNC


def test_a_connection_is_syncing_while_somebody_holds_its_org_and_records_are_due(tell: Tell) -> None:
    async def story(world: World) -> None:
        store, id_, issue = await too_long(world)
        connection = await the_connection(world)
        held = await lease.take(store, connection.salesforce_org_id, "somebody", world.clock_us())
        assert (await told_status(world)).document["connection"]["state"] == "idle"
        async with store.write(id_) as tx:
            await dirty.mark(tx, "contacts", issues.keys_of(issue), _resync(), world.clock_us())
        assert (await told_status(world)).document["connection"]["state"] == "syncing"
        await lease.release(store, held)
        assert (await told_status(world)).document["connection"]["state"] == "idle"

    tell(story, existing="all")


def test_the_status_counts_calls_by_purpose_and_dates_the_last_sync(tell: Tell) -> None:
    async def story(world: World) -> None:
        await too_long(world)
        document = (await told_status(world)).document
        contacts = document["objects"]["contacts"]
        assert (contacts["linked"], contacts["due"], contacts["issues"], contacts["first_sync"]) == (1, 0, 1, None)
        assert contacts["last_synced_at"].endswith("Z")
        assert set(document["api"]["salesforce"]["by_purpose"]) == {
            "detect",
            "fetch",
            "match",
            "write",
            "verify",
            "setup",
        }

    tell(story, existing="all")


def test_a_lag_grows_with_a_record_that_nobody_takes(tell: Tell) -> None:
    async def story(world: World) -> None:
        import asyncio

        store, id_, issue = await too_long(world)
        async with store.write(id_) as tx:
            await dirty.mark(tx, "contacts", issues.keys_of(issue), _resync(), world.clock_us())
        await asyncio.sleep(90)
        assert ((await told_status(world)).lag_s or 0) >= 90

    tell(story, existing="all")


def test_without_a_connection_a_command_says_what_to_run(tell: Tell) -> None:
    async def story(world: World) -> None:
        assert world.store is not None
        with pytest.raises(NotConnected, match="Nothing is connected yet") as refused:
            await connections.choose(world.store, None)
        assert "interlock connect" in refused.value.failure.fix
        assert await status.status(world.store, [], world.clock_us()) == []

    tell(story)
