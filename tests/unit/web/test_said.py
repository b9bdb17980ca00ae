"""What use cases say, on a page in another language: sentence by sentence, with what was filled in, and nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests import page_texts, said_texts
from tests.asgi_browser import Browser
from tests.office import PASSWORD, an_office

from interlock.app.people.roles import Role
from interlock.app.sign_in_checks import _ACCOUNTS
from interlock.app.words import WHY_NOT
from interlock.engine.explanations import known
from interlock.engine.questions import SHARED
from interlock.web import texts
from interlock.web.app import make_app
from interlock.web.said import told

POLISH = {"accept-language": "pl"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def polish() -> Iterator[None]:
    texts.speak("pl")
    yield
    texts.speak("en")


def test_english_stays_as_it_was_said() -> None:
    assert told("The sign-in has ended.") == "The sign-in has ended."
    assert told(None) == ""


@pytest.mark.usefixtures("polish")
def test_a_sentence_is_told_with_what_was_filled_in() -> None:
    assert told("There is no issue 12.") == "Nie ma sprawy 12."
    assert told("HubSpot has no list 7.") == "HubSpot nie ma listy 7."


@pytest.mark.usefixtures("polish")
def test_what_a_crm_said_stays_as_it_was_said_in_the_middle_of_ours() -> None:
    said = "Salesforce refused the call: bad value for restricted picklist field: Gold. Correct the date."
    assert told(said) == "Salesforce odrzucił wywołanie: bad value for restricted picklist field: Gold. Popraw datę."
    assert told("Somebody wrote this. Correct the date.") == "Somebody wrote this. Popraw datę."


@pytest.mark.usefixtures("polish")
def test_a_reason_within_a_sentence_is_told_too() -> None:
    said = "Title was refused, the other fields were written: 412 characters, the Salesforce field holds 128"
    assert told(said) == (
        "Odrzucono Title, pozostałe pola zapisano: Liczba znaków: 412, a pole Salesforce'a mieści 128"
    )


@pytest.mark.usefixtures("polish")
def test_who_refused_and_what_a_reason_is_about_stand_before_it() -> None:
    said = "Salesforce cannot hold it: 399 characters, the Salesforce field holds 128"
    assert told(said) == "Salesforce nie może tego pomieścić: Liczba znaków: 399, a pole Salesforce'a mieści 128"
    assert told("Mismatched Types: the org has no such field") == "Mismatched Types: organizacja nie ma takiego pola"


@pytest.mark.usefixtures("polish")
def test_a_decision_and_where_its_value_goes_are_both_told() -> None:
    assert told("Both sides were edited since they agreed; the rule decides, and the other value is kept as a conflict."
                " HubSpot's value goes to Salesforce.").endswith("Wartość z HubSpota trafia do Salesforce.")  # fmt: skip


@pytest.mark.usefixtures("polish")
def test_a_sentence_that_begins_with_a_number_is_one_by_itself() -> None:
    said = "Syncing is stopped by a brake. 12 of 20 linked contacts looked at are gone in HubSpot."
    first, _end, second = told(said).partition(". ")
    assert first == "Synchronizację zatrzymał hamulec bezpieczeństwa"
    assert second.startswith("Zniknęło 12 z 20")


@pytest.mark.usefixtures("polish")
@pytest.mark.parametrize(
    "said",
    [
        *(f"hubspot:contacts:1 has {shared} but is already linked with it." for shared in SHARED.values()),
        *(f"Sign in to Acme. Another {account} takes a connection of its own." for account in _ACCOUNTS.values()),
    ],
)
def test_what_fills_a_hole_and_is_no_name_is_told_too(said: str) -> None:
    assert not {"same", "account", "Another", "has"} & set(re.findall(r"\w+", told(said)))


@pytest.mark.usefixtures("polish")
def test_every_reason_why_not_and_every_fix_of_an_issue_has_its_words() -> None:
    said = [*WHY_NOT.values(), *(fix.format(crm="HubSpot") for _code, _category, fix in known())]
    assert [each for each in said if told(each) == each] == []


@pytest.mark.usefixtures("polish")
def test_no_sentence_with_a_hole_is_mistaken_for_another() -> None:
    catalogue = texts.read("pl", "said")
    mistaken = []
    for sentence in said_texts.messages():
        holes = re.findall(r"\{(\w+)\}", sentence)
        filled = re.sub(r"\{(\w+)\}", lambda hole: f"<{hole[1]}>", sentence)
        message = catalogue.get(sentence)
        assert message is not None
        assert isinstance(message.string, str)
        wanted = re.sub(r"\{(\w+)\}", lambda hole: f"<{hole[1]}>", message.string)
        if holes and told(filled) != wanted:
            mistaken.append((sentence, told(filled)))
    assert mistaken == []


@pytest.mark.usefixtures("polish")
def test_a_message_without_an_end_is_left_alone() -> None:
    endless = "Correct the date. " * 1_000
    assert told(endless) == endless


def test_sentences_are_drawn_from_the_source_and_not_from_what_only_programs_read() -> None:
    said = said_texts.messages()
    assert len(said) > 500
    assert not [each for each in said if each.startswith("SELECT ")]
    assert "Look at it as it is now, then make your change again." in said


@pytest.mark.anyio
async def test_a_refusal_is_in_the_language_at_the_form_and_in_english_for_a_program(tmp_path: Path) -> None:
    async with an_office(tmp_path) as office:
        await office.add("Ada", Role.ADMIN)
        browser = Browser(make_app(office.interlock, "http://127.0.0.1:8090", office.passwords))
        await browser.sign_in("ada@example.com", PASSWORD)
        page = await browser.get("/people")
        refused = await browser.post(
            "/people",
            {"csrf": page.page.form("/people")["csrf"], "name": "", "email": "x@example.com", "role": "viewer"},
            **POLISH,
        )
        assert refused.status == 422
        assert "Brakuje nazwy. Wpisz, jak współpracownicy nazywają tę osobę." in refused.page.text
        program = await browser.get("/api/v1/connections/99", **POLISH)
        assert msgspec.json.decode(program.body)["error"]["message"].isascii()


def test_both_catalogues_are_there_in_every_language() -> None:
    found = {(file.parents[1].name, file.stem) for file in page_texts.translations()}
    assert found == {(each, domain) for each in texts.LANGUAGES if each != "en" for domain in page_texts.DOMAINS}
