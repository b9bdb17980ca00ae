"""Who comes from HubSpot's own integration: the ids that it left say who is whom, and nothing is guessed beside them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from interlock.core.model import LinkedBy, RecordKey, Side
from tests.world import World

EMAIL = "ada@example.com"


@pytest.fixture
def migrate(tell: Callable[..., None]) -> Callable[..., None]:
    """`tell` in an account that the native integration had been installed in."""

    def migrate_(
        story: Callable[[World], Awaitable[None]],
        before: Callable[[World], object] = lambda world: None,
        existing: str = "all",
        **settings: Any,
    ) -> None:
        def furnish(world: World) -> None:
            world.hubspot.native()
            before(world)

        tell(story, furnish, existing=existing, settings={"native_ids": True} | settings)

    return migrate_


def joined(world: World, object_: str, property_: str, id_: str, **more: Any) -> str:
    """A HubSpot record that the native integration had joined with that Salesforce record."""
    return world.hubspot.native().create(object_, {property_: id_} | more)


def contact(world: World, email: str | None = EMAIL, **more: Any) -> str:
    return world.sally.create("Contact", {"LastName": "Person", "Email": email} | more)


async def pair_of(world: World, object_: str, hubspot_id: str) -> tuple[str, LinkedBy] | None:
    link = await world.link(object_, hubspot_id)
    return None if link is None else (link.salesforce_id, link.linked_by)


@pytest.mark.parametrize("existing", ["none", "link", "all"])
def test_pairs_of_every_object_stay_pairs_and_nothing_is_made_twice(migrate, existing: str):
    found: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Globex"})
        person = contact(world)
        deal = {"Name": "Renewal", "StageName": "Prospecting", "CloseDate": "2027-01-31"}
        opportunity = world.sally.create("Opportunity", deal)
        lead = world.sally.create("Lead", {"LastName": "Lead", "Company": "X", "Email": "lead@example.com"})
        # Nothing but the ids says that these are the same.
        stage = {"dealstage": "appointmentscheduled", "closedate": "2027-01-31"}
        found["companies"] = (joined(world, "companies", "salesforceaccountid", account, name="Acme"), account)
        found["contacts"] = (joined(world, "contacts", "salesforcecontactid", person, email="a@elsewhere.org"), person)
        found["leads"] = (joined(world, "contacts", "salesforceleadid", lead, email="l@elsewhere.org"), lead)
        found["deals"] = (
            joined(world, "deals", "hs_salesforceopportunityid", opportunity, dealname="Old", **stage),
            opportunity,
        )

    async def story(world: World) -> None:
        counts = world.counts()
        await world.settle()
        # Each is edited: in Salesforce where it has to be found from there.
        world.sally.update("Account", found["companies"][1], {"Phone": "1"})
        world.sally.update("Contact", found["contacts"][1], {"Title": "CTO"})
        world.sally.update("Opportunity", found["deals"][1], {"Amount": 7})
        world.hugo.update("contacts", found["leads"][0], {"jobtitle": "CEO"})
        await world.settle()
        assert world.counts() == counts
        for slug, (here, there) in found.items():
            object_ = "contacts" if slug == "leads" else slug
            assert await pair_of(world, object_, here) == (there, LinkedBy.NATIVE_ID), slug
        assert world.contact(found["contacts"][0])["jobtitle"] == "CTO"
        assert await world.issues() == []

    migrate(story, before, existing)


def test_an_id_counts_before_an_equal_address(migrate):
    async def story(world: World) -> None:
        named, same_address = contact(world, "old@example.com"), contact(world)
        here = joined(world, "contacts", "salesforcecontactid", named, email=EMAIL)
        await world.settle()
        assert await pair_of(world, "contacts", here) == (named, LinkedBy.NATIVE_ID)
        # Who has the address by now is another person, as the two were in Salesforce.
        (other,) = [id_ for id_ in world.hugo.ids("contacts") if id_ != here]
        assert (world.counterpart("contacts", other), world.contact(other)["email"]) == (same_address, EMAIL)

    migrate(story)


def test_an_id_of_15_characters_is_the_same(migrate):
    async def story(world: World) -> None:
        there = contact(world)
        here = joined(world, "contacts", "salesforcecontactid", there[:15], email="b@example.com")
        await world.settle()
        assert await pair_of(world, "contacts", here) == (there, LinkedBy.NATIVE_ID)

    migrate(story)


def test_an_id_that_salesforce_does_not_know_is_an_issue_and_no_guess_by_address(migrate):
    async def story(world: World) -> None:
        contact(world)
        here = joined(world, "contacts", "salesforcecontactid", "003000000000ZZZAAA", email=EMAIL)
        await world.settle()
        assert await world.link("contacts", here) is None
        codes = {issue.code: issue for issue in await world.issues()}
        assert "003000000000ZZZAAA" in codes["native_id_missing"].cause
        assert (world.counts()["contacts"], world.counts()["Contact"]) == (1, 1)
        world.hugo.update("contacts", here, {"salesforcecontactid": ""})
        await world.sync_later()
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        link = await world.link("contacts", here)
        assert link is not None
        assert link.linked_by is LinkedBy.EMAIL
        await world.settle()
        assert await world.issues() == []

    migrate(story)


def test_what_is_no_id_is_an_issue(migrate):
    async def story(world: World) -> None:
        here = joined(world, "contacts", "salesforcecontactid", "not' OR an id", email=EMAIL)
        await world.settle()
        assert [(issue.code, issue.hubspot_id) for issue in await world.issues()] == [("native_id_missing", here)]
        assert world.counts()["Contact"] == 0

    migrate(story)


def test_a_deleted_counterpart_is_not_made_again(migrate):
    async def story(world: World) -> None:
        there = contact(world)
        here = joined(world, "contacts", "salesforcecontactid", there, email=EMAIL)
        world.sally.delete("Contact", there)
        await world.settle()
        assert await world.link("contacts", here) is None
        assert world.counts()["Contact"] == 0

    migrate(story)


def test_two_that_name_the_same_are_a_question_wherever_the_first_sync_meets_them(migrate):
    named: list[str] = []

    def before(world: World) -> None:
        named.append(contact(world))
        for number in range(130):
            world.person(f"p{number}@example.com")
        for number in range(2):
            named.append(joined(world, "contacts", "salesforcecontactid", named[0], email=f"twin{number}@example.com"))
            for other in range(130):
                world.person(f"q{number}.{other}@example.com")

    async def story(world: World) -> None:
        there, *twins = named
        await world.settle()
        assert [await world.link("contacts", twin) for twin in twins] == [None, None]
        mine = [issue for issue in await world.issues() if issue.code == "several_candidates"]
        assert {issue.hubspot_id or issue.salesforce_id for issue in mine} == {*twins, there}
        assert "Salesforce id from HubSpot's own integration" in mine[0].cause
        # One of them goes, and the other has its pair.
        world.hugo.archive("contacts", twins[0])
        await world.settle()
        assert await pair_of(world, "contacts", twins[1]) == (there, LinkedBy.NATIVE_ID)

    migrate(story, before, batch_rows=100)


def test_a_lead_that_was_converted_leads_to_its_contact(migrate):
    async def story(world: World) -> None:
        lead = world.sally.create("Lead", {"LastName": "Person", "Company": "X", "Email": EMAIL})
        here = joined(world, "contacts", "salesforceleadid", lead, email="other@example.com")
        person = world.sally.convert_lead(lead).contact_id
        await world.settle()
        assert await pair_of(world, "contacts", here) == (person, LinkedBy.NATIVE_ID)

    migrate(story)


def test_a_contact_that_was_merged_leads_to_what_is_left(migrate):
    async def story(world: World) -> None:
        left, gone = contact(world, "one@example.com"), contact(world, "two@example.com")
        here = joined(world, "contacts", "salesforcecontactid", gone, email="three@example.com")
        world.sally.merge("Contact", left, gone)
        await world.settle()
        assert await pair_of(world, "contacts", here) == (left, LinkedBy.NATIVE_ID)

    migrate(story)


def test_what_another_record_names_is_not_taken_by_a_domain(migrate):
    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        first = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        named = joined(world, "companies", "salesforceaccountid", account, name="Elsewhere")
        await world.settle()
        assert await pair_of(world, "companies", named) == (account, LinkedBy.NATIVE_ID)
        (issue,) = await world.issues()
        assert (issue.code, issue.hubspot_id) == ("candidate_taken", first)
        assert world.counts()["Account"] == 1

    migrate(story)


def test_where_it_is_off_the_ids_say_nothing(migrate):
    async def story(world: World) -> None:
        named, same_address = contact(world, "old@example.com"), contact(world)
        here = joined(world, "contacts", "salesforcecontactid", named, email=EMAIL)
        await world.settle()
        assert await pair_of(world, "contacts", here) == (same_address, LinkedBy.EMAIL)

    migrate(story, native_ids=False)


def test_relinking_by_ids_asks_salesforce_nothing_more_where_addresses_agree(migrate):
    """The id comes with the record, and what an address has found already is not asked for again."""

    def before(world: World) -> None:
        for number in range(300):
            there = contact(world, f"p{number}@example.com")
            joined(world, "contacts", "salesforcecontactid", there, email=f"p{number}@example.com")

    async def story(world: World) -> None:
        result = await world.sync()
        assert result.objects["contacts"].linked == 300
        assert world.calls(Side.SALESFORCE, "composite/sobjects") == 0

    migrate(story, before)
