"""The control API and the web pages, as HubSpot serves them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.emulator.hubspot.calls import Answer, Caller


class TestControl:
    def test_seeding_gives_ids_in_order_and_the_journal_tells_of_it(self, hubspot: Caller) -> None:
        body = {
            "objects": {"contacts": [{"firstname": "Ada"}, {"firstname": "Grace"}], "companies": [{"name": "Acme"}]}
        }
        ids = hubspot.post("/_emulator/seed", body).json["ids"]
        assert hubspot.value("contacts", ids["contacts"][1], "firstname") == "Grace"
        journal = hubspot.get("/_emulator/journal").json
        first = journal["entries"][0]
        assert (first["seq"], first["action"], first["field"], first["new"]) == (1, "create", "firstname", "Ada")
        assert first["at"] == "2026-09-21T14:13:20.000000Z"
        assert hubspot.get("/_emulator/journal", after=journal["last_seq"]).json["entries"] == []

    def test_what_the_native_integration_seeds_has_its_properties_and_its_source_in_history(
        self, hubspot: Caller
    ) -> None:
        there = "003fY000000KFqoQAG"
        body = {"objects": {"contacts": [{"email": "ada@example.com", "salesforcecontactid": there}]}}
        (id,) = hubspot.post("/_emulator/seed", body | {"by": "native_integration"}).json["ids"]["contacts"]
        asked = {"propertiesWithHistory": ["salesforcecontactid"], "properties": [], "inputs": [{"id": id}]}
        (found,) = hubspot.post("/crm/v3/objects/contacts/batch/read", asked).json["results"]
        (version,) = found["propertiesWithHistory"]["salesforcecontactid"]
        assert (version["value"], version["sourceType"], version["sourceId"]) == (
            there,
            "SALESFORCE",
            "Salesforce Connector",
        )
        assert (
            hubspot.get("/crm/v3/properties/contacts/salesforcecontactid").json["groupName"] == "salesforceinformation"
        )

    def test_nobody_else_seeds(self, hubspot: Caller) -> None:
        refused = hubspot.post("/_emulator/seed", {"objects": {"contacts": []}, "by": "a stranger"})
        assert (refused.status, refused.json["error"]) == (400, "invalid")

    def test_stats_count_api_calls_by_endpoint_and_client_and_nothing_else(self, hubspot: Caller) -> None:
        hubspot.get("/crm/v3/objects/contacts")
        hubspot.post("/crm/objects/2026-09/contacts/batch/read", {"inputs": []})
        hubspot.get("/sign-in")
        stats = hubspot.get("/_emulator/stats").json
        assert stats["calls"] == 2
        assert stats["by_endpoint"] == {
            "GET /crm/v3/objects/{type}": 1,
            "POST /crm/objects/2026-09/{type}/batch/read": 1,
        }
        assert stats["by_client"] == {"tests": 2}

    def test_a_reset_empties_the_account_or_fills_it_with_the_sample_and_keeps_the_token(self, hubspot: Caller) -> None:
        hubspot.contact(firstname="Ada")
        seq = hubspot.emulator.journal.last_seq
        assert hubspot.post("/_emulator/reset", {"data": "empty"}).status == 200
        assert hubspot.get("/crm/v3/objects/contacts").ids == []
        assert hubspot.emulator.journal.last_seq == seq
        hubspot.post("/_emulator/reset", {"data": "sample"})
        assert len(hubspot.get("/crm/v3/objects/deals").ids) == 2

    def test_faults_are_planted_and_taken_away(self, hubspot: Caller) -> None:
        rule = {"kind": "status", "status": 503, "match": {"path_prefix": "/crm"}}
        assert hubspot.post("/_emulator/faults", [rule]).json == {"planted": 1}
        assert hubspot.get("/crm/v3/objects/contacts").status == 503
        assert hubspot.delete("/_emulator/faults").json == {"fired": 1}
        assert hubspot.get("/crm/v3/objects/contacts").status == 200

    def test_the_clock_is_moved_and_set(self, hubspot: Caller) -> None:
        assert hubspot.post("/_emulator/clock", {"advance_seconds": 90}).json == {"now": "2026-09-21T14:14:50.000000Z"}
        assert hubspot.post("/_emulator/clock", {"set": "2030-01-01T00:00:00Z"}).status == 200
        assert hubspot.modified("contacts", hubspot.contact(firstname="Ada")) == "2030-01-01T00:00:00Z"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("seed", {"objects": {"contacts": [{"email": "000"}]}}),
            ("seed", {"objects": {"unicorns": [{}]}}),
            ("seed", {"objects": []}),
            ("reset", {"data": "everything"}),
            ("faults", [{"kind": "explode"}]),
            ("faults", {}),
            ("clock", {}),
            ("clock", {"set": "yesterday"}),
        ],
    )
    def test_what_cannot_be_done_is_said_with_400(self, hubspot: Caller, path: str, body: Any) -> None:
        refused = hubspot.post(f"/_emulator/{path}", body)
        assert refused.status == 400
        assert set(refused.json) == {"error", "message"}

    def test_a_web_page_of_another_origin_is_not_obeyed(self, hubspot: Caller) -> None:
        hubspot.contact(firstname="Ada")
        hubspot.headers |= {"origin": "https://elsewhere.example", "host": "127.0.0.1:1"}
        assert hubspot.post("/_emulator/reset", {"data": "empty"}).status == 400
        assert len(hubspot.emulator.user().ids("contacts")) == 1


class Browser:
    """Signs in and submits forms as a browser would."""

    def __init__(self, hubspot: Caller) -> None:
        self.hubspot = hubspot

    def sign_in(self, email: str = "sales@example.com", password: str = "local-crm", next: str = "/") -> Answer:
        answer = self.post("/sign-in", {"email": email, "password": password, "next": next})
        if "set-cookie" in answer.headers:
            self.hubspot.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def post(self, path: str, form: dict[str, str]) -> Answer:
        return self.hubspot.call("POST", path, None, {}, raw=urlencode(form).encode())

    def page(self, path: str, **query: Any) -> str:
        answer = self.hubspot.get(path, **query)
        assert answer.status == 200
        return answer.body.decode()

    def save(self, path: str, **values: str) -> Answer:
        found = re.search(r'name="csrf" value="(\w+)"', self.page(path))
        assert found
        return self.post(path, {"csrf": found[1], **values})


@pytest.fixture
def browser(hubspot: Caller) -> Browser:
    return Browser(hubspot)


class TestPages:
    def test_nothing_is_shown_before_signing_in_and_then_the_page_that_was_asked_for(self, browser: Browser) -> None:
        asked = browser.hubspot.get("/records/contacts")
        assert (asked.status, asked.headers["location"]) == (303, "/sign-in?next=%2Frecords%2Fcontacts")
        assert browser.sign_in(password="wrong").status == 400
        assert browser.sign_in(next="/records/contacts").headers["location"] == "/records/contacts"
        assert browser.sign_in(next="//elsewhere.example").headers["location"] == "/"
        assert "Sales User" in browser.page("/records/contacts")

    def test_a_forged_session_is_nobody(self, browser: Browser) -> None:
        browser.hubspot.headers["cookie"] = "crm_session_hubspot=admin%40example.com.0000"
        assert browser.hubspot.get("/records/contacts").status == 303

    def test_records_are_listed_searched_and_paged(self, browser: Browser) -> None:
        rows = [{"firstname": f"Person{number}", "email": f"p{number}@example.com"} for number in range(60)]
        browser.hubspot.emulator.seed({"contacts": rows})
        browser.sign_in()
        assert "60 records" in browser.page("/records/contacts")
        assert "Person59" in browser.page("/records/contacts", page=3)
        found = browser.page("/records/contacts", q="p42@")
        assert "1 record " in found
        assert "Person42" in found

    def test_an_edit_is_the_persons_own(self, browser: Browser) -> None:
        id = browser.hubspot.contact(email="ada@example.com", firstname="Ada")
        browser.hubspot.later(5)
        browser.sign_in()
        saved = browser.save(f"/records/contacts/{id}", firstname="Augusta", email="ada@example.com")
        assert saved.headers["location"] == f"/records/contacts/{id}?saved=1"
        entry = browser.hubspot.emulator.journal.entries()[-1]
        assert (entry.client, entry.user, entry.field, entry.new) == ("ui", "sales@example.com", "firstname", "Augusta")
        assert browser.hubspot.modified("contacts", id) == "2026-09-21T14:13:25Z"
        assert browser.hubspot.emulator.user().history("contacts", id, "firstname")[0][2] == "CRM_UI"

    def test_a_refused_edit_says_why_and_keeps_what_was_typed(self, browser: Browser) -> None:
        id = browser.hubspot.contact(email="ada@example.com", firstname="Ada")
        browser.sign_in()
        refused = browser.save(f"/records/contacts/{id}", email="not-an-address")
        assert refused.status == 400
        assert b"Email address not-an-address is invalid" in refused.body
        assert b'<li><a href="#f-email">Email</a></li>' in refused.body
        assert re.search(
            rb'<input id="f-email" name="email" aria-invalid="true" aria-describedby="error"', refused.body
        )
        assert b'value="not-an-address"' in refused.body
        assert browser.hubspot.value("contacts", id, "email") == "ada@example.com"

    def test_a_record_is_made_and_deleted(self, browser: Browser) -> None:
        browser.sign_in()
        made = browser.save("/records/companies/new", name="Acme & Sons <b>")
        path = made.headers["location"].partition("?")[0]
        assert "Acme &amp; Sons &lt;b&gt;" in browser.page(path)
        csrf = re.search(r'name="csrf" value="(\w+)"', browser.page(path))
        assert csrf
        assert browser.post(f"{path}/delete", {"csrf": csrf[1]}).status == 303
        assert browser.hubspot.get(path).status == 404

    def test_a_form_without_its_token_changes_nothing(self, browser: Browser) -> None:
        id = browser.hubspot.contact(firstname="Ada")
        browser.sign_in()
        assert browser.post(f"/records/contacts/{id}", {"firstname": "Eve"}).status == 403
        assert browser.hubspot.value("contacts", id, "firstname") == "Ada"

    def test_pages_allow_no_script_and_no_framing(self, browser: Browser) -> None:
        policy = browser.hubspot.get("/sign-in").headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("form-action 'self'")
        assert "frame-ancestors 'none'" in policy
        assert browser.hubspot.get("/static/style.css").headers["content-type"].startswith("text/css")

    def test_a_browser_at_work_counts_as_no_call_and_is_met_by_no_fault(self, browser: Browser) -> None:
        browser.hubspot.emulator.faults.add({"kind": "status", "status": 500})
        browser.sign_in()
        for path in ("/records/contacts", "/favicon.ico", "/static/icon.svg", "/static/style.css"):
            assert browser.hubspot.get(path).status == 200
        assert browser.hubspot.emulator.stats.calls == 0

    @pytest.mark.parametrize(
        "path", ["/sign-in", "/records/contacts", "/records/contacts/new", "/records/contacts/101"]
    )
    def test_every_page_is_whole_and_every_control_has_a_name(self, browser: Browser, path: str) -> None:
        browser.hubspot.contact(email="ada@example.com", firstname="Ada")
        browser.sign_in()
        page = browser.page(path)
        assert '<html lang="en">' in page
        assert page.count("<h1>") == 1
        assert re.search(r"<title>[^<·]+ · Local HubSpot</title>", page)
        assert not re.search(r"(src|href)=.(https?:)?//", page), "nothing comes from elsewhere"
        assert "<script" not in page
        assert " style=" not in page
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        for control in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            id = re.search(r' id="([^"]+)"', control)
            labelled = id is not None and f'<label for="{id[1]}">' in page
            assert labelled or 'type="hidden"' in control or "aria-label=" in control, control

    def test_empty_fields_stand_behind_those_with_a_value(self, browser: Browser) -> None:
        id = browser.hubspot.contact(email="ada@example.com", school="Turin")
        browser.sign_in()
        shown, _, rest = browser.page(f"/records/contacts/{id}").partition("empty fields</summary>")
        assert 'name="school" value="Turin"' in shown
        assert 'name="degree" value=""' in rest
        assert browser.save(f"/records/contacts/{id}", degree="Mathematics").status == 303
        assert browser.hubspot.value("contacts", id, "degree") == "Mathematics"

    def test_a_date_is_edited_as_a_date(self, browser: Browser) -> None:
        body = {"name": "born", "label": "Born", "type": "date", "fieldType": "date", "groupName": "contactinformation"}
        assert browser.hubspot.post("/crm/v3/properties/contacts", body).status == 201
        id = browser.hubspot.contact(firstname="Ada", born="1815-12-10")
        browser.sign_in()
        assert 'name="born" value="1815-12-10" type="date"' in browser.page(f"/records/contacts/{id}")

    @pytest.mark.parametrize("type", ["contacts", "companies", "deals", "tickets", "tasks", "notes", "calls"])
    def test_every_object_has_a_list_and_a_form(self, browser: Browser, type: str) -> None:
        browser.sign_in()
        assert "No records yet" in browser.page(f"/records/{type}")
        assert "<form" in browser.page(f"/records/{type}/new")

    def test_an_unknown_object_or_record_is_not_found(self, browser: Browser) -> None:
        browser.sign_in()
        assert browser.hubspot.get("/records/unicorns").status == 404
        assert browser.hubspot.get("/records/unicorns/1").status == 404
        assert browser.hubspot.get("/records/contacts/9").status == 404
