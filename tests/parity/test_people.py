"""Parity, people: who syncs, as what, with which owner, and what becomes of an opt-out."""

from __future__ import annotations

from interlock.app.explain import explain
from tests.inclusion_world import ADA, BOB, LIMITED, choose, with_dynamic_list, with_list
from tests.world import World


async def why_not(world: World, hubspot_id: str) -> list[str]:
    """In words."""
    assert world.store is not None
    assert world.connection is not None
    key = f"hubspot:contacts:{hubspot_id}"
    return list((await explain(world.store, world.connection, key, world.clients(), world.clock_us))["why_not_because"])


def test_02_a_contact_without_an_address_stays_in_hubspot_and_it_is_told_why(tell):
    """A contact without an e-mail address does not get to Salesforce, and whoever looks at it is told why."""

    async def story(world: World) -> None:
        here = world.hugo.create("contacts", {"lastname": "Person"})
        await world.settle()
        assert (world.counts()["Contact"], world.counts()["Lead"]) == (0, 0)
        (because,) = await why_not(world, here)
        assert "e-mail" in because

    tell(story)


def test_03_who_is_a_contact_in_salesforce_is_found_where_new_people_become_leads(tell):
    """Where new people become leads, one whose address a Salesforce contact has is linked with that contact, and no lead
    is made."""

    async def story(world: World) -> None:
        there = world.sally.create("Contact", {"LastName": "Person", "Email": ADA})
        here = world.person(ADA, company="Acme")
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert (world.counts()["Contact"], world.counts()["Lead"]) == (1, 0)

    tell(story, create_person_as="Lead")


def test_08_who_leaves_the_list_is_neither_deleted_nor_updated(tell):
    """A contact that leaves the list which limits what syncs is not deleted or unlinked on either side, and gets no more
    updates."""

    async def story(world: World) -> None:
        here = world.person(ADA, city="Łódź")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"city": "Gdynia", "jobtitle": "CTO"})
        world.sally.update("Contact", there, {"Phone": "+48 22 111 22 33"})
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] is None
        assert "phone" not in world.contact(here)
        assert world.counterpart("contacts", here) == there

    tell(story, with_dynamic_list, **LIMITED)


def test_08_a_new_record_of_salesforce_makes_its_contact_though_outside_the_list(tell):
    """A new lead or contact of Salesforce makes its HubSpot contact, where that is on, although the contact is outside
    the list. After that it gets no updates until it is in it.
    """

    async def story(world: World) -> None:
        for type_, address, more in (("Lead", ADA, {"Company": "Acme"}), ("Contact", BOB, {})):
            there = world.sally.create(type_, {"LastName": "New", "Email": address, "Title": "CTO"} | more)
            await world.settle()
            (here,) = [each for each in world.hugo.ids("contacts") if world.contact(each)["email"] == address]
            assert world.contact(here)["jobtitle"] == "CTO"
            world.sally.update(type_, there, {"Title": "CEO"})
            await world.settle()
            assert world.contact(here)["jobtitle"] == "CTO"

    tell(story, with_dynamic_list, **LIMITED)


def test_10_a_new_lead_without_an_owner_gets_the_one_of_the_orgs_assignment_rules(tell):
    """A new lead whose HubSpot contact has no owner, or one who is nobody in Salesforce, is given its owner by the org's
    assignment rules. Later writes do not run them again.
    """

    async def story(world: World) -> None:
        keeper = world.salesforce.user("Queue Keeper").id
        world.salesforce.add_assignment_rule("Lead", "Queue Keeper")
        stranger = world.hubspot.settings().add_user("No", "Counterpart", "nobody@example.com")
        people = [world.person(ADA, company="Acme"), world.person(BOB, company="Acme", hubspot_owner_id=stranger)]
        await world.settle()
        leads = [world.counterpart("contacts", each) for each in people]
        assert [world.sally.get("Lead", each)["OwnerId"] for each in leads] == [keeper, keeper]
        world.sally.update("Lead", leads[0], {"OwnerId": world.sally.id})
        world.hugo.update("contacts", people[0], {"phone": "+48 22 111 22 33"})
        await world.settle()
        assert world.sally.get("Lead", leads[0])["OwnerId"] == world.sally.id

    tell(story, create_person_as="Lead")


def test_10_a_new_account_or_opportunity_without_an_owner_belongs_to_the_sync_user(tell):
    """A new account or opportunity whose HubSpot record has no owner belongs to the user as whom Interlock signs in."""

    async def story(world: World) -> None:
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
        stage = {"dealstage": "closedwon", "closedate": "2026-03-01"}
        deal = world.hugo.create("deals", {"dealname": "Big", **stage})
        await world.settle()
        for slug, id_, type_ in (("companies", company, "Account"), ("deals", deal, "Opportunity")):
            row = world.sally.get(type_, world.counterpart(slug, id_))
            assert row["OwnerId"] == row["CreatedById"]

    tell(story)


def test_11_an_opt_out_crosses_over_and_unticking_the_box_takes_it_back_for_nobody(tell):
    """Who opts out on one side has opted out on the other. Unticking the box in Salesforce does not opt the person in
    again."""

    async def story(world: World) -> None:
        ada, bob = world.person(ADA), world.person(BOB)
        await world.settle()
        adas, bobs = (world.counterpart("contacts", each) for each in (ada, bob))
        world.hugo.opt_out(ADA)
        world.sally.update("Contact", bobs, {"HasOptedOutOfEmail": True})
        await world.settle()
        assert world.sally.get("Contact", adas)["HasOptedOutOfEmail"]
        assert world.contact(bob)["hs_email_optout"] == "true"
        world.sally.update("Contact", bobs, {"HasOptedOutOfEmail": False})
        await world.settle()
        assert world.contact(bob)["hs_email_optout"] == "true"

    tell(story)


def test_otherwise_the_members_of_another_list_sync_at_once(tell):
    """To choose another list starts nothing: who is in it waits for the next edit, or for a resync.

    Whoever stood outside the old list and is in the new one, or in none because there is none any more, is looked at by the
    next sync: that a limit which was lifted goes on holding somebody back until they are edited is what people do not expect.
    What that would create is shown before it is saved.
    """

    async def story(world: World) -> None:
        ada, bob = world.person(ADA), world.person(BOB)
        world.hugo.change_list("1", add=[ada])
        await world.settle()
        assert world.counterpart("contacts", bob) == ""
        await choose(world, {"contacts": world.hugo.create_list("contacts", "Others", [bob])})
        await world.settle()
        assert world.sally.ids("Contact") == [world.counterpart("contacts", ada), world.counterpart("contacts", bob)]

    tell(story, with_list, **LIMITED)
