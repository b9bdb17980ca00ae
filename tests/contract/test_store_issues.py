"""Issues: raised again is the same issue, gone is resolved, ignored stays ignored."""

from __future__ import annotations

import pytest

from interlock.core.model import Issue, IssueCategory, RecordKey, Side
from interlock.store import Store, issues
from interlock.store.issues import IssueCounts

pytestmark = pytest.mark.anyio

ADA = RecordKey(Side.HUBSPOT, "contacts", "501")
ADA_SALESFORCE = RecordKey(Side.SALESFORCE, "Contact", "003A")


def too_long(
    hubspot_id: str | None = "501",
    salesforce_id: str | None = "003A",
    property_: str | None = "jobtitle",
    **more: object,
) -> Issue:
    values: dict[str, object] = {
        "category": IssueCategory.PROPERTY_VALUES,
        "code": "too_long",
        "severity": "error",
        "object": "contacts",
        "hubspot_id": hubspot_id,
        "salesforce_id": salesforce_id,
        "salesforce_type": "Contact",
        "cause": "412 characters, the field holds 128",
        "fix": "Shorten it in HubSpot",
        "property": property_,
        "field": "Title",
        "value": "x" * 20,
        "label": "ada@example.com",
    }
    return Issue(**values | more)  # type: ignore[arg-type]


async def raise_(store: Store, connection_id: int, *raised: Issue) -> None:
    async with store.write(connection_id) as tx:
        await issues.raise_(tx, list(raised))


async def all_issues(store: Store, connection_id: int) -> list[Issue]:
    async with store.read(connection_id) as tx:
        found, _ = await issues.list_(tx, status=("open", "waiting", "ignored", "resolved"))
        return found


async def test_an_issue_comes_back_as_it_was_raised(store: Store, connection_id: int) -> None:
    issue = too_long(first_seen_us=5, last_seen_us=6, next_try_us=7, raw_message="STRING_TOO_LONG")
    await raise_(store, connection_id, issue)
    [found] = await all_issues(store, connection_id)
    issue.id = found.id
    assert found == issue
    async with store.read(connection_id) as tx:
        assert await issues.get(tx, issue.id or 0) == issue
        assert await issues.get(tx, 4711) is None


async def test_raised_again_it_is_the_same_issue_with_one_more_try(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long(first_seen_us=5, last_seen_us=5))
    await raise_(store, connection_id, too_long(first_seen_us=9, last_seen_us=9, cause="413 characters"))
    [found] = await all_issues(store, connection_id)
    assert (found.tries, found.first_seen_us, found.last_seen_us, found.cause) == (2, 5, 9, "413 characters")


async def test_an_issue_without_times_was_seen_now(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long())
    [found] = await all_issues(store, connection_id)
    assert found.first_seen_us == found.last_seen_us == 1_700_000_000_000_000


async def test_another_property_another_code_another_record_are_other_issues(store: Store, connection_id: int) -> None:
    await raise_(
        store,
        connection_id,
        too_long(),
        too_long(property_="firstname"),
        too_long(property_=None),
        too_long(code="bad_value"),
        too_long(hubspot_id="502", salesforce_id="003B"),
        too_long(hubspot_id=None, salesforce_id="003C"),
        too_long(hubspot_id=None, salesforce_id=None),
        too_long(object="companies"),
    )
    assert len(await all_issues(store, connection_id)) == 8


async def test_the_same_issue_twice_in_one_call_is_one(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long(), too_long())
    assert len(await all_issues(store, connection_id)) == 1


async def test_learning_the_counterpart_does_not_make_a_second_issue(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long(salesforce_id=None))
    await raise_(store, connection_id, too_long(salesforce_id="003A"))
    await raise_(store, connection_id, too_long(salesforce_id=None))
    [found] = await all_issues(store, connection_id)
    assert (found.hubspot_id, found.salesforce_id) == ("501", "003A")


async def test_a_good_sync_resolves_what_was_not_raised_again(store: Store, connection_id: int) -> None:
    still = too_long(property_="firstname")
    await raise_(store, connection_id, too_long(), still, too_long(hubspot_id="502", salesforce_id="003B"))
    async with store.write(connection_id) as tx:
        assert await issues.resolve(tx, [ADA, ADA_SALESFORCE], keep=[still]) == 1
    found = {(i.hubspot_id, i.property): i.status for i in await all_issues(store, connection_id)}
    assert found == {("501", "jobtitle"): "resolved", ("501", "firstname"): "open", ("502", "jobtitle"): "open"}


async def test_what_was_raised_from_salesforce_alone_is_resolved_by_its_salesforce_key(
    store: Store, connection_id: int
) -> None:
    await raise_(store, connection_id, too_long(hubspot_id=None))
    async with store.write(connection_id) as tx:
        assert await issues.resolve(tx, [ADA_SALESFORCE]) == 1


async def test_a_company_with_the_id_of_a_contact_is_another_record(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long(salesforce_id=None, object="companies"))
    async with store.write(connection_id) as tx:
        assert await issues.resolve(tx, [ADA]) == 0


async def test_a_resolved_issue_is_opened_again_when_it_comes_back(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long(first_seen_us=5))
    async with store.write(connection_id) as tx:
        await issues.resolve(tx, [ADA])
    await raise_(store, connection_id, too_long())
    [found] = await all_issues(store, connection_id)
    assert (found.status, found.tries, found.first_seen_us) == ("open", 1, 5)


async def test_an_ignored_issue_stays_ignored_however_often_it_comes(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long())
    [found] = await all_issues(store, connection_id)
    async with store.write(connection_id) as tx:
        assert await issues.ignore(tx, [found.id or 0]) == 1
    await raise_(store, connection_id, too_long())
    async with store.write(connection_id) as tx:
        assert await issues.resolve(tx, [ADA]) == 0
    assert [i.status for i in await all_issues(store, connection_id)] == ["ignored"]


async def test_a_resynced_issue_waits_for_its_next_try(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long())
    [found] = await all_issues(store, connection_id)
    async with store.write(connection_id) as tx:
        await issues.set_waiting(tx, [found.id or 0], 900)
    [found] = await all_issues(store, connection_id)
    assert (found.status, found.next_try_us) == ("waiting", 900)


async def test_an_issue_of_the_connection_is_resolved_by_who_raised_it(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, too_long(None, None, category=IssueCategory.SIGN_IN, code="signed_out"))
    [found] = await all_issues(store, connection_id)
    async with store.write(connection_id) as tx:
        assert await issues.resolve_ids(tx, [found.id or 0]) == 1


async def test_pages_hold_every_open_issue_once(store: Store, connection_id: int) -> None:
    await raise_(store, connection_id, *(too_long(f"{n}", f"003{n}") for n in range(7)))
    seen: list[str | None] = []
    cursor = None
    async with store.read(connection_id) as tx:
        while True:
            page, cursor = await issues.list_(tx, cursor=cursor, limit=3)
            seen += [issue.hubspot_id for issue in page]
            if cursor is None:
                break
    assert seen == [str(n) for n in range(7)]


async def test_the_list_can_be_narrowed(store: Store, connection_id: int) -> None:
    await raise_(
        store,
        connection_id,
        too_long(),
        too_long("502", "003B", code="bad_value"),
        too_long("9", "001A", object="companies", category=IssueCategory.MATCHING),
    )
    async with store.read(connection_id) as tx:

        async def ids(**filters: object) -> list[str | None]:
            found, _ = await issues.list_(tx, **filters)  # type: ignore[arg-type]
            return [issue.hubspot_id for issue in found]

        assert await ids(object="contacts") == ["501", "502"]
        assert await ids(category="matching") == ["9"]
        assert await ids(code="bad_value") == ["502"]
        assert await ids(record=ADA) == ["501"]
        assert await ids(record=ADA_SALESFORCE) == ["501"]
        assert await ids(record=RecordKey(Side.HUBSPOT, "companies", "501")) == []
        assert await ids(status=("resolved",)) == []


async def test_counts_hold_what_is_open_only(store: Store, connection_id: int) -> None:
    await raise_(
        store,
        connection_id,
        too_long(),
        too_long("502", "003B"),
        too_long("9", "001A", object="companies", category=IssueCategory.MATCHING),
    )
    async with store.write(connection_id) as tx:
        await issues.resolve(tx, [ADA])
        assert await issues.counts(tx) == IssueCounts(
            2, {"contacts": 1, "companies": 1}, {"property_values": 1, "matching": 1}
        )


async def test_text_that_no_database_takes_is_shown_with_a_stand_in(store: Store, connection_id: int) -> None:
    await raise_(
        store, connection_id, too_long(value="a\x00b", cause="cut emoji \ud83d", raw_message="\x00", label="é")
    )
    [found] = await all_issues(store, connection_id)
    assert (found.value, found.cause, found.raw_message, found.label) == ("a␀b", "cut emoji ?", "␀", "é")


async def test_what_is_over_goes_with_the_retention_and_what_a_person_ignores_stays(
    store: Store, connection_id: int
) -> None:
    await raise_(
        store, connection_id, *(too_long(str(number), first_seen_us=5, last_seen_us=number) for number in range(1, 7))
    )
    over = {int(each.hubspot_id or 0): each.id or 0 for each in await all_issues(store, connection_id)}
    async with store.write(connection_id) as tx:
        await issues.ignore(tx, [over[1]])
        await issues.resolve_ids(tx, [over[2], over[3], over[4], over[5]])
        assert await issues.prune(tx, before_us=5, limit_rows=2) == 2
        assert await issues.prune(tx, before_us=5) == 1
        assert await issues.prune(tx, before_us=5) == 0
    assert [each.hubspot_id for each in await all_issues(store, connection_id)] == ["1", "5", "6"]
