"""Queries over HTTP: pages, cursors, deleted rows, errors, and getUpdated and getDeleted."""

from __future__ import annotations

import pytest
from tests.emulator.salesforce.calls import BASE, Caller


@pytest.fixture
def crowd(org: Caller) -> Caller:
    org.emulator.seed({"Contact": [{"LastName": f"P{n:04}", "Title": f"T{n % 3}"} for n in range(4_500)]})
    return org


ALL = "SELECT Id, LastName FROM Contact ORDER BY LastName"


class TestPages:
    def test_a_page_is_2000_rows_and_says_where_the_next_one_is(self, crowd: Caller) -> None:
        first = crowd.call("GET", "/query/", query={"q": ALL}).json
        assert (first["totalSize"], first["done"], len(first["records"])) == (4_500, False, 2_000)
        assert first["nextRecordsUrl"].startswith(f"{BASE}/query/01g")
        assert first["nextRecordsUrl"].endswith("-2000")
        second = crowd.call("GET", first["nextRecordsUrl"]).json
        third = crowd.call("GET", second["nextRecordsUrl"]).json
        assert (len(third["records"]), third["done"], "nextRecordsUrl" in third) == (500, True, False)
        names = [row["LastName"] for page in (first, second, third) for row in page["records"]]
        assert names == [f"P{n:04}" for n in range(4_500)]

    @pytest.mark.parametrize(("asked", "rows"), [("200", 200), ("1", 200), ("777", 777), ("9000", 2_000), ("x", 2_000)])
    def test_a_batch_size_is_between_200_and_2000(self, crowd: Caller, asked: str, rows: int) -> None:
        headers = {"Sforce-Query-Options": f"batchSize={asked}"}
        assert len(crowd.call("GET", "/query", query={"q": ALL}, headers=headers).json["records"]) == rows

    def test_later_pages_hold_the_rows_of_the_query_with_the_values_of_their_moment(self, crowd: Caller) -> None:
        first = crowd.call("GET", "/query", query={"q": ALL}).json
        [row] = crowd.soql("SELECT Id FROM Contact WHERE LastName = 'P3000'")
        crowd.user.update("Contact", row["Id"], {"LastName": "P9999"})
        second = crowd.call("GET", first["nextRecordsUrl"]).json
        assert (second["totalSize"], second["records"][1_000]["LastName"]) == (4_500, "P9999")

    def test_a_cursor_is_its_users_own_and_dies_after_two_days(self, crowd: Caller) -> None:
        url = crowd.call("GET", "/query", query={"q": ALL}).json["nextRecordsUrl"]
        own, crowd.token = crowd.token, crowd.emulator.issue_token("Sales User")
        assert crowd.call("GET", url).error == (400, "INVALID_QUERY_LOCATOR")
        crowd.token = own
        crowd.pass_seconds(2 * 86_400)
        assert crowd.call("GET", url).status == 200
        crowd.pass_seconds(1)
        assert crowd.call("GET", url).error == (400, "INVALID_QUERY_LOCATOR")

    def test_an_eleventh_open_cursor_closes_the_first(self, crowd: Caller) -> None:
        urls = [crowd.call("GET", "/query", query={"q": ALL}).json["nextRecordsUrl"] for _ in range(11)]
        assert crowd.call("GET", urls[0]).error == (400, "INVALID_QUERY_LOCATOR")
        assert crowd.call("GET", urls[1]).status == 200

    def test_columns_are_described_for_clients_that_ask(self, org: Caller) -> None:
        found = org.call("GET", "/query", query={"q": "SELECT Id, LastName FROM Contact", "columns": "true"}).json
        assert [column["columnName"] for column in found["columnMetadata"]] == ["Id", "LastName"]
        assert (found["entityName"], found["idSelected"], found["keyPrefix"]) == ("Contact", True, "003")


class TestDeletedRows:
    def test_they_are_seen_by_queryall_only(self, org: Caller) -> None:
        kept, gone = (org.create("Contact", LastName=name) for name in "AB")
        org.user.delete("Contact", gone)
        everything = "SELECT Id, IsDeleted FROM Contact ORDER BY Id"
        assert org.soql(everything) == [{"Id": kept, "IsDeleted": False}]
        assert org.soql(everything, deleted=True) == [
            {"Id": kept, "IsDeleted": False},
            {"Id": gone, "IsDeleted": True},
        ]
        assert org.soql("SELECT Id FROM Contact WHERE IsDeleted = true") == []
        assert org.soql("SELECT Id FROM Contact WHERE IsDeleted = true", deleted=True) == [{"Id": gone}]
        assert org.soql("SELECT COUNT(Id) n FROM Contact", deleted=True) == [{"n": 2}]

    def test_a_poll_by_stamp_sees_a_delete_as_a_change(self, org: Caller) -> None:
        id = org.create("Contact", LastName="A")
        org.pass_seconds(60)
        org.user.delete("Contact", id)
        poll = (
            "SELECT Id, IsDeleted FROM Contact WHERE SystemModstamp >= 2026-05-28T20:27:00Z ORDER BY SystemModstamp, Id"
        )
        assert org.soql(poll) == []
        assert org.soql(poll, deleted=True) == [{"Id": id, "IsDeleted": True}]


class TestErrors:
    def test_a_query_that_cannot_be_read_shows_the_place(self, org: Caller) -> None:
        refused = org.call("GET", "/query", query={"q": "SELECT Id FROM Contact WHERE"})
        assert refused.error == (400, "MALFORMED_QUERY")
        lines = refused.json[0]["message"].split("\n")
        assert lines[1] == "SELECT Id FROM Contact WHERE"
        assert lines[2].strip() == "^"
        assert lines[3] == "ERROR at Row:1:Column:28"

    def test_an_unknown_field_or_object_is_named_with_its_place(self, org: Caller) -> None:
        refused = org.call("GET", "/query", query={"q": "SELECT Id, Nope FROM Contact"})
        assert refused.error == (400, "INVALID_FIELD")
        assert "ERROR at Row:1:Column:12\nNo such column 'Nope' on entity 'Contact'." in refused.json[0]["message"]
        refused = org.call("GET", "/query", query={"q": "SELECT Id FROM Unicorn"})
        assert refused.error == (400, "INVALID_TYPE")
        assert "sObject type 'Unicorn' is not supported." in refused.json[0]["message"]

    def test_a_query_is_needed(self, org: Caller) -> None:
        assert org.call("GET", "/query").error == (400, "MALFORMED_QUERY")

    def test_an_address_of_more_than_16384_bytes_is_refused(self, org: Caller) -> None:
        ids = ",".join(f"'{org.emulator.org_id}'" for _ in range(800))
        answer = org.call("GET", "/query", query={"q": f"SELECT Id FROM Contact WHERE Id IN ({ids})"})
        assert answer.status == 414


DAY = {"start": "2026-05-28T00:00:00+00:00", "end": "2026-05-29T00:00:00+00:00"}


class TestReplication:
    def test_what_changed_and_what_went_is_listed(self, org: Caller) -> None:
        kept, gone = (org.create("Contact", LastName=name) for name in "AB")
        org.pass_seconds(120)
        org.user.delete("Contact", gone)
        org.pass_seconds(120)
        updated = org.call("GET", "/sobjects/Contact/updated/", query=DAY).json
        assert updated == {"ids": [kept], "latestDateCovered": "2026-05-28T20:30:00.000+0000"}
        deleted = org.call("GET", "/sobjects/Contact/deleted/", query=DAY).json
        assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2026-05-28T20:28:40.000+0000"}]
        assert deleted["latestDateCovered"] == "2026-05-28T20:30:00.000+0000"
        assert "earliestDateAvailable" in deleted

    def test_seconds_are_ignored(self, org: Caller) -> None:
        id = org.create("Contact", LastName="A")
        org.pass_seconds(600)
        span = {"start": "2026-05-28T20:26:59Z", "end": "2026-05-28T20:27:59Z"}
        assert org.call("GET", "/sobjects/Contact/updated", query=span).json["ids"] == [id]
        span = {"start": "2026-05-28T20:25:00Z", "end": "2026-05-28T20:26:59Z"}
        assert org.call("GET", "/sobjects/Contact/updated", query=span).json["ids"] == []

    def test_deletes_are_told_after_the_bin_is_emptied_and_not_after_a_restore(self, org: Caller) -> None:
        restored, purged = (org.create("Contact", LastName=name) for name in "AB")
        for id in (restored, purged):
            org.user.delete("Contact", id)
        org.user.undelete("Contact", restored)
        org.emulator.empty_recycle_bin()
        org.pass_seconds(60)
        found = org.call("GET", "/sobjects/Contact/deleted", query=DAY).json["deletedRecords"]
        assert [entry["id"] for entry in found] == [purged]
        assert org.soql("SELECT Id FROM Contact WHERE IsDeleted = true", deleted=True) == []

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            ("2026-05-28T20:00:00Z", "2026-05-28T20:00:00Z"),
            ("2026-05-29T00:00:00Z", "2026-05-28T00:00:00Z"),
            ("2026-04-28T20:00:00Z", "2026-05-28T00:00:00Z"),
            ("yesterday", "2026-05-28T00:00:00Z"),
        ],
    )
    def test_a_span_that_is_empty_backward_or_older_than_30_days_is_refused(
        self, org: Caller, start: str, end: str
    ) -> None:
        for kind in ("updated", "deleted"):
            refused = org.call("GET", f"/sobjects/Contact/{kind}", query={"start": start, "end": end})
            assert refused.error == (400, "INVALID_REPLICATION_DATE")
