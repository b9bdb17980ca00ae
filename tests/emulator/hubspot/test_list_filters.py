"""More that a dynamic list's filters ask for: what a value ever was, ranges, moments, branches in branches, associated records.

Sources: HubSpot's list filters overview, and the operation types and operators of hubspot-sdk (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.emulator.hubspot.calls import Caller

from crm_emulator.hubspot.list_operations import TYPES
from crm_emulator.hubspot.list_pages import rows_shown

LISTS = "/crm/v3/lists"


def group(*filters: dict[str, Any], kind: str = "AND", branches: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"filterBranchType": kind, "filterBranches": list(branches), "filters": list(filters)}


def root(*groups: dict[str, Any]) -> dict[str, Any]:
    return {"filterBranchType": "OR", "filterBranches": list(groups), "filters": []}


def asks(name: str, kind: str, operator: str, **more: Any) -> dict[str, Any]:
    operation = {"operationType": kind, "operator": operator, **more}
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


def listed(hubspot: Caller, branch: dict[str, Any], type: str = "0-1") -> str:
    body = {"name": "Segment", "objectTypeId": type, "processingType": "DYNAMIC", "filterBranch": branch}
    answer = hubspot.post(LISTS, body)
    assert answer.status == 200, answer.body
    return str(answer.json["list"]["listId"])


def members(hubspot: Caller, list_id: str) -> set[str]:
    return {row["recordId"] for row in hubspot.get(f"{LISTS}/{list_id}/memberships").json["results"]}


class TestValues:
    @pytest.mark.parametrize(
        ("asked", "passes"),
        [
            (asks("city", "STRING", "HAS_EVER_BEEN_EQUAL_TO", value="turin"), {"moved", "still"}),
            (asks("city", "STRING", "HAS_NEVER_BEEN_EQUAL_TO", value="Turin"), {"bare"}),
            (asks("city", "STRING", "HAS_EVER_CONTAINED", value="uri"), {"moved", "still"}),
            (asks("city", "MULTISTRING", "CONTAINS_EXACTLY", values=["Ro"]), {"moved"}),
            (asks("city", "MULTISTRING", "CONTAINS_EXACTLY", values=["ro"]), set()),
            (
                asks("lifecyclestage", "ENUMERATION", "HAS_EVER_BEEN_ANY_OF", values=["lead"]),
                {"moved", "still", "bare"},
            ),
            (asks("hs_buying_role", "ENUMERATION", "CONTAINS_ALL", values=["CHAMPION", "BLOCKER"]), {"still"}),
            (asks("hs_buying_role", "ENUMERATION", "IS_EXACTLY", values=["CHAMPION"]), {"moved"}),
            (asks("hs_buying_role", "ENUMERATION", "IS_NOT_EXACTLY", values=["CHAMPION"]), {"still"}),
            (asks("hs_buying_role", "ENUMERATION", "DOES_NOT_CONTAIN_ALL", values=["CHAMPION", "BLOCKER"]), {"moved"}),
        ],
    )
    def test_what_a_value_is_and_what_it_was(self, hubspot: Caller, asked: dict[str, Any], passes: set[str]) -> None:
        known = {
            "moved": hubspot.contact(firstname="M", city="Turin", hs_buying_role="CHAMPION"),
            "still": hubspot.contact(firstname="S", city="Turin", hs_buying_role="CHAMPION;BLOCKER"),
            "bare": hubspot.contact(firstname="B"),
        }
        hubspot.later(5)
        body = {"properties": {"city": "Rome", "lifecyclestage": "customer"}}
        hubspot.patch(f"/crm/v3/objects/contacts/{known['moved']}", body)
        assert members(hubspot, listed(hubspot, root(group(asked)))) == {known[name] for name in passes}

    @pytest.mark.parametrize(("operator", "passes"), [("IS_BETWEEN", {1}), ("IS_NOT_BETWEEN", {0, 2})])
    def test_a_range_of_numbers(self, hubspot: Caller, operator: str, passes: set[int]) -> None:
        deals = [hubspot.deal(amount=amount) for amount in ("9", "80", "700.50")]
        asked = asks("amount", "NUMBER_RANGED", operator, lowerBound=10, upperBound=100)
        assert members(hubspot, listed(hubspot, root(group(asked)), "0-3")) == {deals[index] for index in passes}


def test_a_value_from_before_a_property_became_a_number_passes_no_filter_on_numbers(hubspot: Caller) -> None:
    body = {"name": "own", "label": "Own", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    hubspot.post("/crm/v3/properties/contacts", body)
    hubspot.contact(firstname="Ada", own="seven")
    hubspot.emulator.settings().retype_property("contacts", "own", "number", "number")
    seven = hubspot.contact(firstname="Bob", own="7")
    assert members(hubspot, listed(hubspot, root(group(asks("own", "NUMBER", "IS_GREATER_THAN", value=1))))) == {seven}


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**12)
    | st.sampled_from(("Turin", "DATE", "NOW", "TODAY", "UTC", "", "9")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("timeType", "year", "days")), inner),
    max_leaves=5,
)
OPERATIONS = st.dictionaries(
    st.sampled_from(
        (
            *("value", "values", "lowerBound", "upperBound", "numberOfDays", "timePoint", "lowerBoundTimePoint"),
            *("upperBoundTimePoint", "comparisonPropertyName", "includeObjectsWithNoValueSet"),
        )
    ),
    ODD,
)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(("city", "lifecyclestage", "createdate", "hs_is_contact", "num_associated_deals")),
    st.sampled_from((*sorted(TYPES), "ALL_PROPERTY", "OTHER")),
    st.sampled_from(
        ("IS_EQUAL_TO", "IS_BETWEEN", "IS_BEFORE", "IS_AFTER", "CONTAINS_ALL", "HAS_EVER_CONTAINED", "IS_KNOWN")
    ),
    OPERATIONS,
)
def test_no_operation_is_too_odd_to_be_answered(name: str, kind: str, operator: str, more: dict[str, Any]) -> None:
    hubspot = Caller(rate_limits=False)
    hubspot.contact(firstname="Ada", city="Turin")
    body = {"name": "S", "objectTypeId": "0-1", "processingType": "DYNAMIC"}
    answer = hubspot.post(LISTS, {**body, "filterBranch": root(group(asks(name, kind, operator, **more)))})
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert hubspot.get(f"{LISTS}/1/memberships").status == 200


class TestMoments:
    @pytest.fixture
    def deals(self, hubspot: Caller) -> dict[str, str]:
        """It is noon on 21 September 2026, or a little later."""
        dates = {"past": "2026-09-11", "soon": "2026-09-25", "late": "2026-12-31"}
        return {name: hubspot.deal(closedate=date) for name, date in dates.items()} | {"none": hubspot.deal()}

    @pytest.mark.parametrize(
        ("asked", "passes"),
        [
            (asks("closedate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=30), {"past"}),
            (asks("closedate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_FROM_NOW", numberOfDays=7), {"soon"}),
            (asks("closedate", "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_FROM_NOW", numberOfDays=7), {"late"}),
            (
                asks(
                    "closedate",
                    "TIME_POINT",
                    "IS_BEFORE",
                    timePoint={"timeType": "DATE", "year": 2026, "month": 9, "day": 25, "zoneId": "UTC"},
                ),
                {"past"},
            ),
            (
                asks(
                    "closedate",
                    "TIME_POINT",
                    "IS_BEFORE",
                    endpointBehavior="INCLUSIVE",
                    timePoint={"timeType": "DATE", "year": 2026, "month": 9, "day": 25, "zoneId": "UTC"},
                ),
                {"past", "soon"},
            ),
            (
                asks(
                    "closedate",
                    "TIME_RANGED",
                    "IS_BETWEEN",
                    lowerBoundTimePoint={"timeType": "INDEXED", "indexReference": {"referenceType": "TODAY"}},
                    upperBoundTimePoint={
                        "timeType": "INDEXED",
                        "indexReference": {"referenceType": "TODAY"},
                        "offset": {"days": 7},
                    },
                ),
                {"soon"},
            ),
            (
                asks(
                    "closedate", "RANGED_DATE", "IS_BETWEEN", lowerBound=1_789_000_000_000, upperBound=1_790_300_000_000
                ),
                {"past", "soon"},
            ),
            (asks("closedate", "COMPARATIVE_DATE", "IS_BEFORE", comparisonPropertyName="createdate"), {"past"}),
            (
                asks(
                    "closedate",
                    "ROLLING_DATE_RANGE",
                    "IS_LESS_THAN_X_DAYS_AGO",
                    numberOfDays=30,
                    includeObjectsWithNoValueSet=True,
                ),
                {"past", "none"},
            ),
        ],
    )
    def test_dates_are_compared_with_points_of_time(
        self, hubspot: Caller, deals: dict[str, str], asked: dict[str, Any], passes: set[str]
    ) -> None:
        assert members(hubspot, listed(hubspot, root(group(asked)), "0-3")) == {deals[name] for name in passes}

    def test_who_is_in_changes_as_time_goes_by(self, hubspot: Caller, deals: dict[str, str]) -> None:
        asked = asks("closedate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=30)
        list_id = listed(hubspot, root(group(asked)), "0-3")
        hubspot.later(10 * 86_400)
        assert members(hubspot, list_id) == {deals["past"], deals["soon"]}
        hubspot.later(20 * 86_400)
        assert members(hubspot, list_id) == {deals["soon"]}


class TestBranches:
    @pytest.mark.parametrize(
        ("kind", "passes"), [("AND", {"both"}), ("NOT_ANY", {"neither"}), ("NOT_ALL", {"one", "neither"})]
    )
    def test_branches_combine_filters(self, hubspot: Caller, kind: str, passes: set[str]) -> None:
        known = {
            "both": hubspot.contact(firstname="Ada", city="Turin"),
            "one": hubspot.contact(firstname="Ada", city="Rome"),
            "neither": hubspot.contact(firstname="Bob", city="Rome"),
        }
        filters = (
            asks("firstname", "MULTISTRING", "IS_EQUAL_TO", values=["Ada"]),
            asks("city", "MULTISTRING", "IS_EQUAL_TO", values=["Turin"]),
        )
        branch = root(group(branches=(group(*filters, kind=kind),)))
        assert members(hubspot, listed(hubspot, branch)) == {known[name] for name in passes}

    def test_an_or_stands_in_an_and(self, hubspot: Caller) -> None:
        ada, bob = hubspot.contact(firstname="Ada", city="Turin"), hubspot.contact(firstname="Bob", city="Rome")
        hubspot.contact(firstname="Eve", city="Oslo")
        cities = [group(asks("city", "MULTISTRING", "IS_EQUAL_TO", values=[city])) for city in ("Turin", "Rome")]
        known = asks("firstname", "ALL_PROPERTY", "IS_KNOWN")
        assert members(hubspot, listed(hubspot, root(group(known, branches=(root(*cities),))))) == {ada, bob}

    @pytest.mark.parametrize("kind", ["UNIFIED_EVENTS", "PROPERTY_ASSOCIATION", "SOMETHING", None])
    def test_a_branch_that_is_not_understood_is_refused(self, hubspot: Caller, kind: str | None) -> None:
        inner = {"filterBranchType": kind, "filterBranches": [], "filters": []}
        body = {"name": "S", "objectTypeId": "0-1", "processingType": "DYNAMIC"}
        assert hubspot.post(LISTS, {**body, "filterBranch": root(group(branches=(inner,)))}).status == 400


class TestAssociated:
    """The guide's own example: contacts with a deal that is closed as won (associationTypeId 4, contact to deal)."""

    WON = asks("hs_is_closed_won", "BOOL", "IS_EQUAL_TO", value=True)

    def branch(self, operator: str = "IN_LIST", type_id: int = 4) -> dict[str, Any]:
        inner = {
            **group(self.WON, kind="ASSOCIATION"),
            "objectTypeId": "0-3",
            "operator": operator,
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": type_id,
        }
        return root(group(branches=(inner,)))

    def test_a_contact_is_in_while_one_of_its_deals_passes(self, hubspot: Caller) -> None:
        person = hubspot.emulator.user()
        ada, bob = hubspot.contact(firstname="Ada"), hubspot.contact(firstname="Bob")
        deal = hubspot.deal(dealstage="contractsent")
        list_id = listed(hubspot, self.branch())
        person.associate("deals", deal, "contacts", ada)
        assert members(hubspot, list_id) == set()
        person.update("deals", deal, {"dealstage": "closedwon"})
        assert members(hubspot, list_id) == {ada}
        person.associate("deals", deal, "contacts", bob)
        assert members(hubspot, list_id) == {ada, bob}
        person.disassociate("deals", deal, "contacts", ada)
        assert members(hubspot, list_id) == {bob}
        person.archive("deals", deal)
        assert members(hubspot, list_id) == set()
        person.restore("deals", deal)
        assert members(hubspot, list_id) == {bob}

    def test_or_while_none_of_them_does(self, hubspot: Caller) -> None:
        ada, bob = hubspot.contact(firstname="Ada"), hubspot.contact(firstname="Bob")
        won = hubspot.deal(dealstage="closedwon")
        hubspot.emulator.user().associate("deals", won, "contacts", ada)
        assert members(hubspot, listed(hubspot, self.branch("NOT_IN_LIST"))) == {bob}

    def test_the_type_of_the_association_counts(self, hubspot: Caller) -> None:
        made = hubspot.post("/crm/v4/associations/contacts/deals/labels", {"label": "Decider", "name": "decider"})
        label = made.json["results"][0]["typeId"]
        ada, bob = hubspot.contact(firstname="Ada"), hubspot.contact(firstname="Bob")
        won, person = hubspot.deal(dealstage="closedwon"), hubspot.emulator.user()
        person.associate("contacts", ada, "deals", won)
        person.associate("contacts", bob, "deals", won, label)
        assert members(hubspot, listed(hubspot, self.branch(type_id=label))) == {bob}

    def test_a_list_of_the_associated_ones_can_be_asked_for(self, hubspot: Caller) -> None:
        deal, ada = hubspot.deal(), hubspot.contact(firstname="Ada")
        hubspot.emulator.user().associate("contacts", ada, "deals", deal)
        body = {"name": "Deals", "objectTypeId": "0-3", "processingType": "MANUAL"}
        manual = hubspot.post(LISTS, body).json["list"]["listId"]
        inner = {
            **group({"filterType": "IN_LIST", "listId": manual, "operator": "IN_LIST"}, kind="ASSOCIATION"),
            "objectTypeId": "0-3",
            "operator": "IN_LIST",
            "associationTypeId": 4,
        }
        list_id = listed(hubspot, root(group(branches=(inner,))))
        assert members(hubspot, list_id) == set()
        hubspot.put(f"{LISTS}/{manual}/memberships/add", [deal])
        assert members(hubspot, list_id) == {ada}


def test_the_page_of_such_a_list_shows_its_filters_as_they_are(hubspot: Caller) -> None:
    """What rows cannot show is kept (list_pages.py)."""
    list_id = listed(hubspot, TestAssociated().branch())
    assert rows_shown(hubspot.emulator.portal.lists.find(list_id)) is None
