"""The control API and the web pages, as the local Salesforce serves them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.emulator.salesforce.calls import Answer, Caller
from tests.emulator.salesforce.deploying import fields_package, send


class TestControl:
    def test_seeding_gives_ids_in_order_and_the_journal_tells_of_it(self, org: Caller) -> None:
        body = {
            "objects": {
                "Account": [{"Name": "Acme"}],
                "Contact": [{"LastName": "Ada", "AccountId": "@Account[0]"}, {"LastName": "Grace"}],
            }
        }
        ids = org.call("POST", "/_emulator/seed", body).json["ids"]
        assert org.row("Contact", ids["Contact"][1])["LastName"] == "Grace"
        assert org.row("Contact", ids["Contact"][0])["AccountId"] == ids["Account"][0]
        journal = org.call("GET", "/_emulator/journal").json
        first = next(entry for entry in journal["entries"] if entry["field"] == "Name")
        assert (first["object"], first["action"], first["new"], first["client"]) == (
            "Account",
            "create",
            "Acme",
            "seed",
        )
        assert first["at"] == "2026-05-28T20:26:40.000000Z"
        assert org.call("GET", f"/_emulator/journal?after={journal['last_seq']}").json["entries"] == []

    def test_seeded_rows_may_be_older_than_the_org(self, org: Caller) -> None:
        stamps = {"CreatedDate": "2020-01-01T00:00:00Z", "LastModifiedDate": "2021-01-01T00:00:00Z"}
        [id] = org.emulator.seed({"Account": [{"Name": "Old", **stamps}]})["Account"]
        row = org.row("Account", id)
        assert (row["CreatedDate"], row["SystemModstamp"]) == (
            "2020-01-01T00:00:00.000+0000",
            "2021-01-01T00:00:00.000+0000",
        )
        assert org.soql("SELECT Id FROM Account WHERE SystemModstamp < 2022-01-01T00:00:00Z") == [{"Id": id}]

    def test_stats_count_api_calls_by_endpoint_and_client_and_nothing_else(self, org: Caller) -> None:
        org.call("GET", "/sobjects/Account", headers={"User-Agent": "tests/1"})
        org.call("GET", "/services/data/v60.0/sobjects/Lead", headers={"User-Agent": "tests/1"})
        org.call("GET", "/sign-in")
        stats = org.call("GET", "/_emulator/stats").json
        assert stats["calls"] == 2
        assert stats["by_endpoint"] == {"GET /services/data/{version}/sobjects/{object}": 2}
        assert stats["by_client"] == {"tests": 2}
        assert stats["refused_429"] == 0

    def test_a_reset_empties_the_org_or_fills_it_with_the_sample_and_keeps_the_token(self, org: Caller) -> None:
        old = org.create("Account", Name="Acme")
        org.emulator.add_validation_rule("Account", lambda values: True, "Never.")
        seq = org.emulator.journal.last_seq
        assert org.call("POST", "/_emulator/reset", {"data": "empty"}).status == 200
        assert org.soql("SELECT Id FROM Account") == []
        assert org.emulator.journal.last_seq == seq
        assert org.create("Account", Name="New") != old
        org.call("POST", "/_emulator/reset", {"data": "sample"})
        assert len(org.soql("SELECT Id FROM Contact")) == 4
        assert org.soql("SELECT Account.Name FROM Contact WHERE LastName = 'Forbes'") == [
            {"Account": {"Name": "Edge Communications"}}
        ]

    def test_faults_are_planted_and_taken_away(self, org: Caller) -> None:
        rule = {"kind": "status", "status": 503, "match": {"path_prefix": "/services/data"}}
        assert org.call("POST", "/_emulator/faults", [rule]).json == {"planted": 1}
        assert org.call("GET", "/limits").status == 503
        assert org.call("DELETE", "/_emulator/faults").json == {"fired": 1}
        assert org.call("GET", "/limits").status == 200

    def test_the_clock_is_moved_and_set(self, org: Caller) -> None:
        moved = org.call("POST", "/_emulator/clock", {"advance_seconds": 90})
        assert moved.json == {"now": "2026-05-28T20:28:10.000000Z"}
        assert org.call("POST", "/_emulator/clock", {"set": "2030-01-01T00:00:00Z"}).status == 200
        id = org.create("Account", Name="Acme")
        assert org.row("Account", id)["CreatedDate"] == "2030-01-01T00:00:00.000+0000"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("seed", {"objects": {"Contact": [{"LastName": "L", "Email": "000"}]}}),
            ("seed", {"objects": {"Contact": [{"LastName": "L", "AccountId": "@Account[3]"}]}}),
            ("seed", {"objects": {"Unicorn": [{}]}}),
            ("seed", {"objects": []}),
            ("reset", {"data": "everything"}),
            ("faults", [{"kind": "explode"}]),
            ("faults", {}),
            ("clock", {}),
            ("clock", {"set": "yesterday"}),
        ],
    )
    def test_what_cannot_be_done_is_said_with_400(self, org: Caller, path: str, body: Any) -> None:
        refused = org.call("POST", f"/_emulator/{path}", body)
        assert refused.status == 400
        assert set(refused.json) == {"error", "message"}

    def test_a_web_page_of_another_origin_is_not_obeyed(self, org: Caller) -> None:
        org.create("Account", Name="Acme")
        headers = {"origin": "https://elsewhere.example", "host": "127.0.0.1:1"}
        assert org.call("POST", "/_emulator/reset", {"data": "empty"}, headers=headers).status == 400
        assert len(org.user.ids("Account")) == 1


class Browser:
    """Signs in and submits forms as a browser would."""

    def __init__(self, org: Caller) -> None:
        self.org = org
        self.cookie = ""
        org.token = ""

    def sign_in(self, email: str = "sales@example.com", password: str = "user-password", next: str = "/") -> Answer:
        answer = self.post("/sign-in", {"email": email, "password": password, "next": next})
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def get(self, path: str, **query: Any) -> Answer:
        return self.org.call("GET", path, query=query, headers={"cookie": self.cookie})

    def post(self, path: str, form: dict[str, str]) -> Answer:
        return self.org.call("POST", path, raw=urlencode(form).encode(), headers={"cookie": self.cookie})

    def page(self, path: str, **query: Any) -> str:
        answer = self.get(path, **query)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def save(self, path: str, **values: str) -> Answer:
        found = re.search(r'name="csrf" value="(\w+)"', self.page(path))
        assert found
        return self.post(path, {"csrf": found[1], **values})


@pytest.fixture
def browser(org: Caller) -> Browser:
    return Browser(org)


class TestPages:
    def test_nothing_is_shown_before_signing_in_and_then_the_page_that_was_asked_for(self, browser: Browser) -> None:
        asked = browser.get("/records/Contact")
        assert (asked.status, asked.headers["location"]) == (303, "/sign-in?next=%2Frecords%2FContact")
        assert browser.sign_in(password="wrong").status == 400
        assert browser.sign_in(next="/records/Contact").headers["location"] == "/records/Contact"
        assert "Sales User" in browser.page("/records/Contact")

    def test_records_are_listed_searched_and_paged(self, browser: Browser) -> None:
        rows = [{"LastName": f"Person{n:02}", "Email": f"p{n}@example.com"} for n in range(60)]
        browser.org.emulator.seed({"Contact": rows})
        browser.sign_in()
        assert "60 records" in browser.page("/records/Contact")
        assert "Person59" in browser.page("/records/Contact", page="3")
        found = browser.page("/records/Contact", q="p42@")
        assert "1 record " in found
        assert "Person42" in found
        assert "Person41" not in found

    def test_an_edit_is_the_persons_own(self, browser: Browser) -> None:
        org = browser.org
        [id] = org.emulator.seed({"Contact": [{"LastName": "Lovelace", "FirstName": "Ada"}]})["Contact"]
        org.pass_seconds(5)
        browser.sign_in()
        saved = browser.save(f"/records/Contact/{id}", FirstName="Augusta", LastName="Lovelace")
        assert saved.headers["location"] == f"/records/Contact/{id}?saved=1"
        entry = org.emulator.journal.entries()[-1]
        assert (entry.client, entry.user, entry.field, entry.new) == ("ui", "sales@example.com", "FirstName", "Augusta")
        row = org.user.get("Contact", id)
        assert row["LastModifiedById"] == org.emulator.user("Sales User").id
        assert row["SystemModstamp"] == "2026-05-28T20:26:45.000+0000"

    def test_a_refused_edit_says_why_and_keeps_what_was_typed(self, browser: Browser) -> None:
        org = browser.org
        [id] = org.emulator.seed({"Contact": [{"LastName": "L"}]})["Contact"]
        browser.sign_in()
        refused = browser.save(f"/records/Contact/{id}", Email="not-an-address")
        assert refused.status == 400
        assert b"Email: invalid email address: not-an-address" in refused.body
        assert b'value="not-an-address"' in refused.body
        assert org.user.get("Contact", id)["Email"] is None

    def test_a_record_is_made_and_deleted(self, browser: Browser) -> None:
        browser.sign_in()
        made = browser.save("/records/Account/new", Name="Acme & Sons <b>")
        path = made.headers["location"].partition("?")[0]
        assert "Acme &amp; Sons &lt;b&gt;" in browser.page(path)
        csrf = re.search(r'name="csrf" value="(\w+)"', browser.page(path))
        assert csrf
        assert browser.post(f"{path}/delete", {"csrf": csrf[1]}).status == 303
        assert browser.get(path).status == 404

    def test_a_page_shows_what_was_deployed_meanwhile(self, browser: Browser) -> None:
        org = browser.org
        browser.sign_in()
        org.token = org.emulator.token
        needed = {"type": "Text", "label": "Badge number", "length": 9, "required": True}
        send(org, fields_package(Contact={"Badge__c": needed}))
        assert "Badge number" in browser.page("/records/Contact/new")

    def test_a_form_without_its_token_changes_nothing(self, browser: Browser) -> None:
        [id] = browser.org.emulator.seed({"Contact": [{"LastName": "L"}]})["Contact"]
        browser.sign_in()
        assert browser.post(f"/records/Contact/{id}", {"LastName": "Eve"}).status == 403
        assert browser.org.user.get("Contact", id)["LastName"] == "L"

    def test_a_field_the_person_may_not_see_is_not_on_the_page(self, browser: Browser) -> None:
        org = browser.org
        [id] = org.emulator.seed({"Contact": [{"LastName": "L", "Department": "Secret Works"}]})["Contact"]
        org.emulator.set_field_permission("Sales User", "Contact", "Department", read=False, edit=False)
        browser.sign_in()
        assert "Secret Works" not in browser.page(f"/records/Contact/{id}")
        browser.sign_in("admin@example.com")
        assert "Secret Works" in browser.page(f"/records/Contact/{id}")

    def test_saving_a_page_as_it_is_changes_nothing(self, browser: Browser) -> None:
        """Also where a value is not among the choices: a picklist value nobody lists, a queue as owner."""
        org = browser.org
        queue = org.emulator.add_queue("Inbound")
        row = {"LastName": "L", "Company": "C", "Industry": "Beekeeping", "OwnerId": queue, "Street": "1 Road\nHouse B"}
        [id] = org.emulator.seed({"Lead": [row]})["Lead"]
        seq = org.emulator.journal.last_seq
        browser.sign_in()
        page = browser.page(f"/records/Lead/{id}")
        form = dict(re.findall(r'<input id="[^"]*" name="(\w+)" value="([^"]*)"', page))
        for name, options in re.findall(r'<select id="[^"]*" name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
            chosen = re.search(r'<option value="([^"]*)" selected', options)
            form[name] = chosen[1] if chosen else ""
        for name, text in re.findall(r'<textarea id="[^"]*" name="(\w+)"[^>]*>(.*?)</textarea>', page, re.DOTALL):
            form[name] = text.replace("\n", "\r\n")  # as a browser sends it
        assert (form["Industry"], form["OwnerId"]) == ("Beekeeping", queue)
        assert browser.save(f"/records/Lead/{id}", **form).status == 303
        assert org.emulator.journal.last_seq == seq

    def test_a_converted_lead_can_be_read_and_not_saved(self, browser: Browser) -> None:
        org = browser.org
        [id] = org.emulator.seed({"Lead": [{"LastName": "L", "Company": "C"}]})["Lead"]
        org.user.convert_lead(id)
        browser.sign_in()
        refused = browser.save(f"/records/Lead/{id}", Title="T")
        assert refused.status == 400
        assert b"cannot reference converted lead" in refused.body

    @pytest.mark.parametrize(
        "object",
        ["Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole", "Task", "Event", "Campaign", "Case"],
    )
    def test_every_object_has_a_list_and_a_form(self, browser: Browser, object: str) -> None:
        browser.sign_in()
        assert "No records yet" in browser.page(f"/records/{object}")
        assert "<form" in browser.page(f"/records/{object}/new")

    def test_an_unknown_object_or_record_is_not_found(self, browser: Browser) -> None:
        browser.sign_in()
        for path in ("/records/Unicorn", "/records/Unicorn/1", "/records/Contact/9", "/records/User"):
            assert browser.get(path).status == 404


def made(org: Caller, kind: str, **fields: Any) -> str:
    """By the administrator, on a page: a browser has no token."""
    return org.user.create(kind, fields)


class TestConvertMergeRestore:
    """What a person does on the page, as in Salesforce's own: the journal names them."""

    def test_a_lead_is_converted(self, browser: Browser) -> None:
        org = browser.org
        lead = made(org, "Lead", LastName="Lovelace", FirstName="Ada", Company="Engines")
        browser.sign_in()
        assert f'href="/records/Lead/{lead}/convert"' in browser.page(f"/records/Lead/{lead}")
        assert 'value="Engines"' in browser.page(f"/records/Lead/{lead}/convert")
        done = browser.save(f"/records/Lead/{lead}/convert", opportunity="Deal", status="Closed - Converted")
        row = org.user.get("Lead", lead)
        assert done.headers["location"] == f"/records/Contact/{row['ConvertedContactId']}?saved=1"
        assert org.user.get("Opportunity", row["ConvertedOpportunityId"])["Name"] == "Deal"
        converted = [entry for entry in org.emulator.journal.entries() if entry.action == "convert"]
        assert {entry.user for entry in converted} == {"sales@example.com"}
        assert "/convert" not in browser.page(f"/records/Lead/{lead}")

    def test_into_an_existing_account_and_without_a_deal(self, browser: Browser) -> None:
        org = browser.org
        account = made(org, "Account", Name="Acme")
        lead = made(org, "Lead", LastName="L", Company="C")
        browser.sign_in()
        browser.save(f"/records/Lead/{lead}/convert", account=account)
        row = org.user.get("Lead", lead)
        assert (row["ConvertedAccountId"], row["ConvertedOpportunityId"]) == (account, None)

    def test_a_refused_conversion_says_why_and_keeps_what_was_typed(self, browser: Browser) -> None:
        org = browser.org
        lead = made(org, "Lead", LastName="L", Company="C")
        org.emulator.add_validation_rule("Contact", lambda values: True, "Never <b>.")
        browser.sign_in()
        refused = browser.save(f"/records/Lead/{lead}/convert", opportunity="Deal")
        assert (refused.status, b"Never &lt;b&gt;." in refused.body, b'value="Deal"' in refused.body) == (
            400,
            True,
            True,
        )
        assert org.user.get("Lead", lead)["IsConverted"] is False

    def test_records_are_compared_and_merged_with_the_values_that_were_chosen(self, browser: Browser) -> None:
        org = browser.org
        winner = made(org, "Contact", LastName="A", Phone="1", Title="Same")
        loser = made(org, "Contact", LastName="B", Phone="2", Title="Same", DoNotCall=True)
        task = made(org, "Task", Subject="Call", WhoId=loser)
        browser.sign_in()
        path = f"/records/Contact/{winner}/merge"
        assert f'href="{path}"' in browser.page(f"/records/Contact/{winner}")
        page = browser.page(f"{path}?with={loser}")
        assert re.findall(r'name="f-(\w+)"', page) == ["LastName", "Phone", "DoNotCall"]
        csrf = re.search(r'name="csrf" value="(\w+)"', page)
        assert csrf
        form = {"csrf": csrf[1], "with": loser, "f-LastName": winner, "f-Phone": loser, "f-DoNotCall": loser}
        assert browser.post(path, form).headers["location"] == f"/records/Contact/{winner}?saved=1"
        row = org.user.get("Contact", winner)
        assert (row["LastName"], row["Phone"], row["DoNotCall"]) == ("A", "2", True)
        assert org.user.get("Contact", loser)["MasterRecordId"] == winner
        assert org.user.get("Task", task)["WhoId"] == winner
        [merged] = [entry for entry in org.emulator.journal.entries() if entry.action == "merge"]
        assert (merged.user, merged.id) == ("sales@example.com", loser)

    def test_there_must_be_another_record_to_merge_with(self, browser: Browser) -> None:
        id = made(browser.org, "Contact", LastName="L")
        browser.sign_in()
        for other in (id, "nonsense"):
            answer = browser.get(f"/records/Contact/{id}/merge", **{"with": other})
            assert (answer.status, b"There is no such other record." in answer.body) == (400, True)
        deal = made(browser.org, "Opportunity", Name="D", StageName="S", CloseDate="2026-06-01")
        assert browser.get(f"/records/Opportunity/{deal}/merge").status == 404

    def test_a_deleted_record_is_restored_from_the_recycle_bin(self, browser: Browser) -> None:
        org = browser.org
        account = made(org, "Account", Name="Acme")
        contact = made(org, "Contact", LastName="Byron", AccountId=account)
        org.user.delete("Account", account)
        browser.sign_in()
        page = browser.page("/recycle-bin")
        assert ("Acme" in page, "Byron" in page, "1 record" in page) == (True, False, True)
        restored = browser.save("/recycle-bin", id=account)
        assert restored.headers["location"] == f"/records/Account/{account}?saved=1"
        assert org.user.get("Contact", contact)["IsDeleted"] is False
        entry = next(entry for entry in org.emulator.journal.entries() if entry.action == "restore")
        assert entry.user == "sales@example.com"
        assert "It is empty." in browser.page("/recycle-bin")

    def test_what_cannot_be_restored_is_said(self, browser: Browser) -> None:
        org = browser.org
        gone, other = (made(org, "Contact", LastName="L") for _ in range(2))
        for id in (gone, other):
            org.user.delete("Contact", id)
        browser.sign_in()
        csrf = re.search(r'name="csrf" value="(\w+)"', browser.page("/recycle-bin"))
        org.emulator.empty_recycle_bin()
        assert csrf
        refused = browser.post("/recycle-bin", {"csrf": csrf[1], "id": gone})
        assert (refused.status, b"Entity is not in the recycle bin" in refused.body) == (400, True)

    def test_none_of_it_without_signing_in_or_the_forms_token(self, browser: Browser) -> None:
        org = browser.org
        lead = made(org, "Lead", LastName="L", Company="C")
        for path in (f"/records/Lead/{lead}/convert", f"/records/Lead/{lead}/merge", "/recycle-bin"):
            assert browser.get(path).status == 303
        browser.sign_in()
        for path in (f"/records/Lead/{lead}/convert", f"/records/Lead/{lead}/merge", "/recycle-bin"):
            assert browser.post(path, {"id": lead}).status == 303
        assert org.user.get("Lead", lead)["IsConverted"] is False
