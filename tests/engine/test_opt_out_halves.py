"""An opt-out that has to go in two directions, one of which fails at first: it arrives in both."""

from __future__ import annotations

import pytest

from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from tests.world import World


class Lost:
    """The first call with this in its body or address is lost on the way: nobody knows what became of it."""

    def __init__(self, inner: Transport, word: str) -> None:
        self.inner = inner
        self.word = word
        self.lost = 0

    async def send(self, request: Request, deadline_s: float) -> Response:
        if not self.lost and (self.word in request.url or self.word.encode() in (request.body or b"")):
            self.lost += 1
            raise OutcomeUnknown("lost on the way")
        return await self.inner.send(request, deadline_s)


@pytest.mark.parametrize("lost", ['"HasOptedOutOfEmail":true', "unsubscribe-all"])
def test_an_opt_out_given_while_the_address_changes_ends_on_both_sides(tell, lost):
    async def story(world: World) -> None:
        await world.rule("contacts", "email", "two_way")
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        network = Lost(world.transport, lost)
        world.transport = network
        world.hugo.opt_out("ada@example.com")
        world.sally.update("Contact", there, {"Email": "ada@new.example.com"})
        await world.settle()
        contact = world.contact(here)
        assert network.lost == 1
        assert (contact["email"], contact["hs_email_optout"]) == ("ada@new.example.com", "true")
        assert world.sally.get("Contact", there)["HasOptedOutOfEmail"]

    tell(story)
