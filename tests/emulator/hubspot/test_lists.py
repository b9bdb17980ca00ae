"""Lists of a HubSpot account: what is in them, who may change them, and how members are read."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Answer, Caller

CITY_IS_LODZ = {"operationType": "MULTISTRING", "operator": "IS_EQUAL_TO", "values": ["Łódź"]}


def branch(*filters: dict[str, Any]) -> dict[str, Any]:
    group = {"filterBranchType": "AND", "filterBranches": [], "filters": list(filters)}
    return {"filterBranchType": "OR", "filterBranches": [group], "filters": []}


def property_(name: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


def make(hubspot: Caller, name: str = "Customers", **more: Any) -> Answer:
    body = {"name": name, "objectTypeId": "0-1", "processingType": "MANUAL", **more}
    return hubspot.post("/crm/v3/lists", body)


def make_dynamic(hubspot: Caller, *filters: dict[str, Any], name: str = "Dynamic") -> str:
    answer = make(hubspot, name, processingType="DYNAMIC", filterBranch=branch(*filters))
    assert answer.status == 200, answer.body
    return str(answer.json["list"]["listId"])


def members(hubspot: Caller, list_id: str) -> list[str]:
    return [row["recordId"] for row in hubspot.get(f"/crm/v3/lists/{list_id}/memberships").json["results"]]


class TestManualLists:
    def test_records_are_added_and_removed_and_those_that_are_not_there_are_named(self, hubspot: Caller) -> None:
        list_id = make(hubspot).json["list"]["listId"]
        ada, bob = hubspot.contact(email="ada@example.com"), hubspot.contact(email="bob@example.com")
        added = hubspot.put(f"/crm/v3/lists/{list_id}/memberships/add", [ada, bob, "999999"]).json
        assert added == {"recordsIdsAdded": [ada, bob], "recordIdsRemoved": [], "recordIdsMissing": ["999999"]}
        removed = hubspot.put(f"/crm/v3/lists/{list_id}/memberships/remove", [ada]).json
        assert removed["recordIdsRemoved"] == [ada]
        assert members(hubspot, list_id) == [bob]

    def test_a_record_that_was_archived_is_no_member_and_one_that_was_merged_counts_as_its_survivor(
        self, hubspot: Caller
    ) -> None:
        gone, loser, winner = (hubspot.contact(email=f"{name}@example.com") for name in ("gone", "loser", "winner"))
        list_id = make(hubspot).json["list"]["listId"]
        hubspot.put(f"/crm/v3/lists/{list_id}/memberships/add", [gone, loser])
        hubspot.delete(f"/crm/v3/objects/contacts/{gone}")
        hubspot.post("/crm/v3/objects/contacts/merge", {"primaryObjectId": winner, "objectIdToMerge": loser})
        assert members(hubspot, list_id) == [winner]
        assert hubspot.get(f"/crm/v3/lists/records/0-1/{winner}/memberships").json["results"][0]["listId"] == list_id

    def test_members_come_in_the_order_in_which_they_joined_a_page_at_a_time(self, hubspot: Caller) -> None:
        list_id = make(hubspot).json["list"]["listId"]
        ids = [hubspot.contact(email=f"c{n}@example.com") for n in range(5)]
        for id_ in reversed(ids):
            hubspot.later(1)
            hubspot.put(f"/crm/v3/lists/{list_id}/memberships/add", [id_])
        path = f"/crm/v3/lists/{list_id}/memberships/join-order"
        first = hubspot.get(path, limit=2).json
        assert [row["recordId"] for row in first["results"]] == [ids[4], ids[3]]
        assert first["total"] == 5
        # A member that leaves makes no reader of the next page skip another.
        hubspot.put(f"/crm/v3/lists/{list_id}/memberships/remove", [ids[4]])
        second = hubspot.get(path, limit=2, after=first["paging"]["next"]["after"]).json
        assert [row["recordId"] for row in second["results"]] == [ids[2], ids[1]]
        last = hubspot.get(path, limit=2, after=second["paging"]["next"]["after"]).json
        assert [row["recordId"] for row in last["results"]] == [ids[0]]
        assert "paging" not in last
        back = hubspot.get(path, limit=2, before=second["paging"]["next"]["after"]).json
        assert [row["recordId"] for row in back["results"]] == [ids[2], ids[3]]

    def test_a_snapshot_takes_who_passes_when_it_is_made_and_nobody_later(self, hubspot: Caller) -> None:
        here = hubspot.contact(email="a@example.com", city="Łódź")
        made = make(hubspot, processingType="SNAPSHOT", filterBranch=branch(property_("city", CITY_IS_LODZ))).json[
            "list"
        ]
        hubspot.contact(email="b@example.com", city="Łódź")
        assert members(hubspot, made["listId"]) == [here]


class TestDynamicLists:
    def test_a_record_joins_and_leaves_as_its_values_change_each_after_the_lag(self) -> None:
        hubspot = Caller(rate_limits=False, list_lag_ms=20_000)
        ada = hubspot.contact(email="ada@example.com", city="Gdynia")
        list_id = make_dynamic(hubspot, property_("city", CITY_IS_LODZ))
        assert hubspot.get(f"/crm/v3/lists/{list_id}").json["list"]["processingStatus"] == "PROCESSING"
        hubspot.later(20)
        assert hubspot.get(f"/crm/v3/lists/{list_id}").json["list"]["processingStatus"] == "COMPLETE"
        hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"city": "łódź"}})
        hubspot.later(19.9)
        assert members(hubspot, list_id) == []
        hubspot.later(0.2)
        assert members(hubspot, list_id) == [ada]
        hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"city": ""}})
        assert members(hubspot, list_id) == [ada]
        hubspot.later(20)
        assert members(hubspot, list_id) == []

    def test_its_members_are_not_for_anybody_to_choose(self, hubspot: Caller) -> None:
        list_id = make_dynamic(hubspot, property_("city", CITY_IS_LODZ))
        ada = hubspot.contact(email="ada@example.com")
        assert hubspot.put(f"/crm/v3/lists/{list_id}/memberships/add", [ada]).status == 400
        assert members(hubspot, list_id) == []

    def test_other_filters_bring_other_members_and_another_version(self, hubspot: Caller) -> None:
        ada = hubspot.contact(email="ada@example.com", city="Gdynia")
        list_id = make_dynamic(hubspot, property_("city", CITY_IS_LODZ))
        changed = branch(property_("city", {**CITY_IS_LODZ, "values": ["Gdynia"]}))
        answer = hubspot.put(f"/crm/v3/lists/{list_id}/update-list-filters", {"filterBranch": changed})
        assert answer.json["updatedList"]["listVersion"] == 2
        assert members(hubspot, list_id) == [ada]

    def test_a_list_of_the_members_of_another_follows_that_one(self, hubspot: Caller) -> None:
        first = make(hubspot, "First").json["list"]["listId"]
        ada = hubspot.contact(email="ada@example.com")
        second = make_dynamic(hubspot, {"filterType": "IN_LIST", "listId": first, "operator": "IN_LIST"})
        hubspot.put(f"/crm/v3/lists/{first}/memberships/add", [ada])
        assert members(hubspot, second) == [ada]
        hubspot.put(f"/crm/v3/lists/{first}/memberships/remove", [ada])
        assert members(hubspot, second) == []

    @pytest.mark.parametrize(
        ("name", "operation", "passes"),
        [
            ("city", {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN"}, ["full"]),
            ("city", {"operationType": "ALL_PROPERTY", "operator": "IS_UNKNOWN"}, ["bare"]),
            ("city", {**CITY_IS_LODZ, "operator": "CONTAINS", "values": ["ódź", "x"]}, ["full"]),
            ("city", {**CITY_IS_LODZ, "operator": "IS_NOT_EQUAL_TO", "values": ["Gdynia"]}, ["full"]),
            (
                "city",
                {
                    **CITY_IS_LODZ,
                    "operator": "IS_NOT_EQUAL_TO",
                    "values": ["Gdynia"],
                    "includeObjectsWithNoValueSet": True,
                },
                ["full", "bare"],
            ),
            (
                "lifecyclestage",
                {"operationType": "ENUMERATION", "operator": "IS_ANY_OF", "values": ["customer", "lead"]},
                ["full", "bare"],
            ),
            (
                "lifecyclestage",
                {"operationType": "ENUMERATION", "operator": "IS_NONE_OF", "values": ["customer"]},
                ["bare"],
            ),
            ("numemployees", {"operationType": "ENUMERATION", "operator": "IS_ANY_OF", "values": ["5-25"]}, ["full"]),
            (
                "hs_buying_role",
                {"operationType": "ENUMERATION", "operator": "IS_ANY_OF", "values": ["CHAMPION"]},
                ["full"],
            ),
        ],
    )
    def test_what_a_filter_lets_in(
        self, hubspot: Caller, name: str, operation: dict[str, Any], passes: list[str]
    ) -> None:
        known = {
            "bare": hubspot.contact(email="bare@example.com"),
            "full": hubspot.contact(
                email="full@example.com",
                city="Łódź",
                lifecyclestage="customer",
                numemployees="5-25",
                hs_buying_role="CHAMPION;BUDGET_HOLDER",
            ),
        }
        list_id = make_dynamic(hubspot, property_(name, operation))
        assert sorted(members(hubspot, list_id)) == sorted(known[each] for each in passes)

    @pytest.mark.parametrize(("operator", "passes"), [("IS_GREATER_THAN", 2), ("IS_LESS_THAN_OR_EQUAL_TO", 1)])
    def test_numbers_are_compared_as_numbers(self, hubspot: Caller, operator: str, passes: int) -> None:
        deals = [hubspot.deal(amount=amount) for amount in ("9", "80", "700.50")]
        operation = {"operationType": "NUMBER", "operator": operator, "value": 9}
        body = {
            "name": "Large",
            "objectTypeId": "0-3",
            "processingType": "DYNAMIC",
            "filterBranch": branch(property_("amount", operation)),
        }
        list_id = hubspot.post("/crm/v3/lists", body).json["list"]["listId"]
        assert members(hubspot, list_id) == (deals[1:] if passes == 2 else deals[:1])

    @pytest.mark.parametrize(
        "filters",
        [
            {"filterBranchType": "AND", "filters": []},
            {"filterBranchType": "OR", "filterBranches": []},
            branch(),
            branch({"filterType": "PAGE_VIEW"}),
            branch(property_("no_such_property", CITY_IS_LODZ)),
            branch(property_("city", {"operationType": "NUMBER", "operator": "IS_EQUAL_TO", "value": 1})),
            branch(property_("city", {**CITY_IS_LODZ, "operator": "HAS_EVER_BEEN_EQUAL_TO"})),
            branch({"filterType": "IN_LIST", "listId": "77", "operator": "IN_LIST"}),
        ],
    )
    def test_a_filter_that_is_not_understood_is_refused_when_the_list_is_saved(
        self, hubspot: Caller, filters: dict[str, Any]
    ) -> None:
        assert make(hubspot, processingType="DYNAMIC", filterBranch=filters).status == 400
        assert hubspot.post("/crm/v3/lists/search", {}).json["total"] == 0


def test_a_manual_list_takes_over_the_members_of_another_one(hubspot: Caller) -> None:
    """PUT add-from: 204, up to 100,000 records (lists API, and the limits of the reference)."""
    ada, bob = hubspot.contact(firstname="Ada", city="Łódź"), hubspot.contact(firstname="Bob")
    source = make_dynamic(hubspot, property_("city", CITY_IS_LODZ))
    first = make(hubspot, "First").json["list"]["listId"]
    hubspot.put(f"/crm/v3/lists/{first}/memberships/add", [bob])
    assert hubspot.put(f"/crm/v3/lists/{first}/memberships/add-from/{source}").status == 204
    assert members(hubspot, first) == [ada, bob]
    assert hubspot.put(f"/crm/v3/lists/{source}/memberships/add-from/{first}").status == 400


class TestFindingLists:
    def test_a_search_finds_by_name_object_and_kind_and_tells_the_size_as_text(self, hubspot: Caller) -> None:
        make(hubspot, "All customers")
        make(hubspot, "Customer firms", objectTypeId="0-2")
        dynamic = make_dynamic(hubspot, property_("city", CITY_IS_LODZ), name="customers of Łódź")
        hubspot.contact(email="a@example.com", city="Łódź")
        body = {"query": "CUSTOMER", "objectTypeId": "0-1", "processingTypes": ["DYNAMIC"]}
        found = hubspot.post("/crm/lists/2026-09/search", body).json
        assert [each["listId"] for each in found["lists"]] == [dynamic]
        assert found["lists"][0]["additionalProperties"]["hs_list_size"] == "1"
        assert "size" not in found["lists"][0]

    def test_search_results_come_in_pages(self, hubspot: Caller) -> None:
        for n in range(3):
            make(hubspot, f"List {n}")
        first = hubspot.post("/crm/v3/lists/search", {"count": 2}).json
        assert (len(first["lists"]), first["hasMore"], first["offset"], first["total"]) == (2, True, 2, 3)
        last = hubspot.post("/crm/v3/lists/search", {"count": 2, "offset": first["offset"]}).json
        assert (len(last["lists"]), last["hasMore"]) == (1, False)

    def test_a_deleted_list_is_gone_until_it_is_restored(self, hubspot: Caller) -> None:
        list_id = make(hubspot).json["list"]["listId"]
        ada = hubspot.contact(email="ada@example.com")
        hubspot.put(f"/crm/v3/lists/{list_id}/memberships/add", [ada])
        assert hubspot.delete(f"/crm/v3/lists/{list_id}").status == 204
        assert hubspot.get(f"/crm/v3/lists/{list_id}").status == 404
        assert hubspot.get(f"/crm/v3/lists/records/0-1/{ada}/memberships").json["results"] == []
        assert hubspot.put(f"/crm/v3/lists/{list_id}/restore").status == 204
        assert members(hubspot, list_id) == [ada]

    def test_two_lists_of_an_object_do_not_share_a_name(self, hubspot: Caller) -> None:
        make(hubspot, "Customers")
        assert make(hubspot, "customers").status == 400
        assert make(hubspot, "Customers", objectTypeId="0-2").status == 200

    def test_the_lists_of_a_hundred_records_are_read_in_one_call(self, hubspot: Caller) -> None:
        list_id = make(hubspot).json["list"]["listId"]
        ids = [hubspot.contact(email=f"c{n}@example.com") for n in range(3)]
        hubspot.put(f"/crm/v3/lists/{list_id}/memberships/add", ids[:1])
        inputs = [{"objectTypeId": "0-1", "recordId": id_} for id_ in [*ids, "999999"]]
        answer = hubspot.post("/crm/v3/lists/records/memberships/batch/read", {"inputs": inputs}).json
        lists = {
            row["recordId"]: [each["listId"] for each in row["recordListMemberships"]] for row in answer["results"]
        }
        assert lists == {ids[0]: [list_id], ids[1]: [], ids[2]: [], "999999": []}
        over = hubspot.post("/crm/v3/lists/records/memberships/batch/read", {"inputs": inputs * 26})
        assert over.status == 400

    def test_reading_and_writing_lists_needs_the_scopes_of_lists(self, hubspot: Caller) -> None:
        hubspot.token = hubspot.emulator.issue_token("crm.lists.read")
        assert hubspot.post("/crm/v3/lists/search", {}).status == 200
        refused = make(hubspot)
        assert (refused.status, refused.json["category"]) == (403, "MISSING_SCOPES")
        hubspot.token = hubspot.emulator.issue_token("crm.objects.contacts.read")
        assert hubspot.post("/crm/v3/lists/records/memberships/batch/read", {"inputs": []}).status == 403
