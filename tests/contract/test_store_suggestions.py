"""Suggestions in the store, on both databases: what was decided stands, follows a record, and goes with whoever is erased."""

from __future__ import annotations

import pytest

from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.model import RecordKey, Side
from interlock.store import Store, erasures, suggestions
from interlock.store.suggestions import Suggestion

pytestmark = pytest.mark.anyio

HERE, THERE = RecordKey(Side.HUBSPOT, "contacts", "501"), RecordKey(Side.SALESFORCE, "Contact", "003000000000001AAA")


def suggested(hubspot: RecordKey = HERE, points: int = 14) -> Suggestion:
    reasons = ((Trait.PHONE, Likeness.SAME), (Trait.EMAIL, Likeness.UNLIKE))
    return Suggestion("contacts", hubspot, THERE, "open", False, points, reasons, 1, 5)


async def test_a_suggestion_comes_back_whole_and_the_likeliest_first(store: Store, connection_id: int) -> None:
    likelier = suggested(RecordKey(Side.HUBSPOT, "contacts", "502"), 20)
    async with store.write(connection_id) as tx:
        await suggestions.replace_open(tx, "contacts", [suggested(), likelier])
        assert await suggestions.page(tx, "open", "contacts", 0, 10) == [likelier, suggested()]
        assert await suggestions.page(tx, "open", None, 1, 10) == [suggested()]
        assert await suggestions.counts(tx) == {"open": {"contacts": 2}}


async def test_what_was_decided_stands_when_all_is_looked_for_again(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await suggestions.replace_open(tx, "contacts", [suggested()])
        assert not await suggestions.any_decided(tx, "contacts")
        await suggestions.decide(tx, suggested().key, "refused", "ada")
        await suggestions.replace_open(tx, "contacts", [suggested(points=99)])
        (found,) = await suggestions.decided_of(tx, "contacts", [THERE])
        assert (found.state, found.points, found.decided_by) == ("refused", 14, "ada")
        assert await suggestions.any_decided(tx, "contacts")


async def test_who_is_linked_is_suggested_no_more_but_stays_refused(store: Store, connection_id: int) -> None:
    other = suggested(RecordKey(Side.HUBSPOT, "contacts", "502"))
    async with store.write(connection_id) as tx:
        await suggestions.replace_open(tx, "contacts", [suggested(), other])
        await suggestions.decide(tx, other.key, "refused", "ada")
        await suggestions.settle(tx, "contacts", [THERE])
        assert await suggestions.counts(tx) == {"refused": {"contacts": 1}}


async def test_a_refusal_goes_along_with_its_record_and_with_whoever_is_erased(
    store: Store, connection_id: int
) -> None:
    survivor = RecordKey(Side.HUBSPOT, "contacts", "777")
    async with store.write(connection_id) as tx:
        await suggestions.replace_open(tx, "contacts", [suggested()])
        await suggestions.decide(tx, suggested().key, "refused", "ada")
        await suggestions.follow(tx, "contacts", HERE, survivor)
        assert await suggestions.get(tx, suggested().key) is None
        (moved,) = await suggestions.decided_of(tx, "contacts", [survivor])
        assert (moved.hubspot, moved.state) == (survivor, "refused")
        await erasures.clear(tx, "contacts", [survivor], [])
        assert await suggestions.decided_of(tx, "contacts", [THERE]) == []
