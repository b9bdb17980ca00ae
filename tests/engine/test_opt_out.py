"""An opt-out of e-mail arrives whatever happens beside it, is never taken back by us; where it cannot arrive it is an issue."""

from __future__ import annotations

import pytest

from interlock.core.model import Side
from interlock.crm.transport import Request, Response, Transport
from tests.world import HUBSPOT_URL, World

ADA, BOB = "ada@example.com", "bob@example.com"
OTHERS = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.objects.owners.read",
)


async def paired(world: World, address: str = ADA) -> tuple[str, str]:
    here = world.person(address)
    await world.settle()
    return here, world.counterpart("contacts", here)


def opted_out(world: World, here: str, there: str) -> tuple[bool, bool]:
    in_hubspot = world.contact(here).get("hs_email_optout") == "true"
    return in_hubspot, world.sally.get("Contact", there)["HasOptedOutOfEmail"]


@pytest.mark.parametrize("written", list(Side))
@pytest.mark.parametrize("given", list(Side))
def test_one_given_between_our_read_and_our_write_arrives(tell, written, given):
    async def story(world: World) -> None:
        here, there = await paired(world)

        def give() -> None:
            if given is Side.HUBSPOT:
                world.hugo.opt_out(ADA)
            else:
                world.sally.update("Contact", there, {"HasOptedOutOfEmail": True})

        if written is Side.HUBSPOT:
            world.sally.update("Contact", there, {"Title": "CTO"})
        else:
            world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        world.between_read_and_write(written, give)
        await world.settle()
        assert opted_out(world, here, there) == (True, True)

    tell(story)


def test_one_given_on_both_sides_at_once_stays_on_both(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        world.hugo.opt_out(ADA)
        world.sally.update("Contact", there, {"HasOptedOutOfEmail": True})
        await world.settle()
        assert opted_out(world, here, there) == (True, True)

    tell(story)


def test_one_that_is_on_its_way_to_salesforce_is_not_taken_back_by_an_edit_of_the_same_moment(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        world.hugo.opt_out(ADA)
        world.between_read_and_write(
            Side.SALESFORCE, lambda: world.sally.update("Contact", there, {"HasOptedOutOfEmail": False, "Title": "CTO"})
        )
        await world.settle()
        assert opted_out(world, here, there) == (True, True)

    tell(story)


def test_unticking_the_box_while_it_is_carried_over_opts_nobody_in_again_in_hubspot(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        world.sally.update("Contact", there, {"HasOptedOutOfEmail": True, "Title": "CTO"})
        world.between_read_and_write(
            Side.HUBSPOT, lambda: world.sally.update("Contact", there, {"HasOptedOutOfEmail": False})
        )
        await world.settle()
        assert opted_out(world, here, there) == (True, False)

    tell(story)


class Limited:
    """The line of a key that may do everything but opt anybody out."""

    def __init__(self, inner: Transport, token: str) -> None:
        self.inner, self.token, self.on = inner, token, True

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.on and request.url.startswith(HUBSPOT_URL):
            request.headers["Authorization"] = f"Bearer {self.token}"
        return await self.inner.send(request, deadline_s)


def test_a_key_without_the_scope_is_an_issue_for_each_contact_and_costs_no_calls_over_and_over(tell):
    async def story(world: World) -> None:
        pairs = [await paired(world, address) for address in (ADA, BOB)]
        world.transport = limited = Limited(world.transport, world.hubspot.issue_token(*OTHERS))
        for _, there in pairs:
            world.sally.update("Contact", there, {"HasOptedOutOfEmail": True})
        before = world.calls(Side.HUBSPOT, "unsubscribe-all")
        await world.sync_later()
        issues = await world.issues()
        assert sorted(str(issue.hubspot_id) for issue in issues) == sorted(here for here, _ in pairs)
        assert {(issue.code, issue.property) for issue in issues} == {("MISSING_SCOPES", "hs_email_optout")}
        # Of both together, and of one alone that speaks for the other.
        assert world.calls(Side.HUBSPOT, "unsubscribe-all") - before <= 2
        for _ in range(3):
            await world.sync_later()
        assert world.calls(Side.HUBSPOT, "unsubscribe-all") - before <= 2
        limited.on = False
        await world.sync_later(1_800)
        await world.poll()
        await world.settle()
        assert [opted_out(world, *pair) for pair in pairs] == [(True, True)] * 2
        assert await world.issues() == []

    tell(story, objects=("contacts",))


def test_a_contact_without_an_address_is_an_issue_until_it_has_one(tell):
    async def story(world: World) -> None:
        there = world.sally.create("Contact", {"LastName": "Person", "HasOptedOutOfEmail": True})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        (issue,) = await world.issues()
        assert (issue.code, issue.hubspot_id, issue.severity) == ("opt_out_without_address", here, "warning")
        world.sally.update("Contact", there, {"Email": ADA})
        await world.settle()
        assert opted_out(world, here, there) == (True, True)
        assert await world.issues() == []

    tell(story)


def test_who_was_opted_out_when_their_address_went_is_so_with_the_one_that_comes_in_hubspot(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        world.sally.update("Contact", there, {"HasOptedOutOfEmail": True, "Email": None})
        await world.settle()
        assert [issue.code for issue in await world.issues()] == ["opt_out_without_address"]
        world.hugo.update("contacts", here, {"email": BOB})
        await world.settle()
        assert opted_out(world, here, there) == (True, True)
        assert await world.issues() == []

    tell(story)


def test_who_opts_out_in_hubspot_as_their_address_goes_in_salesforce_is_an_issue_until_one_comes(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        world.hugo.opt_out(ADA)
        world.sally.update("Contact", there, {"Email": None})
        await world.settle()
        # HubSpot keeps it by the address, which we have taken away.
        assert opted_out(world, here, there) == (False, True)
        assert [issue.code for issue in await world.issues()] == ["opt_out_without_address"]
        world.sally.update("Contact", there, {"Email": BOB})
        await world.settle()
        assert opted_out(world, here, there) == (True, True)
        assert await world.issues() == []

    tell(story)


def test_nobody_can_map_the_opt_out_so_that_a_rule_would_clear_it(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        await world.map("contacts", "hs_email_optout", "Contact", "HasOptedOutOfEmail", "always_hubspot")
        world.hugo.opt_out(ADA)
        await world.settle()
        assert opted_out(world, here, there) == (True, True)
        # That the person opts in again is known to HubSpot alone.
        world.hugo.opt_in(ADA)
        await world.settle()
        assert opted_out(world, here, there) == (False, True)

    tell(story)
