"""Search: filters, order, paging, ceilings, and an index that lags behind."""

from __future__ import annotations

import itertools
import random
from bisect import bisect_left
from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

from crm_emulator.hubspot.modified_order import ModifiedOrder

SEARCH = "/crm/v3/objects/contacts/search"


def where(*filters: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    """One filter group of (property, operator, value, high value)."""
    rows: list[dict[str, Any]] = []
    for name, operator, *values in filters:
        row: dict[str, Any] = {"propertyName": name, "operator": operator}
        if operator in ("IN", "NOT_IN"):
            row["values"] = values[0]
        elif values:
            row["value"] = values[0]
            if len(values) > 1:
                row["highValue"] = values[1]
        rows.append(row)
    return {"filterGroups": [{"filters": rows}], "limit": 200, **more}


def found(hubspot: Caller, body: dict[str, Any], type: str = "contacts") -> list[str]:
    answer = hubspot.post(f"/crm/v3/objects/{type}/search", body)
    assert answer.status == 200, answer.body
    assert answer.json["total"] >= len(answer.ids)
    return answer.ids


@pytest.fixture
def town(hubspot: Caller) -> dict[str, str]:
    """Four people, made one second apart."""
    made: dict[str, str] = {}
    for name, city, fans, stage in (
        ("Ada", "Turin", "5", "lead"),
        ("Grace", "turin", "40", "customer"),
        ("Alan", "Old Town", "", "lead"),
        ("Edsger", "", "100", "subscriber"),
    ):
        made[name] = hubspot.contact(
            email=f"{name.lower()}@example.com", firstname=name, city=city, followercount=fans, lifecyclestage=stage
        )
        hubspot.later(1)
    return made


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([("city", "EQ", "TURIN")], ["Ada", "Grace"]),
        ([("city", "NEQ", "turin")], ["Alan"]),
        ([("city", "HAS_PROPERTY")], ["Ada", "Grace", "Alan"]),
        ([("city", "NOT_HAS_PROPERTY")], ["Edsger"]),
        ([("city", "CONTAINS_TOKEN", "town")], ["Alan"]),
        ([("city", "CONTAINS_TOKEN", "tur*")], ["Ada", "Grace"]),
        ([("city", "CONTAINS_TOKEN", "tow")], []),
        ([("city", "NOT_CONTAINS_TOKEN", "town")], ["Ada", "Grace"]),
        ([("followercount", "GT", "5")], ["Grace", "Edsger"]),
        ([("followercount", "GTE", 5), ("followercount", "LT", 100)], ["Ada", "Grace"]),
        ([("followercount", "BETWEEN", "5", "40")], ["Ada", "Grace"]),
        ([("followercount", "LTE", "40")], ["Ada", "Grace"]),
        ([("lifecyclestage", "EQ", "lead")], ["Ada", "Alan"]),
        ([("lifecyclestage", "EQ", "LEAD")], []),
        ([("lifecyclestage", "IN", ["customer", "subscriber"])], ["Grace", "Edsger"]),
        ([("lifecyclestage", "NOT_IN", ["lead"])], ["Grace", "Edsger"]),
        ([("email", "EQ", "ADA@example.com")], ["Ada"]),
        ([("email", "IN", ["ada@example.com", "alan@example.com"])], ["Ada", "Alan"]),
        ([("email", "IN", ["Ada@example.com", "alan@example.com"])], ["Alan"]),
        ([("city", "IN", ["turin", "Old Town"])], ["Ada", "Grace"]),
        ([("city", "NOT_IN", ["turin"])], ["Alan"]),
        ([("followercount", "IN", ["5", "100.0"])], ["Ada", "Edsger"]),
        ([("hs_object_id", "LT", "1000000"), ("followercount", "GT", "5.5")], ["Grace", "Edsger"]),
        (
            [("lastmodifieddate", "GTE", "1790000001000"), ("lastmodifieddate", "LT", "1790000003000")],
            ["Grace", "Alan"],
        ),
        ([("lastmodifieddate", "GTE", "1790000003000"), ("lastmodifieddate", "LT", "1790000001000")], []),
        ([("createdate", "GT", "2026-09-21T14:13:21Z")], ["Alan", "Edsger"]),
        ([("lastmodifieddate", "BETWEEN", "1790000001000", "1790000002000")], ["Grace", "Alan"]),
        ([("lastmodifieddate", "EQ", "1790000003000")], ["Edsger"]),
        ([("city", "EQ", "turin"), ("followercount", "GT", "5")], ["Grace"]),
    ],
)
def test_filters_of_a_group_must_all_hold(
    hubspot: Caller, town: dict[str, str], filters: list[tuple[Any, ...]], names: list[str]
) -> None:
    assert found(hubspot, where(*filters)) == [town[name] for name in names]


def test_groups_are_alternatives_and_a_record_is_found_once(hubspot: Caller, town: dict[str, str]) -> None:
    body = {
        "filterGroups": [
            where(("city", "EQ", "turin"))["filterGroups"][0],
            where(("firstname", "EQ", "ada"))["filterGroups"][0],
        ]
    }
    assert found(hubspot, body) == [town["Ada"], town["Grace"]]


@pytest.mark.parametrize("body", [{}, {"limit": 10, "filterGroups": []}, {"after": ""}])
def test_an_empty_search_finds_everything_in_the_order_of_creation(
    hubspot: Caller, town: dict[str, str], body: dict[str, Any]
) -> None:
    assert found(hubspot, body) == list(town.values())


@pytest.mark.parametrize(
    ("sorts", "names"),
    [
        ([{"propertyName": "firstname", "direction": "ASCENDING"}], ["Ada", "Alan", "Edsger", "Grace"]),
        (["-createdate"], ["Edsger", "Alan", "Grace", "Ada"]),
        ([{"propertyName": "followercount", "direction": "DESCENDING"}], ["Edsger", "Grace", "Ada", "Alan"]),
    ],
)
def test_results_are_sorted_by_one_property_with_empty_values_last(
    hubspot: Caller, town: dict[str, str], sorts: Any, names: list[str]
) -> None:
    assert found(hubspot, {"sorts": sorts}) == [town[name] for name in names]


@pytest.mark.parametrize("name", ["lastmodifieddate", "createdate"])
@pytest.mark.parametrize("filters", [(), (("email", "HAS_PROPERTY"),)])
def test_instants_are_sorted_by_time_and_not_by_their_text(
    hubspot: Caller, name: str, filters: tuple[tuple[Any, ...], ...]
) -> None:
    made: list[str] = []
    for number in range(5):  # ...:20Z, ...:20.400Z, ...:20.800Z, ...: as text the first would come last
        made.append(hubspot.contact(email=f"p{number}@example.com"))
        hubspot.later(0.4)
    for sign, expected in (("", made), ("-", made[::-1])):
        assert found(hubspot, {**where(*filters), "sorts": [f"{sign}{name}"]}) == expected


@pytest.mark.parametrize("sorts", [["lastmodifieddate"], ["-lastmodifieddate"], ["createdate"], ["city"], []])
def test_equal_ones_come_neither_in_the_order_of_ids_nor_of_writing(hubspot: Caller, sorts: list[str]) -> None:
    rows = [{"firstname": f"c{number}", "city": "Turin"} for number in range(40)]
    ids = hubspot.emulator.seed({"contacts": rows})["contacts"]
    seen = found(hubspot, {"sorts": sorts, "limit": 200})
    assert sorted(seen) == ids
    assert seen not in (ids, ids[::-1])


def test_query_looks_into_the_searchable_properties(hubspot: Caller, town: dict[str, str]) -> None:
    assert found(hubspot, {"query": "GRACE"}) == [town["Grace"]]
    assert found(hubspot, {"query": "turin"}) == []


def test_archived_records_are_never_found(hubspot: Caller, town: dict[str, str]) -> None:
    hubspot.delete(f"/crm/v3/objects/contacts/{town['Ada']}")
    assert town["Ada"] not in found(hubspot, {})
    assert found(hubspot, where(("email", "EQ", "ada@example.com"))) == []


def test_associations_can_be_searched_for(hubspot: Caller, town: dict[str, str]) -> None:
    company = hubspot.company(name="Acme")
    hubspot.emulator.user().associate("contacts", town["Alan"], "companies", company)
    assert found(hubspot, where(("associations.company", "EQ", company))) == [town["Alan"]]


def test_a_page_tells_where_the_next_one_starts_and_counts_everything(hubspot: Caller) -> None:
    ids = hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(25)]})["contacts"]
    seen: list[str] = []
    after: str | None = "0"
    while after is not None:
        page = hubspot.post(SEARCH, {"limit": 10, "after": after}).json
        assert page["total"] == 25
        seen.extend(result["id"] for result in page["results"])
        after = page["paging"]["next"]["after"] if "paging" in page else None
    assert sorted(seen) == sorted(ids)


def test_pages_of_one_search_see_a_write_between_them(hubspot: Caller) -> None:
    hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(3)]})
    assert hubspot.post(SEARCH, {"limit": 2}).json["total"] == 3
    hubspot.contact(firstname="late")
    assert hubspot.post(SEARCH, {"limit": 2, "after": "2"}).json["total"] == 4


def test_a_record_that_changes_between_two_pages_pushes_another_one_past_the_reader(hubspot: Caller) -> None:
    ids: list[str] = []
    for number in range(6):
        ids.append(hubspot.contact(firstname=f"c{number}"))
        hubspot.later(1)
    body = {"sorts": ["lastmodifieddate"], "limit": 3}
    first = found(hubspot, body)
    hubspot.patch(f"/crm/v3/objects/contacts/{ids[0]}", {"properties": {"city": "Turin"}})
    second = found(hubspot, {**body, "after": "3"})
    assert (first, second) == (ids[:3], [*ids[4:], ids[0]])


def test_results_beyond_the_ceiling_are_counted_but_cannot_be_reached() -> None:
    hubspot = Caller(rate_limits=False, search_total_max=20)
    hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(25)]})
    page = hubspot.post(SEARCH, {"limit": 10, "after": "15"}).json
    assert (page["total"], len(page["results"]), page["paging"]["next"]["after"]) == (25, 5, "20")
    assert hubspot.post(SEARCH, {"limit": 10, "after": "20"}).status == 400


def test_a_keyset_gets_past_the_ceiling_even_when_every_stamp_is_the_same() -> None:
    hubspot = Caller(rate_limits=False, search_total_max=20)
    ids = hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(95)]})["contacts"]
    seen: list[str] = []
    for last in itertools.chain(["0"], iter(lambda: seen[-1], None)):
        filters = (("lastmodifieddate", "EQ", "1790000000000"), ("hs_object_id", "GT", last))
        page = found(hubspot, where(*filters, sorts=["hs_object_id"], limit=20))
        seen.extend(page)
        if len(page) < 20:
            break
    assert seen == ids


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": "x"},
        {"sorts": ["createdate", "email"]},
        {"sorts": ["no_such_property"]},
        where(("no_such_property", "EQ", "1")),
        where(("email", "IS", "1")),
        where(("email", "EQ")),
        where(("followercount", "GT", "many")),
        where(*[("email", "EQ", "a")] * 7),
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "HAS_PROPERTY"}]}] * 6},
        {"query": "x" * 3_001},
        where(("firstname", "EQ", 'The 12" Pipe')),
        where(("firstname", "IN", ['the 12" pipe'])),
    ],
)
def test_what_search_does_not_take_is_a_validation_error(hubspot: Caller, body: dict[str, Any]) -> None:
    refused = hubspot.post(SEARCH, body)
    assert refused.status == 400
    assert refused.json["category"] == "VALIDATION_ERROR"


@pytest.fixture
def lagging() -> Caller:
    """An account whose search is ten seconds behind."""
    return Caller(rate_limits=False, search_lag_ms=10_000)


def cities(hubspot: Caller) -> list[str | None]:
    body = {"properties": ["city"], "sorts": ["hs_object_id"]}
    return [result["properties"]["city"] for result in hubspot.post(SEARCH, body).json["results"]]


def test_a_write_becomes_visible_only_after_the_lag_and_as_it_was_then(lagging: Caller) -> None:
    id = lagging.contact(firstname="Ada", city="first")
    assert cities(lagging) == []
    lagging.later(6)
    lagging.patch(f"/crm/v3/objects/contacts/{id}", {"properties": {"city": "second"}})
    lagging.later(4)
    assert cities(lagging) == ["first"]
    lagging.later(5.9)
    assert cities(lagging) == ["first"]
    lagging.later(0.1)
    assert cities(lagging) == ["second"]


def test_a_lagging_search_filters_and_sorts_by_what_it_shows(lagging: Caller) -> None:
    id = lagging.contact(firstname="Ada", email="ada@example.com")
    lagging.later(20)
    lagging.patch(f"/crm/v3/objects/contacts/{id}", {"properties": {"email": "grace@example.com"}})
    assert found(lagging, where(("email", "EQ", "ada@example.com"))) == [id]
    assert found(lagging, where(("email", "EQ", "grace@example.com"))) == []
    assert found(lagging, where(("lastmodifieddate", "GT", "1790000000000"))) == []
    lagging.later(10)
    assert found(lagging, where(("email", "EQ", "ada@example.com"))) == []
    assert found(lagging, where(("lastmodifieddate", "GT", "1790000000000"))) == [id]


def test_an_archived_record_is_counted_for_the_lag_and_no_longer_returned(lagging: Caller) -> None:
    id, other = lagging.contact(firstname="Ada"), lagging.contact(firstname="Grace")
    lagging.later(20)
    lagging.delete(f"/crm/v3/objects/contacts/{id}")
    answer = lagging.post(SEARCH, {})
    assert (answer.json["total"], answer.ids) == (2, [other])
    lagging.later(10)
    assert lagging.post(SEARCH, {}).json["total"] == 1


def test_a_merged_away_record_is_counted_for_the_lag_and_no_longer_returned(lagging: Caller) -> None:
    one, other = lagging.contact(firstname="Ada"), lagging.contact(firstname="Ada B.")
    lagging.later(20)
    lagging.emulator.user().merge("contacts", one, other)
    answer = lagging.post(SEARCH, {})
    assert (answer.json["total"], answer.ids) == (2, [one])
    lagging.later(10)
    assert lagging.post(SEARCH, {}).json["total"] == 1


def test_a_lagging_search_shows_a_merge_and_a_restore_only_after_the_lag(lagging: Caller) -> None:
    one, other = lagging.contact(firstname="Ada"), lagging.contact(firstname="Ada B.", city="Turin")
    lagging.later(20)
    lagging.emulator.user().merge("contacts", one, other)
    assert found(lagging, where(("city", "EQ", "turin"))) == []
    lagging.delete(f"/crm/v3/objects/contacts/{one}")
    lagging.later(20)
    assert lagging.post(SEARCH, {}).json["total"] == 0
    lagging.emulator.user().restore("contacts", one)
    assert lagging.post(SEARCH, {}).json["total"] == 0
    lagging.later(10)
    assert found(lagging, where(("city", "EQ", "turin"), sorts=["lastmodifieddate"])) == [one]


def test_a_window_and_the_same_window_with_a_needless_filter_find_the_same() -> None:
    """The first is read off the index, the second checks every record."""
    hubspot = Caller(rate_limits=False, search_lag_ms=700, search_lag_jitter_ms=900)
    chance = random.Random(7)
    ids = hubspot.emulator.seed({"contacts": [{"email": f"p{n}@example.com"} for n in range(60)]})["contacts"]
    user = hubspot.emulator.user()
    for step in range(300):
        hubspot.later(chance.choice((0, 0.001, 0.2, 1)))
        id = chance.choice(ids)
        alive = id in user.ids("contacts")
        action = chance.random()
        if alive and action < 0.7:
            user.update("contacts", id, {"city": f"t{step}"})
        elif alive and action < 0.85:
            user.archive("contacts", id)
        elif not alive:
            user.restore("contacts", id)
        low = 1_790_000_000_000 + chance.randrange(60_000)
        bounds = [("lastmodifieddate", "GTE", low), ("lastmodifieddate", "LTE", low + chance.randrange(40_000))]
        sort = chance.choice(("", "-")) + "lastmodifieddate"
        answers = [
            hubspot.post(SEARCH, where(*filters, sorts=[sort])).json
            for filters in (bounds, [*bounds, ("email", "HAS_PROPERTY")])
        ]
        assert answers[0] == answers[1]


def test_the_same_seed_delays_every_write_by_the_same_jitter() -> None:
    def seen() -> list[int]:
        hubspot = Caller(rate_limits=False, search_lag_ms=1_000, search_lag_jitter_ms=3_000)
        hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(30)]})
        counts: list[int] = []
        for _ in range(9):
            hubspot.later(0.5)
            counts.append(len(found(hubspot, {"limit": 200})))
        return counts

    counts = seen()
    assert counts == seen()
    assert counts[0] == 0
    assert counts[-1] == 30
    assert counts == sorted(counts)
    assert len(set(counts)) > 3


def test_a_clock_set_back_does_not_hide_what_is_written_then(hubspot: Caller) -> None:
    hubspot.contact(firstname="future")
    hubspot.later(-3_600)
    id = hubspot.contact(firstname="past")
    assert found(hubspot, where(("lastmodifieddate", "LT", "1790000000000"))) == [id]


def test_ten_thousand_modifications_do_not_make_the_index_forget(hubspot: Caller) -> None:
    ids = hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(5)]})["contacts"]
    user = hubspot.emulator.user()
    for number in range(10_000):
        hubspot.now_us += 1_000
        user.update("contacts", ids[number % 4], {"city": f"t{number}"})
    body = where(("lastmodifieddate", "GTE", "0"), sorts=["lastmodifieddate"])
    assert found(hubspot, body) == [ids[4], ids[0], ids[1], ids[2], ids[3]]


def test_the_order_of_modification_is_that_of_a_sorted_list_whatever_is_added_and_removed() -> None:
    order, chance = ModifiedOrder(), random.Random(3)
    held: dict[int, int] = {}
    for step in range(12_000):
        id = chance.randrange(4_000)
        if id in held:
            order.remove(held.pop(id), id)
        if chance.random() < 0.9:
            held[id] = at_ms = step if chance.random() < 0.8 else chance.randrange(step + 1)
            order.add(at_ms, id)
    by_time = sorted(held.values())
    ids = order.ids(0, len(held))
    assert [held[id] for id in ids] == by_time
    assert sorted(ids) == sorted(held)
    for at_ms in (0, 1, 5_000, 11_999, 12_000):
        assert order.rank(at_ms) == bisect_left(by_time, at_ms)
    for start, stop in ((0, 0), (10, 700), (1_500, 1_501), (len(held) - 3, len(held) + 9)):
        assert order.ids(start, stop) == ids[start:stop]
