"""The pages on which a person of the account makes a list, says what is in it, and takes it away."""

from __future__ import annotations

import re

import pytest
from tests.emulator.hubspot.calls import Answer, Caller
from tests.emulator.hubspot.test_control_and_pages import Browser


@pytest.fixture
def browser(hubspot: Caller) -> Browser:
    browser = Browser(hubspot)
    browser.sign_in()
    return browser


def send(browser: Browser, page: str, path: str, **values: str) -> Answer:
    found = re.search(r'name="csrf" value="(\w+)"', browser.page(page))
    assert found
    return browser.post(path, {"csrf": found[1], **values})


def test_a_manual_list_is_made_and_its_records_added_by_e_mail_and_removed(browser: Browser) -> None:
    ada = browser.hubspot.contact(email="ada@example.com", firstname="Ada")
    made = browser.save("/lists/new", name="Customers", object="contacts", kind="MANUAL")
    path = made.headers["location"].partition("?")[0]
    send(browser, path, f"{path}/add", record="ada@example.com")
    assert browser.hubspot.emulator.user().list_members("1") == [ada]
    assert "1 record" in browser.page(path)
    assert f'href="/records/contacts/{ada}"' in browser.page(path)
    send(browser, path, f"{path}/remove", record=ada)
    assert browser.hubspot.emulator.user().list_members("1") == []
    missing = send(browser, path, f"{path}/add", record="nobody@example.com")
    assert missing.status == 400
    assert b"There is no contact" in missing.body


def test_a_dynamic_list_is_made_of_rows_and_shows_them_again(browser: Browser) -> None:
    known = browser.hubspot.contact(email="a@example.com", city="Gdynia", lifecyclestage="customer")
    browser.hubspot.contact(email="b@example.com", city="Gdynia", lifecyclestage="lead")
    rows = {
        "property-0": "city",
        "condition-0": "is",
        "value-0": "Sopot; gdynia",
        "property-1": "lifecyclestage",
        "condition-1": "is not",
        "value-1": "lead",
    }
    made = browser.save("/lists/new", name="Coast", object="contacts", kind="DYNAMIC", **rows)
    path = made.headers["location"].partition("?")[0]
    assert browser.hubspot.emulator.user().list_members("1") == [known]
    shown = browser.page(path)
    assert 'value="Sopot;gdynia"' in shown
    assert '<option value="lifecyclestage" selected>' in shown
    browser.save(path, name="Seaside", **{**rows, "property-1": "", "value-0": "Gdynia"})
    assert len(browser.hubspot.emulator.user().list_members("1")) == 2
    assert "Seaside" in browser.page("/lists")


def test_filters_that_rows_cannot_show_are_shown_as_they_are_and_kept(browser: Browser) -> None:
    operation = {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN"}
    group = {
        "filterBranchType": "AND",
        "filters": [{"filterType": "PROPERTY", "property": "city", "operation": operation}],
    }
    written = {"filterBranchType": "OR", "filterBranches": [group, group]}
    list_id = browser.hubspot.emulator.user().create_list("contacts", "By an app", filters=written)
    assert "IS_KNOWN" in browser.page(f"/lists/{list_id}")
    browser.save(f"/lists/{list_id}", name="Renamed")
    assert (
        browser.hubspot.get(f"/crm/v3/lists/{list_id}", includeFilters="true").json["list"]["filterBranch"] == written
    )


def test_what_is_refused_is_said_and_what_was_typed_stays(browser: Browser) -> None:
    browser.save("/lists/new", name="Customers", object="contacts", kind="MANUAL")
    refused = browser.save("/lists/new", name="customers", object="contacts", kind="MANUAL")
    assert refused.status == 400
    assert b"already exists" in refused.body
    assert b'value="customers"' in refused.body
    no_rows = browser.save("/lists/new", name="Empty", object="deals", kind="DYNAMIC")
    assert b"at least one filter" in no_rows.body


def test_a_deleted_list_has_no_page_and_a_form_without_its_token_deletes_nothing(browser: Browser) -> None:
    browser.save("/lists/new", name="Customers", object="companies", kind="MANUAL")
    assert browser.post("/lists/1/delete", {}).status == 403
    assert send(browser, "/lists/1", "/lists/1/delete").status == 303
    assert browser.hubspot.get("/lists/1").status == 404


def test_lists_are_not_shown_before_signing_in(hubspot: Caller) -> None:
    assert hubspot.get("/lists").status == 303
