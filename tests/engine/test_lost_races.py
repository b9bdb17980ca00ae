"""People who are quicker than a write that is on its way: what it replaced unseen goes back where the rule lets it win."""

from __future__ import annotations

import pytest

from interlock.core.model import Side
from interlock.crm.transport import NotSent, Request, Response, Transport
from tests.engine.test_owners import both, owner
from tests.world import World


class CutOff:
    """A side cannot be reached with what holds `word`, as long as `is_down`."""

    def __init__(self, inner: Transport, side: Side, word: str) -> None:
        self._inner, self._side, self._word, self.is_down = inner, side.value, word.encode(), True

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.is_down and self._side in request.url and self._word in (request.body or b""):
            raise NotSent("the connection was refused")
        return await self._inner.send(request, deadline_s)


def test_an_edit_that_the_way_back_of_an_earlier_one_replaced_goes_back_though_the_other_side_has_neither(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        await world.rule("contacts", "jobtitle", "prefer_hubspot")
        there = world.counterpart("contacts", here)
        world.transport = cut_off = CutOff(world.transport, Side.SALESFORCE, '"CEO"')

        def typed_again() -> None:
            world.hugo.update("contacts", here, {"jobtitle": "CFO"})

        def typed() -> None:
            world.hugo.update("contacts", here, {"jobtitle": "CEO"})
            world.between_read_and_write(Side.HUBSPOT, typed_again)

        world.between_read_and_write(Side.HUBSPOT, typed)
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.sync()
        assert {row.old for row in await world.audit("conflict")} == {"CEO", "CFO"}
        cut_off.is_down = False
        await world.sync_later(3_600.0)
        await world.settle()
        assert world.contact(here)["jobtitle"] == world.sally.get("Contact", there)["Title"] == "CFO"

    tell(story)


def test_what_was_replaced_goes_back_to_its_side_though_the_other_one_refuses_it(tell):
    async def story(world: World) -> None:
        too_long = "x" * 200
        here = world.person("ada@example.com")
        await world.settle()
        await world.rule("contacts", "jobtitle", "prefer_hubspot")
        there = world.counterpart("contacts", here)
        world.transport = cut_off = CutOff(world.transport, Side.HUBSPOT, too_long)
        world.between_read_and_write(Side.HUBSPOT, lambda: world.hugo.update("contacts", here, {"jobtitle": too_long}))
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.sync()
        assert world.contact(here)["jobtitle"] == "CTO"
        cut_off.is_down = False
        await world.sync_later(3_600.0)
        await world.settle()
        assert world.contact(here)["jobtitle"] == too_long
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert [issue.property for issue in await world.issues()] == ["jobtitle"]

    tell(story)


@pytest.mark.parametrize("rule", ["two_way", "prefer_hubspot"])
def test_an_owner_nobody_knows_in_salesforce_who_was_set_between_read_and_write_is_in_the_log_and_nothing_is_emptied(
    tell, rule
):
    ids: dict[str, tuple[str, str]] = {}

    async def story(world: World) -> None:
        stranger = owner(world, "Stranger", "stranger@example.com")
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        await world.rule("contacts", "hubspot_owner_id", rule)
        world.between_read_and_write(
            Side.HUBSPOT, lambda: world.hugo.update("contacts", here, {"hubspot_owner_id": stranger})
        )
        world.sally.update("Contact", there, {"OwnerId": ids["Piet"][1]})
        await world.settle()
        assert [row.old for row in await world.audit("conflict") if row.reason == "lost_race"] == [stranger]
        assert world.contact(here)["hubspot_owner_id"] == ids["Piet"][0]
        assert world.sally.get("Contact", there)["OwnerId"] == ids["Piet"][1]

    tell(story, before=lambda world: ids.update({name: both(world, name) for name in ("Olga", "Piet")}))


def test_an_owner_nobody_knows_in_hubspot_who_was_set_between_read_and_write_is_in_the_log(tell):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        ids.update({name: both(world, name) for name in ("Olga", "Piet")})
        ids["Alone"] = "", world.salesforce.add_user("Alone", "alone@example.com").id

    async def story(world: World) -> None:
        here = world.person("ada@example.com", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        there = world.counterpart("contacts", here)
        world.between_read_and_write(
            Side.SALESFORCE, lambda: world.sally.update("Contact", there, {"OwnerId": ids["Alone"][1]})
        )
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Piet"][0]})
        await world.settle()
        assert world.sally.get("Contact", there)["OwnerId"] == ids["Piet"][1]
        assert [row.old for row in await world.audit("conflict") if row.reason == "lost_race"] == [ids["Alone"][1]]

    tell(story, before=before)
