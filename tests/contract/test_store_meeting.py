"""Which records of both sides meet on a key, all of an object at once, on both databases."""

from __future__ import annotations

import pytest

from interlock.core.model import LinkedBy, LinkState, RecordLink, Side
from interlock.store import Store, identity, links, meeting
from interlock.store.meeting import Met

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "PAGE_ROWS", 3)
    monkeypatch.setattr(meeting, "THERE_ROWS", 4)


async def hold(store: Store, connection_id: int, side: Side, **emails: str) -> None:
    """hold(..., h1="a@x.com b@x.com"): the record and its addresses."""
    entries = [("email", email, record_id) for record_id, held in emails.items() for email in held.split()]
    async with store.write(connection_id) as tx:
        await identity.put(tx, "contacts", side, entries)


async def met(store: Store, connection_id: int) -> list[Met]:
    return [each async for page in meeting.pages(store, connection_id, "contacts", "email") for each in page]


async def test_records_with_one_address_meet_on_whichever_page_it_stands(store: Store, connection_id: int) -> None:
    await hold(store, connection_id, Side.HUBSPOT, **{f"h{n}": f"person{n}@x.com" for n in range(9)})
    await hold(store, connection_id, Side.SALESFORCE, **{f"s{n}": f"person{n}@x.com" for n in range(4, 12)})
    assert await met(store, connection_id) == [
        Met(f"person{n}@x.com", f"h{n}", f"s{n}", several=False) for n in range(4, 9)
    ]


async def test_of_no_records_none_meet(store: Store, connection_id: int) -> None:
    assert await met(store, connection_id) == []


async def test_where_one_side_has_many_more_records_the_others_are_met_all_the_same(
    store: Store, connection_id: int
) -> None:
    await hold(store, connection_id, Side.HUBSPOT, h1="person00@x.com", h2="person17@x.com", h3="person39@x.com")
    await hold(store, connection_id, Side.SALESFORCE, **{f"s{n:02d}": f"person{n:02d}@x.com" for n in range(40)})
    assert [(each.hubspot_id, each.salesforce_id) for each in await met(store, connection_id)] == [
        ("h1", "s00"),
        ("h2", "s17"),
        ("h3", "s39"),
    ]


async def test_an_address_that_more_share_than_fit_a_page_is_one_question(store: Store, connection_id: int) -> None:
    shared = {f"{n:02d}": "info@x.com" for n in range(11)}
    await hold(store, connection_id, Side.HUBSPOT, **{f"h{n}": email for n, email in shared.items()}, hz="z@x.com")
    await hold(store, connection_id, Side.SALESFORCE, **{f"s{n}": email for n, email in shared.items()}, sz="z@x.com")
    assert await met(store, connection_id) == [
        Met("info@x.com", "h00", "s00", several=True),
        Met("z@x.com", "hz", "sz", several=False),
    ]


async def test_an_address_that_several_have_is_a_question(store: Store, connection_id: int) -> None:
    await hold(store, connection_id, Side.HUBSPOT, h1="a@x.com", h2="b@x.com", h3="b@x.com")
    await hold(store, connection_id, Side.SALESFORCE, s1="a@x.com", s2="a@x.com", s3="b@x.com")
    assert await met(store, connection_id) == [
        Met("a@x.com", "h1", "s1", several=True),
        Met("b@x.com", "h2", "s3", several=True),
    ]


async def test_a_contact_whose_additional_address_is_another_persons_is_a_question(
    store: Store, connection_id: int
) -> None:
    await hold(store, connection_id, Side.HUBSPOT, h1="a@x.com z@x.com", h2="m@x.com n@x.com")
    await hold(store, connection_id, Side.SALESFORCE, s1="a@x.com", s2="z@x.com", s3="n@x.com")
    assert await met(store, connection_id) == [
        Met("a@x.com", "h1", "s1", several=True),
        Met("n@x.com", "h2", "s3", several=False),
        Met("z@x.com", "h1", "s2", several=True),
    ]


async def test_records_with_two_addresses_in_common_meet_on_both(store: Store, connection_id: int) -> None:
    await hold(store, connection_id, Side.HUBSPOT, h1="a@x.com z@x.com")
    await hold(store, connection_id, Side.SALESFORCE, s1="a@x.com z@x.com")
    assert await met(store, connection_id) == [
        Met("a@x.com", "h1", "s1", several=False),
        Met("z@x.com", "h1", "s1", several=False),
    ]


async def test_who_has_a_counterpart_meets_nobody(store: Store, connection_id: int) -> None:
    await hold(store, connection_id, Side.HUBSPOT, h1="a@x.com", h2="b@x.com", h3="c@x.com")
    await hold(store, connection_id, Side.SALESFORCE, s1="a@x.com", s2="b@x.com", s3="c@x.com")
    async with store.write(connection_id) as tx:
        made = [
            RecordLink("contacts", "h1", "Contact", "s9", LinkState.LINKED, LinkedBy.PERSON, 1, {}, {}),
            RecordLink("contacts", "h9", "Contact", "s2", LinkState.EXCLUDED, LinkedBy.PERSON, 1, {}, {}),
            RecordLink("contacts", "h3", "Contact", "s8", LinkState.UNLINKED, LinkedBy.PERSON, 1, {}, {}),
        ]
        await links.insert(tx, made)
    assert await met(store, connection_id) == [Met("c@x.com", "h3", "s3", several=False)]


async def test_other_objects_kinds_and_connections_meet_nobody_here(
    store: Store, connection_id: int, other_connection_id: int
) -> None:
    await hold(store, connection_id, Side.HUBSPOT, h1="a@x.com")
    await hold(store, other_connection_id, Side.SALESFORCE, s1="a@x.com")
    async with store.write(connection_id) as tx:
        await identity.put(tx, "contacts", Side.SALESFORCE, [("name", "a@x.com", "s1")])
        await identity.put(tx, "companies", Side.SALESFORCE, [("email", "a@x.com", "s1")])
    assert await met(store, connection_id) == []
