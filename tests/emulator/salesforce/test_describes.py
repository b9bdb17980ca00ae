"""What an org says it is made of: versions, resources, describes, ids."""

from __future__ import annotations

import pytest
from tests.emulator.salesforce.calls import Caller

from crm_emulator.salesforce import SalesforceEmulator, checksum, to_18

OBJECTS = (
    *("Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole", "Task", "Event", "Campaign", "Case"),
    *("User", "Organization", "RecordType"),
)


class TestVersions:
    def test_versions_58_to_67_are_listed_without_signing_in(self, org: Caller) -> None:
        org.token = ""
        found = org.call("GET", "/services/data/").json
        assert [entry["version"] for entry in found] == [f"{number}.0" for number in range(58, 68)]
        assert found[0] == {"label": "Summer '23", "url": "/services/data/v58.0", "version": "58.0"}
        assert (found[-2]["label"], found[-1]["label"]) == ("Spring '26", "Summer '26")

    @pytest.mark.parametrize("version", ["58.0", "62.0", "67.0"])
    def test_every_version_answers_with_its_own_addresses(self, org: Caller, version: str) -> None:
        base = f"/services/data/v{version}"
        id = org.create("Account", Name="Acme")
        assert org.call("GET", base).json["sobjects"] == f"{base}/sobjects"
        row = org.call("GET", f"{base}/sobjects/Account/{id}").json
        assert row["attributes"]["url"] == f"{base}/sobjects/Account/{id}"

    @pytest.mark.parametrize("version", ["v57.0", "v68.0", "v67.5", "67.0", "latest"])
    def test_other_versions_are_not_found(self, org: Caller, version: str) -> None:
        assert org.call("GET", f"/services/data/{version}/sobjects").error == (404, "NOT_FOUND")

    def test_paths_work_with_and_without_a_trailing_slash(self, org: Caller) -> None:
        for path in ("/sobjects", "/sobjects/Account/describe", "/services/data"):
            assert org.call("GET", path).json == org.call("GET", path + "/").json

    def test_an_unknown_path_is_not_found_and_a_wrong_method_is_refused(self, org: Caller) -> None:
        assert org.call("GET", "/unicorns").error == (404, "NOT_FOUND")
        assert org.call("PUT", "/sobjects/Account").error == (405, "METHOD_NOT_ALLOWED")


class TestDescribes:
    def test_the_global_describe_lists_every_object(self, org: Caller) -> None:
        found = org.call("GET", "/sobjects").json
        assert (found["encoding"], found["maxBatchSize"]) == ("UTF-8", 200)
        entries = {entry["name"]: entry for entry in found["sobjects"]}
        assert set(OBJECTS) <= set(entries)
        assert entries["Lead"]["keyPrefix"] == "00Q"
        assert entries["Contact"]["urls"]["rowTemplate"].endswith("/sobjects/Contact/{ID}")

    @pytest.mark.parametrize("name", OBJECTS)
    def test_every_object_is_described(self, org: Caller, name: str) -> None:
        shown = org.call("GET", f"/sobjects/{name}/describe").json
        fields = {field["name"]: field for field in shown["fields"]}
        assert (shown["name"], fields["Id"]["type"], fields["Id"]["soapType"]) == (name, "id", "tns:ID")
        assert {"SystemModstamp", "CreatedById"} <= set(fields)
        assert not any(field["createable"] for field in fields.values() if field["calculated"])
        basic = org.call("GET", f"/sobjects/{name}").json
        assert basic["objectDescribe"]["name"] == name

    @pytest.mark.parametrize(
        ("name", "required"),
        [
            ("Account", {"Name"}),
            ("Contact", {"LastName"}),
            ("Lead", {"LastName", "Company"}),
            ("Opportunity", {"Name", "StageName", "CloseDate"}),
            ("Case", set()),
        ],
    )
    def test_what_a_describe_calls_required_is_what_a_create_requires(
        self, org: Caller, name: str, required: set[str]
    ) -> None:
        fields = org.call("GET", f"/sobjects/{name}/describe").json["fields"]
        by_describe = {
            field["name"]
            for field in fields
            if field["createable"] and not field["nillable"] and not field["defaultedOnCreate"]
        }
        assert by_describe == required
        answer = org.call("POST", f"/sobjects/{name}", {})
        if required:
            assert answer.error == (400, "REQUIRED_FIELD_MISSING")
            assert set(answer.json[0]["fields"]) == required
        else:
            assert answer.status == 201

    def test_an_unknown_object_is_not_found(self, org: Caller) -> None:
        assert org.call("GET", "/sobjects/Unicorn/describe").error == (404, "NOT_FOUND")
        assert org.call("POST", "/sobjects/Unicorn", {"Name": "x"}).error == (404, "NOT_FOUND")

    def test_a_record_type_is_described_and_queried(self, org: Caller) -> None:
        id = org.emulator.add_record_type("Opportunity", "Major Gift", default=True)
        shown = org.call("GET", "/sobjects/Opportunity/describe").json
        infos = {info["developerName"]: info for info in shown["recordTypeInfos"]}
        assert (infos["Major_Gift"]["recordTypeId"], infos["Master"]["recordTypeId"]) == (id, "012000000000000AAA")
        assert org.soql("SELECT Name FROM RecordType WHERE SobjectType = 'Opportunity'") == [{"Name": "Major Gift"}]
        made = org.create("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-06-01", RecordTypeId=id)
        assert org.soql(f"SELECT RecordType.Name FROM Opportunity WHERE Id = '{made}'") == [
            {"RecordType": {"Name": "Major Gift"}}
        ]

    def test_the_organisation_and_its_users_are_rows_too(self, org: Caller) -> None:
        found = org.soql("SELECT Id, OrganizationType, IsSandbox FROM Organization")
        assert found == [{"Id": org.emulator.org_id, "OrganizationType": "Developer Edition", "IsSandbox": False}]
        names = [row["Name"] for row in org.soql("SELECT Name FROM User WHERE IsActive = true ORDER BY Name")]
        assert names == ["Admin User", "Integration User", "Sales User"]


class TestIds:
    @pytest.mark.parametrize(
        "id18", ["00Q4S000002sSacUAE", "0034S000005YJYcQAO", "0014S000007NeNUQA0", "7014S00000097HcQAI"]
    )
    def test_the_checksum_is_that_of_recorded_ids(self, id18: str) -> None:
        assert id18[:15] + checksum(id18[:15]) == id18
        assert to_18(id18[:15]) == id18

    def test_ids_begin_with_their_objects_prefix_and_rise(self, org: Caller) -> None:
        first, second = (org.create("Contact", LastName="L") for _ in range(2))
        assert first.startswith("003")
        assert first < second
        assert len(first) == 18

    def test_the_short_form_is_accepted_and_the_long_form_returned(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="L", AccountId=account[:15])
        assert org.row("Contact", contact[:15])["AccountId"] == account
        assert org.soql(f"SELECT Id FROM Contact WHERE AccountId = '{account[:15]}'") == [{"Id": contact}]

    def test_a_wrong_checksum_is_no_id(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        wrong = id[:15] + ("AAA" if id[15:] != "AAA" else "BBB")
        refused = org.collection("PATCH", [{"id": wrong, "Name": "B"}], "Account").json[0]
        assert refused["errors"][0]["statusCode"] == "MALFORMED_ID"

    def test_two_orgs_do_not_share_ids_and_one_seed_makes_one_org(self) -> None:
        ids = {SalesforceEmulator(seed=seed).org_id for seed in (1, 1, 2)}
        assert len(ids) == 2
