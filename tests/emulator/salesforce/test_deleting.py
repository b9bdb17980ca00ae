"""Deletes, the recycle bin, restores and merges."""

from __future__ import annotations

import pytest
from tests.emulator.salesforce.calls import Caller

from crm_emulator.salesforce import ApiError


class TestDelete:
    def test_an_account_takes_its_contacts_and_deals_along(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="L", AccountId=account)
        deal = org.create("Opportunity", Name="D", StageName="S", CloseDate="2026-06-01", AccountId=account)
        role = org.create("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
        org.pass_seconds(5)
        assert org.call("DELETE", f"/sobjects/Account/{account}").status == 204
        for sobject, id in (("Contact", contact), ("Opportunity", deal), ("OpportunityContactRole", role)):
            [row] = org.soql(f"SELECT IsDeleted, SystemModstamp FROM {sobject} WHERE Id = '{id}'", deleted=True)
            assert row == {"IsDeleted": True, "SystemModstamp": "2026-05-28T20:26:45.000+0000"}
        actions = {(entry.object, entry.action) for entry in org.emulator.journal.entries() if entry.field is None}
        assert {("Account", "delete"), ("Contact", "delete"), ("Opportunity", "delete")} <= actions

    def test_an_account_with_cases_cannot_be_deleted(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        case = org.create("Case", Subject="Broken", AccountId=account)
        refused = org.call("DELETE", f"/sobjects/Account/{account}")
        assert refused.error == (400, "DELETE_FAILED")
        assert refused.json[0]["message"] == (
            "Your attempt to delete Acme could not be completed because it is associated with the following cases.: "
            f"{case}"
        )
        assert org.row("Account", account)["IsDeleted"] is False

    def test_other_look_ups_are_cleared(self, org: Caller) -> None:
        parent = org.create("Account", Name="Holding")
        child = org.create("Account", Name="Branch", ParentId=parent)
        org.user.delete("Account", parent)
        assert org.row("Account", child)["ParentId"] is None


class TestBin:
    def test_a_restore_keeps_the_id_and_brings_back_what_went_along(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="L", AccountId=account)
        report = org.create("Account", Name="Branch", ParentId=account)
        org.user.delete("Account", account)
        org.pass_seconds(5)
        org.user.undelete("Account", account)
        assert org.row("Contact", contact)["AccountId"] == account
        assert org.row("Account", report)["ParentId"] == account
        assert org.row("Account", account)["SystemModstamp"] == "2026-05-28T20:26:45.000+0000"
        assert org.soql(f"SELECT Id FROM Contact WHERE AccountId = '{account}'") == [{"Id": contact}]

    def test_what_went_along_is_not_restored_without_its_parent(self, org: Caller) -> None:
        # Users report "Entity is not in the recycle bin" for a child that its parent's delete took along.
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="L", AccountId=account)
        org.user.delete("Account", account)
        with pytest.raises(ApiError, match="Entity is not in the recycle bin"):
            org.user.undelete("Contact", contact)
        assert org.soql(f"SELECT IsDeleted FROM Contact WHERE Id = '{contact}'", deleted=True) == [{"IsDeleted": True}]

    def test_what_was_deleted_before_its_parent_stays_deleted(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="L", AccountId=account)
        org.user.delete("Contact", contact)
        org.user.delete("Account", account)
        org.user.undelete("Account", account)
        assert org.soql("SELECT Id FROM Contact") == []

    def test_after_15_days_or_an_emptied_bin_nothing_comes_back(self, org: Caller) -> None:
        first, second = (org.create("Contact", LastName="L") for _ in range(2))
        org.user.delete("Contact", first)
        org.pass_seconds(15 * 86_400)
        org.user.delete("Contact", second)
        assert [row["Id"] for row in org.soql("SELECT Id FROM Contact", deleted=True)] == [second]
        with pytest.raises(ApiError, match="UNDELETE_FAILED"):
            org.user.undelete("Contact", first)
        org.emulator.empty_recycle_bin()
        with pytest.raises(ApiError, match="UNDELETE_FAILED"):
            org.user.undelete("Contact", second)
        assert org.soql("SELECT Id FROM Contact", deleted=True) == []

    def test_a_restore_whose_unique_value_was_taken_meanwhile_is_refused_whole(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
        account = org.create("Account", Name="Acme")
        old = org.create("Contact", LastName="Old", AccountId=account, Key__c="k")
        org.user.delete("Account", account)
        org.create("Contact", LastName="New", Key__c="k")
        with pytest.raises(ApiError, match="DUPLICATE_VALUE"):
            org.user.undelete("Account", account)
        assert org.soql("SELECT Id FROM Account") == []
        assert org.soql(f"SELECT IsDeleted FROM Contact WHERE Id = '{old}'", deleted=True) == [{"IsDeleted": True}]

    def test_the_api_has_no_way_to_restore(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        org.user.delete("Contact", id)
        refused = org.call("PATCH", f"/sobjects/Contact/{id}", {"IsDeleted": False})
        assert refused.error == (404, "ENTITY_IS_DELETED")


class TestMerge:
    def test_losers_name_their_master_and_children_move_to_it(self, org: Caller) -> None:
        winner, loser = org.create("Account", Name="Acme"), org.create("Account", Name="Acme Inc.", Phone="1")
        contact = org.create("Contact", LastName="L", AccountId=loser)
        org.pass_seconds(5)
        assert org.user.merge("Account", winner, loser, fields={"Phone": "1"}) == winner
        assert org.row("Contact", contact)["AccountId"] == winner
        assert org.row("Contact", contact)["SystemModstamp"] == "2026-05-28T20:26:45.000+0000"
        assert org.row("Account", winner)["Phone"] == "1"
        lost = "SELECT Id, IsDeleted, MasterRecordId FROM Account WHERE MasterRecordId != null"
        assert org.soql(lost) == []
        assert org.soql(lost, deleted=True) == [{"Id": loser, "IsDeleted": True, "MasterRecordId": winner}]
        assert org.call("GET", f"/sobjects/Account/{loser}").error == (404, "NOT_FOUND")

    def test_getdeleted_says_nothing_of_the_master(self, org: Caller) -> None:
        winner, loser = (org.create("Contact", LastName="L") for _ in range(2))
        org.user.merge("Contact", winner, loser)
        org.pass_seconds(60)
        span = {"start": "2026-05-28T20:00:00Z", "end": "2026-05-28T21:00:00Z"}
        [entry] = org.call("GET", "/sobjects/Contact/deleted", query=span).json["deletedRecords"]
        assert set(entry) == {"id", "deletedDate"}

    def test_a_loser_can_be_restored_and_its_children_stay_with_the_winner(self, org: Caller) -> None:
        # "You can undelete records that were deleted as the result of a merge, but the child objects are reparented, which
        # can't be undone" (SOAP API developer guide, undelete).
        winner, loser = (org.create("Account", Name="A") for _ in range(2))
        contact = org.create("Contact", LastName="L", AccountId=loser)
        org.user.merge("Account", winner, loser)
        org.pass_seconds(5)
        org.user.undelete("Account", loser)
        row = org.row("Account", loser)
        assert (row["IsDeleted"], row["MasterRecordId"]) == (False, None)
        assert row["SystemModstamp"] == "2026-05-28T20:26:45.000+0000"
        assert org.row("Contact", contact)["AccountId"] == winner

    def test_the_winner_may_take_a_losers_unique_value(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
        winner = org.create("Contact", LastName="A")
        loser = org.create("Contact", LastName="B", Key__c="k")
        org.user.merge("Contact", winner, loser, fields={"Key__c": "k"})
        assert org.soql("SELECT Id FROM Contact WHERE Key__c = 'k'") == [{"Id": winner}]

    def test_a_merge_that_breaks_a_rule_changes_nothing(self, org: Caller) -> None:
        winner, loser = (org.create("Contact", LastName=name) for name in "AB")
        org.emulator.add_validation_rule("Contact", lambda values: values.get("Title") == "X", "No X.")
        with pytest.raises(ApiError, match="No X"):
            org.user.merge("Contact", winner, loser, fields={"Title": "X"})
        assert len(org.soql("SELECT Id FROM Contact")) == 2

    def test_at_most_two_losers_of_the_same_object(self, org: Caller) -> None:
        ids = [org.create("Contact", LastName="L") for _ in range(4)]
        with pytest.raises(ApiError, match="INVALID_OPERATION"):
            org.user.merge("Contact", *ids)
        org.user.merge("Contact", *ids[:3])
        assert org.user.ids("Contact") == [ids[0], ids[3]]
        deals = [
            org.create("Opportunity", Name="D", StageName="S", CloseDate="2026-06-01"),
            org.create("Opportunity", Name="E", StageName="S", CloseDate="2026-06-01"),
        ]
        with pytest.raises(ApiError, match="INVALID_OPERATION"):
            org.user.merge("Opportunity", *deals)


def test_a_deleted_row_is_gone_from_the_bin_after_fifteen_days(org: Caller) -> None:
    id = org.create("Contact", LastName="L")
    org.user.delete("Contact", id)
    text = f"SELECT Id FROM Contact WHERE Id = '{id}'"
    org.pass_seconds(15 * 86_400 - 3_600)
    assert len(org.soql(text, deleted=True)) == 1
    org.pass_seconds(2 * 3_600)
    assert org.soql(text, deleted=True) == []
