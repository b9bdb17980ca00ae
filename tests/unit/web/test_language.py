"""Whose language the pages speak, and that a translation says all that the English text says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from babel.messages.catalog import Catalog, Message
from tests import page_texts
from tests.asgi_browser import Browser
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, Office, an_office

from interlock.app.people.roles import Role
from interlock.store import connections
from interlock.web import texts
from interlock.web.app import make_app

pytestmark = pytest.mark.anyio

HTTP, HTTPS = "http://127.0.0.1:8090", "https://sync.example.com"
POLISH = {"accept-language": "pl-PL,pl;q=0.9,en;q=0.8"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as opened:
        await opened.add("Ada", Role.ADMIN)
        yield opened


def browser_at(office: Office, url: str = HTTP) -> Browser:
    return Browser(make_app(office.interlock, url, office.passwords))


async def signed_in(office: Office) -> Browser:
    browser = browser_at(office)
    await browser.sign_in("ada@example.com", PASSWORD)
    return browser


# --- whose language ---------------------------------------------------------------------------------------------------


async def test_a_page_is_in_the_language_that_the_browser_asks_for_and_says_which_it_is(office: Office) -> None:
    browser = browser_at(office)
    polish, english = await browser.get("/sign-in", **POLISH), await browser.get("/sign-in")
    assert polish.page.all("html", lang="pl")
    assert polish.page.all("title")
    assert "Zaloguj się" in polish.page.text
    assert english.page.all("html", lang="en")
    assert "Sign in" in english.page.text


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("", "en"),
        ("pl", "pl"),
        ("PL-pl", "pl"),
        ("en;q=0.5, pl;q=0.6", "pl"),
        ("pl;q=0.5, en;q=0.6", "en"),
        ("de, pl;q=0.1", "pl"),
        ("de, fr", "en"),
        ("pl;q=0, de", "en"),
        ("*", "en"),
        ("pl;q=nonsense, en", "en"),
        ("," * 50_000 + "pl", "en"),
    ],
)
def test_of_what_a_browser_would_take_the_best_that_we_have(asked: str, spoken: str) -> None:
    assert texts.preferred(asked) == spoken


async def test_what_was_chosen_on_the_account_page_counts_in_this_browser_signed_out_too(office: Office) -> None:
    ada, other = await signed_in(office), await signed_in(office)
    chosen = await ada.submit("/account", "/account/language", language="pl")
    assert (chosen.status, chosen.to) == (303, "/account?done=language")
    page = await ada.get("/account?done=language")
    assert "Strony są teraz w tym języku." in page.page.text
    assert '<option value="pl" selected>' in page.body
    await ada.post("/sign-out", {"csrf": page.page.form("/sign-out")["csrf"]})
    assert "Zaloguj się" in (await ada.get("/sign-in")).page.text
    assert "Your account" in (await other.get("/account")).page.text

    other_again = await other.submit("/account", "/account/language", language="en")
    assert other_again.status == 303
    assert "Your account" in (await other.get("/account", **POLISH)).page.text
    await other.submit("/account", "/account/language", language="browser")
    assert "Twoje konto" in (await other.get("/account", **POLISH)).page.text


async def test_a_language_that_is_not_there_is_refused_and_one_in_the_cookie_is_not_looked_for(office: Office) -> None:
    ada = await signed_in(office)
    refused = await ada.submit("/account", "/account/language", language="../../etc")
    assert refused.status == 422
    assert refused.page.all("select", id="language", **{"aria-invalid": "true"})
    assert refused.page.all("a", href="#language")
    ada.cookies["interlock_language"] = "../../etc"
    assert (await ada.get("/account")).page.all("html", lang="en")


async def test_behind_https_the_choice_is_bound_to_this_host(office: Office) -> None:
    browser = browser_at(office, HTTPS)
    browser.scheme = "https"
    await browser.sign_in("ada@example.com", PASSWORD)
    answer = await browser.submit("/account", "/account/language", language="pl")
    (cookie,) = answer.cookies
    assert cookie.startswith("__Host-interlock_language=pl;")
    assert {"secure", "httponly", "path=/"} <= {each.strip().lower() for each in cookie.split(";")}


async def test_programs_are_answered_in_english_whatever_they_ask_for(office: Office) -> None:
    answer = await browser_at(office).get("/api/nowhere", **POLISH)
    assert msgspec.json.decode(answer.body)["error"]["message"].startswith("There is no such address.")


async def test_what_is_missing_or_not_allowed_is_said_in_the_language_too(office: Office) -> None:
    await office.add("Vera")
    vera = browser_at(office)
    await vera.sign_in("vera@example.com", PASSWORD)
    assert "Nie ma takiej strony" in (await vera.get("/nowhere", **POLISH)).page.text
    assert "Twoja rola na to nie pozwala." in (await vera.get("/people", **POLISH)).page.text


async def test_a_number_and_a_plural_are_as_the_language_has_them(office: Office) -> None:
    ada = await signed_in(office)
    for _ in range(4):
        await signed_in(office)
    assert "W 5 przeglądarkach, wliczając tę." in (await ada.get("/account", **POLISH)).page.text
    assert "In 5 browsers, this one included." in (await ada.get("/account")).page.text
    async with office.store.write(None) as tx:
        await connections.create(tx, a_connection(begun_at_us=1))
    texts.speak("pl")
    assert texts._n("one", "many", 3) == "many"  # no such text: English, by the English rule
    forms = [
        texts.catalogue("pl").ngettext("In %(num)s browser.", "In %(num)s browsers, this one included.", n)
        for n in (1, 22)
    ]
    assert forms == ["W %(num)s przeglądarce.", "W %(num)s przeglądarkach, wliczając tę."]
    texts.speak("en")


# --- the translations -------------------------------------------------------------------------------------------------

every_translation = pytest.mark.parametrize(
    "file", page_texts.translations(), ids=lambda file: f"{file.parents[1].name}-{file.stem}"
)


def blanks(text: str) -> set[str]:
    """What is filled in, by the server or by a script of the page, and what is typed as it stands."""
    return set(re.findall(r"%\(\w+\)s|\{\w+\}|`[^`]*`", text))


@every_translation
def test_a_translation_has_the_texts_of_today_in_their_order(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == page_texts.translated(file), (
        "python -m tests.page_texts brings it up to date"
    )


@every_translation
def test_a_translation_lacks_no_text(file: Path) -> None:
    catalog = page_texts.read(file)
    assert [message for message in page_texts.messages(file.stem) if not _said(catalog, message)] == []


def _said(catalog: Catalog, message: page_texts.Message) -> bool:
    found = catalog.get(message if isinstance(message, str) else message[0])
    assert found is not None
    forms = _forms(found)
    return bool(forms) and all(forms)


def _forms(found: Message) -> list[str]:
    return [found.string] if isinstance(found.string, str) else list(found.string or ())


@every_translation
def test_a_translation_fills_in_the_same_values_and_names_the_same_commands(file: Path) -> None:
    catalog = page_texts.read(file)
    checked = 0
    for message in page_texts.messages(file.stem):
        one = message if isinstance(message, str) else message[0]
        found = catalog.get(one)
        assert found is not None
        for string in _forms(found):
            if string:
                many = one if isinstance(message, str) else message[1]
                # What stands in a hole of a sentence may be a piece of its grammar: `{waiting} {records}`.
                agrees = blanks(string) <= blanks(one) if file.stem == page_texts.SAID else False
                assert agrees or blanks(string) in (blanks(one), blanks(many)), string
                checked += 1
    assert checked > 100


def test_every_language_that_can_be_chosen_has_its_catalogue() -> None:
    assert {"en", *(file.parents[1].name for file in page_texts.translations())} == set(texts.LANGUAGES)
