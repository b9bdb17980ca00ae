"""sObject Collections: many records in one call, each with its own outcome."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [None if one["success"] else one["errors"][0]["statusCode"] for one in results]


class TestOutcomes:
    def test_results_come_in_the_order_of_the_request(self, org: Caller) -> None:
        made = org.collection("POST", [{"LastName": f"L{n}"} for n in range(200)]).json
        assert all(one["success"] and one["errors"] == [] for one in made)
        ids = [one["id"] for one in made]
        done = org.collection("PATCH", [{"id": id, "Title": f"T{n}"} for n, id in reversed(list(enumerate(ids)))])
        assert [one["id"] for one in done.json] == ids[::-1]
        assert org.row("Contact", ids[7])["Title"] == "T7"

    def test_one_bad_record_stops_no_other_and_has_no_id(self, org: Caller) -> None:
        made = org.collection("POST", [{"LastName": "A"}, {"FirstName": "B"}, {"LastName": "C", "Email": "bad"}])
        assert made.status == 200
        assert codes(made.json) == [None, "REQUIRED_FIELD_MISSING", "INVALID_EMAIL_ADDRESS"]
        assert made.json[1] == {
            "success": False,
            "errors": [
                {
                    "statusCode": "REQUIRED_FIELD_MISSING",
                    "message": "Required fields are missing: [LastName]",
                    "fields": ["LastName"],
                }
            ],
        }
        assert len(org.soql("SELECT Id FROM Contact")) == 1

    def test_all_or_none_takes_everything_back(self, org: Caller) -> None:
        id = org.create("Contact", LastName="Old")
        before, seq = org.row("Contact", id), org.emulator.journal.last_seq
        org.pass_seconds(5)
        rows = [{"id": id, "LastName": "New"}, {"id": id, "LastName": None}]
        done = org.collection("PATCH", rows, allOrNone=True).json
        assert codes(done) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
        assert done[0]["errors"][0]["message"] == (
            "Record rolled back because not all records were valid and the request was using AllOrNone header"
        )
        assert org.row("Contact", id) == before
        assert org.emulator.journal.last_seq == seq
        made = org.collection("POST", [{"LastName": "A"}, {}], allOrNone=True).json
        assert codes(made) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
        assert len(org.soql("SELECT Id FROM Contact")) == 1

    def test_updates_tell_missing_deleted_malformed_and_unnamed_apart(self, org: Caller) -> None:
        gone = org.create("Contact", LastName="L")
        org.user.delete("Contact", gone)
        rows = [{"id": gone}, {"id": "003000000000000AAA"}, {"id": "nope"}, {"LastName": "x"}]
        done = org.collection("PATCH", rows).json
        expected = ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "MISSING_ARGUMENT"]
        assert codes(done) == expected

    def test_several_types_are_one_call_of_at_most_ten_runs(self, org: Caller) -> None:
        def mixed(runs: int) -> list[dict[str, Any]]:
            kinds = [
                {"attributes": {"type": "Account"}, "Name": "A"},
                {"attributes": {"type": "Contact"}, "LastName": "L"},
            ]
            return [kinds[position % 2] for position in range(runs)]

        path = "/composite/sobjects"
        assert len(org.call("POST", path, {"records": mixed(10)}).json) == 10
        assert org.call("POST", path, {"records": mixed(11)}).error == (400, "LIMIT_EXCEEDED")

    def test_more_than_200_records_are_refused_as_a_whole(self, org: Caller) -> None:
        rows = [{"LastName": f"L{n}"} for n in range(201)]
        assert org.collection("POST", rows).error == (400, "EXCEEDED_ID_LIMIT")
        ids = ",".join(["003000000000000AAA"] * 201)
        assert org.call("DELETE", "/composite/sobjects", query={"ids": ids}).error == (400, "EXCEEDED_ID_LIMIT")
        assert org.soql("SELECT Id FROM Contact") == []

    @pytest.mark.parametrize(("field", "value"), [("Nope__c", "x"), ("Birthdate", "soon"), ("DoNotCall", "perhaps")])
    def test_what_cannot_be_read_refuses_every_record(self, org: Caller, field: str, value: str) -> None:
        answer = org.collection("POST", [{"LastName": "A"}, {"LastName": "B", field: value}])
        assert answer.status == 400
        assert answer.json[0]["errorCode"] in ("INVALID_FIELD", "JSON_PARSER_ERROR")
        assert org.soql("SELECT Id FROM Contact") == []

    def test_an_org_may_be_set_to_refuse_only_the_record(self) -> None:
        org = Caller(malformed_records="record")
        answer = org.collection("POST", [{"LastName": "A"}, {"LastName": "B", "Nope__c": "x"}])
        assert codes(answer.json) == [None, "INVALID_FIELD"]

    @pytest.mark.parametrize(
        "body",
        [{}, {"records": {}}, {"records": [1]}, {"records": [{"LastName": "A"}]}, {"records": [{"attributes": 1}]}],
    )
    def test_a_malformed_call_is_refused(self, org: Caller, body: Any) -> None:
        assert org.call("POST", "/composite/sobjects", body).status == 400

    def test_an_unknown_type_is_named(self, org: Caller) -> None:
        assert org.collection("POST", [{"Name": "x"}], "Unicorn").error == (400, "INVALID_TYPE")


class TestDelete:
    def test_records_of_any_type_are_deleted_together(self, org: Caller) -> None:
        ids = [org.create("Account", Name="A"), org.create("Contact", LastName="L")]
        done = org.call("DELETE", "/composite/sobjects", query={"ids": ",".join([*ids, ids[0], "x"])}).json
        assert codes(done) == [None, None, "ENTITY_IS_DELETED", "MALFORMED_ID"]
        assert [one["id"] for one in done[:2]] == ids

    def test_all_or_none_brings_them_back(self, org: Caller) -> None:
        id = org.create("Account", Name="A")
        child = org.create("Contact", LastName="L", AccountId=id)
        query = {"ids": f"{id},001000000000000AAA", "allOrNone": "true"}
        done = org.call("DELETE", "/composite/sobjects", query=query).json
        assert codes(done) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_CROSS_REFERENCE_KEY"]
        assert org.row("Contact", child)["AccountId"] == id
        assert org.soql(f"SELECT Id FROM Contact WHERE AccountId = '{id}'") == [{"Id": child}]


class TestUpsert:
    @pytest.fixture
    def keyed(self, org: Caller) -> Caller:
        org.emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
        return org

    def upsert(self, org: Caller, field: str, *rows: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        typed = [{"attributes": {"type": "Contact"}, **row} for row in rows]
        answer = org.call("PATCH", f"/composite/sobjects/Contact/{field}", {"records": typed, **more})
        assert answer.status == 200, answer.json
        return list(answer.json)

    def test_each_result_says_whether_it_was_created(self, keyed: Caller) -> None:
        [first] = self.upsert(keyed, "Key__c", {"Key__c": "a", "LastName": "A"})
        done = self.upsert(keyed, "key__c", {"Key__c": "A", "LastName": "B"}, {"Key__c": "b", "LastName": "B"})
        assert [one["created"] for one in done] == [False, True]
        assert done[0]["id"] == first["id"]

    def test_sending_it_again_makes_nothing_new(self, keyed: Caller) -> None:
        rows = [{"Key__c": f"k{n}", "LastName": f"L{n}"} for n in range(50)]
        first = [one["id"] for one in self.upsert(keyed, "Key__c", *rows)]
        assert [one["id"] for one in self.upsert(keyed, "Key__c", *rows)] == first
        assert keyed.soql("SELECT COUNT(Id) n FROM Contact") == [{"n": 50}]

    def test_a_key_given_twice_or_not_at_all_is_refused(self, keyed: Caller) -> None:
        rows = [{"Key__c": "k", "LastName": "A"}, {"Key__c": "K", "LastName": "B"}, {"LastName": "C"}]
        assert codes(self.upsert(keyed, "Key__c", *rows)) == [None, "DUPLICATE_VALUE", "MISSING_ARGUMENT"]

    def test_a_standard_look_up_field_and_the_id_are_keys_too(self, keyed: Caller) -> None:
        id = keyed.create("Contact", LastName="A", Email="a@example.com")
        assert self.upsert(keyed, "Email", {"Email": "A@example.com", "Title": "T"})[0]["id"] == id
        done = self.upsert(keyed, "Id", {"Id": id, "Title": "U"}, {"LastName": "New"})
        assert [one["created"] for one in done] == [False, True]
        assert keyed.row("Contact", id)["Title"] == "U"

    def test_several_matches_are_named(self, keyed: Caller) -> None:
        ids = [keyed.create("Contact", LastName=f"L{n}", Email="a@example.com") for n in range(2)]
        [refused] = self.upsert(keyed, "Email", {"Email": "a@example.com", "Title": "T"})
        assert refused["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
        assert all(id in refused["errors"][0]["message"] for id in ids)

    def test_all_or_none_holds(self, keyed: Caller) -> None:
        rows = [{"Key__c": "a", "LastName": "A"}, {"Key__c": "b"}]
        done = self.upsert(keyed, "Key__c", *rows, allOrNone=True)
        assert codes(done) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
        assert keyed.soql("SELECT Id FROM Contact WHERE Key__c = 'a'") == []

    def test_a_field_that_is_no_key_is_not_found(self, keyed: Caller) -> None:
        body = {"records": [{"attributes": {"type": "Contact"}, "Title": "T"}]}
        assert keyed.call("PATCH", "/composite/sobjects/Contact/Title", body).error == (404, "NOT_FOUND")


class TestRetrieve:
    def test_2000_ids_are_read_in_one_call_and_in_order(self, org: Caller) -> None:
        ids = org.emulator.seed({"Contact": [{"LastName": f"L{n}"} for n in range(2_000)]})["Contact"][::-1]
        calls = org.emulator.stats.calls
        found = org.call("POST", "/composite/sobjects/Contact", {"ids": ids, "fields": ["Id", "LastName"]}).json
        assert [row["Id"] for row in found] == ids
        assert found[0]["attributes"]["type"] == "Contact"
        assert org.emulator.stats.calls == calls + 1
        too_many = org.call("POST", "/composite/sobjects/Contact", {"ids": [*ids, ids[0]], "fields": ["Id"]})
        assert too_many.error == (400, "EXCEEDED_ID_LIMIT")

    def test_what_is_not_there_is_null_in_its_place(self, org: Caller) -> None:
        here, gone = (org.create("Contact", LastName="L") for _ in range(2))
        org.user.delete("Contact", gone)
        body = {"ids": [gone, here, "003000000000000AAA", here], "fields": ["LastName"]}
        found = org.call("POST", "/composite/sobjects/Contact", body).json
        assert [row and row["Id"] for row in found] == [None, here, None, here]

    def test_ids_may_be_in_the_address(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        found = org.call("GET", "/composite/sobjects/Contact", query={"ids": id, "fields": "Id,LastName"}).json
        assert found[0]["LastName"] == "L"
        long = org.call("GET", "/composite/sobjects/Contact", query={"ids": ",".join([id] * 900), "fields": "Id"})
        assert long.status == 414

    def test_a_field_nobody_may_see_refuses_the_call(self, org: Caller) -> None:
        body = {"ids": [org.create("Contact", LastName="L")], "fields": ["Nope"]}
        assert org.call("POST", "/composite/sobjects/Contact", body).error == (400, "INVALID_FIELD")
