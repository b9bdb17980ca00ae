"""A request that timed out lands minutes later: it takes no newer edit back, and makes nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from interlock.core.model import RecordKey, Side
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from interlock.engine import cycle
from interlock.store import intents
from tests.world import CALLS_OF_A_LOOK, World


class Slow:
    """The next record write to a CRM is given up by its sender, and carried out `late_s` afterwards."""

    def __init__(self, inner: Transport, host: str, word: str, late_s: float) -> None:
        self.inner = inner
        self.host = host
        self.word = word
        self.late_s = late_s
        self.landing: asyncio.Task[Response] | None = None
        self.sent = asyncio.Event()

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.landing is None and self.host in request.url and self.word.encode() in (request.body or b""):
            self.landing = asyncio.ensure_future(self._land(request))
            self.sent.set()
            await asyncio.sleep(deadline_s)
            raise OutcomeUnknown(f"no answer within {deadline_s:g} s")
        return await self.inner.send(request, deadline_s)

    async def _land(self, request: Request) -> Response:
        await asyncio.sleep(self.late_s)
        return await self.inner.send(request, 60.0)


def test_a_slow_salesforce_call_that_lands_late_takes_no_newer_edit_back(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        here = world.person("ada@example.com", jobtitle="first")
        await world.settle()
        # Salesforce lets a call run for ten minutes, long after its sender has gone.
        slow = Slow(world.transport, f"{Side.SALESFORCE.value}.local", "second", late_s=540.0)
        world.transport = slow
        world.hugo.update("contacts", here, {"jobtitle": "second"})
        for _ in range(5):
            await world.sync_later(60.0)
        world.hugo.update("contacts", here, {"jobtitle": "third"})
        for _ in range(8):
            await world.sync_later(60.0)
        assert slow.landing is not None
        await slow.landing
        await world.settle()
        there = world.sally.get("Contact", world.counterpart("contacts", here))
        assert (world.contact(here)["jobtitle"], there["Title"]) == ("third", "third")

    tell(story)


def test_a_record_whose_slow_create_lands_late_is_not_made_twice(tell):
    async def story(world: World) -> None:
        # Not the query that looks for her, the write that makes her.
        slow = Slow(world.transport, f"{Side.SALESFORCE.value}.local", '"LastName"', late_s=540.0)
        world.transport = slow
        world.person("ada@example.com")
        for _ in range(12):
            await world.sync_later(60.0)
        await world.settle()
        assert slow.landing is not None
        assert len(world.sally.ids("Contact")) == 1

    tell(story)


def test_a_record_whose_slow_create_lands_after_another_pair_has_moved_to_whoever_it_was_for_is_told(tell):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com")
        await world.settle()
        slow = Slow(world.transport, f"{Side.SALESFORCE.value}.local", '"LastName"', late_s=540.0)
        world.transport = slow
        bob = world.person("bob@example.com")
        await world.sync_later(60.0)
        assert slow.landing is not None
        theirs = world.counterpart("contacts", ada)
        survivor = world.hugo.merge("contacts", bob, ada)
        for _ in range(12):
            await world.sync_later(60.0)
        await slow.landing
        await world.settle()
        link = await world.link("contacts", survivor)
        assert link is not None
        assert link.salesforce_id == theirs
        (made,) = set(world.sally.ids("Contact")) - {theirs}
        (row,) = [row for row in await world.audit("create") if row.salesforce_id == made]
        assert (row.side, row.hubspot_id) == (Side.SALESFORCE, bob)
        assert made in {issue.salesforce_id for issue in await world.issues()}

    tell(story)


def test_what_a_first_link_replaced_is_logged_though_the_record_got_another_counterpart_meanwhile(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "prefer_salesforce")
        known = world.person("grace@example.com")
        await world.settle()
        there = world.counterpart("contacts", known)
        here = world.person("ada@example.com", jobtitle="first")
        world.sally.create("Contact", {"Email": "ada@example.com", "LastName": "Lovelace", "Title": "second"})
        slow = Slow(world.transport, f"{Side.HUBSPOT.value}.local", "second", late_s=150.0)
        world.transport = slow
        syncing = asyncio.ensure_future(world.sync())
        await slow.sent.wait()
        syncing.cancel()
        # Before it lands her title is typed in, and the person linked long since turns out to be the same one.
        world.hugo.update("contacts", here, {"jobtitle": "typed"})
        world.hugo.merge("contacts", here, known)
        await world.sync_later(10.0)
        assert slow.landing is not None
        assert not slow.landing.done()
        await slow.landing
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert "typed" in {row.old for row in await world.audit("conflict")}

    tell(story, hubspot={"merge_keeps_primary_id": True})


def test_a_pair_that_waits_for_a_request_of_a_dead_process_costs_no_more_than_a_look(tell):
    """Both its halves were edited, and every look back finds them: neither may set the other free."""

    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        here = world.person("ada@example.com")
        await world.sync_later(60.0)
        slow = Slow(world.transport, f"{Side.HUBSPOT.value}.local", "edited", late_s=150.0)
        world.transport = slow
        world.sally.update("Contact", world.counterpart("contacts", here), {"Title": "edited"})
        syncing = asyncio.ensure_future(world.sync_later(60.0))
        await slow.sent.wait()
        syncing.cancel()
        world.hugo.update("contacts", here, {"phone": "+1 555 0100"})
        calls = world.calls_in_all
        await world.sync_later(60.0)
        assert world.calls_in_all - calls < CALLS_OF_A_LOOK
        await world.settle()
        assert world.contact(here)["jobtitle"] == "edited"

    tell(story)


class TwiceUnheard:
    """The next creation of a contact in HubSpot is carried out twice, the second time after `between`, and never answered."""

    def __init__(self, inner: Transport, between: Callable[[], object]) -> None:
        self.inner = inner
        self.between = between
        self.landed = asyncio.Event()

    async def send(self, request: Request, deadline_s: float) -> Response:
        if not request.url.endswith("/contacts/batch/upsert"):
            return await self.inner.send(request, deadline_s)
        await self.inner.send(request, deadline_s)
        await asyncio.sleep(1.0)
        self.between()
        await self.inner.send(request, deadline_s)
        self.landed.set()
        await asyncio.sleep(deadline_s)
        raise OutcomeUnknown(f"no answer within {deadline_s:g} s")


def test_what_a_create_replaced_that_came_twice_is_logged_though_its_record_was_linked_before_it_was_asked_after(tell):
    async def story(world: World) -> None:
        await world.settle()
        line = world.transport
        world.transport = twice = TwiceUnheard(
            line, lambda: world.hugo.update("contacts", world.hugo.ids("contacts")[0], {"jobtitle": "typed"})
        )
        world.sally.create("Contact", {"Email": "ada@example.com", "LastName": "Lovelace", "Title": "first"})
        syncing = asyncio.ensure_future(world.sync())
        await twice.landed.wait()
        syncing.cancel()
        world.transport = line
        await world.settle()
        assert len(world.hugo.ids("contacts")) == 1
        assert "typed" in {row.old for row in await world.audit("conflict")}

    tell(story)


class Watched:
    """What stands on disk about a write when a request without a title leaves."""

    def __init__(self, world: World) -> None:
        self.inner, self.world = world.transport, world
        self.carried: list[str] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        body = request.body or b""
        if b'"LastName"' in body and b'"Title"' not in body and b"SELECT" not in body:
            async with self.world.read() as tx:
                opened = await intents.for_keys(
                    tx, [RecordKey(Side.HUBSPOT, "contacts", self.world.hugo.ids("contacts")[0])]
                )
            self.carried = [name for intent in opened for name, *_ in intent.fields.values()]
        return await self.inner.send(request, deadline_s)


def test_a_field_that_a_create_had_to_leave_out_is_not_believed_to_have_landed_with_it(tell):
    """Salesforce refused it, and the rest is sent again: should that answer be lost, what was never written was never
    cleared either."""

    async def story(world: World) -> None:
        world.salesforce.add_validation_rule(
            "Contact", lambda row: bool(row.get("Title")), "No titles, please.", field="Title"
        )
        world.transport = watched = Watched(world)
        world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        assert "Email" in watched.carried
        assert "Title" not in watched.carried

    tell(story)


class Twice:
    """A proxy sends the next record write to Salesforce a second time, after `between`, and hands on one of both answers."""

    def __init__(self, inner: Transport, between: Callable[[], object], hands_on: int) -> None:
        self.inner, self.between, self.hands_on = inner, between, hands_on
        self.came = 0

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.came or b'"LastName":' not in (request.body or b""):
            return await self.inner.send(request, deadline_s)
        answers = [await self.inner.send(request, deadline_s)]
        self.between()
        answers.append(await self.inner.send(request, deadline_s))
        self.came = len(answers)
        return answers[self.hands_on]


@pytest.mark.parametrize("hands_on", [0, 1])
def test_what_was_typed_into_a_new_record_is_not_taken_back_by_a_create_that_comes_twice(tell, hands_on):
    async def story(world: World) -> None:
        def typed() -> None:
            world.sally.update("Contact", *world.sally.ids("Contact"), {"LastName": "Lovelace"})

        here = world.person("ada@example.com", lastname="")
        world.transport = twice = Twice(world.transport, typed, hands_on)
        await world.settle()
        assert twice.came == 2
        there = world.counterpart("contacts", here)
        assert world.sally.ids("Contact") == [there]
        assert (world.contact(here)["lastname"], world.sally.get("Contact", there)["LastName"]) == ("Lovelace",) * 2
        assert await world.issues() == []

    tell(story)


class Unheard:
    """The next request to this path is carried out, and its answer is lost."""

    def __init__(self, inner: Transport, path: str) -> None:
        self.inner, self.path, self.lost = inner, path, 0

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await self.inner.send(request, deadline_s)
        if not self.lost and self.path in request.url:
            self.lost += 1
            raise OutcomeUnknown("the line was cut before the answer")
        return answer


@pytest.mark.parametrize("object_", ["contacts", "deals"])
def test_a_record_whose_create_was_never_answered_keeps_its_company(tell, object_):
    """HubSpot gets the record first and its association after the answer: that it has none is not an edit in HubSpot."""

    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme"})
        await world.settle()
        world.transport = unheard = Unheard(world.transport, f"/{object_}/batch/upsert")
        values = {"LastName": "Lovelace", "Email": "ada@example.com", "AccountId": account}
        opportunity = {"Name": "Big", "StageName": "Closed Won", "CloseDate": "2026-03-01", "AccountId": account}
        type_, made = ("Contact", values) if object_ == "contacts" else ("Opportunity", opportunity)
        there = world.sally.create(type_, made)
        await world.sync()
        # Its search does not show it yet, and nobody waits here: the request is asked after before the record is detected.
        await world.sync_later(3_600.0)
        await world.settle()
        assert unheard.lost == 1
        assert world.sally.get(type_, there)["AccountId"] == account
        (here,) = world.hugo.ids(object_)
        assert world.counterpart(object_, here) == there
        (company,) = world.hugo.ids("companies")
        assert list(world.hugo.associated(object_, here, "companies")) == [company]

    tell(story, hubspot={"search_lag_ms": 10_000})


def test_what_was_cleared_before_an_unanswered_create_was_found_stays_cleared_and_the_create_is_told(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        await world.settle()
        world.transport = unheard = Unheard(world.transport, "/contacts/batch/upsert")
        there = world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com", "Title": "CTO"})
        await world.sync()
        world.sally.update("Contact", there, {"Title": None})
        await world.settle()
        assert unheard.lost == 1
        (here,) = world.hugo.ids("contacts")
        assert (world.contact(here).get("jobtitle") or None, world.sally.get("Contact", there)["Title"]) == (None, None)
        (row,) = await world.audit("create")
        assert (row.side, row.hubspot_id, row.salesforce_id) == (Side.HUBSPOT, here, there)
        assert not await world.audit("link")

    tell(story)


@pytest.mark.parametrize("typed", ["", "Countess of Lovelace"], ids=["cleared", "edited"])
def test_what_somebody_made_of_a_first_links_unanswered_write_is_an_edit(tell, typed):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        await world.settle()
        world.transport = unheard = Unheard(world.transport, "/contacts/batch/update")
        here = world.person("ada@example.com", jobtitle="Countess")
        await asyncio.sleep(60.0)
        there = world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com", "Title": "Engineer"})
        await world.sync()
        assert unheard.lost == 1
        assert world.contact(here)["jobtitle"] == "Engineer"
        world.hugo.update("contacts", here, {"jobtitle": typed})
        await world.settle()
        assert (world.contact(here).get("jobtitle") or "") == typed
        assert (world.sally.get("Contact", there)["Title"] or "") == typed
        assert "Engineer" in {row.old for row in await world.audit("conflict")}

    tell(story)


def test_a_create_in_salesforce_that_was_never_answered_is_told(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        await world.settle()
        world.transport = unheard = Unheard(world.transport, "/composite/sobjects")
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.sync()
        world.hugo.update("contacts", here, {"jobtitle": ""})
        await world.settle()
        assert unheard.lost == 1
        there = world.counterpart("contacts", here)
        assert not world.sally.get("Contact", there)["Title"]
        (row,) = await world.audit("create")
        assert (row.side, row.hubspot_id, row.salesforce_id) == (Side.SALESFORCE, here, there)

    tell(story)


def test_a_create_that_is_found_by_its_key_is_told_whatever_becomes_of_the_process_that_found_it(tell, monkeypatch):
    async def story(world: World) -> None:
        await world.settle()
        world.transport = unheard = Unheard(world.transport, "/contacts/batch/upsert")
        world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
        await world.sync()
        assert unheard.lost == 1

        async def dies(*_: object) -> None:
            monkeypatch.setattr(cycle, "fetch", fetch)
            raise asyncio.CancelledError

        fetch = cycle.fetch
        monkeypatch.setattr(cycle, "fetch", dies)
        with pytest.raises(asyncio.CancelledError):
            await world.sync_later(3_600.0)
        await world.settle()
        assert [row.side for row in await world.audit("create")] == [Side.HUBSPOT]

    # Detection comes too late to find it first.
    tell(story, hubspot={"search_lag_ms": 10_000})


def test_a_create_is_told_though_another_pair_has_moved_to_what_it_made(tell):
    async def story(world: World) -> None:
        bob = world.person("bob@example.com")
        await world.settle()
        bobs = world.counterpart("contacts", bob)

        class Merged(Unheard):
            """Somebody sees the new record before we can, and merges Bob into it."""

            async def send(self, request: Request, deadline_s: float) -> Response:
                before = self.lost
                try:
                    return await super().send(request, deadline_s)
                finally:
                    if self.lost > before:
                        (made,) = set(world.hugo.ids("contacts")) - {bob}
                        assert world.hugo.merge("contacts", made, bob) == made
                        world.sally.update("Contact", bobs, {"Title": "Baron"})

        world.transport = Merged(world.transport, "/contacts/batch/upsert")
        ada = world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
        await world.sync()
        (made,) = world.hugo.ids("contacts")
        await world.sync_later(20.0)
        link = await world.link("contacts", made)
        assert link is not None
        assert link.salesforce_id == bobs
        await world.settle()
        (row,) = [row for row in await world.audit("create") if row.hubspot_id == made]
        assert (row.side, row.salesforce_id) == (Side.HUBSPOT, ada)

    tell(story)
