"""More choices in the wizard: each control of the tabs is there before the first sync, and the first sync goes by it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.asgi_browser import Answer
from tests.wizard import Person, Wizard

from interlock.app import once, what_syncs
from interlock.app.owner_choices import OWNER_ID
from interlock.app.setup import choices, path, review
from interlock.objects.choices import CHOICES
from interlock.store import connections

pytestmark = pytest.mark.anyio

HERE, NEXT, REVIEW = "/setup/choices", "/setup/owners", "/setup/review"


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    """At the step, with all before it as it is filled in."""
    await wizard.signed_in()
    await wizard.install()
    await wizard.advanced()
    await wizard.choose()
    await wizard.keep(choices.slug, choices.Values())
    return wizard


async def form(ada: Person) -> dict[str, str]:
    page = (await ada.get(HERE)).page
    return page.form(HERE) | page.chosen()


async def choose(ada: Person, **typed: str) -> Answer:
    return await ada.post(HERE, await form(ada) | {"go": "next"} | typed)


async def begun(wizard: Wizard) -> None:
    run = await wizard.end("all")
    assert (run.state, run.message) == ("done", "")
    await once.once(wizard.store, await wizard.connection(), wizard.interlock.clients, wizard.interlock.clock_us)


async def standing(wizard: Wizard, object_: str) -> Any:
    return what_syncs.chosen(await wizard.connection(), object_)


def counted(answer: Answer) -> dict[str, str]:
    return answer.page.form(HERE) | answer.page.chosen()


async def test_every_choice_of_an_object_has_its_control_with_its_default(wizard: Wizard, ada: Person) -> None:
    shown = await form(ada)
    for choice in CHOICES:
        for object_ in choice.objects:
            assert shown[f"choice:{object_}:{choice.name}"] == choice.default
    page = (await ada.get(HERE)).page
    assert {str(each["name"]) for each in page.all("textarea")} == {
        "filter_Account",
        "filter_Contact",
        "filter_Lead",
        "filter_Opportunity",
    }
    assert {"list:companies", "list:deals", "when_0"} <= set(shown)
    # Nothing is unfolded that nobody has chosen.
    assert [each for each in page.all("details") if "open" in each] == []


async def test_next_without_a_choice_changes_nothing(wizard: Wizard, ada: Person) -> None:
    before = await wizard.preview()
    assert (await choose(ada)).to == NEXT
    assert (await wizard.preview()).of == before.of
    assert "More choices:" not in (await ada.get(REVIEW)).page.text


async def test_what_was_chosen_holds_in_the_preview_and_in_the_first_sync(wizard: Wizard, ada: Person) -> None:
    user, sally = wizard.hubspot.user(), wizard.production.user()
    user.create("companies", {"name": "Acme", "domain": "acme.example"})
    user.create("contacts", {"email": "pia@example.pl", "lastname": "Lem", "country": "Poland"})
    user.create("contacts", {"email": "ada@example.com", "lastname": "Lovelace", "country": "England"})
    sally.create("Contact", {"LastName": "Inside", "Email": "in@example.com", "Department": "Sales"})
    sally.create("Contact", {"LastName": "Outside", "Email": "out@example.com"})
    typed = {
        "filter_Contact": "Department = 'Sales'",
        "choice:companies:accounts_for": "contacts",
        "choice:contacts:deletes": "both",
        "choice:contacts:owner_unmatched": "salesforce",
        "choice:deals:role_labels": "both",
        "create_in_hubspot:deals": "no",
        "when_0": "property_is",
        "property_0": "country",
        "values_0": "Poland",
        "as_0": "Lead",
    }
    seen = await choose(ada, **typed)
    assert "1 of 2 records fit." in seen.page.text
    assert (await ada.post(HERE, counted(seen) | {"filter_Contact": typed["filter_Contact"], "go": "next"})).to == NEXT
    await review.wait(wizard.interlock, wizard.setup_id)
    shown = (await ada.get(REVIEW)).page.text
    for told in (
        "More choices: Contacts",
        "Of Contact in Salesforce only records sync that fit: Department = 'Sales'",
        "country is one of: Poland: Lead",
        "When a record is deleted on one side: Delete on the other side, both ways",
        "Which companies become accounts: Companies with a contact that is a contact in Salesforce",
        "A new Salesforce record is not created in HubSpot.",
    ):
        assert told in shown
    counts = (await wizard.preview()).document["objects"]
    assert counts["contacts"]["create_in_hubspot"] == 1
    await begun(wizard)
    assert [row["LastName"] for row in wizard.salesforce_rows("Lead")] == ["Lem"]
    assert {row["LastName"] for row in wizard.salesforce_rows("Contact")} == {"Inside", "Outside", "Lovelace"}
    emails = {user.get("contacts", id_)["email"] for id_ in user.ids("contacts")}
    assert emails == {"pia@example.pl", "ada@example.com", "in@example.com"}
    # Its one person of Salesforce is of no company.
    assert wizard.salesforce_rows("Account") == []
    kept = await standing(wizard, "contacts")
    assert (kept.choices["deletes"], kept.choices["merges"]) == ("both", "propose")
    assert (await standing(wizard, "deals")).choices["role_labels"] == "both"
    names = {each.name for each in (await wizard.found()).schemas.properties["contacts"]}
    assert OWNER_ID in names


async def test_a_list_of_companies_is_searched_and_limits_what_is_created(wizard: Wizard, ada: Person) -> None:
    user = wizard.hubspot.user()
    inside = user.create("companies", {"name": "Acme", "domain": "acme.example"})
    user.create("companies", {"name": "Other", "domain": "other.example"})
    chosen = user.create_list("companies", "Companies of the north", [inside])
    found = await choose(ada, go="search:companies", **{"search:companies": "north"})
    assert "Companies of the north" in found.page.text
    assert (await ada.post(HERE, counted(found) | {"list:companies": chosen, "go": "next"})).to == NEXT
    assert f"Only records of the HubSpot list {chosen} sync." in (await ada.get(REVIEW)).page.text
    await begun(wizard)
    assert [row["Name"] for row in wizard.salesforce_rows("Account")] == ["Acme"]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"filter_Contact": "Nonsense__c = 1"}, "Salesforce does not take this filter of Contact"),
        ({"filter_Lead": "Email != null LIMIT 5"}, "LIMIT"),
        (
            {"when_0": "property_is", "property_0": "nothing_like_it", "values_0": "x", "as_0": "Lead"},
            "no property nothing_like_it",
        ),
        ({"list:companies": "987654"}, "HubSpot has no list 987654."),
        ({"choice:deals:deletes": "everything"}, "This page has no such choice."),
    ],
)
async def test_what_cannot_be_is_refused_with_what_was_typed(
    wizard: Wizard, ada: Person, typed: dict[str, str], reason: str
) -> None:
    refused = await choose(ada, **typed)
    assert refused.status in (404, 422)
    assert reason in refused.page.text
    assert not choices.done(await wizard.setup())
    (name, value), *_ = typed.items()
    assert value in refused.body or name.startswith("choice:")


async def test_a_filter_that_was_not_counted_is_shown_with_its_count_before_it_is_kept(
    wizard: Wizard, ada: Person
) -> None:
    shown = await choose(ada, filter_Account="Name != null")
    assert (shown.status, choices.done(await wizard.setup())) == (200, False)
    assert "0 of 0 records fit." in shown.page.text
    other = await ada.post(HERE, counted(shown) | {"filter_Account": "Name = 'A'", "go": "next"})
    assert other.status == 200
    counted_only = await ada.post(HERE, counted(shown) | {"filter_Account": "Name = 'A'", "go": "count"})
    assert counted_only.status == 200
    assert (await ada.post(HERE, counted(counted_only) | {"filter_Account": "Name = 'A'", "go": "next"})).to == NEXT


async def test_who_goes_back_to_recommended_has_what_stood_before(wizard: Wizard, ada: Person) -> None:
    connection = (await wizard.found()).connection
    before = {"choices": {"deletes": {"contacts": "in_hubspot"}}}
    async with wizard.store.write(connection.id) as tx:
        await connections.update(tx, connection.id or 0, settings={**connection.settings, **before})
    shown = await form(ada)
    assert shown["choice:contacts:deletes"] == "in_hubspot"
    assert (await choose(ada, **{"choice:contacts:deletes": "both"})).to == NEXT
    await wizard.preview()
    assert (await standing(wizard, "contacts")).choices["deletes"] == "both"
    await wizard.recommended()
    await wizard.preview()
    assert (await standing(wizard, "contacts")).choices["deletes"] == "in_hubspot"
    text = (await ada.get(REVIEW)).page.text
    assert "Contacts: chosen before, and kept" in text
    assert "Delete in HubSpot what was deleted in Salesforce" in text


async def test_who_leaves_finds_what_was_typed_and_it_is_not_gone_by_yet(wizard: Wizard, ada: Person) -> None:
    left = await choose(ada, go="leave", **{"choice:deals:deletes": "both"})
    assert left.to == "/?done=setup_left"
    assert path.resume(await wizard.setup()) == choices.slug
    assert (await form(ada))["choice:deals:deletes"] == "both"
    found = await wizard.found()
    assert review.settings_of(await wizard.setup(), found.connection).get("choices", {}) == {}


async def test_a_filter_of_who_left_is_counted_before_it_is_kept(wizard: Wizard, ada: Person) -> None:
    typed = {"filter_Account": "Name != 'X'"}
    await choose(ada, go="leave", **typed)
    shown = await choose(ada, **typed)
    assert shown.status == 200
    assert "records fit." in shown.page.text
    assert not choices.values_of(await wizard.setup()).saved
    assert (await ada.post(HERE, counted(shown) | typed | {"go": "next"})).to == NEXT


async def test_what_is_counted_after_a_trial_goes_on_counting(wizard: Wizard, ada: Person) -> None:
    await choose(ada, **{"choice:contacts:deletes": "both"})
    wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    await wizard.preview()
    assert (await wizard.end("try")).state == "tried"
    await review.wait(wizard.interlock, wizard.setup_id)
    kept = await review.counted(wizard.interlock, wizard.setup_id)
    assert kept is not None
    assert kept.of == review.fingerprint(await wizard.setup(), await wizard.found())


# --- labels for roles ------------------------------------------------------------------------------------------------------

ROLES = "role:"


def labels(wizard: Wizard) -> set[str]:
    found = wizard.hubspot.user()._operations.associations.types.of("deals", "contacts").values()
    return {each.label for each in found if each.label}


def make_labels(wizard: Wizard, *names: str) -> None:
    for name in names:
        wizard.hubspot.user()._operations.associations.types.add_label(
            "deals", "contacts", {"label": name, "name": name.lower().replace(" ", "_")}
        )


def only(shown: dict[str, str], *roles: str) -> dict[str, str]:
    return {name: text for name, text in shown.items() if not name.startswith(ROLES)} | {
        f"{ROLES}{role}": "yes" for role in roles
    }


async def test_labels_that_are_ticked_are_made_at_the_finish_and_not_before(wizard: Wizard, ada: Person) -> None:
    shown = await form(ada)
    assert {"role:Decision Maker", "role:Evaluator"} <= set(shown)
    typed = only(shown, "Decision Maker") | {"choice:deals:role_labels": "both", "go": "next"}
    assert (await ada.post(HERE, typed)).to == NEXT
    assert "Labels that are made in HubSpot: Decision Maker." in (await ada.get(REVIEW)).page.text
    await wizard.preview()
    assert labels(wizard) == set()
    assert [name for name in await form(ada) if name.startswith(ROLES)] == ["role:Decision Maker"]
    sally = wizard.production.user()
    person = sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
    deal = {"Name": "Engine", "StageName": "Prospecting", "CloseDate": "2026-03-01"}
    row = {"OpportunityId": sally.create("Opportunity", deal), "ContactId": person, "Role": "Decision Maker"}
    sally.create("OpportunityContactRole", row)
    await begun(wizard)
    assert labels(wizard) == {"Decision Maker"}
    user = wizard.hubspot.user()
    (here,) = user.ids("deals")
    types = user._operations.associations.types.of("deals", "contacts").values()
    (label,) = [each.id for each in types if each.label]
    assert [label in given for given in user.associated("deals", here, "contacts").values()] == [True]


async def test_no_label_is_made_where_roles_are_not_kept_in_step(wizard: Wizard, ada: Person) -> None:
    before = await wizard.preview()
    assert (await choose(ada)).to == NEXT
    assert (await wizard.preview()).of == before.of
    await begun(wizard)
    assert labels(wizard) == set()


async def test_a_preview_knows_of_labels_that_will_be_made(wizard: Wizard, ada: Person) -> None:
    await choose(ada, **{"choice:deals:role_labels": "both"})
    with_all = await wizard.preview()
    typed = only(await form(ada)) | {"choice:deals:role_labels": "both", "go": "next"}
    await ada.post(HERE, typed)
    assert (await wizard.preview()).of != with_all.of


async def test_more_labels_than_hubspot_has_room_for_are_refused_with_what_was_ticked(
    wizard: Wizard, ada: Person
) -> None:
    make_labels(wizard, *(f"Mine {number}" for number in range(10)))
    shown = await form(ada)
    assert [name for name in shown if name.startswith(ROLES)] == []
    assert "10 are there" in (await ada.get(HERE)).page.text
    typed = only(shown, "Decision Maker") | {"choice:deals:role_labels": "both", "go": "next"}
    refused = await ada.post(HERE, typed)
    assert refused.status == 422
    assert "there are 10: 1 more do not fit" in refused.page.text
    assert "role:Decision Maker" in refused.page.form(HERE)


async def test_a_label_that_somebody_made_meanwhile_is_not_made_twice(wizard: Wizard, ada: Person) -> None:
    typed = only(await form(ada), "Decision Maker", "Evaluator") | {"choice:deals:role_labels": "both", "go": "next"}
    assert (await ada.post(HERE, typed)).to == NEXT
    make_labels(wizard, "Decision Maker")
    await begun(wizard)
    assert labels(wizard) == {"Decision Maker", "Evaluator"}
