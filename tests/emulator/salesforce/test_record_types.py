"""Record types, the picklist values that each offers, dependent picklists, sales processes and stages."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller

MASTER = "012000000000000AAA"
DEAL = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-06-01"}


def refusal(answer: Any) -> tuple[str, str, list[str]]:
    [error] = answer.json
    assert answer.status == 400
    return error["errorCode"], error["message"], error["fields"]


@pytest.fixture
def tiered(org: Caller) -> Caller:
    """Accounts with a restricted Tier__c, of which the record type Small offers two values of three."""
    org.emulator.add_custom_field("Account", "Tier__c", "Picklist", label="Tier", picklist=("Gold", "Silver", "Bronze"))
    org.emulator.add_custom_field("Account", "Free__c", "Picklist", picklist=("A", "B"), restricted=False)
    return org


class TestValuesPerType:
    def small(self, org: Caller, **more: Any) -> str:
        offered = {"Tier__c": ("Silver", "Bronze"), "Free__c": ("A",)}
        return org.emulator.add_record_type("Account", "Small", picklists=offered, **more)

    def test_a_restricted_value_that_the_type_does_not_offer_is_refused(self, tiered: Caller) -> None:
        # gearset.com/blog/data-deployments-and-picklist-errors, case 2: the record type does not allow the value.
        small = self.small(tiered)
        body = {"Name": "A", "RecordTypeId": small, "Tier__c": "Gold"}
        assert refusal(tiered.call("POST", "/sobjects/Account", body)) == (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Tier: bad value for restricted picklist field: Gold",
            ["Tier__c"],
        )
        assert tiered.create("Account", Name="A", Tier__c="Gold")
        id = tiered.create("Account", Name="A", RecordTypeId=small, Tier__c="Silver")
        assert tiered.call("PATCH", f"/sobjects/Account/{id}", {"Tier__c": "Gold"}).error[1] == (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        )

    def test_an_unrestricted_picklist_takes_what_its_type_does_not_offer(self, tiered: Caller) -> None:
        # "A regular picklist accepts any string at the API level" (salesforcedictionary.com, the code's page).
        small = self.small(tiered)
        assert tiered.create("Account", Name="A", RecordTypeId=small, Free__c="B")

    def test_a_value_that_is_there_already_is_left_in_peace(self, tiered: Caller) -> None:
        small = self.small(tiered)
        id = tiered.create("Account", Name="A", Tier__c="Gold")
        body = {"RecordTypeId": small, "Tier__c": "Gold", "Phone": "1"}
        assert tiered.call("PATCH", f"/sobjects/Account/{id}", body).status == 204

    def test_several_values_are_judged_one_by_one(self, org: Caller) -> None:
        org.emulator.add_custom_field(
            "Account", "Tags__c", "MultiselectPicklist", label="Tags", picklist=("a", "b", "c")
        )
        type_id = org.emulator.add_record_type("Account", "Small", picklists={"Tags__c": ("a", "b")})
        assert org.create("Account", Name="A", RecordTypeId=type_id, Tags__c="b;a")
        body = {"Name": "A", "RecordTypeId": type_id, "Tags__c": "a;c"}
        assert refusal(org.call("POST", "/sobjects/Account", body))[1] == (
            "Tags: bad value for restricted picklist field: c"
        )


class TestTheRecordTypeItself:
    def test_a_new_record_gets_the_default_one(self, org: Caller) -> None:
        org.emulator.add_record_type("Account", "Other")
        default = org.emulator.add_record_type("Account", "Usual", default=True)
        assert org.row("Account", org.create("Account", Name="A"))["RecordTypeId"] == default

    def test_without_a_default_it_is_master_which_is_none(self, org: Caller) -> None:
        org.emulator.add_record_type("Account", "Other")
        for given in ({}, {"RecordTypeId": MASTER}):
            assert org.row("Account", org.create("Account", Name="A", **given))["RecordTypeId"] is None

    def test_one_of_another_object_an_inactive_one_and_one_that_the_user_lacks_are_refused(self, org: Caller) -> None:
        # Quoted in public clients' code with its errorCode and fields; seen for inactive record types too.
        of_lead = org.emulator.add_record_type("Lead", "L")
        retired, kept = (org.emulator.add_record_type("Account", name) for name in ("Old", "Kept"))
        id = org.create("Account", Name="A", RecordTypeId=retired)
        org.emulator.deactivate_record_type(retired)
        org.emulator.set_record_type_permission("Integration User", kept, available=False)
        for wanted in (of_lead, retired, kept):
            body = {"Name": "A", "RecordTypeId": wanted}
            assert refusal(org.call("POST", "/sobjects/Account", body)) == (
                "INVALID_CROSS_REFERENCE_KEY",
                f"Record Type ID: this ID value isn't valid for the user: {wanted}",
                ["RecordTypeId"],
            )
        assert org.call("PATCH", f"/sobjects/Account/{id}", {"Phone": "1"}).status == 204
        assert org.user.create("Account", {"Name": "A", "RecordTypeId": kept})
        infos = {info["name"]: info for info in org.call("GET", "/sobjects/Account/describe").json["recordTypeInfos"]}
        assert (infos["Old"]["active"], infos["Old"]["available"]) == (False, False)
        assert (infos["Kept"]["active"], infos["Kept"]["available"]) == (True, False)
        assert (infos["Master"]["defaultRecordTypeMapping"], infos["Master"]["master"]) == (True, True)


class TestDependentPicklists:
    @pytest.fixture
    def placed(self, org: Caller) -> Caller:
        org.emulator.add_custom_field("Account", "Continent__c", "Picklist", picklist=("Europe", "Asia"))
        org.emulator.add_custom_field(
            "Account", "Land__c", "Picklist", label="Land", picklist=("Italy", "Japan", "Turkey")
        )
        lands = {"Europe": ("Italy", "Turkey"), "Asia": ("Japan", "Turkey")}
        org.emulator.make_dependent("Account", "Land__c", "Continent__c", lands)
        return org

    def test_a_value_that_the_controlling_one_does_not_have_is_refused(self, placed: Caller) -> None:
        # Users report it "at the API and not merely in the UI" for a dependent restricted picklist, with these words.
        assert placed.create("Account", Name="A", Continent__c="Asia", Land__c="Turkey")
        for given in ({"Continent__c": "Asia", "Land__c": "Italy"}, {"Land__c": "Italy"}):
            assert refusal(placed.call("POST", "/sobjects/Account", {"Name": "A", **given})) == (
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                "Land: bad value for restricted picklist field: Italy",
                ["Land__c"],
            )

    def test_the_describe_has_a_bitmap_over_the_controlling_values(self, placed: Caller) -> None:
        # SOAP API developer guide, PicklistEntry.validFor: most significant bit first.
        fields = {field["name"]: field for field in placed.call("GET", "/sobjects/Account/describe").json["fields"]}
        land = fields["Land__c"]
        assert (land["dependentPicklist"], land["controllerName"]) == (True, "Continent__c")
        masks = {entry["value"]: base64.b64decode(entry["validFor"])[0] for entry in land["picklistValues"]}
        assert masks == {"Italy": 0b1000_0000, "Japan": 0b0100_0000, "Turkey": 0b1100_0000}

    def test_a_checkbox_controls_with_false_and_true(self, org: Caller) -> None:
        # UI API, Picklist Values: "the values in the map are false: 0 and true: 1".
        org.emulator.add_custom_field("Account", "Key__c", "Checkbox")
        org.emulator.add_custom_field("Account", "Level__c", "Picklist", picklist=("High", "Low"))
        org.emulator.make_dependent("Account", "Level__c", "Key__c", {"true": ("High",), "false": ("Low",)})
        assert org.create("Account", Name="A", Key__c=True, Level__c="High")
        body = {"Name": "A", "Level__c": "High"}
        assert org.call("POST", "/sobjects/Account", body).error[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        shown = org.call("GET", f"/ui-api/object-info/Account/picklist-values/{MASTER}/Level__c").json
        assert shown["controllerValues"] == {"false": 0, "true": 1}

    def test_the_ui_api_says_which_index_a_value_is_valid_for(self, placed: Caller) -> None:
        shown = placed.call("GET", f"/ui-api/object-info/Account/picklist-values/{MASTER}").json["picklistFieldValues"]
        assert shown["Land__c"]["controllerValues"] == {"Europe": 0, "Asia": 1}
        valid = {value["value"]: value["validFor"] for value in shown["Land__c"]["values"]}
        assert valid == {"Italy": [0], "Japan": [1], "Turkey": [0, 1]}
        info = placed.call("GET", "/ui-api/object-info/Account").json
        assert info["dependentFields"] == {"Continent__c": {"Land__c": {}}}
        assert info["fields"]["Land__c"]["controllingFields"] == ["Continent__c"]
        assert (info["defaultRecordTypeId"], list(info["recordTypeInfos"])) == (MASTER, [MASTER])


class TestUiApi:
    def test_a_record_type_shows_its_own_values_only(self, tiered: Caller) -> None:
        small = tiered.emulator.add_record_type("Account", "Small", default=True, picklists={"Tier__c": ("Silver",)})
        path = f"/ui-api/object-info/Account/picklist-values/{small}"
        shown = tiered.call("GET", path).json["picklistFieldValues"]["Tier__c"]
        assert shown["values"] == [{"attributes": None, "label": "Silver", "validFor": [], "value": "Silver"}]
        assert (shown["controllerValues"], shown["defaultValue"]) == ({}, None)
        assert shown["url"] == f"/services/data/v67.0{path}/Tier__c"
        assert tiered.call("GET", f"{path}/Tier__c").json["values"] == shown["values"]
        assert len(tiered.call("GET", path).json["picklistFieldValues"]["Industry"]["values"]) > 20
        assert tiered.call("GET", "/ui-api/object-info/Account").json["defaultRecordTypeId"] == small

    def test_an_inactive_value_and_an_unknown_type_are_not_there(self, tiered: Caller) -> None:
        tiered.emulator.deactivate_picklist_value("Account", "Tier__c", "Gold")
        path = f"/ui-api/object-info/Account/picklist-values/{MASTER}"
        values = tiered.call("GET", f"{path}/Tier__c").json["values"]
        assert [value["value"] for value in values] == ["Silver", "Bronze"]
        other = tiered.emulator.add_record_type("Lead", "L")
        assert tiered.call("GET", f"/ui-api/object-info/Account/picklist-values/{other}").status == 404
        assert tiered.call("GET", f"{path}/Name").error == (400, "INVALID_FIELD")

    def test_the_default_value_is_the_fields(self, org: Caller) -> None:
        shown = org.call("GET", f"/ui-api/object-info/Lead/picklist-values/{MASTER}/Status").json
        assert shown["defaultValue"]["value"] == "Open - Not Contacted"
        converted = {value["value"]: value["attributes"] for value in shown["values"]}
        assert converted["Closed - Converted"] == {"converted": True, "picklistAtrributesValueType": "LeadStatus"}


class TestLayouts:
    def test_each_record_type_has_its_picklists(self, tiered: Caller) -> None:
        # SOAP API developer guide, describeLayout: RecordTypeMapping, PicklistForRecordType.
        small = tiered.emulator.add_record_type("Account", "Small", picklists={"Tier__c": ("Silver",)})
        shown = tiered.call("GET", "/sobjects/Account/describe/layouts").json
        mappings = {mapping["recordTypeId"]: mapping for mapping in shown["recordTypeMappings"]}
        assert set(mappings) == {small, MASTER}
        offered = {each["picklistName"]: each["picklistValues"] for each in mappings[small]["picklistsForRecordType"]}
        assert [value["value"] for value in offered["Tier__c"]] == ["Silver"]
        [layout] = shown["layouts"]
        assert {mapping["layoutId"] for mapping in mappings.values()} == {layout["id"]}
        assert tiered.call("GET", mappings[small]["urls"]["layout"]).json["id"] == layout["id"]
        assert tiered.call("GET", "/sobjects/Account/describe/layouts/012000000000001AAA").status == 404

    def test_with_several_record_types_the_layouts_are_null(self, org: Caller) -> None:
        # REST API, sObject Layouts: "returns null for the layouts section of the response".
        for name in ("One", "Two"):
            org.emulator.add_record_type("Account", name)
        shown = org.call("GET", "/sobjects/Account/describe/layouts").json
        assert (shown["layouts"], shown["recordTypeSelectorRequired"]) == (None, [True])


class TestSalesProcesses:
    def test_a_process_says_which_stages_a_record_type_has(self, org: Caller) -> None:
        process = org.emulator.add_process("Short", ("Qualification", "Closed Won", "Closed Lost"))
        type_id = org.emulator.add_record_type("Opportunity", "Renewal", process=process, default=True)
        found = org.soql("SELECT DeveloperName, BusinessProcessId, BusinessProcess.Name FROM RecordType")
        assert found == [
            {"DeveloperName": "Renewal", "BusinessProcessId": process, "BusinessProcess": {"Name": "Short"}}
        ]
        assert org.soql("SELECT Name, TableEnumOrId, IsActive FROM BusinessProcess") == [
            {"Name": "Short", "TableEnumOrId": "Opportunity", "IsActive": True}
        ]
        shown = org.call("GET", f"/ui-api/object-info/Opportunity/picklist-values/{type_id}/StageName").json["values"]
        assert [value["value"] for value in shown] == ["Qualification", "Closed Won", "Closed Lost"]
        assert shown[1]["attributes"] == {
            "closed": True,
            "defaultProbability": 100.0,
            "forecastCategoryName": "Closed",
            "picklistAtrributesValueType": "OpportunityStage",
            "won": True,
        }

    def test_a_stage_of_another_process_is_taken_through_the_api(self, org: Caller) -> None:
        # StageName is recorded with restrictedPicklist false (SFDO-Tooling/CumulusCI, Opportunity describe).
        process = org.emulator.add_process("Short", ("Qualification",))
        type_id = org.emulator.add_record_type("Opportunity", "Renewal", process=process)
        assert org.create("Opportunity", **DEAL, RecordTypeId=type_id)

    def test_a_converted_lead_starts_in_the_first_stage_of_the_default_process(self, org: Caller) -> None:
        # "The default record type of the new owner is assigned to records created during lead conversion" (convertLead).
        process = org.emulator.add_process("Short", ("Needs Analysis", "Closed Won"))
        type_id = org.emulator.add_record_type("Opportunity", "Renewal", process=process, default=True)
        done = org.user.convert_lead(org.create("Lead", LastName="L", Company="C"), opportunity="D")
        row = org.row("Opportunity", str(done.opportunity_id))
        assert (row["StageName"], row["RecordTypeId"]) == ("Needs Analysis", type_id)

    def test_stages_say_what_they_mean(self, org: Caller) -> None:
        org.emulator.add_stage("Handshake", 95, category="BestCase")
        names = "MasterLabel, IsActive, IsClosed, IsWon, DefaultProbability, ForecastCategory, ForecastCategoryName"
        rows = {row["MasterLabel"]: row for row in org.soql(f"SELECT {names} FROM OpportunityStage ORDER BY SortOrder")}
        assert len(rows) == 11
        assert rows["Handshake"] == {
            "MasterLabel": "Handshake",
            "IsActive": True,
            "IsClosed": False,
            "IsWon": False,
            "DefaultProbability": 95.0,
            "ForecastCategory": "BestCase",
            "ForecastCategoryName": "Best Case",
        }
        deal = org.create("Opportunity", **{**DEAL, "StageName": "Handshake"}, Amount=100)
        row = org.row("Opportunity", deal)
        assert (row["Probability"], row["ForecastCategory"], row["ExpectedRevenue"]) == (95.0, "BestCase", 95.0)

    def test_stages_and_statuses_have_an_api_name(self, org: Caller) -> None:
        # Apex reference, LeadConvert: "SELECT Id, ApiName FROM LeadStatus WHERE IsConverted=true".
        assert org.soql("SELECT ApiName FROM LeadStatus WHERE IsConverted = true") == [
            {"ApiName": "Closed - Converted"}
        ]
        won = org.soql("SELECT ApiName FROM OpportunityStage WHERE IsWon = true")
        assert won == [{"ApiName": "Closed Won"}]

    def test_a_stage_that_is_deactivated_is_kept_inactive(self, org: Caller) -> None:
        deal = org.create("Opportunity", **DEAL)
        org.emulator.deactivate_picklist_value("Opportunity", "StageName", "Prospecting")
        found = org.soql("SELECT MasterLabel FROM OpportunityStage WHERE IsActive = false")
        assert found == [{"MasterLabel": "Prospecting"}]
        assert org.row("Opportunity", deal)["StageName"] == "Prospecting"

    def test_a_stage_that_is_renamed_keeps_its_row_and_its_meaning(self, org: Caller) -> None:
        # Object reference, OpportunityStage: records hold the ApiName, and MasterLabel is what is shown.
        process = org.emulator.add_process("Short", ("Prospecting", "Closed Won"))
        type_id = org.emulator.add_record_type("Opportunity", "Renewal", process=process)
        deal = org.create("Opportunity", **DEAL)
        before = org.row("Opportunity", deal)
        (row,) = org.soql("SELECT Id FROM OpportunityStage WHERE ApiName = 'Prospecting'")
        org.emulator.rename_stage("Prospecting", label="Talks", api_name="First_Talks")
        (after,) = org.soql("SELECT Id, MasterLabel FROM OpportunityStage WHERE ApiName = 'First_Talks'")
        assert after == {"Id": row["Id"], "MasterLabel": "Talks"}
        now = org.row("Opportunity", deal)
        assert (now["StageName"], now["Probability"]) == ("First_Talks", before["Probability"])
        assert now["SystemModstamp"] == before["SystemModstamp"]
        values = org.call("GET", f"/ui-api/object-info/Opportunity/picklist-values/{type_id}/StageName").json["values"]
        assert [(each["value"], each["label"]) for each in values] == [("First_Talks", "Talks"), ("Closed Won",) * 2]
        assert values[0]["attributes"]["defaultProbability"] == 10.0

    def test_stages_change_what_they_mean_and_their_order(self, org: Caller) -> None:
        org.emulator.change_stage("Prospecting", probability=100, closed=True, won=True)
        org.emulator.order_stages(["Closed Won", "Prospecting"])
        rows = org.soql("SELECT ApiName, IsWon FROM OpportunityStage ORDER BY SortOrder")
        assert rows[:2] == [{"ApiName": "Closed Won", "IsWon": True}, {"ApiName": "Prospecting", "IsWon": True}]
        shown = org.call("GET", f"/ui-api/object-info/Opportunity/picklist-values/{MASTER}/StageName").json["values"]
        assert [each["value"] for each in shown[:2]] == ["Closed Won", "Prospecting"]
        org.emulator.change_stage("Prospecting", closed=False, won=False)
        org.emulator.deactivate_picklist_value("Opportunity", "StageName", "Prospecting")
        org.emulator.activate_stage("Prospecting")
        found = org.soql("SELECT IsActive, IsClosed FROM OpportunityStage WHERE ApiName = 'Prospecting'")
        assert found == [{"IsActive": True, "IsClosed": False}]
