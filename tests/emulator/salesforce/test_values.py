"""What a field may hold, and what the org makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller


def refused(org: Caller, sobject: str, **fields: Any) -> tuple[str, str, list[str]]:
    answer = org.call("POST", f"/sobjects/{sobject}", fields)
    assert answer.status == 400, answer.json
    error = answer.json[0]
    return error["errorCode"], error["message"], error.get("fields", [])


def kept(org: Caller, sobject: str, name: str, value: Any) -> Any:
    required = {"Contact": {"LastName": "L"}, "Opportunity": {"Name": "D", "StageName": "S", "CloseDate": "2026-01-01"}}
    id = org.create(sobject, **{**required.get(sobject, {"Name": "A"}), name: value})
    return org.row(sobject, id)[name]


class TestText:
    @pytest.mark.parametrize(
        ("given", "shown"),
        [("  Ada \t\n", "Ada"), ("", None), ("   ", None), (None, None), (12, "12"), (True, "true"), ("a\x00b", "ab")],
    )
    def test_text_is_trimmed_and_blank_is_null(self, org: Caller, given: Any, shown: str | None) -> None:
        assert kept(org, "Contact", "Title", given) == shown

    def test_emoji_and_line_ends_are_kept_as_they_are(self, org: Caller) -> None:
        assert kept(org, "Contact", "Title", "Ärztin 👩‍⚕️") == "Ärztin 👩‍⚕️"
        assert kept(org, "Contact", "MailingStreet", "1 Road\r\nHouse B\nDoor") == "1 Road\r\nHouse B\nDoor"

    def test_text_is_never_cut_to_fit(self, org: Caller) -> None:
        code, message, fields = refused(org, "Contact", LastName="L", FirstName="x" * 41)
        assert (code, fields) == ("STRING_TOO_LONG", ["FirstName"])
        assert message == f"First Name: data value too large: {'x' * 41} (max length=40)"
        assert kept(org, "Contact", "FirstName", " " + "x" * 40) == "x" * 40

    def test_a_message_about_a_very_long_text_is_short(self, org: Caller) -> None:
        _, message, _ = refused(org, "Contact", LastName="L", Description="x" * 5_000_000)
        assert len(message) < 400

    @pytest.mark.parametrize("value", [["a"], {"a": 1}])
    def test_lists_and_objects_are_no_text(self, org: Caller, value: Any) -> None:
        assert refused(org, "Account", Name=value)[0] in ("JSON_PARSER_ERROR", "INVALID_FIELD")


class TestEmail:
    @pytest.mark.parametrize(
        "address",
        [
            *("badone", "a@b", "a@b.", "@b.com", "a b@c.com", "a@b..com", ".a@b.com", "a@-b.com", "a@b.com,c@d.com"),
            *("ä@b.com", "a@bücher.de", "a" * 65 + "@b.com"),
        ],
    )
    def test_what_is_no_address_is_refused_by_label(self, org: Caller, address: str) -> None:
        assert refused(org, "Contact", LastName="L", Email=address) == (
            "INVALID_EMAIL_ADDRESS",
            f"Email: invalid email address: {address}",
            ["Email"],
        )

    @pytest.mark.parametrize("address", ["o'hara+x@mail.example.co.uk", "a_b-c.d@x-y.museum", "1@2.de"])
    def test_odd_addresses_that_are_valid_are_taken(self, org: Caller, address: str) -> None:
        assert kept(org, "Contact", "Email", address) == address

    def test_an_address_is_kept_in_lower_case(self, org: Caller) -> None:
        assert kept(org, "Contact", "Email", " Ada.Lovelace@Example.COM ") == "ada.lovelace@example.com"


class TestNumbers:
    @pytest.mark.parametrize(
        ("given", "shown"),
        [(10, 10.0), ("10.5", 10.5), (0.005, 0.01), (2.675, 2.68), (-0.004, 0.0), (1e15, 1e15), ("", None)],
    )
    def test_currency_is_rounded_to_its_scale(self, org: Caller, given: Any, shown: float | None) -> None:
        assert kept(org, "Opportunity", "Amount", given) == shown

    def test_a_whole_number_field_drops_the_cents(self, org: Caller) -> None:
        assert kept(org, "Account", "AnnualRevenue", 1234.5) == 1235.0

    def test_a_number_beyond_the_fields_precision_is_refused(self, org: Caller) -> None:
        code, _, fields = refused(org, "Opportunity", Name="D", StageName="S", CloseDate="2026-01-01", Amount=10**16)
        assert (code, fields) == ("NUMBER_OUTSIDE_VALID_RANGE", ["Amount"])

    @pytest.mark.parametrize("value", ["many", "NaN", "Infinity", True, [], {}])
    def test_what_is_no_number_cannot_be_read(self, org: Caller, value: Any) -> None:
        assert refused(org, "Account", Name="A", AnnualRevenue=value)[0] == "JSON_PARSER_ERROR"
        assert refused(org, "Account", Name="A", NumberOfEmployees=value)[0] == "JSON_PARSER_ERROR"

    def test_an_integer_takes_no_fraction_and_no_more_than_32_bits(self, org: Caller) -> None:
        assert kept(org, "Account", "NumberOfEmployees", "12") == 12
        for value in (1.5, 2**31):
            assert refused(org, "Account", Name="A", NumberOfEmployees=value)[0] == "JSON_PARSER_ERROR"


class TestFlagsAndDates:
    def test_a_checkbox_is_never_null(self, org: Caller) -> None:
        assert kept(org, "Contact", "HasOptedOutOfEmail", "TRUE") is True
        assert org.row("Contact", org.create("Contact", LastName="L"))["HasOptedOutOfEmail"] is False
        code, message, _ = refused(org, "Contact", LastName="L", HasOptedOutOfEmail=None)
        assert (code, message) == (
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "Email Opt Out: value not of required type: null",
        )
        assert refused(org, "Contact", LastName="L", HasOptedOutOfEmail="yes")[0] == "JSON_PARSER_ERROR"

    def test_dates_are_days(self, org: Caller) -> None:
        assert kept(org, "Contact", "Birthdate", "1815-12-10") == "1815-12-10"
        for value in ("10.12.1815", "1815-13-01", "1815-02-30", "1699-12-31", "4001-01-01", "1815-12-10T00:00:00Z", 5):
            assert refused(org, "Contact", LastName="L", Birthdate=value)[0] == "JSON_PARSER_ERROR"

    @pytest.mark.parametrize(
        "given", ["2026-03-01T12:00:00Z", "2026-03-01T14:00:00.987+02:00", "2026-03-01T05:00:00.000-0700"]
    )
    def test_moments_are_shown_in_utc_to_the_second(self, org: Caller, given: str) -> None:
        assert kept(org, "Contact", "EmailBouncedDate", given) == "2026-03-01T12:00:00.000+0000"

    def test_a_moment_without_a_zone_cannot_be_read(self, org: Caller) -> None:
        assert refused(org, "Contact", LastName="L", EmailBouncedDate="2026-03-01T12:00:00")[0] == "JSON_PARSER_ERROR"


class TestPicklists:
    def test_a_standard_picklist_takes_values_it_does_not_list(self, org: Caller) -> None:
        assert kept(org, "Account", "Industry", "Beekeeping") == "Beekeeping"

    def test_a_restricted_one_does_not(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("Gold", "Silver"), label="Tier")
        assert kept(org, "Contact", "Tier__c", "Gold") == "Gold"
        assert refused(org, "Contact", LastName="L", Tier__c="gold") == (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Tier: bad value for restricted picklist field: gold",
            ["Tier__c"],
        )

    def test_a_value_that_was_switched_off_stays_on_rows_and_is_taken_no_more(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("Gold", "Silver"))
        id = org.create("Contact", LastName="L", Tier__c="Silver")
        org.emulator.deactivate_picklist_value("Contact", "Tier__c", "Silver")
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "T"}).status == 204
        assert org.row("Contact", id)["Tier__c"] == "Silver"
        assert refused(org, "Contact", LastName="L", Tier__c="Silver")[0] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        fields = org.call("GET", "/sobjects/Contact/describe").json["fields"]
        [tier] = [field for field in fields if field["name"] == "Tier__c"]
        assert {value["value"]: value["active"] for value in tier["picklistValues"]} == {"Gold": True, "Silver": False}
        assert tier["restrictedPicklist"] is True

    def test_several_choices_are_a_set_in_the_order_of_the_definition(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Likes__c", "MultiselectPicklist", picklist=("Tea", "Jam", "Bread"))
        assert kept(org, "Contact", "Likes__c", "Bread; Tea;Bread;") == "Tea;Bread"
        assert refused(org, "Contact", LastName="L", Likes__c="Tea;Gin")[0] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"

    def test_a_default_is_filled_in_on_create(self, org: Caller) -> None:
        assert org.row("Lead", org.create("Lead", LastName="L", Company="C"))["Status"] == "Open - Not Contacted"


class TestRequired:
    def test_missing_ones_are_all_named(self, org: Caller) -> None:
        assert refused(org, "Opportunity", Name="  ", StageName="S") == (
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [Name, CloseDate]",
            ["Name", "CloseDate"],
        )

    def test_one_cannot_be_cleared_either(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        assert org.call("PATCH", f"/sobjects/Account/{id}", {"Name": ""}).error == (400, "REQUIRED_FIELD_MISSING")
        assert org.call("PATCH", f"/sobjects/Account/{id}", {"Phone": "1"}).status == 204

    def test_an_event_needs_a_start_and_a_length(self, org: Caller) -> None:
        assert refused(org, "Event", Subject="Call")[2] == ["DurationInMinutes", "ActivityDateTime"]
        id = org.create("Event", Subject="Call", ActivityDateTime="2026-06-01T10:00:00Z", DurationInMinutes=30)
        assert org.row("Event", id)["EndDateTime"] == "2026-06-01T10:30:00.000+0000"


class TestReferences:
    def test_a_look_up_must_point_at_a_row_of_the_right_object(self, org: Caller) -> None:
        contact = org.create("Contact", LastName="L")
        code, message, fields = refused(org, "Contact", LastName="M", AccountId=contact)
        assert (code, fields) == ("FIELD_INTEGRITY_EXCEPTION", ["AccountId"])
        assert message == f"Account ID: id value of incorrect type: {contact}"
        assert refused(org, "Contact", LastName="M", AccountId="acme")[0] == "MALFORMED_ID"
        never = "001000000000000AAA"
        assert refused(org, "Contact", LastName="M", AccountId=never)[0] == "INVALID_CROSS_REFERENCE_KEY"

    def test_a_deleted_parent_is_refused(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        org.user.delete("Account", account)
        code, _, _ = refused(org, "Contact", LastName="M", AccountId=account)
        assert code == "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"

    def test_an_inactive_user_owns_nothing_new_and_keeps_what_was_theirs(self, org: Caller) -> None:
        leaver = org.emulator.add_user("Lea Ver")
        id = org.create("Contact", LastName="L", OwnerId=leaver.id)
        org.user.update("User", leaver.id, {"IsActive": False})
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "T", "OwnerId": leaver.id}).status == 204
        assert refused(org, "Contact", LastName="M", OwnerId=leaver.id) == (
            "INACTIVE_OWNER_OR_USER",
            f"operation performed with inactive user [{leaver.id}] as owner of contact",
            ["OwnerId"],
        )

    def test_the_creator_owns_what_names_no_owner(self, org: Caller) -> None:
        org.token = org.emulator.issue_token("Sales User")
        id = org.create("Account", Name="Acme")
        assert org.row("Account", id)["OwnerId"] == org.emulator.user("Sales User").id


class TestWorkedOut:
    def test_names_and_addresses_follow_their_parts(self, org: Caller) -> None:
        id = org.create("Contact", LastName="Lovelace", FirstName="Ada", Salutation="Ms.", MailingCity="London")
        row = org.row("Contact", id)
        assert row["Name"] == "Ada Lovelace"
        assert row["MailingAddress"]["city"] == "London"
        assert row["OtherAddress"] is None
        org.user.update("Contact", id, {"FirstName": None, "MailingCity": None})
        assert (org.row("Contact", id)["Name"], org.row("Contact", id)["MailingAddress"]) == ("Lovelace", None)

    def test_a_stage_brings_its_probability_unless_one_is_given(self, org: Caller) -> None:
        id = org.create("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-06-30", Amount=1000)
        row = org.row("Opportunity", id)
        assert (row["Probability"], row["ExpectedRevenue"], row["IsClosed"]) == (10.0, 100.0, False)
        org.user.update("Opportunity", id, {"StageName": "Closed Won"})
        row = org.row("Opportunity", id)
        assert (row["Probability"], row["IsWon"], row["ForecastCategory"], row["FiscalQuarter"]) == (
            100.0,
            True,
            "Closed",
            2,
        )
        org.user.update("Opportunity", id, {"StageName": "Prospecting", "Probability": 55})
        assert org.row("Opportunity", id)["Probability"] == 55.0

    def test_an_opportunitys_contact_becomes_its_primary_role(self, org: Caller) -> None:
        contacts = [org.create("Contact", LastName=f"L{n}") for n in range(2)]
        id = org.create("Opportunity", Name="D", StageName="S", CloseDate="2026-06-30", ContactId=contacts[0])
        assert org.row("Opportunity", id)["ContactId"] == contacts[0]
        org.create("OpportunityContactRole", OpportunityId=id, ContactId=contacts[1], IsPrimary=True)
        roles = org.soql("SELECT ContactId, IsPrimary FROM OpportunityContactRole ORDER BY Id")
        assert [(role["ContactId"], role["IsPrimary"]) for role in roles] == [(contacts[0], False), (contacts[1], True)]

    def test_a_parents_new_name_shows_on_children_whose_stamps_do_not_move(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        id = org.create("Contact", LastName="L", AccountId=account)
        before = org.row("Contact", id)["SystemModstamp"]
        org.pass_seconds(10)
        org.user.update("Account", account, {"Name": "Apex"})
        assert org.soql("SELECT Account.Name FROM Contact") == [{"Account": {"Name": "Apex"}}]
        assert org.row("Contact", id)["SystemModstamp"] == before

    def test_a_closed_task_says_when(self, org: Caller) -> None:
        id = org.create("Task", Subject="Call")
        org.pass_seconds(60)
        org.user.update("Task", id, {"Status": "Completed"})
        row = org.row("Task", id)
        assert (row["IsClosed"], row["CompletedDateTime"]) == (True, "2026-05-28T20:27:40.000+0000")
