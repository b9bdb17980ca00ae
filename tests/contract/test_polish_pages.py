"""All pages in another language, with something on each of them: nothing of ours is left in English."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.asgi_browser import Browser
from tests.contract.test_settings_undo import previewed
from tests.english_words import english
from tests.settings_world import SettingsWorld, tell
from tests.wizard import BY, Wizard

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app.notify import watch
from interlock.app.people import programs
from interlock.app.people.roles import Role
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas
from interlock.app.setup import expectations, migrate
from interlock.store import Store, connections, directory
from interlock.web.routes import ADDRESSES, API

HERE = "/connections/1"
# Of Salesforce and HubSpot, as they stand there.
# Of an org and an account: an issue of HubSpot's, a role of Salesforce's.
NAMES = {"Field Format Mismatch", "Other"}
# Said to a program, which reads English.
FOR_PROGRAMS = "/metrics"
REASONS = {
    "suspended": ("HubSpot has no list 7.", "Sign in again."),
    "stopped_by_brake": ("12 of 20 linked contacts looked at are gone in HubSpot.", "Sign in again."),
    "signed_out": ("The sign-in has ended.", "Sign in again."),
    "paused": ("A person has paused it.", "Run `interlock resume`."),
}
CROWDED = (
    *(
        f"{HERE}/{tab}"
        for tab in (
            "overview",
            "health",
            "contacts",
            "companies",
            "deals",
            "records",
            "conflicts",
            "suggestions",
            "duplicates",
            "issues",
        )
    ),
    *(
        f"{HERE}/{page}"
        for page in ("connection", "undo", "disconnect", "not-synced", "contacts/mappings/jobtitle:Title")
    ),
    *("/", "/people", "/api-tokens", "/audit-log", "/account", "/notifications", "/notices", "/settings/progress"),
)
SHOW_THE_STATE = ("/", f"{HERE}/overview", f"{HERE}/health", f"{HERE}/connection", "/settings/progress", "/notices")


def _in_polish(browser: Browser) -> Browser:
    browser.cookies["interlock_language"] = "pl"
    return browser


class Reader:
    """Opens pages and keeps what it finds in English on them."""

    def __init__(self, browser: Browser, names: set[str]) -> None:
        self.browser, self.names = _in_polish(browser), frozenset(names | NAMES)
        self.opened: set[str] = set()
        self.found: dict[str, list[str]] = {}

    async def open(self, path: str, about: str = "") -> None:
        answer = await self.browser.get(path)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            return
        self.read(answer.body, f"{path} {about}".rstrip())
        self.opened.add(path.partition("?")[0])

    def read(self, body: str, where: str) -> None:
        if found := english(body, names=self.names):
            self.found[where] = found

    def has_read_no_english(self) -> None:
        assert not self.found, "\n".join(f"{path}: {text}" for path, texts in self.found.items() for text in texts)


async def _schema_names(store: Store) -> set[str]:
    """Of properties and fields, which are the accounts' own words."""
    async with store.read(1) as tx:
        kept = await directory.get(tx, SCHEMAS)
    return _names_in(msgspec.convert(kept, Schemas, strict=False))


def _names_in(schemas: Schemas) -> set[str]:
    of_types = [*schemas.properties.values(), *schemas.fields.values()]
    spelled = {text for of_type in of_types for each in of_type for text in (each.name, each.label)}
    return spelled | {each.lower() for each in spelled} | _values_in(schemas)


def _values_in(schemas: Schemas) -> set[str]:
    """Of lists, but for those that are a word of the pages too, as Open."""
    options = {each.value for found in schemas.properties.values() for of in found for each in of.options}
    values = {value for found in schemas.fields.values() for of in found for value, _ in of.picklist_values}
    return {each for each in options | values if " " in each or each.isupper()}


async def _furnish(world: SettingsWorld) -> str:
    """A pair with conflicts and an issue, and a contact that cannot sync."""
    person = world.person("ada@example.com", firstname="Ada", jobtitle="Clerk", fax="1")
    nameless = world.hugo.create("contacts", {"lastname": "Nameless"})
    await world.turns()
    contact = world.counterpart("contacts", person)
    world.hugo.update("contacts", person, {"jobtitle": "Duchess", "fax": "2"})
    world.sally.update("Contact", contact, {"Title": "Countess", "Fax": "3"})
    await world.turns()
    world.hugo.update("contacts", person, {"jobtitle": "x" * 200})
    await world.turns()
    assert world.store is not None
    await programs.make(world.store, BY, "reports", Role.VIEWER)
    return f"hubspot:contacts:{person} hubspot:contacts:{nameless}"


def _settings_pages() -> list[str]:
    shown = [each.path for each in ADDRESSES if each.method == "GET" and not each.path.startswith(API)]
    filled = [
        each.replace("{id:int}", "1").replace("{pair}", "jobtitle:Title").replace("{property}", "leadsource")
        for each in shown
    ]
    return [each for each in filled if "{" not in each and not each.startswith(("/setup", "/oauth", FOR_PROGRAMS))]


def test_every_page_of_the_settings_speaks_polish_whatever_it_has_to_say(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        pair, nameless = (await _furnish(world)).split()
        assert world.store is not None
        reader = Reader(await world.admin(), await _schema_names(world.store))
        paused = await reader.browser.submit(f"{HERE}/connection", f"{HERE}/connection/contacts/pause")
        assert paused.status == 303
        for state, (reason, fix) in REASONS.items():
            async with world.store.write(None) as tx:
                at_us = world.clock_us()
                await connections.update(tx, 1, state=state, state_reason=reason, state_fix=fix, state_since_us=at_us)
            await watch.look(world.store, world.clock_us())
            for path in SHOW_THE_STATE:
                await reader.open(path, state)
        for path in _settings_pages():
            await reader.open(path)
        for key in (pair, nameless):
            await reader.open(f"{HERE}/records/{key}")
        for path in ("records?q=ada@example.com", "conflicts?status=all", "not-synced?object=contacts&why=no_email"):
            await reader.open(f"{HERE}/{path}")
        await reader.open("/nowhere")
        _, preview = await previewed(reader.browser, since="30m", object="contacts")
        reader.read(preview.body, "the preview of an undo")
        refused = await reader.browser.submit(f"{HERE}/records/{pair}", f"{HERE}/records/{pair}/sync")
        reader.read(refused.body, "a refusal")
        assert reader.opened >= set(CROWDED)
        reader.has_read_no_english()

    tell(tmp_path, story, objects=("contacts", "companies", "deals"))


# --- the wizard -----------------------------------------------------------------------------------------------------------

MAPPINGS = "HubSpot Field Name,Salesforce Field Name,Sync Rule\njobtitle,Title,Two-way\ngone,Fax,Two-way\n"
STEPS = tuple(
    each.path
    for each in ADDRESSES
    if each.method == "GET" and each.path.startswith("/setup") and "{" not in each.path and "." not in each.path
)


async def _failed_install(wizard: Wizard) -> int:
    full = PlannedFailure("CustomField", "Lead.Interlock_HubSpot_Id__c", "Lead pełny", 1)
    wizard.production.deployments.failures.append(full)
    await wizard.signed_in()
    assert (await wizard.install()).state == "failed"
    return wizard.setup_id


async def _tried(wizard: Wizard) -> int:
    """Every step is done, the long way, and ten records were tried."""
    hugo = wizard.hubspot.user()
    person = hugo.create("contacts", {"email": "ada@example.com", "lastname": "Lovelace", "jobtitle": "Countess"})
    chosen = hugo.create_list("contacts", "Klienci", [person])
    await wizard.signed_in()
    await wizard.keep(expectations.slug, expectations.Values(read=True, migrate="yes"))
    assert (await wizard.install()).state == "done"
    await wizard.keep(migrate.slug, migrate.with_list(migrate.Values(saved=True), "contacts", MAPPINGS))
    await wizard.advanced(list_id=chosen, list_name="Klienci")
    await wizard.choose()
    await wizard.preview()
    assert (await wizard.end("try")).state == "tried"
    return wizard.setup_id


@pytest.mark.anyio
async def test_every_step_of_the_wizard_speaks_polish(wizard: Wizard) -> None:
    browser = await wizard.person()
    failed, tried = await _failed_install(wizard), await _tried(wizard)
    reader = Reader(browser, _names_in((await wizard.found()).schemas))
    for set_up in (failed, tried):
        for path in (*STEPS, "/settings/progress"):
            await reader.open(f"{path}?setup={set_up}")
    assert reader.opened >= set(STEPS)
    reader.has_read_no_english()
