"""What is set above the mappings: syncing on and off, what a new record becomes, imports; and which connection it is about."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from markupsafe import escape
from tests.asgi_browser import Answer, Browser
from tests.settings_world import SettingsWorld, carried_out, ended, saved, tell

from interlock.app import setting_changes, what_syncs
from interlock.app.people.roles import Role
from interlock.engine import import_
from interlock.store import connections
from interlock.store.connections import Connection

HERE = "/connections/1"


async def _set(browser: Browser, slug: str, **chosen: str) -> Answer:
    shown = await browser.get(f"{HERE}/{slug}")
    fields = {"create_in_salesforce": "Contact", "create_in_hubspot": "yes"}
    fields |= shown.page.form(f"{HERE}/{slug}/rules") | chosen
    return await saved(browser, await browser.post(f"{HERE}/{slug}/rules", fields))


async def _turn(browser: Browser, slug: str, sync: str) -> Answer:
    return await saved(browser, await browser.submit(f"{HERE}/{slug}", f"{HERE}/{slug}/turn", sync=sync))


def test_a_new_hubspot_contact_becomes_what_is_chosen(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        assert (await _set(admin, "contacts", create_in_salesforce="Lead")).to == f"{HERE}/contacts?done=rules"
        world.person("ada@example.com")
        await world.turns()
        assert (len(world.sally.ids("Contact")), len(world.sally.ids("Lead"))) == (0, 1)
        assert (await _set(admin, "contacts", create_in_salesforce="nothing")).status == 303
        world.person("bob@example.com")
        await world.turns()
        assert (len(world.sally.ids("Contact")), len(world.sally.ids("Lead"))) == (0, 1)
        assert (await world.deeds()).count("what_syncs_chosen") == 2

    tell(tmp_path, story, objects=("contacts",))


def test_a_new_salesforce_contact_is_left_alone_where_nothing_is_to_be_created_in_hubspot(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        assert (await _set(admin, "contacts", create_in_hubspot="no")).status == 303
        world.salesforce.seed({"Contact": [{"LastName": "Lovelace", "Email": "ada@example.com"}]})
        await world.turns()
        assert world.hugo.ids("contacts") == []
        assert "Do nothing" in (await admin.get(f"{HERE}/contacts")).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_turning_companies_on_makes_their_key_fields_and_mappings_and_syncs_them(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        assert "Nothing is mapped yet" in (await admin.get(f"{HERE}/companies")).page.text
        on = await carried_out(admin, await _turn(admin, "companies", "on"))
        assert "It counts from the next batch of records" in on.page.text
        assert "website:Website" in (await admin.get(f"{HERE}/companies")).body
        world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
        await world.turns()
        assert [world.sally.get("Account", id_)["Name"] for id_ in world.sally.ids("Account")] == ["Acme"]
        assert (await _turn(admin, "companies", "off")).status == 303
        world.hugo.create("companies", {"name": "Other", "domain": "other.example"})
        await world.turns()
        assert len(world.sally.ids("Account")) == 1

    tell(tmp_path, story, objects=("contacts",))


def test_rules_that_somebody_else_saved_meanwhile_are_not_overwritten(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        first, second = await world.admin(), await world.admin()
        edition = (await first.get(f"{HERE}/contacts")).page.form(f"{HERE}/contacts/rules")["edition"]
        assert (await _set(second, "contacts", create_in_salesforce="Lead")).status == 303
        refused = await _set(first, "contacts", create_in_hubspot="no", edition=edition)
        assert refused.status == 409
        assert "Somebody else has changed" in refused.page.text
        assert world.store is not None
        async with world.store.read(None) as tx:
            kept = await connections.get(tx, 1)
        assert kept is not None
        chosen = what_syncs.chosen(kept, "contacts")
        assert (chosen.create_in_salesforce, chosen.create_in_hubspot) == ("Lead", True)

    tell(tmp_path, story, objects=("contacts",))


def test_what_no_record_can_become_is_refused(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        refused = await _set(await world.admin(), "contacts", create_in_salesforce="Account")
        assert refused.status == 422
        assert "contacts cannot become 'Account' in Salesforce" in refused.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_an_import_takes_up_records_that_the_install_left_alone(tmp_path: Path) -> None:
    async def before(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        await world.turns()
        assert world.hugo.ids("contacts") == []
        asked = await operator.submit(f"{HERE}/contacts", f"{HERE}/contacts/import")
        assert asked.to == f"{HERE}/contacts?done=import"
        assert "An import is under way" in (await operator.get(f"{HERE}/contacts")).page.text
        await world.turns()
        assert len(world.hugo.ids("contacts")) == 2
        assert "An import is under way" not in (await operator.get(f"{HERE}/contacts")).page.text
        assert "import_asked" in await world.deeds()

    people = {"Contact": [{"LastName": "A", "Email": "a@example.com"}, {"LastName": "B", "Email": "b@example.com"}]}
    tell(tmp_path, before, objects=("contacts",), furnish=lambda world: world.salesforce.seed(people))


def test_an_import_since_a_date_leaves_older_records_alone(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await asyncio.sleep(10 * 86_400)
        old = world.sally.ids("Contact")[0]
        world.sally.update("Contact", world.sally.ids("Contact")[1], {"Title": "x"})
        operator = await world.browser(Role.OPERATOR)
        wrong = await operator.submit(f"{HERE}/contacts", f"{HERE}/contacts/import", since="yesterday-ish")
        assert wrong.status == 422
        assert "yesterday-ish" in wrong.body
        await world.turns()
        before = len(world.hugo.ids("contacts"))
        assert (await operator.submit(f"{HERE}/contacts", f"{HERE}/contacts/import", since="5d")).status == 303
        await world.turns()
        emails = {world.contact(id_)["email"] for id_ in world.hugo.ids("contacts")}
        assert before <= len(emails)
        assert world.sally.get("Contact", old)["Email"] not in emails

    people = {"Contact": [{"LastName": "A", "Email": "a@example.com"}, {"LastName": "B", "Email": "b@example.com"}]}
    tell(tmp_path, story, objects=("contacts",), furnish=lambda world: world.salesforce.seed(people))


def test_an_import_may_go_by_the_date_of_creation(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        asked = await operator.submit(f"{HERE}/contacts", f"{HERE}/contacts/import", since="2025-12-01", by="created")
        assert asked.status == 303
        async with world.read() as tx:
            wanted = (await import_.asked(tx))["contacts"]
        assert wanted.since is not None
        assert (wanted.since.field, wanted.since.us) == ("CreatedDate", 1_764_547_200_000_000)

    tell(tmp_path, story, objects=("contacts",))


def test_a_resync_of_a_list_and_of_all_is_asked_for_on_the_tab_and_told_while_it_is_under_way(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        await world.turns()
        addresses = (f"{HERE}/contacts", f"{HERE}/contacts/resync")
        ada, bob = world.hugo.ids("contacts")
        chosen = world.hugo.create_list("contacts", "Chosen", [bob])
        for wrong in ("", "my list"):
            refused = await operator.submit(*addresses, which="list", list_id=wrong)
            assert refused.status == 422
            assert "names no HubSpot list" in refused.page.text
        assert (await operator.submit(*addresses, which="list", list_id="4711")).status == 404
        address = f"https://app.example.com/contacts/1/objectLists/{chosen}/filters"
        assert (await operator.submit(*addresses, which="list", list_id=address)).to == f"{HERE}/contacts?done=resync"
        shown = (await operator.get(f"{HERE}/contacts")).page.text
        assert f"A resync of the HubSpot list {chosen} is under way" in shown
        await world.turns()
        assert [world.counterpart("contacts", each) != "" for each in (ada, bob)] == [False, True]
        assert "is under way" not in (await operator.get(f"{HERE}/contacts")).page.text
        assert (await operator.submit(*addresses, which="all", list_id="not looked at")).status == 303
        assert "A resync of all is under way" in (await operator.get(f"{HERE}/contacts")).page.text
        await world.turns()
        assert world.counterpart("contacts", ada)
        assert (await world.deeds()).count("resync_asked") == 2

    people = {"contacts": [{"email": "ada@example.com"}, {"email": "bob@example.com"}]}
    tell(tmp_path, story, objects=("contacts",), furnish=lambda world: world.hubspot.seed(people))


def test_an_import_goes_on_where_it_was_when_the_process_ended(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        assert (await operator.submit(f"{HERE}/contacts", f"{HERE}/contacts/import")).status == 303
        frozen, _never = world.freeze_at("/contacts/batch")
        turn = asyncio.create_task(world.turns())
        await frozen.wait()
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        assert world.hugo.ids("contacts") == []
        await asyncio.sleep(600)
        await world.turns()
        assert len(world.hugo.ids("contacts")) == 2

    people = {"Contact": [{"LastName": "A", "Email": "a@example.com"}, {"LastName": "B", "Email": "b@example.com"}]}
    tell(tmp_path, story, objects=("contacts",), furnish=lambda world: world.salesforce.seed(people))


def test_the_settings_lead_on_where_there_is_one_connection_and_a_connection_that_is_not_there_is_said(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        viewer = await world.browser(Role.VIEWER)
        assert (await viewer.get("/settings")).to == f"{HERE}/overview"
        missing = await viewer.get("/connections/7/contacts")
        assert missing.status == 404
        assert "There is no such connection" in missing.page.text
        shown = await viewer.get(f"{HERE}/contacts")
        links = [each.get("href") for each in shown.page.all("a")]
        assert f"{HERE}/deals" in links
        # A viewer sees no tab that is not for viewers, and no control.
        assert "/people" not in links
        assert not [each for each in shown.page.all("form", method="post") if each.get("action") != "/sign-out"]

    tell(tmp_path, story, objects=("contacts",))


def test_only_records_of_the_chosen_list_sync(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        inside, _outside = world.person("in@example.com"), world.person("out@example.com")
        list_id = world.hugo.create_list("contacts", "Customers", [inside])
        await asyncio.sleep(600)
        admin = await world.admin()
        shown = await admin.get(f"{HERE}/contacts/lists?q=custom")
        assert "Customers (1 record, manual)" in shown.page.text
        form = shown.page.form(f"{HERE}/contacts/list")
        done = await saved(admin, await admin.post(f"{HERE}/contacts/list", form | {"list_id": list_id}))
        assert done.to == f"{HERE}/contacts?done=rules"
        await world.turns()
        emails = [world.sally.get("Contact", id_)["Email"] for id_ in world.sally.ids("Contact")]
        assert emails == ["in@example.com"]
        refused = await admin.post(f"{HERE}/contacts/list", form | {"list_id": "999"})
        assert refused.status in (404, 409)

    tell(tmp_path, story, objects=("contacts",))


BOARD = "Department = 'Board'"


def _people_of_two_departments(world: SettingsWorld) -> None:
    for n, department in enumerate(("Board", "Board", "Sales")):
        world.sally.create("Contact", {"LastName": "P", "Email": f"p{n}@example.com", "Department": department})


async def _filters(admin: Browser, do: str, **typed: str) -> Answer:
    shown = await admin.get(f"{HERE}/contacts/filters")
    return await admin.post(
        f"{HERE}/contacts/filters", shown.page.form(f"{HERE}/contacts/filters") | typed | {"do": do}
    )


def test_a_filter_is_counted_before_it_is_saved_and_limits_what_syncs_then(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        await asyncio.sleep(600)
        _people_of_two_departments(world)
        # Asked to save, it is counted all the same: nobody has seen what it lets through.
        counted = await _filters(admin, "save", filter_Contact=BOARD)
        assert (counted.status, counted.to) == (200, None)
        assert "Contact: 2 of 3 records fit." in counted.page.text
        assert "Lead: all 0 records." in counted.page.text
        assert what_syncs.chosen(await connection_of(world), "contacts").filters == {}
        # Other words than those that were counted are counted anew.
        form = counted.page.form(f"{HERE}/contacts/filters") | {
            "do": "save",
            "filter_Contact": BOARD,
            "filter_Lead": "",
        }
        other = await admin.post(f"{HERE}/contacts/filters", form | {"filter_Contact": "Department = 'Sales'"})
        assert "Contact: 1 of 3 records fit." in other.page.text
        done = await saved(admin, await admin.post(f"{HERE}/contacts/filters", form))
        assert done.to == f"{HERE}/contacts?done=rules"
        assert BOARD in (await admin.get(f"{HERE}/contacts")).page.text
        await world.turns()
        assert len(world.hugo.ids("contacts")) == 2
        assert "what_syncs_chosen" in await world.deeds()
        lifted = (await _filters(admin, "count", filter_Contact="")).page
        form = lifted.form(f"{HERE}/contacts/filters") | {"do": "save"}
        assert (await saved(admin, await admin.post(f"{HERE}/contacts/filters", form))).status == 303
        await world.turns()
        assert len(world.hugo.ids("contacts")) == 3

    tell(tmp_path, story, objects=("contacts",))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Department = 'Board') OR (Name != ''", "A parenthesis is closed at character 21 that was not opened."),
        ("Id IN (SELECT ContactId FROM Case)", "SELECT is of a query, and this is the condition in one."),
        ("Departement = 'Board'", "No such column 'Departement' on entity 'Contact'"),
        ("Department > ", "Salesforce does not take this filter of Contact:"),
    ],
)
def test_a_filter_that_is_none_or_that_salesforce_refuses_is_not_saved_and_says_why(
    tmp_path: Path, typed: str, said: str
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        refused = await _filters(admin, "save", filter_Contact=typed)
        assert refused.status == 422
        assert said in refused.page.text
        assert f">{escape(typed)}</textarea>" in refused.body
        assert what_syncs.chosen(await connection_of(world), "contacts").filters == {}

    tell(tmp_path, story, objects=("contacts",))


async def _person_rules(admin: Browser, **typed: str) -> Answer:
    address = f"{HERE}/contacts/lead-or-contact"
    form = (await admin.get(address)).page.form(address)
    return await saved(admin, await admin.post(address, form | typed))


def test_who_becomes_a_lead_and_who_a_contact_is_left_to_a_table_of_rules(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        assert (await _set(admin, "contacts", create_in_salesforce="Lead")).status == 303
        world.salesforce.seed({"Account": [{"Name": "Acme", "Website": "acme.com"}]})
        first = {"when_0": "account_exists", "as_0": "Contact", "order_0": "2"}
        second = {
            "when_1": "property_is",
            "property_1": "lifecyclestage",
            "values_1": "subscriber; other",
            "as_1": "nothing",
        }
        done = await _person_rules(admin, **first, **second, order_1="1")
        assert done.to == f"{HERE}/contacts?done=rules"
        chosen = what_syncs.chosen(await connection_of(world), "contacts").person_rules
        assert [(rule.when, rule.create_as, rule.values) for rule in chosen] == [
            ("property_is", "", ("subscriber", "other")),
            ("account_exists", "Contact", ()),
        ]
        assert "lifecyclestage is one of: subscriber; other: Nothing" in (await admin.get(f"{HERE}/contacts")).page.text
        await asyncio.sleep(600)
        for email, stage in (("a@acme.com", "subscriber"), ("b@acme.com", "lead"), ("c@other.com", "lead")):
            world.hugo.create("contacts", {"email": email, "lastname": "P", "lifecyclestage": stage})
        await world.turns()
        made = {
            type_: [world.sally.get(type_, id_)["Email"] for id_ in world.sally.ids(type_)]
            for type_ in ("Contact", "Lead")
        }
        assert made == {"Contact": ["b@acme.com"], "Lead": ["c@other.com"]}
        # Taken away again, by a condition that is none.
        assert (await _person_rules(admin, when_0="", when_1="")).status == 303
        assert what_syncs.chosen(await connection_of(world), "contacts").person_rules == ()

    tell(tmp_path, story, objects=("contacts",))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"when_1": "property_is_known", "as_1": "Lead"}, "Rule 1: A condition on a property names none."),
        (
            {"when_1": "property_is", "property_1": "email", "as_1": "Lead"},
            "Rule 1: The condition on email names no value.",
        ),
        (
            {"when_1": "property_is_known", "property_1": "emial", "as_1": "Lead"},
            "HubSpot has no property emial on contacts",
        ),
        ({"when_1": "account_exists", "as_1": "Case"}, "Rule 1: A person cannot become 'Case' in Salesforce."),
    ],
)
def test_a_rule_that_is_none_is_refused_at_its_row(tmp_path: Path, typed: dict[str, str], said: str) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        refused = await _person_rules(admin, **typed)
        assert refused.status == 422
        assert said in refused.page.text
        assert 'href="#when_1"' in refused.body
        assert what_syncs.chosen(await connection_of(world), "contacts").person_rules == ()

    tell(tmp_path, story, objects=("contacts",))


async def _limited_to(world: SettingsWorld, admin: Browser, *inside: str) -> str:
    """Contacts are limited to a list of these."""
    list_id = world.hugo.create_list("contacts", "Customers", list(inside))
    await asyncio.sleep(600)
    form = (await admin.get(f"{HERE}/contacts/lists?q=custom")).page.form(f"{HERE}/contacts/list")
    done = await saved(admin, await admin.post(f"{HERE}/contacts/list", form | {"list_id": list_id}))
    assert done.to == f"{HERE}/contacts?done=rules"
    return list_id


async def connection_of(world: SettingsWorld) -> Connection:
    assert world.store is not None
    async with world.store.read(None) as tx:
        kept = await connections.get(tx, 1)
    assert kept is not None
    return kept


async def _list_that_limits(world: SettingsWorld) -> str | None:
    return what_syncs.chosen(await connection_of(world), "contacts").list_id


@pytest.mark.parametrize("unread", [False, True], ids=["a search that does not find it", "lists that cannot be read"])
def test_saving_the_choice_of_lists_as_it_stands_keeps_the_limit(tmp_path: Path, unread: bool) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        list_id = await _limited_to(world, admin, world.person("in@example.com"))
        world.person("out@example.com")
        if unread:
            world.hubspot.faults.add({"match": {"path_prefix": "/crm/lists"}, "kind": "status", "status": 503})
        shown = await admin.get(f"{HERE}/contacts/lists?q=nosuch")
        assert ("HubSpot's lists could not be read" in shown.page.text) == unread
        assert (f"List {list_id}" if unread else "Customers (1 record, manual)") in shown.page.text
        form = shown.page.form(f"{HERE}/contacts/list")
        assert form["list_id"] == list_id
        world.hubspot.faults.clear()
        assert (await admin.post(f"{HERE}/contacts/list", form)).status == 303
        assert await _list_that_limits(world) == list_id
        await world.turns()
        assert len(world.sally.ids("Contact")) == 1

    tell(tmp_path, story, objects=("contacts",))


def test_a_choice_of_lists_without_a_choice_is_refused_and_lifts_no_limit(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        list_id = await _limited_to(world, admin, world.person("in@example.com"))
        form = (await admin.get(f"{HERE}/contacts/lists?q=nosuch")).page.form(f"{HERE}/contacts/list")
        del form["list_id"]
        refused = await admin.post(f"{HERE}/contacts/list", form)
        assert refused.status == 422
        assert "No list is chosen." in refused.page.text
        assert await _list_that_limits(world) == list_id

    tell(tmp_path, story, objects=("contacts",))


async def _asked_for_everybody(admin: Browser) -> Answer:
    form = (await admin.get(f"{HERE}/contacts/lists")).page.form(f"{HERE}/contacts/list")
    return await admin.post(f"{HERE}/contacts/list", form | {"list_id": ""})


def test_what_lifting_a_limit_would_create_is_shown_before_it_is_saved(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        list_id = await _limited_to(world, admin, world.person("in@example.com"))
        for name in ("out", "off"):
            world.person(f"{name}@example.com")
        await world.turns()
        assert len(world.sally.ids("Contact")) == 1
        asked = await _asked_for_everybody(admin)
        assert asked.to is not None
        shown = (await ended(admin, asked.to)).page
        assert "What the next sync would do" in shown.text
        (row,) = re.findall(r"(?:\d+ ){7}\d+", shown.text)
        # New in HubSpot, new in Salesforce.
        assert row.split()[:2] == ["0", "2"]
        assert await _list_that_limits(world) == list_id
        await world.turns()
        assert len(world.sally.ids("Contact")) == 1
        assert (await saved(admin, asked)).to == f"{HERE}/contacts?done=rules"
        await world.turns()
        assert len(world.sally.ids("Contact")) == 3

    tell(tmp_path, story, objects=("contacts",))


def test_what_turning_an_object_on_would_create_is_shown_before_it_is_saved(tmp_path: Path) -> None:
    def furnish(world: SettingsWorld) -> None:
        for name in ("Acme", "Other"):
            world.hugo.create("companies", {"name": name, "domain": f"{name.lower()}.example"})

    async def story(world: SettingsWorld) -> None:
        await world.turns()
        admin = await world.admin()
        asked = await admin.submit(f"{HERE}/companies", f"{HERE}/companies/turn", sync="on")
        assert asked.to is not None
        shown = (await ended(admin, asked.to)).page
        (row,) = re.findall(r"(?:\d+ ){7}\d+", shown.text)
        assert row.split()[:2] == ["0", "2"]
        await world.turns()
        assert world.sally.ids("Account") == []
        assert "companies" not in (await connection_of(world)).settings["objects"]
        assert "Turn syncing off" in (await carried_out(admin, await saved(admin, asked))).page.text
        await world.turns()
        assert len(world.sally.ids("Account")) == 2

    tell(tmp_path, story, furnish, objects=("contacts",), existing="all")


def test_many_creates_are_saved_only_when_their_number_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        list_id = await _limited_to(world, admin, world.person("in@example.com"))
        for number in range(2):
            world.person(f"out{number}@example.com")
        await world.turns()
        asked = await _asked_for_everybody(admin)
        for typed in ("", "1", "3"):
            refused = await saved(admin, asked, count=typed)
            assert refused.status == 422
            assert "2 records would be created." in refused.page.text
            assert await _list_that_limits(world) == list_id
        assert (await saved(admin, asked, count="2")).status == 303
        assert await _list_that_limits(world) is None

    monkeypatch.setattr(setting_changes, "MANY_CREATES", 1)
    tell(tmp_path, story, objects=("contacts",))


def test_what_cannot_be_previewed_is_saved_only_where_it_narrows_what_syncs(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        list_id = await _limited_to(world, admin, world.person("in@example.com"))
        world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})
        asked = await _asked_for_everybody(admin)
        assert asked.to is not None
        shown = await ended(admin, asked.to)
        assert "it is not saved unseen" in shown.page.text
        assert not shown.page.all("form", action=f"{asked.to}/save")
        token = (await admin.get(f"{HERE}/contacts")).page.form(f"{HERE}/contacts/rules")["csrf"]
        assert (await admin.post(f"{asked.to}/save", {"csrf": token})).to == asked.to
        assert await _list_that_limits(world) == list_id
        narrowed = await _set(admin, "contacts", create_in_hubspot="no")
        assert narrowed.to == f"{HERE}/contacts?done=rules"
        assert not what_syncs.chosen(await connection_of(world), "contacts").create_in_hubspot

    tell(tmp_path, story, objects=("contacts",))


def test_a_change_whose_object_somebody_has_changed_since_it_was_shown_is_not_saved(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        first, second = await world.admin(), await world.admin()
        list_id = await _limited_to(world, first, world.person("in@example.com"))
        asked = await _asked_for_everybody(first)
        assert (await _set(second, "contacts", create_in_salesforce="Lead")).status == 303
        refused = await saved(first, asked)
        assert refused.status == 409
        assert "Somebody else has changed" in refused.page.text
        assert await _list_that_limits(world) == list_id

    tell(tmp_path, story, objects=("contacts",))


def test_a_preview_of_more_than_an_hour_ago_is_not_saved_and_is_made_anew(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        list_id = await _limited_to(world, admin, world.person("in@example.com"))
        asked = await _asked_for_everybody(admin)
        assert asked.to is not None
        before = (await ended(admin, asked.to)).page.form(f"{asked.to}/save")
        await asyncio.sleep(3_601)
        world.person("out@example.com")
        refused = await admin.post(f"{asked.to}/save", before)
        assert refused.status == 409
        assert "This preview is more than an hour old" in refused.page.text
        assert await _list_that_limits(world) == list_id
        again = await admin.submit(asked.to, f"{asked.to}/save", do="preview")
        assert again.to not in (None, asked.to)
        assert (await saved(admin, again)).to == f"{HERE}/contacts?done=rules"
        assert await _list_that_limits(world) is None

    tell(tmp_path, story, objects=("contacts",))


def test_rules_of_an_object_that_is_off_are_saved_at_once(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        answer = await _set(await world.admin(), "companies", create_in_salesforce="Account", create_in_hubspot="no")
        assert answer.to == f"{HERE}/companies?done=rules"
        assert not what_syncs.chosen(await connection_of(world), "companies").create_in_hubspot

    tell(tmp_path, story, objects=("contacts",))


def test_an_object_whose_rules_somebody_has_changed_since_it_was_previewed_is_not_turned_on(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        first, second = await world.admin(), await world.admin()
        asked = await first.submit(f"{HERE}/companies", f"{HERE}/companies/turn", sync="on")
        assert (await _set(second, "companies", create_in_salesforce="Account", create_in_hubspot="no")).status == 303
        refused = await saved(first, asked)
        assert refused.status == 409
        assert "Somebody else has changed" in refused.page.text
        assert "companies" not in (await connection_of(world)).settings["objects"]

    tell(tmp_path, story, objects=("contacts",))


def test_what_else_can_be_chosen_for_an_object_is_seen_before_it_deletes_anything_and_saved_then(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        shown = await admin.get(f"{HERE}/contacts")
        assert "When a record is deleted on one side" in shown.page.text
        chosen = {"create_in_salesforce": "Contact", "create_in_hubspot": "yes", "deletes": "in_hubspot"}
        seen = await admin.post(f"{HERE}/contacts/rules", shown.page.form(f"{HERE}/contacts/rules") | chosen)
        assert "/contacts/change/" in seen.to
        assert what_syncs.chosen(await connection_of(world), "contacts").choices["deletes"] == "nothing"
        await saved(admin, seen)
        assert what_syncs.chosen(await connection_of(world), "contacts").choices["deletes"] == "in_hubspot"
        assert what_syncs.chosen(await connection_of(world), "companies").choices["deletes"] == "nothing"
        refused = await _set(admin, "contacts", deletes="everything")
        assert refused.status == 422
        assert "deletes of contacts cannot be 'everything'" in refused.page.text

    tell(tmp_path, story, objects=("contacts",))
