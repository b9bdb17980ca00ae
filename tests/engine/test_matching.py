"""Who is whom: by our own keys, then by e-mail, domain and name; what cannot be known is asked, never guessed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from interlock.core.model import RecordKey, Side
from interlock.engine.candidates import LOOK_AGAIN_US
from tests.world import World


def test_a_contact_is_found_whatever_the_case_of_the_address(tell):
    async def story(world: World) -> None:
        there = world.sally.create("Contact", {"LastName": "Person", "Email": "ADA@Example.COM"})
        here = world.person("aDa@example.com")
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (1, 1)

    tell(story)


def test_a_contact_is_found_by_an_address_that_hubspot_keeps_beside_the_first(tell):
    """After a merge in HubSpot the other's address still reaches the one that is left."""

    async def story(world: World) -> None:
        here = world.hugo.merge("contacts", world.person("ada@example.com"), world.person("countess@example.com"))
        there = world.sally.create("Contact", {"LastName": "Lovelace", "Email": "countess@example.com"})
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (1, 1)

    tell(story)


COMPANIES: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "by domain": (
        {"name": "Acme", "domain": "acme.com"},
        {"Name": "ACME Holding", "Website": "https://www.acme.com/de"},
        True,
    ),
    "by name": ({"name": "Acme Corp."}, {"Name": "ACME Corporation"}, True),
    "not by a free mail domain": (
        {"name": "Ada Ltd", "domain": "gmail.com"},
        {"Name": "Bob Ltd", "Website": "gmail.com"},
        False,
    ),
    "not at all": ({"name": "Acme", "domain": "acme.com"}, {"Name": "Globex", "Website": "globex.com"}, False),
}


@pytest.mark.parametrize("case", COMPANIES)
def test_a_company_is_found_by_its_domain_and_then_by_its_name(tell, case):
    in_hubspot, in_salesforce, same = COMPANIES[case]

    async def story(world: World) -> None:
        there = world.sally.create("Account", in_salesforce)
        here = world.hugo.create("companies", in_hubspot)
        await world.settle()
        assert (world.counterpart("companies", here) == there) is same
        assert len(world.hugo.ids("companies")) == len(world.sally.ids("Account")) == (1 if same else 2)

    tell(story)


def test_two_companies_of_one_domain_are_a_question_until_one_goes(tell):
    async def story(world: World) -> None:
        keeps, goes = (world.sally.create("Account", {"Name": f"A{n}", "Website": "acme.com"}) for n in range(2))
        here = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        await world.settle()
        assert world.counterpart("companies", here) == ""
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}
        world.sally.delete("Account", goes)
        await world.settle()
        assert world.counterpart("companies", here) == keeps
        assert await world.issues() == []

    tell(story)


def test_a_second_account_of_the_same_company_is_a_question_and_no_second_company(tell):
    async def story(world: World) -> None:
        here = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        await world.settle()
        second = world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        await world.settle()
        assert world.hugo.ids("companies") == [here]
        (issue,) = await world.issues()
        assert (issue.code, issue.salesforce_id) == ("candidate_taken", second)

    tell(story)


def test_two_companies_entered_at_the_same_time_on_both_sides_become_one_pair(tell):
    async def story(world: World) -> None:
        await world.settle()
        world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        world.sally.create("Account", {"Name": "Acme Inc", "Website": "www.acme.com"})
        await world.settle()
        assert (len(world.hugo.ids("companies")), len(world.sally.ids("Account"))) == (1, 1)

    tell(story)


def test_a_lost_database_links_what_was_linked_and_overwrites_nothing(tell, tmp_path):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        people = [world.person(f"p{number}@example.com", jobtitle="CTO", phone="1") for number in range(5)]
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        world.hugo.associate("deals", deal, "contacts", people[0])
        await world.settle()
        pairs = {here: world.counterpart("contacts", here) for here in people}
        # Nothing but the keys tells who is who by now.
        world.sally.update("Contact", pairs[people[0]], {"Email": "elsewhere@example.com"})
        world.sally.update("Account", world.counterpart("companies", company), {"Name": "Globex", "Website": None})
        counts = world.counts()
        await world.lose_the_database(tmp_path / "new.db")
        before = world.written
        await world.settle()
        assert world.counts() == counts
        assert {here: world.counterpart("contacts", here) for here in people} == pairs
        ours = {(entry.object, entry.field) for entry in world.ours(before)}
        # What differed when it was lost is settled by the rule; nothing else is touched.
        assert ours <= {("contacts", "email"), ("companies", "name"), ("companies", "website"), ("Account", "Website")}

    tell(story, existing="all")


def test_the_keys_of_another_hubspot_account_in_the_same_org_are_not_ours(tell, tmp_path):
    """One org serves two HubSpot accounts, each with its own Interlock; one of them loses its database."""

    async def story(world: World) -> None:
        other = World(tmp_path / "other.db", world.clock_us, hubspot={"account_id": 777}, existing="all")
        other.salesforce = world.salesforce
        other.sally = world.sally
        other.rewire()
        await other.open()
        await other.connect()
        here = world.person("ada@example.com")
        there = other.person("bob@example.com")
        for _ in range(2):
            await world.settle()
            await other.settle()
        assert world.counterpart("contacts", here)
        assert other.counterpart("contacts", there)
        # Both accounts know both people by now, and the org has each once.
        assert len(world.sally.ids("Contact")) == 2
        counts = world.counts(), other.counts()
        await world.lose_the_database(tmp_path / "new.db")
        for _ in range(2):
            await world.settle()
            await other.settle()
        assert (world.counts(), other.counts()) == counts
        assert other.store is not None
        await other.store.close()

    tell(story, existing="all")


@pytest.mark.parametrize("existing", ["none", "link", "all"])
def test_what_was_there_before_is_left_linked_or_made_as_the_setting_says(tell, existing):
    made: dict[str, Any] = {}

    def before(world: World) -> None:
        made["twin"] = world.person("twin@example.com")
        made["their twin"] = world.sally.create("Contact", {"LastName": "Person", "Email": "twin@example.com"})
        made["alone"] = world.person("alone@example.com")
        made["their own"] = world.sally.create("Contact", {"LastName": "Own", "Email": "own@example.com"})

    async def story(world: World) -> None:
        await world.settle()
        twins = world.counterpart("contacts", made["twin"]) == made["their twin"]
        assert twins is (existing != "none")
        assert bool(world.counterpart("contacts", made["alone"])) is (existing == "all")
        assert len(world.hugo.ids("contacts")) == (3 if existing == "all" else 2)
        # Whoever changes from now on syncs under every setting.
        world.hugo.update("contacts", made["alone"], {"jobtitle": "CTO"})
        world.sally.update("Contact", made["their own"], {"Title": "CEO"})
        world.hugo.update("contacts", made["twin"], {"jobtitle": "COO"})
        await world.settle()
        assert world.counterpart("contacts", made["alone"])
        assert world.counterpart("contacts", made["twin"]) == made["their twin"]
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (3, 3)

    def wait_first(world: World) -> None:
        before(world)

    tell(story, before=wait_first, existing=existing, later_s=86_400.0)


def test_one_object_alone_can_be_synced(tell):
    async def story(world: World) -> None:
        here, company = world.person("ada@example.com"), world.hugo.create("companies", {"name": "Acme"})
        result = await world.sync(only=("contacts",))
        assert set(result.objects) == {"contacts"}
        assert world.counterpart("contacts", here)
        assert world.counterpart("companies", company) == ""
        await world.settle()
        assert world.counterpart("companies", company)

    tell(story)


def test_a_record_named_by_a_person_syncs_alone(tell):
    async def story(world: World) -> None:
        here, other = world.person("ada@example.com"), world.person("bob@example.com")
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        assert world.counterpart("contacts", here)
        assert world.counterpart("contacts", other) == ""

    tell(story)


def test_two_hubspot_companies_that_fit_one_account_are_a_question(tell):
    async def story(world: World) -> None:
        keeps, goes = (world.hugo.create("companies", {"name": f"A{n}", "domain": "acme.com"}) for n in range(2))
        there = world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        await world.settle()
        assert (len(world.hugo.ids("companies")), world.sally.ids("Account")) == (2, [there])
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}
        world.hugo.archive("companies", goes)
        await world.settle()
        assert world.counterpart("companies", keeps) == there
        assert await world.issues() == []

    tell(story)


def test_a_second_contact_with_an_address_is_a_question_until_the_two_are_merged(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        second = world.sally.create("Contact", {"LastName": "Again", "Email": "ada@example.com"})
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        (issue,) = await world.issues()
        assert issue.salesforce_id == second
        world.sally.merge("Contact", there, second)
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert world.counterpart("contacts", here) == there
        assert await world.issues() == []

    tell(story)


def test_a_contact_without_address_syncs_once_it_has_one(tell):
    async def story(world: World) -> None:
        here = world.hugo.create("contacts", {"firstname": "Ada"})
        await world.settle()
        assert world.sally.ids("Contact") == []
        world.hugo.update("contacts", here, {"email": "ada@example.com"})
        await world.settle()
        assert world.sally.get("Contact", world.counterpart("contacts", here))["FirstName"] == "Ada"

    tell(story)


def test_addresses_swapped_in_salesforce_are_told_and_nothing_is_lost(tell):
    """HubSpot takes neither while the other has it."""

    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        adas, bobs = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        world.sally.update("Contact", adas, {"Email": "bob@example.com", "Title": "A"})
        world.sally.update("Contact", bobs, {"Email": "ada@example.com", "Title": "B"})
        await world.settle()
        assert (world.contact(ada)["jobtitle"], world.contact(bob)["jobtitle"]) == ("A", "B")
        assert {issue.property for issue in await world.issues()} <= {"email"}
        assert (world.counterpart("contacts", ada), world.counterpart("contacts", bob)) == (adas, bobs)

    tell(story)


def test_what_was_there_and_is_only_to_be_linked_is_not_made_by_being_looked_at_once_more(tell):
    async def story(world: World) -> None:
        await world.settle()
        assert world.sally.ids("Contact") == []

    def before(world: World) -> None:
        world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Babbage"})

    tell(story, before=before, existing="link")


@pytest.mark.parametrize("later_s", [0, 600])
def test_what_was_there_and_is_only_to_be_linked_is_not_made_when_a_match_that_several_fitted_is_none_any_more(
    tell, later_s: int
):
    """Also not where it was there so short a time before that it had to be looked at once more."""

    async def story(world: World) -> None:
        await world.settle()
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}
        for number, id_ in enumerate(world.sally.ids("Contact")):
            world.sally.update("Contact", id_, {"Email": f"other{number}@example.com"})
        await world.settle()
        await asyncio.sleep(LOOK_AGAIN_US / 1_000_000)
        await world.settle()
        assert len(world.sally.ids("Contact")) == 2
        assert await world.issues() == []

    def before(world: World) -> None:
        world.person("ada@example.com")
        for name in ("Lovelace", "Byron"):
            world.sally.create("Contact", {"LastName": name, "Email": "ada@example.com"})

    tell(story, before, later_s, existing="link")


def test_a_contact_that_somebody_makes_while_ours_is_on_its_way_is_found_and_made_no_second_time(tell):
    """HubSpot refuses the address of another contact. To send the rest of the record would make the same person again."""

    async def story(world: World) -> None:
        there = world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
        world.between_read_and_write(Side.HUBSPOT, lambda: world.person("ada@example.com"))
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert world.counterpart("contacts", here) == there
        assert await world.issues() == []

    tell(story)
