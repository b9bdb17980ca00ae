"""The demo's checks can fail: what is planted and not found, found and not planted, or written twice is seen."""

from __future__ import annotations

import asyncio

import pytest

from interlock.demo import counting, report
from interlock.demo.compare import Excused, FieldPair, compare
from interlock.demo.excerpt import packaged
from interlock.demo.interrupt import Interrupted
from interlock.demo.planted import (
    Conflict,
    Evidence,
    InHubSpot,
    Issue,
    Logged,
    Planted,
    Raised,
    StillInSalesforce,
    unplanned,
)
from interlock.demo.play import Played
from interlock.demo.reading import LINK, Snapshot
from interlock.demo.world import build

PHONE = FieldPair("contacts", "phone", "Phone", "Contact", "prefer_salesforce")
ANN, SALESFORCE_ANN = "101", "003A"


def pair(**values: str) -> Snapshot:
    """One linked contact; `here` and `there` are its two telephone numbers."""
    snapshot = Snapshot()
    email = {"email": "ann@example.com"}
    snapshot.hubspot = {"contacts": {ANN: {**email, LINK: SALESFORCE_ANN, "phone": values.get("here")}}}
    snapshot.archived = {"contacts": {}}
    record = {"Id": SALESFORCE_ANN, "Email": "ann@example.com", "Phone": values.get("there")}
    snapshot.salesforce = {"Contact": {SALESFORCE_ANN: record}}
    return snapshot


# --- the comparer -------------------------------------------------------------------------------------------------------


def test_a_value_that_differs_is_a_difference_unless_it_is_a_planted_mistake() -> None:
    snapshot = pair(here="1", there="2")
    assert compare(snapshot, [PHONE]).differences == 1
    excused = compare(snapshot, [PHONE], [Excused(ANN, "phone", "text_too_long")])
    assert (excused.differences, dict(excused.expected_disagreements)) == (0, {"text_too_long": 1})


def test_a_record_without_counterpart_is_a_difference() -> None:
    snapshot = pair(here="1", there="1")
    snapshot.hubspot["contacts"][ANN][LINK] = None
    assert compare(snapshot, [PHONE]).differences == 2


def test_two_records_that_name_one_counterpart_are_a_difference() -> None:
    snapshot = pair(here="1", there="1")
    snapshot.hubspot["contacts"]["102"] = {"email": "other@example.com", LINK: SALESFORCE_ANN}
    assert compare(snapshot, [PHONE]).differences == 2  # named twice, and the second one alone


# --- plants -------------------------------------------------------------------------------------------------------------


def test_a_plant_is_found_only_when_all_it_expects_holds() -> None:
    seen = Evidence(pair(here="1", there="1"), [], [])
    plant = Planted("kind", "story", expect=[InHubSpot("contacts", ANN, "phone", "1")])
    assert plant.look(seen)
    plant.expect.append(InHubSpot("contacts", ANN, "phone", "2"))
    assert not plant.look(seen)


def test_a_losing_value_must_be_in_the_log_exactly_once_and_for_the_right_reason() -> None:
    logged = Logged("contacts", ANN, "phone", "1", "both_changed")
    entry = Conflict("contacts", ANN, SALESFORCE_ANN, "phone", "1", "both_changed")
    other = Conflict("contacts", ANN, SALESFORCE_ANN, "phone", "1", "rule")
    assert logged.holds(Evidence(Snapshot(), [entry], []))
    assert not logged.holds(Evidence(Snapshot(), [entry, entry], []))
    assert not logged.holds(Evidence(Snapshot(), [other], []))


def test_an_issue_that_nobody_planted_is_left_over() -> None:
    wanted = [Raised("contacts", hubspot_id=ANN, property="phone")]
    planted = Issue("contacts", ANN, SALESFORCE_ANN, "phone", "STRING_TOO_LONG")
    more = Issue("contacts", "102", None, None, "several_candidates")
    assert unplanned(wanted, [planted, more]) == [more]
    assert unplanned(wanted, [planted, planted]) == [planted]


def test_a_deleted_half_leaves_the_other_alone_and_alive() -> None:
    snapshot = pair(here="1", there="1")
    kept = StillInSalesforce("contacts", "Contact", SALESFORCE_ANN)
    assert not kept.holds(Evidence(snapshot, [], []))
    del snapshot.hubspot["contacts"][ANN]
    assert kept.holds(Evidence(snapshot, [], []))
    del snapshot.salesforce["Contact"][SALESFORCE_ANN]
    assert not kept.holds(Evidence(snapshot, [], []))


# --- counting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "writes"),
    [
        ("POST /crm/objects/2026-09/{type}/search", 0),
        ("POST /crm/objects/2026-09/{type}/batch/read", 0),
        ("GET /crm/objects/2026-09/{type}", 0),
        ("POST /crm/objects/2026-09/{type}/batch/update", 1),
        ("PATCH /crm/objects/2026-09/{type}/{id}", 1),
        ("POST /crm/associations/2026-09/{from_type}/{to_type}/batch/create", 1),
    ],
)
def test_a_hubspot_call_that_writes_is_counted_even_where_nothing_came_of_it(endpoint: str, writes: int) -> None:
    world = build(packaged())
    before = counting.mark(world)
    world.hubspot.stats.count(endpoint, counting.INTERLOCK)
    assert counting.writes(before, counting.mark(world), {}, {}) == writes


@pytest.mark.parametrize(
    ("endpoint", "writes"),
    [
        ("POST /services/data/{version}/composite/sobjects/{object}", 0),
        ("POST /services/oauth2/token", 0),
        ("PATCH /services/data/{version}/composite/sobjects", 1),
        ("PATCH /services/data/{version}/composite/sobjects/{object}/{field}", 1),
        ("POST /services/data/{version}/sobjects/{object}", 1),
        ("DELETE /services/data/{version}/composite/sobjects", 1),
    ],
)
def test_a_salesforce_call_that_writes_is_counted(endpoint: str, writes: int) -> None:
    world = build(packaged())
    before = counting.mark(world)
    world.salesforce.stats.count(endpoint, counting.INTERLOCK)
    assert counting.writes(before, counting.mark(world), {}, {}) == writes


def test_a_salesforce_record_whose_stamp_moved_was_written() -> None:
    mark = counting.mark(build(packaged()))
    assert counting.writes(mark, mark, {"001A": "09:00", "001B": "09:00"}, {"001A": "09:00", "001B": "09:30"}) == 1


def test_the_calls_of_the_check_are_not_interlocks() -> None:
    world = build(packaged())
    before = counting.mark(world)
    world.hubspot.stats.count("GET /crm/v3/objects/{type}", "interlock-demo-check")
    world.hubspot.stats.count("GET /crm/objects/2026-09/{type}", counting.INTERLOCK)
    assert counting.mark(world).hubspot_calls - before.hubspot_calls == 1


# --- the verdict --------------------------------------------------------------------------------------------------------


def test_whatever_is_not_as_planted_is_said_and_is_no_success() -> None:
    played = Played()
    assert played.as_promised
    played.checks.append(Planted("conflicts", "conflicts: 5 planted, 4 found"))
    assert not played.as_promised
    assert "  - conflicts: 5 planted, 4 found" in report._verdict(played)


@pytest.mark.parametrize("name", ["writes_when_nothing_changed", "refused_429"])
def test_a_write_too_many_or_a_refused_call_is_no_success(name: str) -> None:
    played = Played()
    setattr(played, name, 1)
    assert not played.as_promised


def test_a_difference_of_an_earlier_check_is_not_forgotten() -> None:
    played = Played()
    played.found_differences["contacts"] = 1
    assert not played.as_promised


# --- a person who saves in between ----------------------------------------------------------------------------------------


def test_the_persons_edit_comes_just_before_the_chosen_write_and_once() -> None:
    seen: list[str] = []

    async def application(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        seen.append((await receive())["body"].decode())

    door = Interrupted(application)
    door.before_write("/batch/update", "101", save=lambda: seen.append("saved"))
    for path, body in (
        ("/batch/read", b"101"),
        ("/batch/update", b"102"),
        ("/batch/update", b"101"),
        ("/batch/update", b"101"),
    ):
        asyncio.run(_post(door, path, body))
    assert seen == ["101", "102", "saved", "101", "101"]
    assert door.waiting == 0


async def _post(door: Interrupted, path: str, body: bytes) -> None:
    parts = [{"type": "http.request", "body": body[:1], "more_body": True}, {"type": "http.request", "body": body[1:]}]
    whole = [{"type": "http.request", "body": body}]
    messages = iter(parts if door.waiting else whole)

    async def receive():  # type: ignore[no-untyped-def]
        return next(messages)

    async def send(message) -> None:  # type: ignore[no-untyped-def]
        raise AssertionError(message)

    await door({"type": "http", "method": "POST", "path": path}, receive, send)
