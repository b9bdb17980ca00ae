"""Single records: create, read, update, delete; by external id; conditions; audit fields; parents by external id."""

from __future__ import annotations

import pytest
from tests.emulator.salesforce.calls import Caller


class TestOneRecord:
    def test_a_record_is_created_read_updated_and_deleted(self, org: Caller) -> None:
        made = org.call("POST", "/sobjects/Contact/", {"LastName": "Lovelace", "FirstName": "Ada"})
        assert made.status == 201
        id = made.json["id"]
        assert made.json == {"id": id, "success": True, "errors": []}
        assert made.headers["location"] == f"/services/data/v67.0/sobjects/Contact/{id}"
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "Countess"}).status == 204
        row = org.row("Contact", id)
        assert (row["Name"], row["Title"]) == ("Ada Lovelace", "Countess")
        gone = org.call("DELETE", f"/sobjects/Contact/{id}")
        assert (gone.status, gone.body) == (204, b"")
        assert org.call("GET", f"/sobjects/Contact/{id}").error == (404, "NOT_FOUND")

    def test_named_fields_are_read_in_their_order_and_the_id_comes_along(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme", Phone="1")
        row = org.call("GET", f"/sobjects/Account/{id}", query={"fields": "phone,Name"}).json
        assert list(row) == ["attributes", "Phone", "Name", "Id"]
        refused = org.call("GET", f"/sobjects/Account/{id}", query={"fields": "Nope"})
        assert refused.error == (400, "INVALID_FIELD")

    def test_what_is_not_there_is_told_apart_from_what_is_deleted(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        org.user.delete("Account", id)
        for method in ("PATCH", "DELETE"):
            body = {"Name": "B"} if method == "PATCH" else None
            assert org.call(method, f"/sobjects/Account/{id}", body).error == (404, "ENTITY_IS_DELETED")
        other = org.create("Contact", LastName="L")
        assert org.call("PATCH", f"/sobjects/Account/{other}", {"Name": "B"}).error == (404, "NOT_FOUND")
        bad = org.call("GET", "/sobjects/Account/rid").json
        assert bad == [
            {
                "message": "Provided external ID field does not exist or is not accessible: rid",
                "errorCode": "NOT_FOUND",
            }
        ]

    def test_the_id_may_not_be_in_the_body(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        assert org.call("POST", "/sobjects/Account", {"Name": "B", "Id": id}).error == (400, "INVALID_FIELD")
        assert org.call("PATCH", f"/sobjects/Account/{id}", {"Name": "B", "id": id}).error == (400, "INVALID_FIELD")

    def test_an_unknown_field_is_named_as_recorded(self, org: Caller) -> None:
        refused = org.call("POST", "/sobjects/Account", {"Name": "B", "foo": 1})
        assert refused.json[0]["message"] == "No such column 'foo' on sobject of type Account"
        assert refused.error == (400, "INVALID_FIELD")

    @pytest.mark.parametrize("name", ["Name", "CreatedDate", "SystemModstamp", "LastModifiedById", "MailingAddress"])
    def test_what_the_org_works_out_itself_cannot_be_written(self, org: Caller, name: str) -> None:
        id = org.create("Contact", LastName="L")
        refused = org.call("PATCH", f"/sobjects/Contact/{id}", {name: "2026-01-01T00:00:00Z", "Title": "T"})
        assert refused.error == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
        assert refused.json[0]["fields"] == [name]
        assert refused.json[0]["message"].startswith(
            f"Unable to create/update fields: {name}. Please check the security"
        )
        assert org.row("Contact", id)["Title"] is None

    def test_a_client_that_cannot_patch_posts(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        path = f"/sobjects/Account/{id}?_HttpMethod=PATCH"
        assert org.call("POST", path, {"Phone": "1"}).status == 204
        assert org.call("POST", f"/sobjects/Account/{id}", {"Phone": "2"}).error == (405, "METHOD_NOT_ALLOWED")
        assert org.row("Account", id)["Phone"] == "1"

    def test_a_body_that_is_no_json_or_of_another_type_is_refused(self, org: Caller) -> None:
        assert org.call("POST", "/sobjects/Account").error == (400, "JSON_PARSER_ERROR")
        for raw in (b"{", b"[1]", b'"x"', b"\xff"):
            assert org.call("POST", "/sobjects/Account", raw=raw).error == (400, "JSON_PARSER_ERROR")
        form = {"content-type": "application/x-www-form-urlencoded"}
        refused = org.call("POST", "/sobjects/Account", {"Name": "B"}, headers=form)
        assert refused.error == (415, "UNSUPPORTED_MEDIA_TYPE")


class TestStamps:
    def test_stamps_are_whole_seconds_and_move_with_every_write(self, org: Caller) -> None:
        org.pass_seconds(0.6)
        id = org.create("Contact", LastName="L")
        row = org.row("Contact", id)
        assert row["CreatedDate"] == row["LastModifiedDate"] == row["SystemModstamp"] == "2026-05-28T20:26:40.000+0000"
        org.pass_seconds(5)
        org.call("PATCH", f"/sobjects/Contact/{id}", {"LastName": "L"})
        row = org.row("Contact", id)
        assert row["CreatedDate"] == "2026-05-28T20:26:40.000+0000"
        # A real org stamps an update that changes nothing too.
        assert row["LastModifiedDate"] == row["SystemModstamp"] == "2026-05-28T20:26:45.000+0000"

    def test_two_writes_in_one_second_leave_one_stamp(self, org: Caller) -> None:
        id = org.create("Contact", LastName="A")
        before = org.row("Contact", id)["SystemModstamp"]
        org.pass_seconds(0.2)
        org.user.update("Contact", id, {"LastName": "B"})
        assert org.row("Contact", id)["SystemModstamp"] == before

    def test_a_system_process_moves_systemmodstamp_alone(self, org: Caller) -> None:
        boss = org.create("Contact", LastName="Boss")
        id = org.create("Contact", LastName="L", ReportsToId=boss)
        org.pass_seconds(10)
        org.user.delete("Contact", boss)
        row = org.row("Contact", id)
        assert row["ReportsToId"] is None
        assert row["LastModifiedDate"] < row["SystemModstamp"]
        assert row["LastModifiedById"] == org.emulator.users[0].id

    def test_a_row_appears_with_a_stamp_older_than_now(self) -> None:
        org = Caller(commit_delay_ms=30_000)
        high_water = org.soql("SELECT SystemModstamp FROM User ORDER BY SystemModstamp DESC LIMIT 1")
        assert high_water[0]["SystemModstamp"] == "2026-05-28T20:26:40.000+0000"
        id = org.create("Contact", LastName="Late")
        assert org.row("Contact", id)["SystemModstamp"] == "2026-05-28T20:26:10.000+0000"
        # A poll without an overlap window never sees it.
        assert org.soql("SELECT Id FROM Contact WHERE SystemModstamp >= 2026-05-28T20:26:40Z") == []

    def test_stamps_never_go_back_on_a_row(self) -> None:
        org = Caller(commit_delay_ms=(0, 60_000))
        id = org.create("Contact", LastName="L")
        seen = [org.row("Contact", id)["SystemModstamp"]]
        for number in range(20):
            org.pass_seconds(2)
            org.user.update("Contact", id, {"LastName": f"L{number}"})
            seen.append(org.row("Contact", id)["SystemModstamp"])
        assert seen == sorted(seen)

    def test_who_wrote_is_told_from_who_made(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        sales = org.emulator.user("Sales User")
        org.pass_seconds(3)
        sales.update("Contact", id, {"Title": "T"})
        row = org.row("Contact", id)
        assert (row["CreatedById"], row["OwnerId"]) == (org.emulator.users[0].id, org.emulator.users[0].id)
        assert row["LastModifiedById"] == sales.id


class TestConditions:
    def test_an_edit_after_the_named_time_refuses_the_write(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        read_at = org.call("GET", f"/sobjects/Contact/{id}").headers["last-modified"]
        assert read_at == "Thu, 28 May 2026 20:26:40 GMT"
        org.pass_seconds(1)
        org.user.update("Contact", id, {"Title": "Theirs"})
        refused = org.call(
            "PATCH", f"/sobjects/Contact/{id}", {"Title": "Ours"}, headers={"If-Unmodified-Since": read_at}
        )
        assert refused.status == 412
        assert org.row("Contact", id)["Title"] == "Theirs"

    def test_an_edit_in_the_very_second_is_not_seen(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        read_at = org.call("GET", f"/sobjects/Contact/{id}").headers["last-modified"]
        org.pass_seconds(0.5)
        org.user.update("Contact", id, {"Title": "Theirs"})
        done = org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "Ours"}, headers={"If-Unmodified-Since": read_at})
        assert done.status == 204

    def test_a_condition_nobody_can_read_is_refused_rather_than_ignored(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        headers = {"If-Unmodified-Since": "2026-05-28T20:26:40Z"}
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "T"}, headers=headers).status == 400

    def test_conditions_do_not_guard_a_delete(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        org.pass_seconds(60)
        org.user.update("Contact", id, {"Title": "Theirs"})
        headers = {"If-Unmodified-Since": "Thu, 28 May 2026 20:26:40 GMT"}
        assert org.call("DELETE", f"/sobjects/Contact/{id}", headers=headers).status == 204

    def test_accounts_have_tags_and_other_rows_have_not(self, org: Caller) -> None:
        account, contact = org.create("Account", Name="Acme"), org.create("Contact", LastName="L")
        tag = org.call("GET", f"/sobjects/Account/{account}").headers["etag"]
        assert "etag" not in org.call("GET", f"/sobjects/Contact/{contact}").headers
        same = org.call("GET", f"/sobjects/Account/{account}", headers={"If-None-Match": tag})
        assert (same.status, same.body) == (304, b"")
        org.pass_seconds(2)
        org.user.update("Account", account, {"Phone": "1"})
        headers = {"If-Match": tag}
        assert org.call("PATCH", f"/sobjects/Account/{account}", {"Phone": "2"}, headers=headers).status == 412
        assert org.call("PATCH", f"/sobjects/Contact/{contact}", {"Title": "T"}, headers=headers).status == 204

    def test_what_has_not_changed_need_not_be_sent_again(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        headers = {"If-Modified-Since": "Thu, 28 May 2026 20:26:40 GMT"}
        assert org.call("GET", f"/sobjects/Contact/{id}", headers=headers).status == 304
        org.pass_seconds(1)
        org.user.update("Contact", id, {"Title": "T"})
        assert org.call("GET", f"/sobjects/Contact/{id}", headers=headers).status == 200


class TestByExternalId:
    @pytest.fixture
    def keyed(self, org: Caller) -> Caller:
        org.emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
        org.emulator.add_custom_field("Contact", "Code__c", external_id=True)
        org.emulator.add_custom_field("Account", "Key__c", external_id=True, unique=True)
        return org

    def test_an_upsert_creates_and_then_updates(self, keyed: Caller) -> None:
        made = keyed.call("PATCH", "/sobjects/Contact/Key__c/hubspot:1", {"LastName": "A"})
        assert (made.status, made.json["created"]) == (201, True)
        again = keyed.call("PATCH", "/sobjects/Contact/Key__c/hubspot:1", {"LastName": "B"})
        assert (again.status, again.json) == (
            200,
            {"id": made.json["id"], "success": True, "errors": [], "created": False},
        )
        assert keyed.row("Contact", made.json["id"])["Key__c"] == "hubspot:1"

    def test_the_key_matches_without_case_and_may_hold_anything(self, keyed: Caller) -> None:
        path = "/sobjects/Contact/Key__c/A%2Fb%20%C3%A9"
        made = keyed.call("PATCH", path, {"LastName": "A"})
        assert keyed.row("Contact", made.json["id"])["Key__c"] == "A/b é"
        other = keyed.call("PATCH", path.replace("A%2Fb", "a%2FB"), {"LastName": "B"})
        assert other.json["created"] is False
        whole = keyed.call("GET", "/sobjects/Contact/Key__c%2FA%2Fb%20%C3%A9")
        assert whole.json["Id"] == made.json["id"]

    def test_several_matches_are_300_with_their_addresses(self, keyed: Caller) -> None:
        ids = [keyed.create("Contact", LastName=f"L{n}", Code__c="same") for n in range(2)]
        expected = [f"/services/data/v67.0/sobjects/Contact/{id}" for id in ids]
        for method, body in (("PATCH", {"Title": "T"}), ("GET", None), ("DELETE", None)):
            answer = keyed.call(method, "/sobjects/Contact/Code__c/SAME", body)
            assert (answer.status, answer.json) == (300, expected)
        assert keyed.soql("SELECT Id FROM Contact WHERE Title = 'T'") == []

    def test_the_key_may_not_be_in_the_body(self, keyed: Caller) -> None:
        for body in ({"LastName": "A", "key__c": "x"}, {"LastName": "A", "Id": "003000000000000AAA"}):
            refused = keyed.call("PATCH", "/sobjects/Contact/Key__c/x", body)
            assert refused.error == (400, "INVALID_FIELD")

    def test_a_field_that_is_no_key_is_told_as_recorded(self, keyed: Caller) -> None:
        refused = keyed.call("PATCH", "/sobjects/Contact/Namez/x", {"LastName": "A"})
        assert refused.error == (404, "NOT_FOUND")
        assert refused.json[0]["message"] == ("Provided external ID field does not exist or is not accessible: Namez")
        assert keyed.call("PATCH", "/sobjects/Contact/Title/x", {"LastName": "A"}).error == (404, "NOT_FOUND")

    def test_a_deleted_row_no_longer_holds_its_key(self, keyed: Caller) -> None:
        first = keyed.create("Contact", LastName="A", Key__c="k")
        keyed.user.delete("Contact", first)
        second = keyed.call("PATCH", "/sobjects/Contact/Key__c/k", {"LastName": "B"}).json
        assert (second["created"], second["id"] == first) == (True, False)

    def test_a_parent_is_named_by_its_external_id(self, keyed: Caller) -> None:
        account = keyed.create("Account", Name="Acme", Key__c="acme")
        id = keyed.create("Contact", LastName="A", Account={"Key__c": "ACME"})
        assert keyed.row("Contact", id)["AccountId"] == account
        refused = keyed.call("POST", "/sobjects/Contact", {"LastName": "A", "Account": {"Key__c": "0116"}})
        assert refused.error == (400, "INVALID_FIELD")
        assert refused.json[0]["message"] == (
            "Foreign key external ID: 0116 not found for field Key__c in entity Account"
        )
        assert keyed.call("PATCH", f"/sobjects/Contact/{id}", {"Account": None}).status == 204
        assert keyed.row("Contact", id)["AccountId"] is None
