"""SOQL as a person writes it: what each clause selects, and what a real org refuses."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller


@pytest.fixture
def office(org: Caller) -> Caller:
    """Two accounts, four contacts, three opportunities."""
    org.emulator.add_custom_field("Contact", "Likes__c", "MultiselectPicklist", picklist=("Tea", "Jam", "Bread"))
    org.emulator.seed(
        {
            "Account": [{"Name": "Acme", "Industry": "Energy"}, {"Name": "Bolt", "AnnualRevenue": 500}],
            "Contact": [
                {"LastName": "Adams", "Email": "a@x.com", "AccountId": "@Account[0]", "Likes__c": "Tea;Jam"},
                {"LastName": "brown", "FirstName": "Bob", "AccountId": "@Account[0]", "Likes__c": "Jam"},
                {"LastName": "Clark", "Title": "50%_off", "AccountId": "@Account[1]", "DoNotCall": True},
                {"LastName": "O'Neil", "Title": "a\\b", "Birthdate": "1990-02-01"},
            ],
            "Opportunity": [
                {"Name": "One", "StageName": "Prospecting", "CloseDate": "2026-05-28", "Amount": 100},
                {"Name": "Two", "StageName": "Prospecting", "CloseDate": "2026-06-10", "Amount": 300},
                {"Name": "Six", "StageName": "Closed Won", "CloseDate": "2025-12-31"},
            ],
        }
    )
    return org


def names(org: Caller, where: str, sobject: str = "Contact", field: str = "LastName") -> list[Any]:
    return [row[field] for row in org.soql(f"SELECT {field} FROM {sobject} WHERE {where} ORDER BY Id")]


class TestWhere:
    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ("LastName = 'ADAMS'", ["Adams"]),
            ("LastName != 'adams'", ["brown", "Clark", "O'Neil"]),
            ("LastName <> 'adams' AND LastName <> 'brown'", ["Clark", "O'Neil"]),
            ("LastName > 'BROWN'", ["Clark", "O'Neil"]),
            ("LastName <= 'Brown'", ["Adams", "brown"]),
            ("LastName IN ('Adams', 'CLARK', 'nobody')", ["Adams", "Clark"]),
            ("LastName NOT IN ('Adams', 'CLARK')", ["brown", "O'Neil"]),
            ("LastName LIKE '%a%'", ["Adams", "Clark"]),
            ("LastName LIKE 'BR_WN'", ["brown"]),
            (r"Title LIKE '50\%\_o__'", ["Clark"]),
            (r"LastName = 'O\'Neil'", ["O'Neil"]),
            (r"Title = 'a\\b'", ["O'Neil"]),
            ("Email = null", ["brown", "Clark", "O'Neil"]),
            ("Email = ''", ["brown", "Clark", "O'Neil"]),
            ("Email != null", ["Adams"]),
            ("Email != ''", ["Adams"]),
            ("Email != 'a@x.com'", ["brown", "Clark", "O'Neil"]),
            ("Email NOT IN ('a@x.com')", ["brown", "Clark", "O'Neil"]),
            ("Email IN ('a@x.com', null)", ["Adams", "brown", "Clark", "O'Neil"]),
            ("Email < 'z'", ["Adams"]),
            ("Email LIKE '%'", ["Adams"]),
            ("DoNotCall = true", ["Clark"]),
            ("DoNotCall = null AND FirstName = null", ["Adams", "O'Neil"]),
            ("DoNotCall != null", ["Clark"]),
            ("FirstName = 'bob' OR Title != null", ["brown", "Clark", "O'Neil"]),
            ("NOT LastName = 'Adams'", ["brown", "Clark", "O'Neil"]),
            ("NOT (LastName = 'Adams' OR Title = null)", ["Clark", "O'Neil"]),
            ("(LastName = 'Adams' OR LastName = 'brown') AND FirstName = null", ["Adams"]),
            ("((LastName = 'Adams'))", ["Adams"]),
            ("Birthdate = 1990-02-01", ["O'Neil"]),
            ("Birthdate > 1990-02-01", []),
            ("CreatedDate >= 2026-05-28T20:26:40Z AND CreatedDate < 2026-05-28T22:26:41+02:00", 4),
            ("CreatedDate = TODAY AND Title = null", ["Adams", "brown"]),
            ("Account.Name = 'acme'", ["Adams", "brown"]),
            ("Account.Industry = null", ["Clark", "O'Neil"]),
            ("Account.Name != 'Acme'", ["Clark", "O'Neil"]),
            ("Contact.Account.Owner.Name = 'Admin User'", ["Adams", "brown", "Clark"]),
            ("Likes__c INCLUDES ('Tea')", ["Adams"]),
            ("Likes__c INCLUDES ('Tea;Jam', 'Bread')", ["Adams"]),
            ("Likes__c EXCLUDES ('Tea')", ["brown", "Clark", "O'Neil"]),
            ("Likes__c = 'Jam;Tea'", ["Adams"]),
            ("AccountId IN (SELECT Id FROM Account WHERE Industry = 'energy')", ["Adams", "brown"]),
            ("AccountId NOT IN (SELECT Id FROM Account WHERE Name = 'Acme')", ["Clark", "O'Neil"]),
        ],
    )
    def test_a_condition_selects(self, office: Caller, where: str, found: list[str] | int) -> None:
        got = names(office, where)
        assert (len(got) if isinstance(found, int) else got) == found

    def test_keywords_and_names_are_read_in_any_case(self, office: Caller) -> None:
        found = office.soql("select lastname from CONTACT where LASTNAME like 'a%' order by LASTNAME limit 1")
        assert found == [{"LastName": "Adams"}]

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ("Amount > 100", ["Two"]),
            ("Amount >= 100 AND Amount < 300.5", ["One", "Two"]),
            ("Amount < 1000", ["One", "Two"]),
            ("Amount = null", ["Six"]),
            ("Amount IN (300, 1e2)", ["One", "Two"]),
            ("CloseDate = TODAY", ["One"]),
            ("CloseDate = YESTERDAY", []),
            ("CloseDate = THIS_MONTH", ["One"]),
            ("CloseDate = NEXT_MONTH", ["Two"]),
            ("CloseDate = NEXT_N_DAYS:13", ["Two"]),
            ("CloseDate > NEXT_N_DAYS:12", ["Two"]),
            ("CloseDate = THIS_QUARTER", ["One", "Two"]),
            ("CloseDate = LAST_YEAR", ["Six"]),
            ("CloseDate < THIS_YEAR", ["Six"]),
            ("CloseDate = LAST_N_MONTHS:5", ["Six"]),
            ("CloseDate = LAST_N_MONTHS:4", []),
            ("CloseDate = N_DAYS_AGO:0", ["One"]),
            ("CloseDate IN (2026-05-28, 2025-12-31)", ["One", "Six"]),
            ("CloseDate NOT IN (2026-05-28, 2025-12-31)", ["Two"]),
            ("CloseDate = THIS_WEEK", ["One"]),
        ],
    )
    def test_numbers_and_days(self, office: Caller, where: str, found: list[str]) -> None:
        # It is Thursday, 2026-05-28.
        assert names(office, where, "Opportunity", "Name") == found

    def test_every_date_literal_is_understood(self, office: Caller) -> None:
        plain = ["YESTERDAY", "TODAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"]
        units = ("WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR")
        plain += [f"{side}_{unit}" for side in ("LAST", "THIS", "NEXT") for unit in units]
        numbered = [f"{side}_N_{unit}S:2" for side in ("LAST", "NEXT") for unit in ("DAY", *units)]
        numbered += [f"N_{unit}S_AGO:2" for unit in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")]
        for literal in plain + numbered:
            for name in ("CloseDate", "LastModifiedDate"):
                office.soql(f"SELECT Id FROM Opportunity WHERE {name} >= {literal}")
        assert office.refused("SELECT Id FROM Opportunity WHERE CloseDate = LAST_FORTNIGHT") == "MALFORMED_QUERY"


class TestSelect:
    def test_parents_are_nested_and_null_where_there_is_none(self, office: Caller) -> None:
        rows = office.soql("SELECT LastName, Account.Name, Account.Owner.Email FROM Contact ORDER BY LastName DESC")
        assert rows[0] == {"LastName": "O'Neil", "Account": None}
        assert rows[1]["Account"] == {"Name": "Bolt", "Owner": {"Email": "admin@example.com"}}

    def test_children_are_nested_and_null_where_there_are_none(self, office: Caller) -> None:
        office.create("Account", Name="Empty")
        soql = "SELECT Name, (SELECT LastName FROM Contacts WHERE Title = null ORDER BY LastName DESC) FROM Account ORDER BY Name"
        answer = office.call("GET", "/query", query={"q": soql}).json
        acme, bolt, empty = answer["records"]
        assert (acme["Contacts"]["totalSize"], acme["Contacts"]["done"]) == (2, True)
        assert [row["LastName"] for row in acme["Contacts"]["records"]] == ["brown", "Adams"]
        assert bolt["Contacts"] is None
        assert empty["Contacts"] is None

    def test_an_alias_of_the_object_may_lead_the_names(self, office: Caller) -> None:
        assert office.soql("SELECT c.LastName, c.Account.Name FROM Contact c WHERE c.Email = 'a@x.com'") == [
            {"LastName": "Adams", "Account": {"Name": "Acme"}}
        ]

    def test_all_fields_need_a_small_limit(self, office: Caller) -> None:
        [row] = office.soql("SELECT FIELDS(ALL) FROM Contact LIMIT 1")
        assert {"Id", "LastName", "Likes__c", "SystemModstamp"} <= set(row)
        [row] = office.soql("SELECT FIELDS(CUSTOM), Id FROM Contact LIMIT 1")
        assert set(row) == {"Likes__c", "Id"}
        assert office.refused("SELECT FIELDS(ALL) FROM Contact") == "MALFORMED_QUERY"
        assert "Likes__c" not in office.soql("SELECT FIELDS(STANDARD) FROM Contact")[0]

    def test_who_an_activity_is_with_depends_on_the_row(self, office: Caller) -> None:
        contact = office.soql("SELECT Id FROM Contact WHERE LastName = 'Clark'")[0]["Id"]
        office.create("Task", Subject="Call", WhoId=contact)
        office.create("Task", Subject="Alone")
        soql = "SELECT Who.Name, Who.Type, TYPEOF Who WHEN Contact THEN Title ELSE Name END FROM Task ORDER BY Id"
        assert office.refused("SELECT Who.Nope FROM Task") == "INVALID_FIELD"
        rows = office.soql(soql.replace("Who.Name, Who.Type, ", ""))
        assert rows == [{"Who": {"Title": "50%_off"}}, {"Who": None}]
        rows = office.soql("SELECT Who.Name, Who.Type FROM Task ORDER BY Id")
        assert rows[0] == {"Who": {"Name": "Clark", "Type": "Contact"}}

    def test_a_lead_may_belong_to_a_user_or_a_queue(self, org: Caller) -> None:
        org.create("Lead", LastName="L", Company="C")
        assert org.soql("SELECT Owner.Type, Owner.Name FROM Lead WHERE Owner.Type = 'User'") == [
            {"Owner": {"Type": "User", "Name": "Integration User"}}
        ]
        queue = org.emulator.add_queue("Inbound")
        waiting = org.create("Lead", LastName="M", Company="C", OwnerId=queue)
        assert org.soql("SELECT Id, Owner.Name, Owner.Type FROM Lead WHERE Owner.Type = 'Queue'") == [
            {"Id": waiting, "Owner": {"Name": "Inbound", "Type": "Queue"}}
        ]
        assert org.soql(f"SELECT Id FROM User WHERE Id = '{queue}'") == []
        contact = org.call("POST", "/sobjects/Contact", {"LastName": "L", "OwnerId": queue})
        assert contact.error == (400, "FIELD_INTEGRITY_EXCEPTION")

    def test_a_field_named_twice_is_refused(self, office: Caller) -> None:
        assert office.refused("SELECT Id, id FROM Contact") == "INVALID_FIELD"


class TestOrder:
    def test_nulls_come_first_unless_sent_last(self, office: Caller) -> None:
        def order(clause: str) -> list[Any]:
            return [row["Amount"] for row in office.soql(f"SELECT Amount FROM Opportunity ORDER BY {clause}")]

        assert order("Amount") == order("Amount ASC NULLS FIRST") == [None, 100.0, 300.0]
        assert order("Amount DESC") == [None, 300.0, 100.0]
        assert order("Amount DESC NULLS LAST") == [300.0, 100.0, None]

    def test_text_sorts_without_case_and_several_keys_in_turn(self, office: Caller) -> None:
        rows = office.soql("SELECT LastName FROM Contact ORDER BY Account.Name NULLS LAST, LastName DESC")
        assert [row["LastName"] for row in rows] == ["brown", "Adams", "Clark", "O'Neil"]

    def test_a_picklist_sorts_as_it_is_defined(self, office: Caller) -> None:
        rows = office.soql("SELECT StageName FROM Opportunity ORDER BY StageName DESC")
        assert rows[0]["StageName"] == "Closed Won"

    def test_limit_and_offset_cut(self, office: Caller) -> None:
        def cut(clause: str) -> list[Any]:
            return [row["LastName"] for row in office.soql(f"SELECT LastName FROM Contact ORDER BY LastName {clause}")]

        assert cut("LIMIT 2") == ["Adams", "brown"]
        assert cut("LIMIT 2 OFFSET 1") == ["brown", "Clark"]
        assert cut("OFFSET 3") == ["O'Neil"]
        assert cut("LIMIT 0") == []
        assert office.refused("SELECT Id FROM Contact OFFSET 2001") == "NUMBER_OUTSIDE_VALID_RANGE"

    def test_without_it_rows_come_neither_as_listed_nor_as_made(self, org: Caller) -> None:
        ids = [org.create("Contact", LastName=f"L{n}", Email=f"{n}@x.com") for n in range(4)]
        listed = ",".join(f"'{id}'" for id in (ids[1], ids[3], ids[0]))
        emails = ",".join(f"'{n}@x.com'" for n in range(4))
        for where, made in (("LastName != null", ids), (f"Email IN ({emails})", ids)):
            found = [row["Id"] for row in org.soql(f"SELECT Id FROM Contact WHERE {where}")]
            assert sorted(found) == made != found
        found = [row["Id"] for row in org.soql(f"SELECT Id FROM Contact WHERE Id IN ({listed})")]
        assert sorted(found) == [ids[0], ids[1], ids[3]] != found != [ids[1], ids[3], ids[0]]


class TestAggregates:
    def test_count_alone_is_the_total_and_no_rows(self, office: Caller) -> None:
        answer = office.call("GET", "/query", query={"q": "SELECT COUNT() FROM Contact WHERE Title = null"}).json
        assert answer == {"totalSize": 2, "done": True, "records": []}

    def test_groups_are_counted_summed_and_compared(self, office: Caller) -> None:
        soql = (
            "SELECT StageName, COUNT(Id), SUM(Amount) total, AVG(Amount), MIN(Amount), MAX(CloseDate) last "
            "FROM Opportunity GROUP BY StageName ORDER BY COUNT(Id) DESC"
        )
        answer = office.call("GET", "/query", query={"q": soql}).json
        assert answer["records"][0] == {
            "attributes": {"type": "AggregateResult"},
            "StageName": "Prospecting",
            "expr0": 2,
            "total": 400.0,
            "expr1": 200.0,
            "expr2": 100.0,
            "last": "2026-06-10",
        }
        assert answer["records"][1]["total"] is None

    def test_count_of_a_field_leaves_out_nulls(self, office: Caller) -> None:
        assert office.soql("SELECT COUNT(Id) a, COUNT(Amount) b, COUNT_DISTINCT(StageName) c FROM Opportunity") == [
            {"a": 3, "b": 2, "c": 2}
        ]

    def test_having_selects_groups_and_parents_may_group(self, office: Caller) -> None:
        soql = "SELECT Account.Name, COUNT(Id) n FROM Contact GROUP BY Account.Name HAVING COUNT(Id) > 1"
        assert office.soql(soql) == [{"Name": "Acme", "n": 2}]

    def test_dates_are_grouped_by_their_parts(self, office: Caller) -> None:
        soql = "SELECT CALENDAR_YEAR(CloseDate) y, COUNT(Id) n FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate)"
        assert sorted((row["y"], row["n"]) for row in office.soql(soql)) == [(2025, 1), (2026, 2)]

    def test_nothing_counted_is_zero(self, org: Caller) -> None:
        assert org.soql("SELECT COUNT(Id) n FROM Contact") == [{"n": 0}]
        assert org.soql("SELECT AccountId, COUNT(Id) n FROM Contact GROUP BY AccountId") == []


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT * FROM Contact", "MALFORMED_QUERY"),
        ("SELECT FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName = 'a' AND LastName = 'b' OR Title = 'c'", "MALFORMED_QUERY"),
        ('SELECT Id FROM Contact WHERE LastName = "a"', "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName = 'a", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact LIMIT 1 WHERE LastName = 'a'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact ALL ROWS", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact; DROP", "MALFORMED_QUERY"),
        ("SELECT LastName, COUNT(Id) FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id n FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Amount = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE DoNotCall = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Description = 'a'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Accounts.Name = 'a'", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Contact) FROM Account", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE AccountId = 'acme'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE AccountId LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE LastName < null", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE LastName INCLUDES ('a')", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact ORDER BY Description", "MALFORMED_QUERY"),
    ],
)
def test_what_a_real_org_refuses_is_refused(org: Caller, soql: str, code: str) -> None:
    assert org.refused(soql) == code


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id FROM Contact USING SCOPE mine",
        "SELECT Id FROM Contact WITH SECURITY_ENFORCED",
        "SELECT Id FROM Contact FOR VIEW",
        "SELECT Id FROM Contact LIMIT 1 FOR UPDATE",
        "SELECT toLabel(Salutation), LastName FROM Contact",
        "SELECT Id FROM Contact WHERE Id > '' ORDER BY Id",
    ],
)
def test_rarer_clauses_are_read(org: Caller, soql: str) -> None:
    assert org.soql(soql) == []
