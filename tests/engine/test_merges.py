"""Records that are merged, on either side or both: the link goes to the survivor, nothing is made twice, nothing oscillates."""

from __future__ import annotations

import pytest

from interlock.core.model import RecordKey, Side
from tests.engine.test_late_landings import Slow
from tests.world import World


async def two_people(world: World) -> tuple[str, str]:
    """Two linked pairs; returns their HubSpot ids."""
    ada = world.person("ada@example.com", firstname="Ada", jobtitle="CTO")
    bob = world.person("bob@example.com", firstname="Bob", phone="+1 555 0100")
    await world.settle()
    return ada, bob


def people(world: World) -> tuple[int, int]:
    return len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))


KEEPS_ID = [True, False]


def test_what_hubspot_refuses_of_a_pair_is_told_of_the_record_that_it_lives_on_as(tell):
    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        world.person("grace@example.com")
        await world.settle()
        world.sally.update("Contact", world.counterpart("contacts", ada), {"Email": "grace@example.com"})
        await world.settle()
        (issue,) = await world.issues()
        assert (issue.property, issue.hubspot_id) == ("email", ada)
        survivor = world.hugo.merge("contacts", ada, bob)
        await world.settle()
        assert [issue.hubspot_id for issue in await world.issues() if issue.property == "email"] == [survivor]

    tell(story, hubspot={"merge_keeps_primary_id": False})


@pytest.mark.parametrize("keeps_id", KEEPS_ID)
def test_two_linked_contacts_merged_in_hubspot_leave_one_pair_and_a_note(tell, keeps_id):
    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        theirs = world.counterpart("contacts", ada)
        other = world.counterpart("contacts", bob)
        survivor = world.hugo.merge("contacts", ada, bob)
        await world.settle()
        assert people(world) == (1, 2)
        link = await world.link("contacts", survivor)
        assert link is not None
        assert link.salesforce_id == theirs == world.counterpart("contacts", survivor)
        # The phone number came with the merge.
        assert world.sally.get("Contact", theirs)["Phone"] == "+1 555 0100"
        (issue,) = await world.issues()
        assert (issue.code, issue.salesforce_id) == ("counterpart_merged", other)
        # What is left over in Salesforce is not made again in HubSpot, whatever happens to it.
        world.sally.update("Contact", other, {"Title": "CEO"})
        await world.settle()
        assert people(world) == (1, 2)
        # Merged in Salesforce too, all is well.
        world.sally.merge("Contact", theirs, other)
        await world.settle()
        assert people(world) == (1, 1)
        assert await world.issues() == []

    tell(story, hubspot={"merge_keeps_primary_id": keeps_id})


@pytest.mark.parametrize("keeps_id", KEEPS_ID)
@pytest.mark.parametrize("linked_is_primary", [True, False])
def test_a_linked_contact_and_one_that_stands_alone_merged_in_hubspot_stay_linked(tell, keeps_id, linked_is_primary):
    async def story(world: World) -> None:
        linked = world.person("ada@example.com", firstname="Ada")
        alone = world.hugo.create("contacts", {"firstname": "Nobody", "jobtitle": "CTO"})
        await world.settle()
        theirs = world.counterpart("contacts", linked)
        assert people(world) == (2, 1)
        pair = (linked, alone) if linked_is_primary else (alone, linked)
        survivor = world.hugo.merge("contacts", *pair)
        await world.settle()
        assert people(world) == (1, 1)
        assert world.counterpart("contacts", survivor) == theirs
        link = await world.link("contacts", survivor)
        assert link is not None
        assert link.salesforce_id == theirs
        assert world.sally.get("Contact", theirs)["Title"] == "CTO"
        assert await world.issues() == []

    tell(story, hubspot={"merge_keeps_primary_id": keeps_id})


@pytest.mark.parametrize("winner", [0, 1])
def test_two_linked_contacts_merged_in_salesforce_leave_one_pair_and_a_note(tell, winner):
    async def story(world: World) -> None:
        here = await two_people(world)
        there = [world.counterpart("contacts", id_) for id_ in here]
        world.sally.merge("Contact", there[winner], there[1 - winner], fields={"Title": "Merged"})
        await world.settle()
        assert people(world) == (2, 1)
        assert world.contact(here[winner])["jobtitle"] == "Merged"
        (issue,) = await world.issues()
        assert (issue.code, issue.hubspot_id) == ("counterpart_merged", here[1 - winner])
        world.hugo.update("contacts", here[1 - winner], {"jobtitle": "Edited later"})
        await world.settle()
        assert people(world) == (2, 1)
        assert world.sally.get("Contact", there[winner])["Title"] == "Merged"
        world.hugo.merge("contacts", here[winner], here[1 - winner])
        await world.settle()
        assert people(world) == (1, 1)
        assert await world.issues() == []

    tell(story)


@pytest.mark.parametrize("linked_wins", [True, False])
def test_a_linked_contact_and_one_that_stands_alone_merged_in_salesforce_stay_linked(tell, linked_wins):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", firstname="Ada")
        await world.settle()
        linked = world.counterpart("contacts", here)
        alone = world.sally.create("Contact", {"LastName": "Nobody", "Email": "nobody@example.com", "Title": "CTO"})
        winner, loser = (linked, alone) if linked_wins else (alone, linked)
        world.sally.merge("Contact", winner, loser, fields={"Title": "CTO"})
        await world.settle()
        assert people(world) == (1, 1)
        assert world.counterpart("contacts", here) == winner
        assert world.contact(here)["jobtitle"] == "CTO"
        assert await world.issues() == []

    tell(story)


def test_a_person_merged_on_both_sides_at_once_stays_one_pair(tell):
    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        theirs, other = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        survivor = world.hugo.merge("contacts", ada, bob)
        world.sally.merge("Contact", theirs, other)
        await world.settle()
        assert people(world) == (1, 1)
        assert world.counterpart("contacts", survivor) == theirs
        assert await world.issues() == []

    tell(story)


def test_a_person_merged_crosswise_stays_one_pair(tell):
    """HubSpot keeps one, Salesforce keeps the other's: the two that are left are one person."""

    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        theirs, other = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        survivor = world.hugo.merge("contacts", ada, bob)
        world.sally.merge("Contact", other, theirs)
        await world.settle()
        assert people(world) == (1, 1)
        link = await world.link("contacts", survivor)
        assert link is not None
        assert link.salesforce_id == other == world.counterpart("contacts", survivor)
        assert await world.issues() == []

    tell(story)


def test_of_two_pairs_merged_across_one_goes_on_and_neither_comes_to_rest(tell):
    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        theirs, other = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        survivor = world.hugo.merge("contacts", ada, bob)
        world.sally.merge("Contact", other, theirs)
        await world.settle()
        (moved,) = await world.audit("relink")
        assert {moved.hubspot_id, moved.salesforce_id} <= {ada, bob, survivor, theirs, other}
        # The pair that is no more says what both of its records live on as.
        (parted,) = await world.audit("unlink")
        assert parted.reason in (f"hubspot:contacts:{survivor}", f"salesforce:Contact:{other}")
        assert await world.issues() == []

    tell(story)


def test_of_two_pairs_merged_across_no_value_is_replaced_unlogged(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        ada, bob = await two_people(world)
        world.hugo.update("contacts", ada, {"jobtitle": "Countess"})
        world.hugo.update("contacts", bob, {"jobtitle": "Baron"})
        await world.settle()
        theirs, other = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        survivor = world.hugo.merge("contacts", ada, bob)
        world.sally.merge("Contact", other, theirs)
        await world.settle()
        stands = world.contact(survivor)["jobtitle"]
        assert world.sally.get("Contact", other)["Title"] == stands
        (lost,) = {"Countess", "Baron"} - {stands}
        assert lost in {row.old for row in await world.audit("conflict") if row.property == "jobtitle"}

    tell(story)


def test_a_pair_has_what_another_lets_go_in_the_same_look(tell):
    """Ada is merged into Bob here, and Bob's record into Carl's there: Bob goes on with Ada's record."""

    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        carl = world.person("carl@example.com")
        await world.settle()
        adas, bobs, carls = (world.counterpart("contacts", each) for each in (ada, bob, carl))
        survivor = world.hugo.merge("contacts", bob, ada)
        world.sally.merge("Contact", carls, bobs)
        await world.settle()
        assert (world.counterpart("contacts", survivor), world.counterpart("contacts", carl)) == (adas, carls)
        link = await world.link("contacts", survivor)
        assert link is not None
        assert (link.salesforce_id, link.state) == (adas, "linked")
        assert people(world) == (2, 2)
        assert await world.issues() == []

    tell(story)


def test_what_a_merge_says_counts_more_than_an_address_that_another_has_too(tell):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        theirs = world.counterpart("contacts", ada)
        world.sally.delete("Contact", theirs)
        await world.settle()
        alone = world.sally.create("Contact", {"LastName": "Lovelace"})
        await world.settle()
        for id_ in world.hugo.ids("contacts"):
            if id_ != ada:
                world.hugo.archive("contacts", id_)
        await world.settle()
        world.sally.undelete("Contact", theirs)
        world.sally.merge("Contact", alone, theirs)
        twin = world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", ada), RecordKey(Side.SALESFORCE, "Contact", twin))
        await world.settle()
        link = await world.link("contacts", ada)
        assert link is not None
        assert (link.salesforce_id, link.state) == (alone, "linked")
        assert set(world.sally.ids("Contact")) == {alone, twin}

    tell(story)


@pytest.mark.parametrize("winner", [0, 1])
def test_accounts_merged_in_salesforce_take_their_contacts_along(tell, winner):
    async def story(world: World) -> None:
        here = [world.hugo.create("companies", {"name": name, "domain": f"{name}.com"}) for name in ("acme", "globex")]
        person = world.person("ada@acme.com")
        world.hugo.associate("contacts", person, "companies", here[0], primary=True)
        await world.settle()
        there = [world.counterpart("companies", id_) for id_ in here]
        contact = world.counterpart("contacts", person)
        assert world.sally.get("Contact", contact)["AccountId"] == there[0]
        world.sally.merge("Account", there[winner], there[1 - winner])
        await world.settle()
        assert len(world.sally.ids("Account")) == 1
        assert len(world.hugo.ids("companies")) == 2
        assert world.sally.get("Contact", contact)["AccountId"] == there[winner]
        assert world.contact(person)["associatedcompanyid"] == here[winner]
        assert {issue.code for issue in await world.issues()} == {"counterpart_merged"}

    tell(story)


def test_companies_merged_in_hubspot_do_not_come_back(tell):
    async def story(world: World) -> None:
        here = [world.hugo.create("companies", {"name": name, "domain": f"{name}.com"}) for name in ("acme", "globex")]
        await world.settle()
        left_over = world.counterpart("companies", here[1])
        world.hugo.merge("companies", *here)
        await world.settle()
        world.sally.update("Account", left_over, {"Phone": "+1 555 0100", "Name": "Globex International"})
        await world.settle()
        assert len(world.hugo.ids("companies")) == 1
        assert len(world.sally.ids("Account")) == 2

    tell(story)


def test_deals_merged_in_hubspot_do_not_come_back(tell):
    async def story(world: World) -> None:
        stage = {"dealstage": "closedwon", "closedate": "2026-03-01"}
        here = [world.hugo.create("deals", {"dealname": name, **stage}) for name in ("One", "Two")]
        await world.settle()
        left_over = world.counterpart("deals", here[1])
        world.hugo.merge("deals", *here)
        world.sally.update("Opportunity", left_over, {"Description": "Edited"})
        await world.settle()
        assert len(world.hugo.ids("deals")) == 1
        assert len(world.sally.ids("Opportunity")) == 2

    tell(story)


def test_a_pair_whose_own_half_is_gone_gives_way_to_one_that_is_whole(tell):
    """Salesforce deleted Ada's record; in HubSpot Bob is merged into Ada: she goes on with Bob's record in Salesforce."""

    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        world.sally.delete("Contact", world.counterpart("contacts", ada))
        bobs = world.counterpart("contacts", bob)
        await world.settle()
        survivor = world.hugo.merge("contacts", ada, bob)
        await world.settle()
        link = await world.link("contacts", survivor)
        assert link is not None
        assert link.salesforce_id == bobs == world.counterpart("contacts", survivor)
        assert people(world) == (1, 1)

    tell(story)


def test_a_merge_keeps_both_sides_equal_under_every_rule(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        await world.rule("contacts", "phone", "always_hubspot")
        await world.rule("contacts", "fax", "always_salesforce")
        linked = world.person("ada@example.com", jobtitle="CTO", phone="1", fax="1")
        await world.settle()
        theirs = world.counterpart("contacts", linked)
        world.sally.update("Contact", theirs, {"Fax": "9"})
        alone = world.hugo.create("contacts", {"jobtitle": "CEO", "phone": "2", "fax": "2", "firstname": "A"})
        await world.settle()
        survivor = world.hugo.merge("contacts", alone, linked)
        await world.settle()
        row = world.sally.get("Contact", theirs)
        assert (row["Title"], row["Phone"], row["Fax"], row["FirstName"]) == ("CEO", "2", "9", "A")
        assert (world.contact(survivor)["jobtitle"], world.contact(survivor)["fax"]) == ("CEO", "9")
        # What was replaced and nobody in HubSpot had written there is in the log.
        assert "2" in {row.old for row in await world.audit("conflict")}

    tell(story)


def test_an_opt_out_survives_a_merge_into_one_who_never_opted_out(tell):
    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        ours, survivor = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        world.hugo.archive("contacts", bob)
        world.sally.update("Contact", ours, {"HasOptedOutOfEmail": True})
        await world.settle()
        assert world.contact(ada)["hs_email_optout"] == "true"
        # The survivor's own values stand, and it had none.
        world.sally.merge("Contact", survivor, ours)
        await world.settle()
        assert world.counterpart("contacts", ada) == survivor
        assert world.sally.get("Contact", survivor)["HasOptedOutOfEmail"] is True

    tell(story)


def test_a_record_into_which_one_is_merged_whose_counterpart_was_deleted_has_a_life_of_its_own(tell):
    async def story(world: World) -> None:
        ada, _ = await two_people(world)
        ours = world.counterpart("contacts", ada)
        world.hugo.archive("contacts", ada)
        await world.settle()
        newcomer = world.sally.create("Contact", {"LastName": "Cy", "Email": "cy@example.com"})
        world.sally.merge("Contact", newcomer, ours)
        await world.settle()
        made = [id_ for id_ in world.hugo.ids("contacts") if world.contact(id_).get("email") == "cy@example.com"]
        assert [world.counterpart("contacts", id_) for id_ in made] == [newcomer]

    tell(story)


@pytest.mark.parametrize("survivor_has_a_pair", [True, False])
def test_what_was_merged_into_one_that_was_deleted_is_not_made_again_by_a_restore(tell, survivor_has_a_pair):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com")
        await world.settle()
        theirs = world.counterpart("contacts", ada)
        survivor = world.sally.create("Contact", {"LastName": "Bob", "Email": "bob@example.com"})
        if survivor_has_a_pair:
            await world.settle()
        world.sally.merge("Contact", survivor, theirs)
        world.sally.delete("Contact", survivor)
        world.hugo.archive("contacts", ada)
        await world.settle()
        world.hugo.restore("contacts", ada)
        world.hugo.update("contacts", ada, {"email": "ada@example.org"})
        await world.settle()
        assert world.sally.ids("Contact") == []

    tell(story)


def test_a_chain_of_merges_between_two_looks_leaves_one_pair_and_a_note_for_each_other(tell):
    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        cy = world.person("cy@example.com")
        await world.settle()
        first, second, third = (world.counterpart("contacts", each) for each in (ada, bob, cy))
        world.sally.merge("Contact", second, first)
        world.sally.merge("Contact", third, second)
        await world.settle()
        link = await world.link("contacts", cy)
        assert link is not None
        assert link.salesforce_id == third
        assert {issue.hubspot_id for issue in await world.issues(code="counterpart_merged")} == {ada, bob}

    tell(story)


@pytest.mark.parametrize("keeps_id", KEEPS_ID)
def test_a_survivor_that_is_deleted_and_restored_has_its_pair_again(tell, keeps_id):
    async def story(world: World) -> None:
        ada, bob = await two_people(world)
        theirs = {world.counterpart("contacts", ada), world.counterpart("contacts", bob)}
        survivor = world.hugo.merge("contacts", ada, bob)
        world.hugo.archive("contacts", survivor)
        await world.settle()
        world.hugo.restore("contacts", survivor)
        await world.settle()
        assert people(world) == (1, 2)
        link = await world.link("contacts", survivor)
        assert link is not None
        assert link.salesforce_id in theirs
        assert [issue.code for issue in await world.issues()] == ["counterpart_merged"]

    tell(story, hubspot={"merge_keeps_primary_id": keeps_id})


def test_that_a_record_was_merged_into_one_with_a_pair_of_its_own_stays_an_issue_while_that_one_is_away(tell):
    async def story(world: World) -> None:
        kept, merged = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        left_over = world.counterpart("contacts", merged)
        world.hugo.merge("contacts", kept, merged)
        await world.settle()
        assert [issue.code for issue in await world.issues()] == ["counterpart_merged"]
        world.hugo.archive("contacts", kept)
        world.sally.update("Contact", left_over, {"Title": "CTO"})
        await world.sync()
        world.hugo.restore("contacts", kept)
        await world.settle()
        assert [(issue.code, issue.salesforce_id) for issue in await world.issues()] == [
            ("counterpart_merged", left_over)
        ]

    tell(story)


MANY = 60  # more than are asked about one by one for one batch


async def many_pairs(world: World, slug: str = "contacts") -> list[str]:
    made = [
        world.person(f"p{number}@example.com")
        if slug == "contacts"
        else world.hugo.create("deals", {"dealname": f"D{number}", "dealstage": "closedwon", "closedate": "2026-03-01"})
        for number in range(MANY)
    ]
    await world.settle()
    return made


@pytest.mark.parametrize("rows", [1_000, MANY], ids=["survivors in the same batch", "survivors in another batch"])
def test_as_many_merges_as_a_tool_makes_at_once_stop_nothing_and_are_no_issue(tell, rows):
    async def story(world: World) -> None:
        people = await many_pairs(world)
        theirs = {here: world.counterpart("contacts", here) for here in people}
        alone = [world.hugo.create("contacts", {"firstname": "Nobody"}) for _ in people]
        await world.settle()
        survivors = {world.hugo.merge("contacts", other, here): here for other, here in zip(alone, people, strict=True)}
        result = await world.sync_later()
        assert (result.outcome, await world.issues()) == ("done", [])
        await world.settle()
        for survivor, here in survivors.items():
            assert world.counterpart("contacts", survivor) == theirs[here]
        assert world.counts()["Contact"] == MANY

    settings = {"mass_change_least": 5, "mass_change_share": 0.05, "batch_rows": rows}
    tell(story, hubspot={"merge_keeps_primary_id": False}, settings=settings)


def test_what_was_made_for_many_records_that_were_merged_away_is_found_again_after_a_lost_database(tell, tmp_path):
    async def story(world: World) -> None:
        deals = await many_pairs(world, "deals")
        other = [world.hugo.create("deals", {"dealname": "Other"}) for _ in deals]
        for here, there in zip(deals, other, strict=True):
            world.hugo.merge("deals", there, here)
        await world.lose_the_database(tmp_path / "new.db")
        await world.settle()
        assert len(world.hugo.ids("deals")) == MANY
        assert world.counts()["Opportunity"] == MANY

    tell(story, hubspot={"merge_keeps_primary_id": False}, existing="all")


@pytest.mark.parametrize("domain", [{}, {"domain": "acme.example"}], ids=["equal", "with something to write"])
def test_a_merge_into_a_record_that_finds_its_own_counterpart_in_the_same_look_leaves_two_whole_stories(tell, domain):
    async def story(world: World) -> None:
        here = world.hugo.create("companies", {"name": "Acme"})
        await world.settle()
        old = world.counterpart("companies", here)
        # While nothing syncs, the company is entered once more on both sides, and its double in Salesforce is merged away.
        new = world.sally.create("Account", {"Name": "Acme Limited"})
        twin = world.hugo.create("companies", {"name": "Acme Limited"} | domain)
        world.sally.merge("Account", new, old)
        await world.sync_later()
        await world.settle()
        link = await world.link("companies", twin)
        assert link is not None
        assert link.salesforce_id == new
        (issue,) = await world.issues()
        assert (issue.code, issue.hubspot_id) == ("counterpart_merged", here)
        assert (len(world.hugo.ids("companies")), world.sally.ids("Account")) == (2, [new])

    tell(story)


def test_a_company_merged_away_while_a_write_to_it_may_still_land_gives_its_pair_to_the_survivor(tell):
    async def story(world: World) -> None:
        await world.rule("companies", "city", "two_way")
        here = world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
        await world.settle()
        old = world.counterpart("companies", here)
        world.transport = Slow(world.transport, "salesforce.local", "Warsaw", late_s=30.0)
        world.hugo.update("companies", here, {"city": "Warsaw"})
        await world.sync_later(60.0)
        survivor = world.sally.create("Account", {"Name": "Acme Holding"})
        world.sally.merge("Account", survivor, old)
        await world.sync_later(60.0)
        await world.settle()
        link = await world.link("companies", here)
        assert link is not None
        assert link.salesforce_id == survivor
        assert (world.hugo.ids("companies"), world.sally.ids("Account")) == ([here], [survivor])
        assert await world.issues() == []

    tell(story)
